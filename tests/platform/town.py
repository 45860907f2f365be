"""A town of a few people for tests of pages: two schools, every role, a family under non-disclosure.

Everything that must reach nobody else carries the word ``MARKER``.
"""

from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from typing import TypeVar
from uuid import UUID

from sqlalchemy.orm import Session

from digione_platform.core.models import (
    AcademicSession,
    Account,
    Base,
    Course,
    Enrolment,
    EnrolmentRole,
    Group,
    GroupType,
    Guardianship,
    ImportKind,
    Organisation,
    OrganisationKind,
    Person,
    Role,
    RoleName,
    RosterImport,
    SessionType,
)
from digione_platform.i18n import today

YEAR = today().year
Row = TypeVar("Row", bound=Base)


@dataclass
class Town:
    """Identifiers by name: people, schools and groups."""

    people: dict[str, UUID] = field(default_factory=dict)
    accounts: dict[str, UUID] = field(default_factory=dict)
    places: dict[str, UUID] = field(default_factory=dict)
    groups: dict[str, UUID] = field(default_factory=dict)


class Builder:
    def __init__(self, session: Session) -> None:
        self.session = session
        self.town = Town()
        self._serial = 0

    def add(self, row: Row) -> Row:
        self.session.add(row)
        self.session.flush()
        return row

    def sourced(self) -> str:
        self._serial += 1
        return f"town-{self._serial:04}"

    def place(self, kind: OrganisationKind, name: str, code: str | None = None) -> Organisation:
        parent = self.town.places.get("municipality")
        row = self.add(
            Organisation(sourced_id=self.sourced(), kind=kind, name=name, school_code=code, parent_id=parent)
        )
        self.town.places["municipality" if kind is OrganisationKind.DISTRICT else name] = row.id
        return row

    def person(self, name: str, *roles: tuple[RoleName, Organisation], **values: object) -> Person:
        given, family = name.split(" ", 1)
        defaults = {"email": f"{given}.{family}@kunta.example".lower(), "phone": "+358 50 000 0000"}
        names = {"sourced_id": self.sourced(), "given_name": given, "family_name": family}
        row = self.add(Person(**names | defaults | values))
        for role, organisation in roles:
            self.add(
                Role(sourced_id=self.sourced(), person_id=row.id, organisation_id=organisation.id, role=role)
            )
        account = self.add(Account(person_id=row.id, username=name.lower().replace(" ", ".")))
        self.town.people[name] = row.id
        self.town.accounts[name] = account.id
        return row

    def course(self, title: str, organisation: Organisation) -> Course:
        return self.add(
            Course(sourced_id=f"course-{title.lower()}", title=title, organisation_id=organisation.id)
        )

    def group(self, title: str, kind: GroupType, school: Organisation, course: Course) -> Group:
        row = self.add(
            Group(
                sourced_id=self.sourced(),
                title=title,
                group_type=kind,
                school_id=school.id,
                course_id=course.id,
            )
        )
        self.town.groups[title] = row.id
        return row

    def enrol(self, group: Group, role: EnrolmentRole, *people: Person) -> None:
        for person in people:
            self.add(
                Enrolment(
                    sourced_id=self.sourced(),
                    group_id=group.id,
                    school_id=group.school_id,
                    person_id=person.id,
                    role=role,
                )
            )

    def guardian(self, guardian: Person, *children: Person) -> None:
        for child in children:
            self.add(Guardianship(guardian_id=guardian.id, child_id=child.id))


def build(session: Session) -> Town:
    """Fill an empty database; flushes, does not commit."""
    b = Builder(session)
    municipality = b.place(OrganisationKind.DISTRICT, "Mallila")
    koivu = b.place(OrganisationKind.SCHOOL, "Koivulan koulu", "00001")
    aland = b.place(OrganisationKind.SCHOOL, "Åkerby skola", "00002")
    student, guardian, teacher = RoleName.STUDENT, RoleName.GUARDIAN, RoleName.TEACHER

    for title, kind in (("Lukuvuosi", SessionType.SCHOOL_YEAR), ("Syyslukukausi", SessionType.TERM)):
        b.add(
            AcademicSession(
                sourced_id=b.sourced(),
                title=title,
                session_type=kind,
                start_date=date(YEAR, 1, 1),
                end_date=date(YEAR + 1, 1, 1),
                school_year=YEAR + 1,
            )
        )

    aino = b.person("Aino Virtanen", (student, koivu), preferred_given_name="Ainu")
    eero = b.person("Eero Öhman", (student, koivu))
    olli = b.person("Olli Åberg", (student, koivu))
    elsa = b.person("Elsa Virtanen", (student, aland), language="sv")
    hidden = b.person(
        "Piilo Suojattu",
        (student, koivu),
        nondisclosure=True,
        email="MARKER-child@kunta.example",
        phone="MARKER-child-phone",
    )
    mother = b.person("Maija Virtanen", (guardian, municipality), email="maija@koti.example")
    hiding = b.person(
        "Suvi Suojattu",
        (guardian, municipality),
        nondisclosure=True,
        email="MARKER-guardian@koti.example",
        phone="MARKER-guardian-phone",
    )
    other = b.person("Toinen Vanhempi", (guardian, municipality))
    b.guardian(mother, aino, elsa)
    b.guardian(hiding, hidden)
    b.guardian(other, hidden)

    opettaja = b.person(
        "Tiina Opettaja", (teacher, koivu), (teacher, aland), (guardian, municipality), language="fi"
    )
    b.guardian(opettaja, eero)
    kollega = b.person("Kalle Kollega", (teacher, koivu))
    b.person("Raili Rehtori", (RoleName.PRINCIPAL, koivu))
    b.person("Sirpa Sihteeri", (RoleName.ADMINISTRATOR, koivu))
    b.person("Helena Hallinto", (RoleName.DISTRICT_ADMINISTRATOR, municipality))
    b.person("Rooliton Henkilö")
    b.person("Suljettu Tunnus", (teacher, koivu), enabled=False)

    general = b.course("Perusopetus", municipality)
    seven = b.group("7C", GroupType.HOMEROOM, koivu, general)
    ten = b.group("10A", GroupType.HOMEROOM, koivu, general)
    maths = b.group("Matematiikka 7C", GroupType.SCHEDULED, koivu, general)
    three = b.group("3B", GroupType.HOMEROOM, aland, general)
    b.enrol(seven, EnrolmentRole.STUDENT, aino, olli, hidden)
    b.enrol(ten, EnrolmentRole.STUDENT, eero)
    b.enrol(maths, EnrolmentRole.STUDENT, aino, olli)
    b.enrol(three, EnrolmentRole.STUDENT, elsa)
    b.enrol(seven, EnrolmentRole.TEACHER, opettaja)
    b.enrol(three, EnrolmentRole.TEACHER, opettaja)
    b.enrol(maths, EnrolmentRole.TEACHER, kollega)
    b.add(
        RosterImport(
            at=datetime(YEAR, 1, 2, 7, 5, tzinfo=UTC),
            actor="pääkäyttäjä",
            kind=ImportKind.BULK,
            file_name="mallila.zip",
            sha256="0" * 64,
            counts={"persons": {"added": 17, "changed": 0, "removed": 0, "unchanged": 0}},
        )
    )
    return b.town
