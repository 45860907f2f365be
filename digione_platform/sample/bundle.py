"""Writes a town as a OneRoster 1.2 bundle: rows go out one by one, and the bytes follow from the options."""

import zipfile
from collections.abc import Callable, Iterator
from datetime import date
from itertools import pairwise
from pathlib import Path

from digione_platform.roster import profile, writer
from digione_platform.sample.town import (
    HOMEROOM,
    SUBJECTS,
    Family,
    Group,
    Options,
    Person,
    Pupil,
    Town,
    subjects_of,
)

Row = writer.Row


def write_bundle(path: Path, options: Options) -> None:
    """Write the town of ``options`` to a zip file; the same options give the same bytes."""
    town = Town(options)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        writer.write_manifest(archive, _FILES, "DigiOne sample municipality", "digione-sample")
        for name, rows in _FILES.items():
            writer.write_file(archive, name, rows(town))


def _orgs(town: Town) -> Iterator[Row]:
    yield {"sourcedId": town.oid, "name": town.name, "type": "district", "identifier": town.options.code}
    for school in town.schools:
        yield {
            "sourcedId": school.oid,
            "name": school.name,
            "type": "school",
            "identifier": school.code,
            "parentSourcedId": town.oid,
        }


def _sessions(town: Town) -> Iterator[Row]:
    year = town.options.year
    swedish = town.language == "sv"
    autumn, spring, period, school_year = (
        ("hösttermin", "vårtermin", "period", "Läsåret")
        if swedish
        else ("syyslukukausi", "kevätlukukausi", "jakso", "Lukuvuosi")
    )

    def session(key: str, title: str, kind: str, begin: date, end: date, parent: str | None) -> Row:
        return {
            "sourcedId": town.identify("session", key),
            "title": title,
            "type": kind,
            "startDate": begin.isoformat(),
            "endDate": end.isoformat(),
            "parentSourcedId": town.identify("session", parent) if parent else "",
            "schoolYear": str(year + 1),
        }

    # An end is the first day after.
    first, turn, last = date(year, 8, 1), date(year + 1, 1, 1), date(year + 1, 8, 1)
    yield session("year", f"{school_year} {year}–{year + 1}", "schoolYear", first, last, None)
    yield session("autumn", f"{autumn.capitalize()} {year}", "term", first, turn, "year")
    yield session("spring", f"{spring.capitalize()} {year + 1}", "term", turn, last, "year")
    starts = [first, date(year, 10, 5), date(year, 12, 1), date(year + 1, 2, 8), date(year + 1, 4, 12), last]
    for place, (begin, end) in enumerate(pairwise(starts), start=1):
        yield session(f"period{place}", f"{place}. {period}", "gradingPeriod", begin, end, "year")


def _courses(town: Town) -> Iterator[Row]:
    for language in dict.fromkeys(school.language for school in town.schools):
        grades = sorted(
            {grade for school in town.schools if school.language == language for grade in school.grades}
        )
        for grade in grades:
            year = grade if grade <= 9 else grade - 10
            for subject in [None, *subjects_of(grade), *(["A2"] if grade == 5 else [])]:
                title = SUBJECTS[language][subject] if subject else HOMEROOM[language]
                yield {
                    "sourcedId": _course(town, language, grade, subject),
                    "schoolYearSourcedId": town.identify("session", "year"),
                    "title": f"{title} {year}",
                    "courseCode": f"{subject or 'LK'}{year}",
                    "grades": _grade(grade),
                    "orgSourcedId": town.oid,
                    "subjects": title if subject else "",
                    "subjectCodes": subject or "",
                }


def _course(town: Town, language: str, grade: int, subject: str | None) -> str:
    return town.identify("course", language, grade, subject or "homeroom")


def _grade(grade: int) -> str:
    """OneRoster's grade; years of upper secondary school have none."""
    return f"{grade:02d}" if grade <= 9 else ""


def _all_groups(town: Town) -> Iterator[Group]:
    for groups in town.groups.values():
        yield from groups
    if town.mixed:
        yield town.mixed


def _classes(town: Town) -> Iterator[Row]:
    terms = ",".join(town.identify("session", term) for term in ("autumn", "spring"))
    periods = ",".join(town.identify("session", f"period{place}") for place in range(1, 6))
    for group in _all_groups(town):
        subject = group.subject
        yield {
            "sourcedId": group.sourced_id,
            "title": group.title,
            "grades": _grade(group.grade),
            "courseSourcedId": _course(town, group.school.language, group.grade, subject),
            "classCode": group.title,
            "classType": "scheduled" if subject else "homeroom",
            "location": group.room,
            "schoolSourcedId": group.school.oid,
            "termSourcedIds": periods if group.grade > 9 and subject else terms,
            "subjects": SUBJECTS[group.school.language][subject] if subject else "",
            "subjectCodes": subject or "",
        }


def _user(person: Person) -> Row:
    return {
        "sourcedId": person.sourced_id,
        "enabledUser": "true",
        "username": person.username,
        "givenName": person.given_name,
        "familyName": person.family_name,
        "email": person.email,
        "sms": person.phone,
        "phone": person.phone,
        profile.NONDISCLOSURE: "true" if person.nondisclosure else "false",
        profile.LANGUAGE: person.language,
    }


def _users(town: Town) -> Iterator[Row]:
    for employee in town.employees:
        yield {**_user(employee), "primaryOrgSourcedId": employee.roles[0][1]}
    for family in town.families():
        for guardian in family.guardians:
            yield _user(guardian)
        for child in family.children:
            yield _pupil(town, family, child)


def _pupil(town: Town, family: Family, child: Pupil) -> Row:
    number = child.learner_number
    return {
        **_user(child),
        "userIds": f"{{oppijanumero:{number}}}" if number else "",
        "userMasterIdentifier": number,
        "agentSourcedIds": ",".join(guardian.sourced_id for guardian in family.guardians),
        "grades": _grade(child.grade),
        "primaryOrgSourcedId": town.schools[child.school].oid,
    }


def _demographics(town: Town) -> Iterator[Row]:
    for family in town.families():
        for child in family.children:
            yield {"sourcedId": child.sourced_id, "birthDate": child.birth_date.isoformat()}


def _roles(town: Town) -> Iterator[Row]:
    def role(person: Person, place: int, name: str, oid: str) -> Row:
        return {
            "sourcedId": town.identify("role", person.sourced_id, place),
            "userSourcedId": person.sourced_id,
            "roleType": "secondary" if place else "primary",
            "role": name,
            "orgSourcedId": oid,
        }

    for employee in town.employees:
        for place, (name, oid) in enumerate(employee.roles):
            yield role(employee, place, name, oid)
    for family in town.families():
        for guardian in family.guardians:
            yield role(guardian, 0, "guardian", town.oid)
        for child in family.children:
            yield role(child, 0, "student", town.schools[child.school].oid)


def _enrollments(town: Town) -> Iterator[Row]:
    begin, end = f"{town.options.year}-08-01", f"{town.options.year + 1}-08-01"

    def enrolment(group: Group, person: Person, role: str) -> Row:
        return {
            "sourcedId": town.identify("enrolment", group.sourced_id, person.sourced_id),
            "classSourcedId": group.sourced_id,
            "schoolSourcedId": group.school.oid,
            "userSourcedId": person.sourced_id,
            "role": role,
            "primary": "true" if role == "teacher" else "false",
            "beginDate": begin,
            "endDate": end,
        }

    for group in _all_groups(town):
        yield enrolment(group, group.teacher, "teacher")
    for family in town.families():
        for child in family.children:
            for group in town.groups_of(child):
                yield enrolment(group, child, "student")


_FILES: dict[str, Callable[[Town], Iterator[Row]]] = {
    "academicSessions": _sessions,
    "classes": _classes,
    "courses": _courses,
    "demographics": _demographics,
    "enrollments": _enrollments,
    "orgs": _orgs,
    "roles": _roles,
    "users": _users,
}
