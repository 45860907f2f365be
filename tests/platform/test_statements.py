"""The number of SQL statements of a page does not grow with the rows that it shows."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from fastapi import FastAPI
from sqlalchemy import event
from sqlalchemy.orm import Session

from digione_platform.core.models import (
    Enrolment,
    EnrolmentRole,
    Group,
    GroupType,
    Guardianship,
    Organisation,
    OrganisationKind,
    Person,
    Role,
    RoleName,
)
from tests.platform.conftest import Browse
from tests.platform.town import Town

MORE = 20


@contextmanager
def counted(app: FastAPI) -> Iterator[list[str]]:
    statements: list[str] = []

    def note(_c: Any, _cursor: Any, statement: str, *_rest: Any) -> None:
        statements.append(statement)

    event.listen(app.state.engine, "before_cursor_execute", note)
    yield statements
    event.remove(app.state.engine, "before_cursor_execute", note)


def grow(app: FastAPI, town: Town) -> None:
    """Twenty more of everything that a page lists."""
    school = town.places["Koivulan koulu"]
    with Session(app.state.engine) as session, session.begin():
        for number in range(MORE):
            place = Organisation(
                sourced_id=f"s{number}", kind=OrganisationKind.SCHOOL, name=f"Koulu {number}"
            )
            pupil = Person(sourced_id=f"p{number}", given_name="Lisä", family_name=f"Oppilas{number}")
            guardian = Person(sourced_id=f"g{number}", given_name="Lisä", family_name=f"Huoltaja{number}")
            group = Group(
                sourced_id=f"c{number}", title=f"5{number}", group_type=GroupType.HOMEROOM, school_id=school
            )
            session.add_all([place, pupil, guardian, group])
            session.flush()
            session.add(
                Role(
                    sourced_id=f"r{number}", person_id=pupil.id, organisation_id=school, role=RoleName.STUDENT
                )
            )
            session.add(Guardianship(guardian_id=town.people["Maija Virtanen"], child_id=pupil.id))
            session.add(Guardianship(guardian_id=guardian.id, child_id=town.people["Aino Virtanen"]))
            places = [
                (group.id, town.people["Tiina Opettaja"], EnrolmentRole.TEACHER),
                (group.id, town.people["Aino Virtanen"], EnrolmentRole.STUDENT),
                (town.groups["7C"], pupil.id, EnrolmentRole.STUDENT),
            ]
            for index, (group_id, person_id, role) in enumerate(places):
                session.add(
                    Enrolment(
                        sourced_id=f"e{number}-{index}",
                        group_id=group_id,
                        school_id=school,
                        person_id=person_id,
                        role=role,
                    )
                )


@pytest.mark.parametrize(
    ("name", "path"),
    [
        ("Aino Virtanen", "/"),
        ("Maija Virtanen", "/"),
        ("Tiina Opettaja", "/"),
        ("Tiina Opettaja", "/groups/{7C}"),
        ("Tiina Opettaja", "/areas/teaching"),
        ("Raili Rehtori", "/"),
        ("Sirpa Sihteeri", "/"),
        ("Sirpa Sihteeri", "/pupils"),
        ("Sirpa Sihteeri", "/pupils/{Aino}"),
        ("Helena Hallinto", "/"),
        ("Tiina Opettaja", "/search?kind=pupils"),
        ("Sirpa Sihteeri", "/search?kind=guardians"),
        ("Sirpa Sihteeri", "/search?kind=groups"),
        ("Helena Hallinto", "/search?kind=schools"),
        ("Helena Hallinto", "/search?kind=people"),
    ],
)
def test_more_rows_need_no_more_statements(
    app: FastAPI, browse: Browse, town: Town, name: str, path: str
) -> None:
    path = path.replace("{7C}", str(town.groups["7C"])).replace("{Aino}", str(town.people["Aino Virtanen"]))
    browser = browse(name)
    browser.get(path)
    with counted(app) as before:
        small = browser.get(path)
    grow(app, town)
    with counted(app) as after:
        large = browser.get(path)
    assert len(large.text) > len(small.text) + MORE * 10
    assert len(after) == len(before)
    assert len(after) <= 12
