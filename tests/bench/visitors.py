"""Who visits a municipality's platform, and what they do there: the mix of requests that is measured."""

from collections import deque
from datetime import UTC, datetime
from itertools import count, cycle
from random import Random
from typing import Any

from sqlalchemy import text
from sqlalchemy.orm import Session, sessionmaker

from digione_platform import sessions
from digione_platform.api import clients
from digione_platform.api.access import Scope
from digione_platform.api.fields import GRADEBOOK, ROSTERING
from digione_platform.core.gradebook import Category, LineItem
from digione_platform.core.models import Account
from digione_platform.db import open_database
from digione_platform.security import ONEROSTER
from digione_platform.settings import Settings
from tests.bench.load import Ask
from tests.platform.forms import filled_in, target

# People of each role, and what their pages are about: their role, a group, a pupil.
_OF_ROLE = """
    select a.id as account, r.id as role, {about} from accounts a
    join roles r on r.person_id = a.person_id and r.status = 'active' and r.role = '{role}'
    join organisations o on o.id = r.organisation_id and o.kind = '{place}'
    {also} order by a.username limit {number}
"""
_VISITORS = {
    "pupil": _OF_ROLE.format(
        role="student", place="school", about="a.person_id as pupil", also="", number=80
    ),
    "guardian": _OF_ROLE.format(
        role="guardian",
        place="district",
        about="g.child_id as pupil",
        also="""join lateral (select g.child_id from guardianships g join persons c on c.id = g.child_id
            where g.guardian_id = a.person_id and not c.nondisclosure limit 1) g on true""",
        number=80,
    ),
    "teacher": _OF_ROLE.format(
        role="teacher",
        place="school",
        about='s.group_id as "group", s.person_id as pupil',
        also="""join lateral (select s.group_id, s.person_id from enrolments e join enrolments s
            on s.group_id = e.group_id and s.role = 'student'
            where e.person_id = a.person_id and e.role = 'teacher' and e.school_id = o.id limit 1) s on true
            and not exists (select from roles x where x.person_id = a.person_id and x.id <> r.id)""",
        number=80,
    ),
    "principal": _OF_ROLE.format(role="principal", place="school", about="null as pupil", also="", number=20),
    "secretary": _OF_ROLE.format(
        role="administrator",
        place="school",
        about="s.person_id as pupil",
        also="""join lateral (select s.person_id from roles s
            where s.organisation_id = o.id and s.role = 'student' limit 1) s on true""",
        number=20,
    ),
    "administrator": _OF_ROLE.format(
        role="districtAdministrator", place="district", about="null as pupil", also="", number=5
    ),
}

# Of a hundred requests: what is looked at by whom. ``{name}`` is a family name to look for.
_LOOKED_AT = (
    (11, "pupil", "/"),
    (2, "pupil", "/looks"),
    (14, "guardian", "/"),
    (4, "guardian", "/looks/{pupil}"),
    (2, "guardian", "/me"),
    (11, "teacher", "/"),
    (9, "teacher", "/groups/{group}"),
    (4, "teacher", "/pupils/{pupil}"),
    (3, "principal", "/"),
    (1, "principal", "/areas/administration"),
    (3, "secretary", "/pupils"),
    (4, "secretary", "/pupils?search={name}"),
    (4, "secretary", "/pupils/{pupil}"),
    (1, "administrator", "/"),
    (1, "administrator", "/administration/people"),
    (2, "administrator", "/administration/people?search={name}"),
    (1, "administrator", "/administration/schools"),
    (1, "administrator", "/administration/sign-ins"),
    (1, "administrator", "/history/persons/{anyone}"),
    (1, "administrator", "/audit"),
    (1, "administrator", "/administration/retention"),
)
# What the service reads, and what is written. Half of those with a form open it, the other half send it.
_READ = (
    (1, f"{ONEROSTER}/{ROSTERING}/users?limit=100"),
    (2, f"{ONEROSTER}/{ROSTERING}/classes/{{class}}/students"),
)
_FORMS, _DESKS, _RESULTS = 8, 2, 6


class Visitors:
    """People of every role, signed in, and a service with a token; makes their requests one by one."""

    def __init__(self, settings: Settings, seed: int = 1) -> None:
        self._random = Random(seed)
        engine = open_database(settings)
        with sessionmaker(engine).begin() as session:
            self._people = {role: _signed_in(session, sql) for role, sql in _VISITORS.items()}
            self._service = _service(session)
            self._names = _column(session, "select distinct family_name from persons order by 1 limit 300")
            self._anyone = _column(session, "select id from persons order by sourced_id limit 500")
            self._classes = _column(session, "select sourced_id from groups order by 1 limit 500")
            self._results = cycle(_results(session))
            self._forms = cycle(_addresses_of_forms(session))
        engine.dispose()
        self._opened: deque[tuple[dict[str, str], str]] = deque()
        self._numbers = count()
        mix = [(weight, (role, path)) for weight, role, path in _LOOKED_AT]
        mix += [(weight, ("service", path)) for weight, path in _READ]
        mix += [(_FORMS, ("form", "")), (_DESKS, ("desk", "")), (_RESULTS, ("result", ""))]
        self._weights, self._kinds = zip(*mix, strict=True)

    def ask(self) -> Ask:
        """The next request."""
        ((role, path),) = self._random.choices(self._kinds, self._weights)
        match role:
            case "form":
                return self._send_form() if self._opened else self._open_form()
            case "desk":
                headers, knows = self._somebody("teacher")
                return Ask("POST /desk", "/desk", headers, "POST", data={"role": knows["role"]})
            case "result":
                return self._put_result()
            case "service":
                address = path.format(**{"class": self._random.choice(self._classes)})
                return Ask(f"GET {path.removeprefix(ONEROSTER)}", address, self._service)
        headers, knows = self._somebody(role)
        further = {"name": self._random.choice(self._names), "anyone": self._random.choice(self._anyone)}
        return Ask(f"GET {path} ({role})", path.format(**further, **knows), headers)

    def _somebody(self, role: str) -> tuple[dict[str, str], dict[str, str]]:
        return self._random.choice(self._people[role])

    def _open_form(self) -> Ask:
        headers, _ = self._somebody("administrator")
        kind, address = next(self._forms)
        return Ask(
            f"GET a form of {kind}", address, headers, then=lambda page: self._opened.append((headers, page))
        )

    def _send_form(self) -> Ask:
        headers, page = self._opened.popleft()
        number = next(self._numbers)
        address, values = target(page), filled_in(page)
        if "phone" in values:
            return Ask(
                "POST a person", address, headers, "POST", data=values | {"phone": f"+358 40 {number:07}"}
            )
        changed = {"joint_custody": "True", "reason": f"§ {number}"}
        return Ask("POST a guardianship", address, headers, "POST", data=values | changed)

    def _put_result(self) -> Ask:
        pupil, line_item = next(self._results)
        name = f"result-{line_item}-{pupil}"
        row = {
            "sourcedId": name,
            "lineItem": {"sourcedId": line_item},
            "student": {"sourcedId": pupil},
            "scoreStatus": "fully graded",
            "score": self._random.randint(4, 10),
            "scoreDate": "2026-11-24",
        }
        address = f"{ONEROSTER}/{GRADEBOOK}/results/{name}"
        return Ask("PUT a result", address, self._service, "PUT", json={"result": row})


def _column(session: Session, sql: str) -> list[str]:
    return [str(value) for value in session.scalars(text(sql))]


def _signed_in(session: Session, sql: str) -> list[tuple[dict[str, str], dict[str, str]]]:
    """The headers of each visitor, and what their pages are about."""
    found = []
    for row in session.execute(text(sql)).mappings().all():
        account = session.get_one(Account, row["account"])
        cookie = f"__Host-digione={sessions.start(session, account, None)}"
        found.append(({"cookie": cookie}, {name: str(value) for name, value in row.items()}))
    return found


def _service(session: Session) -> dict[str, str]:
    client_id, secret = clients.add(session, "load", "-", tuple(Scope), protected=False, operator="bench")
    client = clients.authenticate(session, str(client_id), secret)
    assert client is not None
    category = Category(sourced_id="load", client_id=client_id, title="Kokeet")
    session.add(category)
    session.flush()
    for group in session.scalars(text("select id from groups order by sourced_id limit 20")):
        now = datetime.now(UTC)
        values: dict[str, Any] = {"title": "Koe", "assign_date": now, "due_date": now, "group_id": group}
        item = LineItem(sourced_id=f"load-{group}", client_id=client_id, category_id=category.id, **values)
        session.add(item)
    return {"authorization": f"Bearer {clients.issue(session, client, client.scopes)}"}


def _results(session: Session) -> list[tuple[str, str]]:
    """Pupils and line items of the service's, by their identifiers."""
    found = session.execute(
        text("""
            select p.sourced_id, l.sourced_id from line_items l
            join enrolments e on e.group_id = l.group_id and e.role = 'student'
            join persons p on p.id = e.person_id where not p.nondisclosure order by 1, 2
        """)
    )
    return [(pupil, item) for pupil, item in found]


def _addresses_of_forms(session: Session) -> list[tuple[str, str]]:
    """The forms of children and of their guardianships, by turns; none twice, else one outdates the other."""
    found: dict[tuple[str, str], None] = {}
    pairs = session.execute(
        text("""
            select child_id, guardian_id from guardianships g join persons c on c.id = g.child_id
            join persons a on a.id = g.guardian_id where not c.nondisclosure and not a.nondisclosure
            order by c.sourced_id limit 3000
        """)
    )
    for child, guardian in pairs:
        found["a person", f"/administration/people/{child}/edit"] = None
        found["a guardianship", f"/administration/guardianships/{child}/{guardian}"] = None
    return list(found)
