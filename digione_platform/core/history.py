"""The history of master data: who changed what, when, and what it was. The database's triggers write it."""

from sqlalchemy import text
from sqlalchemy.orm import Session


def act_as(session: Session, actor: str) -> None:
    """Say who changes rows in this transaction: a person's identifier, or an operator's name."""
    session.execute(text("select set_config('digione.actor', :actor, true)"), {"actor": actor})
