"""The rostering service of OneRoster 1.2: its objects over the master data, and its addresses."""

from digione_platform.api.fields import (
    Collection,
    Comparable,
    Field,
    Kind,
    choice,
    day,
    flag,
    guid,
    guid_schema,
    moment,
    reference,
    references,
    text,
    word,
    words,
)
from digione_platform.api.views import View
from digione_platform.core.access import Action
from digione_platform.core.guardians import MAY_BE_TOLD, TODAY
from digione_platform.core.models import (
    EnrolmentRole,
    GroupType,
    OrganisationKind,
    RoleName,
    RoleType,
    SessionType,
    Status,
)
from digione_platform.core.news import may_know

# The condition on a person that a service may know of them.
VISIBLE_PERSON = "(:protected or not {}.nondisclosure)"
# The condition on a group that it is a class of OneRoster's, which has a course. A group without one is not
# there for a service, nor is what hangs on it.
VISIBLE_CLASS = "{}.course_id is not null"


def head(also: str = "null") -> dict[str, Field]:
    """What every object begins with; ``also`` is the SQL of a further time at which it changed, or null."""
    changed = f"greatest(t.last_modified, (select c.at from changed_rows c where c.id = t.id), {also})"
    return {
        "sourcedId": word("t.sourced_id"),
        "status": choice("t.status", Status),
        "dateLastModified": moment(changed),
    }


ORGS = Collection(
    "orgs",
    "org",
    "organisations t",
    {
        **head(),
        "name": text("t.name"),
        "type": choice("t.kind", OrganisationKind),
        # A school is known by its code, any other by its OID.
        "identifier": word("coalesce(t.school_code, t.oid)"),
        "parent": reference("org", "organisations r where r.id = t.parent_id"),
        "children": references("org", "organisations r where r.parent_id = t.id and r.status = 'active'"),
    },
    ("name", "type"),
)

ACADEMIC_SESSIONS = Collection(
    "academicSessions",
    "academicSession",
    "academic_sessions t",
    {
        **head(),
        "title": text("t.title"),
        "startDate": day("t.start_date"),
        "endDate": day("t.end_date"),
        "type": choice("t.session_type", SessionType),
        "parent": reference("academicSession", "academic_sessions r where r.id = t.parent_id"),
        "children": references(
            "academicSession", "academic_sessions r where r.parent_id = t.id and r.status = 'active'"
        ),
        "schoolYear": word("t.school_year::text"),
    },
    ("title", "startDate", "endDate", "type", "schoolYear"),
)

COURSES = Collection(
    "courses",
    "course",
    "courses t",
    {
        **head(),
        "title": text("t.title"),
        "schoolYear": reference("academicSession", "academic_sessions r where r.id = t.school_year_id"),
        "courseCode": word("t.course_code"),
        "grades": words("t.grades"),
        "subjects": words("t.subjects"),
        "org": reference("org", "organisations r where r.id = t.organisation_id"),
        "subjectCodes": words("t.subject_codes"),
    },
    ("title", "org"),
)

CLASSES = Collection(
    "classes",
    "class",
    "groups t",
    {
        **head(),
        "title": text("t.title"),
        "classCode": word("t.group_code"),
        "classType": choice("t.group_type", GroupType),
        "location": text("t.location"),
        "grades": words("t.grades"),
        "subjects": words("t.subjects"),
        "course": reference("course", "courses r where r.id = t.course_id"),
        "school": reference("org", "organisations r where r.id = t.school_id"),
        "terms": references(
            "academicSession",
            "group_sessions g join academic_sessions r on r.id = g.session_id where g.group_id = t.id",
        ),
        "subjectCodes": words("t.subject_codes"),
        "periods": words("t.periods"),
    },
    ("title", "classType", "course", "school"),
    visible=VISIBLE_CLASS.format("t"),
)

# A place appears together with its class.
_CLASS_CHANGED = (
    "(select greatest(g.last_modified, (select c.at from changed_rows c where c.id = g.id)) "
    "from groups g where g.id = t.group_id)"
)

ENROLLMENTS = Collection(
    "enrollments",
    "enrollment",
    "enrolments t",
    {
        **head(_CLASS_CHANGED),
        "user": reference("user", "persons r where r.id = t.person_id"),
        "class": reference("class", "groups r where r.id = t.group_id"),
        "school": reference("org", "organisations r where r.id = t.school_id"),
        "role": choice("t.role", EnrolmentRole),
        "primary": flag('t."primary"'),
        "beginDate": day("t.begin_date"),
        "endDate": day("t.end_date"),
    },
    ("user", "class", "school", "role"),
    visible=f"exists (select from persons p where p.id = t.person_id and {VISIBLE_PERSON.format('p')}) "
    f"and exists (select from groups g where g.id = t.group_id and {VISIBLE_CLASS.format('g')})",
    subject="t.person_id",
)

# A person who has left keeps the roles that they had.
_ROLES = "roles r where r.person_id = t.id and (r.status = 'active' or t.status <> 'active')"
_ROLES_WITH_ORG = _ROLES.replace("roles r", "roles r join organisations o on o.id = r.organisation_id")

_USER_ROLES = Field(
    "(select coalesce(json_agg(json_build_object('roleType', r.role_type, 'role', r.role, "
    f"'org', {guid('org', 'o.sourced_id')}, 'beginDate', r.begin_date, 'endDate', r.end_date) "
    f"order by r.role_type, r.sourced_id), '[]') from {_ROLES_WITH_ORG})",
    {
        "type": "array",
        "items": {
            "type": "object",
            "required": ["roleType", "role", "org"],
            "properties": {
                "roleType": {"type": "string", "enum": [str(one) for one in RoleType]},
                "role": {"type": "string", "enum": [str(one) for one in RoleName]},
                "org": guid_schema("org"),
                "beginDate": {"type": "string", "format": "date"},
                "endDate": {"type": "string", "format": "date"},
            },
        },
    },
    {
        "role": Comparable(f"array(select r.role::text from {_ROLES})", Kind.LIST),
        "roleType": Comparable(f"array(select r.role_type::text from {_ROLES})", Kind.LIST),
        "org.sourcedId": Comparable(f"array(select o.sourced_id from {_ROLES_WITH_ORG})", Kind.LIST),
    },
)

_USER_IDS = Field(
    "case when t.learner_number is not null then json_build_array("
    "json_build_object('type', 'oppijanumero', 'identifier', t.learner_number)) end",
    {
        "type": "array",
        "items": {
            "type": "object",
            "required": ["type", "identifier"],
            "properties": {"type": {"type": "string"}, "identifier": {"type": "string"}},
        },
    },
    {"identifier": Comparable("array_remove(array[t.learner_number], null)", Kind.LIST)},
)

_USER_METADATA = Field(
    "case when t.nondisclosure or t.language is not null then json_build_object("
    "'digione.nondisclosure', case when t.nondisclosure then 'true' end, 'digione.language', t.language) end",
    {
        "type": "object",
        "properties": {
            "digione.nondisclosure": {"type": "string", "enum": ["true"]},
            "digione.language": {"type": "string", "enum": ["fi", "sv", "en"]},
        },
    },
    {
        "digione.nondisclosure": Comparable("t.nondisclosure", Kind.FLAG),
        "digione.language": Comparable("t.language", Kind.WORD),
    },
)

# Guardianships begin and end by the calendar: then no row changes, and yet the child's agents do.
_AGENTS_CHANGED = (
    "(select max(day)::timestamp at time zone 'Europe/Helsinki' "
    "from guardianships g, unnest(array[g.valid_from, g.valid_to]) day "
    f"where g.child_id = t.id and day <= {TODAY})"
)

# A service takes a guardian for one who may read what it has of the child, the school first of all. Of a
# protected child, only those in hiding with it are told that.
_TOLD_SCHOOL = may_know(Action.SCHOOL, guardian="r", child="t")

USERS = Collection(
    "users",
    "user",
    "persons t",
    {
        **head(_AGENTS_CHANGED),
        "metadata": _USER_METADATA,
        "userMasterIdentifier": word("t.learner_number"),
        "username": text("t.username"),
        "userIds": _USER_IDS,
        "enabledUser": flag("t.enabled"),
        "givenName": text("t.given_name"),
        "familyName": text("t.family_name"),
        "middleName": text("t.middle_name"),
        "preferredFirstName": text("t.preferred_given_name"),
        "preferredMiddleName": text("t.preferred_middle_name"),
        "preferredLastName": text("t.preferred_family_name"),
        "roles": _USER_ROLES,
        "primaryOrg": reference("org", "organisations r where r.id = t.primary_organisation_id"),
        "identifier": word("t.identifier"),
        "email": text("t.email"),
        "sms": word("t.sms"),
        "phone": word("t.phone"),
        "agents": references(
            "user",
            "guardianships g join persons r on r.id = g.guardian_id "
            f"where g.child_id = t.id and {MAY_BE_TOLD} and {VISIBLE_PERSON.format('r')} and {_TOLD_SCHOOL}",
        ),
        "grades": words("t.grades"),
    },
    ("enabledUser", "givenName", "familyName"),
    visible=VISIBLE_PERSON.format("t"),
    subject="t.id",
)

DEMOGRAPHICS = Collection(
    "demographics",
    "demographics",
    "persons t",
    {**head(), "birthDate": day("t.birth_date")},
    ("birthDate",),
    visible=f"t.birth_date is not null and {VISIBLE_PERSON.format('t')}",
    subject="t.id",
)

# What an address may stand below: the SQL of its identifier, given that of the source.
SCHOOL = "select o.id from organisations o where o.kind = 'school' and o.sourced_id = :schoolSourcedId"
CLASS = f"select g.id from groups g where g.sourced_id = :classSourcedId and {VISIBLE_CLASS.format('g')}"
CLASS_OF_SCHOOL = (
    "select g.id from groups g join organisations o on o.id = g.school_id "
    "where g.sourced_id = :classSourcedId and o.sourced_id = :schoolSourcedId "
    f"and {VISIBLE_CLASS.format('g')}"
)
COURSE = "select c.id from courses c where c.sourced_id = :courseSourcedId"
TERM = "select s.id from academic_sessions s where s.session_type = 'term' and s.sourced_id = :termSourcedId"


def person(parameter: str, role: RoleName | None = None) -> str:
    """A person whom the service may know of, with a role or any."""
    has_role = f" and {_has_role('p', role)}" if role else ""
    return (
        f"select p.id from persons p where p.sourced_id = :{parameter} "
        f"and {VISIBLE_PERSON.format('p')}{has_role}"
    )


def _has_role(alias: str, role: RoleName, school: str = "") -> str:
    return (
        f"exists (select from roles r where r.person_id = {alias}.id and r.role = '{role}' "
        f"and (r.status = 'active' or {alias}.status <> 'active'){school})"
    )


_AT_SCHOOL = " and r.organisation_id = :school"
_ENROLLED = (
    "exists (select from enrolments e where e.person_id = t.id and e.group_id = :class "
    "and e.role = '{}' and e.status = 'active')"
)
_HAS_PLACE = (
    "exists (select from enrolments e where e.group_id = t.id and e.person_id = :person "
    "and e.status = 'active'{})"
)
_IN_TERM = "exists (select from group_sessions g where g.group_id = t.id and g.session_id = :term)"
_SCHOOLS = "t.kind = 'school'"
_TERMS = "t.session_type = 'term'"
_GRADING_PERIODS = "t.session_type = 'gradingPeriod'"
_STUDENTS = _has_role("t", RoleName.STUDENT)
_TEACHERS = _has_role("t", RoleName.TEACHER)

# Collections of which each object can be read by itself as well.
VIEWS: tuple[View, ...] = (
    View("/academicSessions", "getAllAcademicSessions", "getAcademicSession", ACADEMIC_SESSIONS),
    View(
        "/gradingPeriods",
        "getAllGradingPeriods",
        "getGradingPeriod",
        ACADEMIC_SESSIONS,
        _GRADING_PERIODS,
        derived=True,
    ),
    View("/terms", "getAllTerms", "getTerm", ACADEMIC_SESSIONS, _TERMS, derived=True),
    View("/orgs", "getAllOrgs", "getOrg", ORGS),
    View("/schools", "getAllSchools", "getSchool", ORGS, _SCHOOLS, derived=True),
    View("/courses", "getAllCourses", "getCourse", COURSES),
    View("/classes", "getAllClasses", "getClass", CLASSES),
    View("/enrollments", "getAllEnrollments", "getEnrollment", ENROLLMENTS),
    View("/users", "getAllUsers", "getUser", USERS),
    View("/students", "getAllStudents", "getStudent", USERS, _STUDENTS, derived=True),
    View("/teachers", "getAllTeachers", "getTeacher", USERS, _TEACHERS, derived=True),
    View("/demographics", "getAllDemographics", "getDemographics", DEMOGRAPHICS),
    *(
        View(path, name, "", collection, where, derived=True, within=within)
        for path, name, collection, where, within in (
            (
                "/schools/{schoolSourcedId}/courses",
                "getCoursesForSchool",
                COURSES,
                # A course of the municipality is every school's in which a class follows it.
                "t.organisation_id = :school or exists "
                "(select from groups g where g.course_id = t.id and g.school_id = :school)",
                {"school": SCHOOL},
            ),
            (
                "/schools/{schoolSourcedId}/enrollments",
                "getEnrollmentsForSchool",
                ENROLLMENTS,
                "t.school_id = :school",
                {"school": SCHOOL},
            ),
            (
                "/schools/{schoolSourcedId}/classes",
                "getClassesForSchool",
                CLASSES,
                "t.school_id = :school",
                {"school": SCHOOL},
            ),
            (
                "/schools/{schoolSourcedId}/students",
                "getStudentsForSchool",
                USERS,
                _has_role("t", RoleName.STUDENT, _AT_SCHOOL),
                {"school": SCHOOL},
            ),
            (
                "/schools/{schoolSourcedId}/teachers",
                "getTeachersForSchool",
                USERS,
                _has_role("t", RoleName.TEACHER, _AT_SCHOOL),
                {"school": SCHOOL},
            ),
            (
                "/schools/{schoolSourcedId}/terms",
                "getTermsForSchool",
                ACADEMIC_SESSIONS,
                # Sessions are the municipality's; a school's are those in which its classes meet.
                f"{_TERMS} and exists (select from group_sessions gs join groups g on g.id = gs.group_id "
                f"where gs.session_id = t.id and g.school_id = :school and {VISIBLE_CLASS.format('g')})",
                {"school": SCHOOL},
            ),
            (
                "/schools/{schoolSourcedId}/classes/{classSourcedId}/enrollments",
                "getEnrollmentsForClassInSchool",
                ENROLLMENTS,
                "t.group_id = :class",
                {"class": CLASS_OF_SCHOOL},
            ),
            (
                "/schools/{schoolSourcedId}/classes/{classSourcedId}/students",
                "getStudentsForClassInSchool",
                USERS,
                _ENROLLED.format("student"),
                {"class": CLASS_OF_SCHOOL},
            ),
            (
                "/schools/{schoolSourcedId}/classes/{classSourcedId}/teachers",
                "getTeachersForClassInSchool",
                USERS,
                _ENROLLED.format("teacher"),
                {"class": CLASS_OF_SCHOOL},
            ),
            (
                "/terms/{termSourcedId}/classes",
                "getClassesForTerm",
                CLASSES,
                _IN_TERM,
                {"term": TERM},
            ),
            (
                "/terms/{termSourcedId}/gradingPeriods",
                "getGradingPeriodsForTerm",
                ACADEMIC_SESSIONS,
                f"{_GRADING_PERIODS} and t.parent_id = :term",
                {"term": TERM},
            ),
            (
                "/classes/{classSourcedId}/students",
                "getStudentsForClass",
                USERS,
                _ENROLLED.format("student"),
                {"class": CLASS},
            ),
            (
                "/classes/{classSourcedId}/teachers",
                "getTeachersForClass",
                USERS,
                _ENROLLED.format("teacher"),
                {"class": CLASS},
            ),
            (
                "/courses/{courseSourcedId}/classes",
                "getClassesForCourse",
                CLASSES,
                "t.course_id = :course",
                {"course": COURSE},
            ),
            (
                "/students/{studentSourcedId}/classes",
                "getClassesForStudent",
                CLASSES,
                _HAS_PLACE.format(" and e.role = 'student'"),
                {"person": person("studentSourcedId", RoleName.STUDENT)},
            ),
            (
                "/teachers/{teacherSourcedId}/classes",
                "getClassesForTeacher",
                CLASSES,
                _HAS_PLACE.format(" and e.role = 'teacher'"),
                {"person": person("teacherSourcedId", RoleName.TEACHER)},
            ),
            (
                "/users/{userSourcedId}/classes",
                "getClassesForUser",
                CLASSES,
                _HAS_PLACE.format(""),
                {"person": person("userSourcedId")},
            ),
        )
    ),
)
