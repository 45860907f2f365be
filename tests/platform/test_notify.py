"""Mail that tells of news: to whom it may go, when, what is in it, and what a relay's trouble does to it."""

import json
import socket
import ssl
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest
import trustme
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Engine, event, text
from sqlalchemy.orm import Session

from digione_platform.core.models import LetterState, Mail, Preferences
from digione_platform.core.news import What, tell
from digione_platform.db import open_database
from digione_platform.errors import LockedError
from digione_platform.i18n import FINLAND
from digione_platform.notify import letters
from digione_platform.notify.mail import AddressError, Post, RelayAwayError, compose, usable
from digione_platform.notify.sending import send
from digione_platform.settings import Relay, Settings
from tests.platform.conftest import Browse, platform_command
from tests.platform.relay import SENDER, MailRelay, running
from tests.platform.town import Town

NOON = datetime(2026, 11, 25, 12, tzinfo=FINLAND)
MOTHER, PUPIL, TEACHER = "Maija Virtanen", "Aino Virtanen", "Tiina Opettaja"


@pytest.fixture
def engine(settings: Settings) -> Iterator[Engine]:
    engine = open_database(settings)
    yield engine
    engine.dispose()


@pytest.fixture
def relay() -> Iterator[MailRelay]:
    with running(MailRelay()) as relay:
        yield relay


class Office:
    """The town with a relay: tells people, sends, and looks what became of it."""

    def __init__(self, engine: Engine, settings: Settings, town: Town, relay: MailRelay) -> None:
        self.engine, self.town, self.relay = engine, town, relay
        self.settings = settings.model_copy(update={"relay": relay.settings()})

    def tell(self, *names: str, at: datetime = NOON) -> None:
        people = [self.town.people[name] for name in names]
        with Session(self.engine) as session, session.begin():
            tell(session, What.ROLE_GIVEN, people, "/me")
            session.execute(text("update news set at = :at where letter_id is null"), {"at": at})

    def prefer(self, name: str, **chosen: Any) -> None:
        with Session(self.engine) as session, session.begin():
            session.add(Preferences(person_id=self.town.people[name], **chosen))

    def do(self, what: str, **values: Any) -> None:
        with Session(self.engine) as session, session.begin():
            session.execute(text(what), values)

    def send(self, now: datetime = NOON) -> dict[str, Any]:
        return send(self.engine, self.settings, now)

    def states(self) -> list[str]:
        with Session(self.engine) as session:
            return list(session.scalars(text("select state from letters order by at, state")))

    def mail(self) -> EmailMessage:
        [(_, _, content)] = self.relay.mails
        message = message_from_bytes(content, policy=default)
        assert isinstance(message, EmailMessage)
        return message


@pytest.fixture
def office(engine: Engine, settings: Settings, town: Town, relay: MailRelay) -> Office:
    return Office(engine, settings, town, relay)


# Whom, and when


def test_a_mail_a_day_tells_of_all(office: Office) -> None:
    office.tell(MOTHER, PUPIL)
    office.tell(MOTHER)
    assert office.send()["sent"] == 2
    assert office.relay.recipients == ["aino.virtanen@kunta.example", "maija@koti.example"]
    office.tell(MOTHER, at=NOON + timedelta(hours=1))
    assert office.send(NOON + timedelta(hours=1))["sent"] == 2
    assert office.send(NOON + timedelta(days=1))["sent"] == 3


def test_at_once(office: Office) -> None:
    office.prefer(MOTHER, mail=Mail.AT_ONCE)
    for minute in (0, 5):
        now = NOON + timedelta(minutes=minute)
        office.tell(MOTHER, at=now)
        office.send(now)
        office.send(now)
    assert len(office.relay.mails) == 2


def test_nobody_gets_a_mail_who_wants_none_or_has_looked(office: Office, browse: Browse) -> None:
    office.tell(MOTHER, PUPIL, TEACHER, "Kalle Kollega")
    office.prefer(MOTHER, mail=Mail.NONE)
    office.do("update news set seen_at = now() where person_id = :id", id=office.town.people[PUPIL])
    office.do("update persons set email = null where id = :id", id=office.town.people[TEACHER])
    office.do("update accounts set enabled = false where id = :id", id=office.town.accounts["Kalle Kollega"])
    assert office.send()["sent"] == 0
    assert office.states() == []


def test_old_news_are_told_by_no_mail(office: Office) -> None:
    office.tell(MOTHER, at=NOON - timedelta(days=8))
    office.send()
    assert office.relay.mails == []


@pytest.mark.parametrize(
    ("quiet", "sends"),
    [
        ((21, 7), {7, 8, 12, 17, 20}),
        ((9, 17), {7, 8, 17, 20, 22, 23}),
        ((0, 0), {7, 8, 12, 17, 20, 22, 23}),
        ((23, 22), {22}),
        # Nothing, or little, is left of the day from seven on.
        ((7, 6), {6}),
        ((5, 3), {3, 4}),
        ((8, 6), {7}),
    ],
)
def test_quiet_hours(office: Office, quiet: tuple[int, int], sends: set[int]) -> None:
    office.prefer(MOTHER, mail=Mail.DAILY, quiet_from=quiet[0], quiet_until=quiet[1])
    for hour in (2, 3, 4, 6, 7, 8, 12, 17, 20, 22, 23):
        now = NOON.replace(hour=hour)
        office.do("delete from letters")
        office.do("delete from news")
        office.tell(MOTHER, at=now)
        office.send(now)
        assert bool(office.relay.mails) == (hour in sends), hour
        office.relay.mails.clear()


@pytest.mark.parametrize(
    ("utc", "sends"),
    [
        # In winter seven in Finland is five in UTC, in summer four.
        ("2026-03-28T04:59", False),
        ("2026-03-28T05:00", True),
        ("2026-03-29T03:59", False),
        ("2026-03-29T04:00", True),
        ("2026-10-24T04:00", True),
        ("2026-10-25T04:59", False),
        ("2026-10-25T05:00", True),
        # The hour that comes twice.
        ("2026-10-25T00:30", False),
        ("2026-10-25T01:30", False),
        ("2026-10-25T18:59", True),
        ("2026-10-25T19:00", False),
    ],
)
def test_quiet_hours_at_daylight_saving_changes(office: Office, utc: str, sends: bool) -> None:
    now = datetime.fromisoformat(utc).replace(tzinfo=UTC)
    office.tell(MOTHER, at=now)
    office.send(now)
    assert bool(office.relay.mails) == sends


def test_one_mail_on_the_day_that_has_twenty_five_hours(office: Office) -> None:
    first = datetime(2026, 10, 25, 5, tzinfo=UTC)
    for hour in range(14):
        office.tell(MOTHER, at=first + timedelta(hours=hour))
        office.send(first + timedelta(hours=hour))
    assert len(office.relay.mails) == 1


def test_a_letter_waits_through_quiet_hours_and_goes_when_its_news_were_seen(office: Office) -> None:
    office.relay.answers["RCPT"] = "451 4.7.1 later"
    evening = NOON.replace(hour=20)
    office.tell(MOTHER, PUPIL, at=evening)
    office.send(evening)
    office.relay.answers.clear()
    assert office.send(NOON.replace(hour=23))["waiting"] == 2
    office.do("update news set seen_at = now() where person_id = :id", id=office.town.people[PUPIL])
    office.send(NOON + timedelta(days=1))
    assert office.relay.recipients == ["maija@koti.example"]
    assert office.states() == ["dropped", "sent"]


# What is in it


def test_what_is_in_the_mail(office: Office) -> None:
    office.tell("Suvi Suojattu")
    office.send()
    mail = office.mail()
    [(sender, to, content)] = office.relay.mails
    assert (sender, to) == (SENDER, ["MARKER-guardian@koti.example"])
    assert mail["From"] == f"DigiOne Mallila <{SENDER}>"
    assert mail["To"] == "MARKER-guardian@koti.example"
    assert mail["Auto-Submitted"] == "auto-generated"
    assert mail["Date"].datetime == NOON
    assert mail["Message-ID"].endswith("@mallila.example>")
    assert mail.get_content_type() == "text/plain"
    assert mail.get_content_charset() == "utf-8"
    body = mail.get_content()
    assert "https://mallila.example/news" in body
    assert "https://mallila.example/me" in body
    assert "Mallila" in body
    whole = content.decode("ascii") + body
    for secret in ("Suvi", "Suojattu", "Piilo", "role", "rooli", socket.gethostname()):
        assert secret not in whole, secret
    assert office.relay.greeted[-1] == "mallila.example"
    assert {name.lower() for name in mail} == {
        *("from", "to", "subject", "date", "message-id", "auto-submitted"),
        *("mime-version", "content-type", "content-transfer-encoding", "content-language"),
    }


@pytest.mark.parametrize(
    ("own", "register", "language", "words"),
    [
        (None, None, "fi", "Sinulle on uutta"),
        (None, "sv", "sv", "Modellby"),
        ("en", "sv", "en", "something new for you"),
    ],
)
def test_the_mail_speaks_its_reader_s_language(
    office: Office, own: str | None, register: str | None, language: str, words: str
) -> None:
    office.do("update persons set language = :l where id = :id", l=register, id=office.town.people[MOTHER])
    office.prefer(MOTHER, language=own)
    office.tell(MOTHER)
    office.send()
    mail = office.mail()
    assert mail["Content-Language"] == language
    assert words in mail["Subject"] + mail.get_content()


@given(st.text(max_size=80).map(lambda noise: f"a@b.fi{noise}") | st.text(max_size=80))
def test_no_address_adds_a_header_or_a_recipient(noise: str) -> None:
    try:
        address = usable(noise)
    except AddressError:
        return
    assert address.isascii()
    assert address.isprintable()
    assert not set(address) & set(' ,;:<>()"\r\n')


@pytest.mark.parametrize(
    "address",
    [
        "a@b.fi\r\nBcc: c@d.fi",
        "a@b.fi, c@d.fi",
        "a b@c.fi",
        "@c.fi",
        "a@",
        "ä@b.fi",
        "a@b@c.fi",
        "<a@b.fi>",
        "a@b..fi",
        "a@b.fi.",
        "a@b.fi⑴",
    ],
)
def test_an_address_that_is_none_is_refused_and_others_get_theirs(office: Office, address: str) -> None:
    office.do("update persons set email = :a where id = :id", a=address, id=office.town.people[MOTHER])
    office.tell(MOTHER, PUPIL)
    done = office.send()
    assert (done["sent"], done["refused"], done["late"]) == (1, 1, 0)
    assert office.relay.recipients == ["aino.virtanen@kunta.example"]


def test_a_domain_in_finnish_letters_is_written_as_relays_take_it(settings: Settings) -> None:
    assert usable("a@köyliö.fi") == "a@xn--kyli-5qad.fi"


def test_a_municipality_s_name_adds_no_header(settings: Settings) -> None:
    tenant = settings.tenant.model_copy(update={"name": {"fi": "Malli\r\nBcc: a@b.fi, <c@d.fi>"}})
    odd = settings.model_copy(update={"tenant": tenant, "relay": Relay(server="x", sender=SENDER)})
    mail = compose(odd, uuid4(), "a@b.fi", "fi", NOON)
    parsed = message_from_bytes(mail.as_bytes(), policy=default)
    assert parsed["Bcc"] is None
    assert [one.addr_spec for one in parsed["From"].addresses] == [SENDER]
    assert [one.addr_spec for one in parsed["To"].addresses] == ["a@b.fi"]


# A relay in trouble


def test_a_relay_that_is_away_is_tried_again_after_ever_longer_times(
    engine: Engine, settings: Settings, town: Town
) -> None:
    relay = MailRelay()
    office = Office(engine, settings, town, relay)
    office.tell(MOTHER, PUPIL)
    done = office.send()
    assert (done["late"], done["away"]) == (2, "Connection refused")
    assert done["troubles"] == [{"trouble": "Connection refused", "letters": 2}]
    waits = []
    now = NOON
    for _ in range(6):
        with Session(engine) as session:
            due = session.scalar(text("select max(due) from letters"))
        assert due is not None
        waits.append(int((due - now).total_seconds() // 60))
        assert office.send(due - timedelta(seconds=1))["away"] is None
        now = due
        office.send(now)
    assert waits == [5, 10, 20, 40, 60, 60]
    with running(relay):
        assert office.send(now + timedelta(hours=1))["sent"] == 2
    assert office.states() == ["sent", "sent"]


def test_after_three_days_a_letter_is_given_up(office: Office) -> None:
    office.relay.answers["RCPT"] = "450 4.2.0 full"
    office.tell(MOTHER)
    office.send()
    done = office.send(NOON + timedelta(days=3, hours=1))
    assert (done["waiting"], done["late"], done["refused"]) == (0, 0, 1)


@pytest.mark.parametrize(
    ("stage", "answer", "state", "trouble"),
    [
        ("RCPT", "550 5.1.1 <maija@koti.example> unknown", "refused", "SMTP 550 5.1.1"),
        ("RCPT", "450 try later", "waiting", "SMTP 450"),
        ("DATA", "554 5.7.1 spam from maija@koti.example", "refused", "SMTP 554 5.7.1"),
        ("DATA", "451 4.3.0 full", "waiting", "SMTP 451 4.3.0"),
        ("MAIL", "550 5.7.1 not you", "waiting", "SMTP 550 5.7.1"),
        ("MAIL", "421 4.3.2 closing", "waiting", "SMTP 421 4.3.2"),
        ("RCPT", "421 closing", "waiting", "SMTP 421"),
    ],
)
def test_what_the_relay_says(office: Office, stage: str, answer: str, state: str, trouble: str) -> None:
    office.relay.answers[stage] = answer
    office.tell(MOTHER)
    done = office.send()
    assert office.relay.mails == []
    assert office.states() == [state]
    # The relay's own words name the recipient: they are kept nowhere.
    assert [one["trouble"] for one in done["troubles"]] == [trouble]
    assert "maija" not in json.dumps(done)


def test_one_refused_recipient_keeps_no_other_from_getting_theirs(office: Office) -> None:
    office.relay.answers["maija@koti.example"] = "550 unknown"
    office.tell(MOTHER, PUPIL, TEACHER)
    done = office.send()
    assert (done["sent"], done["refused"]) == (2, 1)


# Never twice


def test_a_process_that_dies_while_it_sends_has_sent_once(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    office.tell(MOTHER, PUPIL)

    def die(*_: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(letters, "end", die)
    with pytest.raises(KeyboardInterrupt):
        office.send()
    monkeypatch.undo()
    assert sorted(office.states()) == ["sending", "waiting"]
    done = office.send(NOON + timedelta(hours=1))
    assert (done["sent"], done["unsure"], done["waiting"]) == (1, 1, 0)
    assert len(office.relay.recipients) == len(set(office.relay.recipients)) == 2


def test_a_connection_that_breaks_after_the_mail_was_given_sends_it_once(office: Office) -> None:
    office.relay.breaks_at_data = True
    office.tell(MOTHER)
    office.send()
    office.relay.breaks_at_data = False
    office.send(NOON + timedelta(hours=1))
    assert office.states() == ["unsure"]
    assert len(office.relay.mails) == 1


def test_two_processes_do_not_send_at_once(office: Office) -> None:
    with office.engine.connect() as connection:
        connection.execute(text("select pg_advisory_lock(hashtext('digione notify'))"))
        with pytest.raises(LockedError):
            office.send()
    office.tell(MOTHER)
    assert office.send()["sent"] == 1


def test_more_people_need_no_more_statements_to_be_found(office: Office) -> None:
    def gathered() -> int:
        statements: list[str] = []
        event.listen(office.engine, "before_cursor_execute", lambda _c, _u, what, *_: statements.append(what))
        with Session(office.engine) as session:
            letters.gather(session, NOON)
            assert letters.due(session, NOON)
        return len(statements)

    office.tell(MOTHER)
    few = gathered()
    office.tell(*office.town.people)
    assert gathered() == few


# TLS and accounts


@pytest.fixture
def authority(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> trustme.CA:
    made = trustme.CA()
    file = tmp_path / "authority.pem"
    made.cert_pem.write_to_path(str(file))
    monkeypatch.setenv("SSL_CERT_FILE", str(file))
    return made


def context_of(authority: trustme.CA, name: str) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(name).configure_cert(context)
    return context


def test_over_tls_with_an_account(
    engine: Engine, settings: Settings, town: Town, authority: trustme.CA
) -> None:
    relay = MailRelay()
    with running(relay, tls=context_of(authority, "127.0.0.1"), password="right"):
        office = Office(engine, settings, town, relay)
        office.tell(MOTHER)
        for password, sent in (("wrong", 0), ("right", 1)):
            account = relay.settings(tls=True, user="digione", password=password)
            office.settings = settings.model_copy(update={"relay": account})
            assert office.send(NOON + timedelta(hours=sent))["sent"] == sent


def test_a_relay_that_is_not_the_one_gets_nothing(authority: trustme.CA) -> None:
    relay = MailRelay()
    with (
        running(relay, tls=context_of(authority, "other.example")),
        pytest.raises(RelayAwayError, match="TLS"),
    ):
        Post(relay.settings(tls=True), "mallila.example")


def test_nothing_is_sent_without_tls_where_it_is_wanted(relay: MailRelay) -> None:
    with pytest.raises(RelayAwayError, match="no STARTTLS"):
        Post(relay.settings(tls=True), "mallila.example")


# Seen by those who must mend it


def test_without_a_relay_nothing_is_written(engine: Engine, settings: Settings, office: Office) -> None:
    office.tell(MOTHER)
    assert send(engine, settings, NOON)["waiting"] == 0
    assert office.states() == []


def test_the_administrator_sees_numbers_and_nobody_by_name(office: Office, browse: Browse) -> None:
    office.relay.answers["RCPT"] = "450 4.2.0 <maija@koti.example> full"
    office.tell(MOTHER, "Suvi Suojattu")
    office.send()
    admin = browse("Helena Hallinto")
    page = admin.get("/administration/mail").text
    assert "SMTP 450 4.2.0" in page
    assert "No mail is sent" in page
    for name in ("Maija", "maija", "Suvi", "MARKER"):
        assert name not in page
    assert browse("Sirpa Sihteeri").get("/administration/mail").status_code == 404
    [found] = [one for one in page.split("<dt>") if one.startswith("Of them late")]
    assert "<dd>2</dd>" in found


def test_the_command(engine: Engine, settings: Settings, town: Town, tmp_path: Path) -> None:
    relay = MailRelay()
    office = Office(engine, settings, town, relay)
    office.prefer(MOTHER, mail=Mail.AT_ONCE, quiet_from=0, quiet_until=0)
    office.tell(MOTHER, at=datetime.now(UTC))
    file = tmp_path / "settings.json"
    document = json.loads(office.settings.model_dump_json())
    document["session_secret"], document["database"]["password"] = "not-a-secret-in-tests", ""
    document["relay"]["password"] = ""
    file.write_text(json.dumps(document), "utf-8")
    run = platform_command(file)
    failed = run("notify", "send")
    assert failed.returncode == 5
    assert "P-NOTIFY-001" in failed.stderr
    assert "Connection refused" in failed.stderr
    told = json.loads(run("notify", "status", "--json").stdout)
    assert (told["waiting"], told["late"], told["relay"]) == (1, 1, True)
    assert "kirjeitä odottaa: 1" in run("notify", "status", language="fi").stdout
    office.do("update letters set due = now()")
    with running(relay):
        assert run("notify", "send").returncode == 0
    assert relay.recipients == ["maija@koti.example"]


# What a person chooses


def choose(browser: Any, **values: Any) -> Any:
    sent = {"language": "", "mail": "daily", "quiet_from": 21, "quiet_until": 7} | values
    return browser.post("/me", data=sent, follow_redirects=False)


def test_a_person_chooses_and_it_is_in_history_and_audit(browse: Browse, engine: Engine, town: Town) -> None:
    mother = browse(MOTHER)
    assert choose(mother, mail="at once", quiet_from=22, quiet_until=6).status_code == 303
    assert choose(mother, mail="at once", quiet_from=22, quiet_until=6).status_code == 303
    page = mother.get("/me").text
    for chosen in ('<option value="at once" selected>', '<option value="22" selected>'):
        assert chosen in page
    with Session(engine) as session:
        events = session.scalars(
            text("select detail -> 'fields' from audit_events where action = 'change preferences'")
        ).all()
        assert events == [["mail", "quiet_from", "quiet_until"]]
        actor = session.scalar(text("select actor from row_history where table_name = 'preferences'"))
        assert actor == str(town.people[MOTHER])
    history = browse("Helena Hallinto").get(f"/history/persons/{town.people[MOTHER]}").text
    assert "Own settings" in history


def test_a_chosen_language_is_spoken_at_once(browse: Browse) -> None:
    mother = browse(MOTHER)
    choose(mother, language="sv")
    assert '<html lang="sv">' in mother.get("/").text
    mother.cookies.delete("digione-language")
    assert '<html lang="sv">' in mother.get("/").text
    # What this browser was told by hand stays while another thing is chosen.
    mother.cookies.set("digione-language", "en")
    choose(mother, language="sv", quiet_from=20)
    assert '<html lang="en">' in mother.get("/").text
    mother.cookies.delete("digione-language")
    choose(mother)
    assert '<html lang="sv">' not in mother.get("/", headers={"accept-language": "fi"}).text


@pytest.mark.parametrize(
    "wrong",
    [{"mail": "hourly"}, {"quiet_from": 24}, {"quiet_until": -1}, {"language": "de"}, {"quiet_from": "x"}],
)
def test_what_cannot_be_chosen(browse: Browse, engine: Engine, wrong: dict[str, Any]) -> None:
    assert choose(browse(MOTHER), **wrong).status_code == 422
    with Session(engine) as session:
        assert session.scalar(text("select count(*) from preferences")) == 0


def test_a_form_of_another_site_changes_nothing(browse: Browse, engine: Engine) -> None:
    mother = browse(MOTHER)
    mother.headers["origin"] = "https://evil.example"
    assert choose(mother).status_code == 403
    assert mother.post("/news/seen", data={"until": NOON.isoformat()}).status_code == 403


def test_letter_states_are_all_told_of() -> None:
    assert set(LetterState) == {"waiting", "sending", "sent", "unsure", "refused", "dropped"}


def test_everything_goes_with_the_person(office: Office) -> None:
    office.prefer(MOTHER, mail=Mail.AT_ONCE)
    office.tell(MOTHER)
    office.send()
    person: UUID = office.town.people[MOTHER]
    office.do("delete from accounts where person_id = :id", id=person)
    office.do("delete from roles where person_id = :id", id=person)
    office.do("delete from guardianships where guardian_id = :id", id=person)
    office.do("delete from persons where id = :id", id=person)
    with Session(office.engine) as session:
        for table in ("news", "letters", "preferences"):
            assert session.scalar(text(f"select count(*) from {table}")) == 0  # noqa: S608 - ours
