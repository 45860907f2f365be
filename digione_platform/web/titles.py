"""What acts, reasons and rights are called on pages. Texts are marked for the catalogues."""

from digione_platform.core.access import Action, Desktop, Relation
from digione_platform.core.audit import Act
from digione_platform.core.models import (
    GroupType,
    GuardianKind,
    Guardianship,
    Mail,
    OrganisationKind,
    Origin,
    Restriction,
    RoleName,
    SessionType,
    Status,
)
from digione_platform.core.news import What
from digione_platform.i18n import mark

ACTS: dict[Act, str] = {
    Act.SIGN_IN: mark("Signed in"),
    Act.SIGN_IN_REFUSED: mark("Was not let in"),
    Act.SIGN_OUT: mark("Signed out"),
    Act.CHANGE_ROLE: mark("Changed role"),
    Act.REFUSED: mark("Was refused access"),
    Act.VIEW_CHILD: mark("Saw a child of their own"),
    Act.VIEW_GROUP: mark("Saw a group"),
    Act.LIST_PUPILS: mark("Saw a list of pupils"),
    Act.VIEW_PUPIL: mark("Saw a pupil's details"),
    Act.VIEW_GUARDIAN: mark("Saw a guardian's details"),
    Act.VIEW_LOOKS: mark("Saw who has looked"),
    Act.SEARCH_AUDIT: mark("Searched the audit"),
    Act.LIST_PEOPLE: mark("Saw a list of people"),
    Act.VIEW_PERSON: mark("Saw a person's details"),
    Act.VIEW_HISTORY: mark("Saw the history of changes"),
    Act.ADD_RECORD: mark("Added to the register"),
    Act.CHANGE_RECORD: mark("Changed the register"),
    Act.MOVE_PUPIL: mark("Moved a pupil to another class or school"),
    Act.MOVE_UP: mark("Moved classes up to the next year"),
    Act.END_SIGN_IN: mark("Signed somebody else out"),
    Act.CHANGE_RETENTION: mark("Changed how long data are kept"),
    Act.APPLY_RETENTION: mark("Deleted what is kept no longer"),
    Act.CHANGE_PREFERENCES: mark("Changed their own settings"),
    Act.CHANGE_GUARDIANSHIP: mark("Changed a guardianship"),
    Act.NEW_PASSWORD: mark("Gave a new password"),
    Act.SEND_BUNDLE: mark("Sent a roster bundle to be checked"),
    Act.VIEW_BUNDLE: mark("Saw the report of a roster bundle"),
    Act.IMPORT: mark("Imported the register"),
    Act.UNDO_IMPORT: mark("Took an import back"),
    Act.EXPORT_SUBJECT: mark("Exported a person's data"),
    Act.ERASE_SUBJECT: mark("Erased a person's data"),
    Act.HOLD_SUBJECT: mark("Kept a person's data from being erased"),
    Act.RELEASE_SUBJECT: mark("Allowed a person's data to be erased"),
    Act.RESTART_CHAIN: mark("Accepted the audit after a restore"),
    Act.EXPORT: mark("Exported the register"),
    Act.ADD_CLIENT: mark("Let a service connect"),
    Act.DISABLE_CLIENT: mark("Closed a service"),
    Act.ROTATE_CLIENT: mark("Gave a service a new secret"),
    Act.CLIENT_SIGN_IN: mark("Signed in as a service"),
    Act.CLIENT_READ: mark("Read data as a service"),
    Act.CLIENT_WRITE: mark("Wrote data as a service"),
    Act.CLIENT_DELETE: mark("Deleted data as a service"),
    Act.CLIENT_REFUSED: mark("Was refused as a service"),
    Act.CLIENT_NOT_PROVEN: mark("Failed to sign in as a service"),
}

# What news say: of the reader or nobody by name, and of a child of theirs.
NEWS: dict[str, tuple[str, str]] = {
    What.ROLE_GIVEN: (mark("You were given a role"), mark("{name} was given a role")),
    What.ROLE_CHANGED: (mark("A role of yours was changed"), mark("A role of {name} was changed")),
    What.ROLE_ENDED: (mark("A role of yours has ended"), mark("A role of {name} has ended")),
    What.GUARDIANSHIP_MADE: (
        mark("A guardianship that concerns you was added"),
        mark("You were added as a guardian of {name}"),
    ),
    What.GUARDIANSHIP_CHANGED: (
        mark("A guardianship that concerns you was changed"),
        mark("Your guardianship of {name} was changed"),
    ),
    What.GUARDIANSHIP_ENDED: (
        mark("A guardianship that concerns you has ended"),
        mark("Your guardianship of {name} has ended"),
    ),
    What.PLACE_CHANGED: (
        mark("Your school, class or group has changed"),
        mark("{name}: school, class or group has changed"),
    ),
    What.CONTACT_CHANGED: (
        mark("Your contact details were changed"),
        mark("{name}: contact details were changed"),
    ),
    What.REGISTER_CHANGED: (
        mark("Several details of yours or your children were changed in the register"),
        mark("{name}: several details were changed in the register"),
    ),
    What.IMPORT_FINISHED: (mark("A roster import has finished"), ""),
    What.IMPORT_FAILED: (mark("A roster import has failed"), ""),
}

# Why someone might: how they stood to the person.
REASONS: dict[str, str] = {
    Relation.SELF: mark("own details"),
    Relation.OWN_TEACHER: mark("own teacher"),
    Relation.OWN_CHILD: mark("own child"),
    Relation.OWN_CHILD_IN_HIDING: mark("own child"),
    Relation.OWN_GROUP: mark("pupil of a group of theirs"),
    Relation.OWN_SCHOOL: mark("pupil of their school"),
    Relation.GUARDIAN_OF_PUPIL: mark("guardian of a pupil of theirs"),
    Relation.OWN_MUNICIPALITY: mark("administration of the municipality"),
}

# How one who looks stands to what is looked at, and what can be seen or done: the access table in words.
RELATIONS: dict[Relation, str] = {
    Relation.SELF: mark("oneself"),
    Relation.OWN_TEACHER: mark("own teacher"),
    Relation.OWN_CHILD: mark("own child"),
    Relation.OWN_CHILD_IN_HIDING: mark("own child, both under non-disclosure"),
    Relation.OWN_GROUP: mark("pupil of own group"),
    Relation.OWN_SCHOOL: mark("pupil of own school, and the school"),
    Relation.GUARDIAN_OF_PUPIL: mark("guardian of such a pupil"),
    Relation.OWN_MUNICIPALITY: mark("the municipality and everyone in it"),
}
ACTIONS: dict[Action, str] = {
    Action.NAME: mark("name"),
    Action.SCHOOL: mark("school and class"),
    Action.CONTACT: mark("contact details"),
    Action.GUARDIANS: mark("guardians"),
    Action.HISTORY: mark("history of changes"),
    Action.LOOKS: mark("who has looked"),
    Action.DECIDE: mark("consent and decide"),
    Action.PASSWORD: mark("give a new password"),
    Action.LIST_PUPILS: mark("list of pupils"),
    Action.NUMBERS: mark("numbers of pupils and staff"),
    Action.IMPORTS: mark("roster imports"),
    Action.AUDIT: mark("audit"),
    Action.ADMINISTER: mark("administration of the register"),
}

DESKTOPS: dict[str, str] = {
    Desktop.PUPIL: mark("Pupil"),
    Desktop.GUARDIAN: mark("Guardian"),
    Desktop.TEACHER: mark("Teacher"),
    Desktop.PRINCIPAL: mark("Principal"),
    Desktop.SECRETARY: mark("School secretary"),
    Desktop.MUNICIPALITY: mark("Municipal administrator"),
}

# A custodian has nothing to be told of.
_KINDS: dict[GuardianKind, str | None] = {
    GuardianKind.CUSTODIAN: None,
    GuardianKind.INFORMED: mark("no custody, right to information"),
    GuardianKind.CARER: mark("cares for the child, not a custodian"),
}
RESTRICTIONS: dict[str, str] = {
    Restriction.NO_INFORMATION: mark("must get no information"),
    Restriction.NO_CONTACT: mark("must get no contact details"),
    Restriction.NO_DECISIONS: mark("must not decide or fetch the child"),
}


def rights_of(guardianship: Guardianship) -> list[str]:
    """What staff must know of a guardian's rights, marked for translation."""
    told = [_KINDS[guardianship.kind]]
    if guardianship.joint_custody is not None:
        told.append(mark("joint custody") if guardianship.joint_custody else mark("sole custody"))
    return [text for text in told if text] + [RESTRICTIONS[one] for one in guardianship.restrictions]


# What rows, values and columns of the register are called.
ROWS: dict[str, str] = {
    "persons": mark("Personal details"),
    "roles": mark("Role"),
    "enrolments": mark("Place in a group"),
    "accounts": mark("User account"),
    "guardianships": mark("Guardianship"),
    "organisations": mark("School or unit"),
    "academic_sessions": mark("School year or term"),
    "groups": mark("Group"),
    "courses": mark("Course"),
    "preferences": mark("Own settings"),
}
# OneRoster's codes of grades (CEDS), as Finland counts them.
GRADES: dict[str, str] = {
    "PK": mark("early childhood education"),
    "KG": mark("pre-primary education"),
    **{f"{grade:02d}": str(grade) for grade in range(1, 11)},
}
MAIL: dict[str, str] = {
    Mail.AT_ONCE: mark("at once"),
    Mail.DAILY: mark("once a day"),
    Mail.NONE: mark("never"),
}
VALUES: dict[str, str] = {
    RoleName.STUDENT: DESKTOPS[Desktop.PUPIL],
    RoleName.GUARDIAN: DESKTOPS[Desktop.GUARDIAN],
    RoleName.TEACHER: DESKTOPS[Desktop.TEACHER],
    RoleName.AIDE: mark("School assistant"),
    RoleName.COUNSELOR: mark("Guidance counsellor"),
    RoleName.PRINCIPAL: DESKTOPS[Desktop.PRINCIPAL],
    RoleName.ADMINISTRATOR: DESKTOPS[Desktop.SECRETARY],
    RoleName.DISTRICT_ADMINISTRATOR: DESKTOPS[Desktop.MUNICIPALITY],
    OrganisationKind.DISTRICT: mark("Municipality"),
    OrganisationKind.SCHOOL: mark("School"),
    OrganisationKind.DEPARTMENT: mark("Unit of a school"),
    SessionType.SCHOOL_YEAR: mark("School year"),
    SessionType.TERM: mark("Term"),
    SessionType.SEMESTER: mark("Semester"),
    SessionType.GRADING_PERIOD: mark("Period"),
    GroupType.HOMEROOM: mark("Class"),
    GroupType.SCHEDULED: mark("Teaching group"),
    GuardianKind.CUSTODIAN: mark("custodian"),
    GuardianKind.INFORMED: mark("no custody, right to information"),
    GuardianKind.CARER: mark("cares for the child, not a custodian"),
    **RESTRICTIONS,
    Status.ACTIVE: mark("in use"),
    Status.TOBEDELETED: mark("not in use"),
    Origin.ROSTER: mark("the roster"),
    Origin.PLATFORM: mark("this municipality's administrators"),
    "fi": mark("Finnish"),
    "sv": mark("Swedish"),
    "en": mark("English"),
    **MAIL,
}
COLUMNS: dict[str, str] = {
    "given_name": mark("Given name"),
    "family_name": mark("Family name"),
    "middle_name": mark("Middle name"),
    "preferred_given_name": mark("Name used"),
    "preferred_middle_name": mark("Middle name used"),
    "preferred_family_name": mark("Family name used"),
    "learner_number": mark("Learner number"),
    "identifier": mark("Identifier"),
    "username": mark("Username"),
    "email": mark("E-mail"),
    "sms": mark("Mobile phone"),
    "phone": mark("Phone"),
    "birth_date": mark("Date of birth"),
    "language": mark("Language"),
    "grades": mark("Grades"),
    "nondisclosure": mark("Non-disclosure"),
    "nondisclosure_origin": mark("Non-disclosure decided by"),
    "enabled": mark("May sign in"),
    "primary_organisation_id": mark("School"),
    "organisation_id": mark("School"),
    "group_id": mark("Group"),
    "status": mark("State"),
    "origin": mark("Decided by"),
    "role": mark("Role"),
    "role_type": mark("Kind of role"),
    "begin_date": mark("First day"),
    "start_date": mark("First day"),
    "valid_from": mark("First day"),
    "end_date": mark("Last day"),
    "valid_to": mark("Last day"),
    "primary": mark("Responsible"),
    "relation": mark("Relation"),
    "kind": mark("Kind"),
    "joint_custody": mark("Joint custody"),
    "restrictions": mark("Restrictions"),
    "name": mark("Name"),
    "title": mark("Name"),
    "oid": mark("OID"),
    "school_code": mark("School code"),
    "session_type": mark("Kind"),
    "school_year": mark("School year"),
    "group_code": mark("Code"),
    "group_type": mark("Kind"),
    "location": mark("Place"),
    "subjects": mark("Subjects"),
    "subject_codes": mark("Subject codes"),
    "periods": mark("Periods"),
    "course_code": mark("Code"),
    "course_id": mark("Course"),
    "school_year_id": mark("School year"),
    "parent_id": mark("Belongs to"),
    "mail": mark("Notifications by mail"),
    "quiet_from": mark("Quiet hours from"),
    "quiet_until": mark("Quiet hours until"),
}
