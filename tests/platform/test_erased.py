"""Who was erased stays erased when an older database is restored."""

from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID

import pytest
from sqlalchemy import Engine, text
from sqlalchemy.orm import Session

from digione_platform.core.chain import verify
from digione_platform.db import open_database
from digione_platform.settings import Settings
from digione_platform.subjects import erased
from tests.platform.test_subject import erase, leave
from tests.platform.town import Town

NOW = datetime(2026, 11, 30, 12, tzinfo=UTC)


@pytest.fixture
def kept(settings: Settings, tmp_path: Path) -> Settings:
    """The same settings with a folder outside the database."""
    return settings.model_copy(update={"state": tmp_path})


@pytest.fixture
def engine(settings: Settings) -> Engine:
    return open_database(settings)


def remembered(engine: Engine, settings: Settings) -> str:
    with Session(engine) as session:
        erased.remember(session, settings)
    assert settings.state
    return (settings.state / erased.FILE).read_text() if (settings.state / erased.FILE).exists() else ""


def bring_back(engine: Engine, person: UUID) -> None:
    """What a restore of an older database does."""
    with Session(engine) as session, session.begin():
        session.execute(
            text("""insert into persons (id, sourced_id, given_name, family_name, status)
                    values (:person, 'back', 'Suvi', 'Suojattu', 'active')"""),
            {"person": person},
        )


def there(engine: Engine, person: UUID) -> bool:
    with Session(engine) as session:
        return bool(
            session.scalar(text("select count(*) from persons where id = :person"), {"person": person})
        )


def test_the_list_holds_identifiers_and_nothing_else(engine: Engine, town: Town, kept: Settings) -> None:
    assert remembered(engine, kept) == ""
    person = town.people["Suvi Suojattu"]
    leave(engine, person)
    erase(engine, person)
    assert remembered(engine, kept) == f"{person}\n"
    assert remembered(engine, kept) == f"{person}\n"


def test_whom_a_restore_brought_back_is_erased_before_anyone_is_served(
    engine: Engine, town: Town, kept: Settings
) -> None:
    person = town.people["Suvi Suojattu"]
    leave(engine, person)
    erase(engine, person)
    remembered(engine, kept)
    bring_back(engine, person)
    assert erased.erase_again(engine, kept, NOW) == 1, "also one who is in use, as the older database has it"
    assert not there(engine, person)
    assert erased.erase_again(engine, kept, NOW) == 0
    with engine.connect() as connection:
        assert verify(connection).wrong == ""


def test_an_erasure_that_was_undone_by_a_failure_is_not_on_the_list(
    engine: Engine, town: Town, kept: Settings
) -> None:
    from digione_platform.i18n import today
    from digione_platform.subjects import rights

    person = town.people["Suvi Suojattu"]
    leave(engine, person)
    with Session(engine) as session:
        rights.erase(session, person, today=today(), operator="oona", reason="x", apply=True)
        session.rollback()
    assert remembered(engine, kept) == ""
    assert erased.erase_again(engine, kept, NOW) == 0
    assert there(engine, person)
