"""Services that connect, their tokens, and when rows of the master data last changed."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import ForeignKey, String, false, func
from sqlalchemy.orm import Mapped, mapped_column

from digione_platform.core.models import Base, Identified


class ApiClient(Identified, Base):
    """A service that may connect. ``id`` is its client id; ``scopes`` are the short names of ``Scope``.

    ``secret`` is the SHA-256 of 256 random bits: no slow hash is needed, for nobody can guess them, and a
    slow one would let strangers keep the processor busy.
    """

    __tablename__ = "api_clients"

    name: Mapped[str] = mapped_column(unique=True)
    contact: Mapped[str]
    scopes: Mapped[list[str]]
    # Whether it may see people under non-disclosure. Otherwise they do not exist for it.
    protected: Mapped[bool] = mapped_column(server_default=false(), default=False)
    secret: Mapped[str] = mapped_column(String(64))
    created: Mapped[datetime] = mapped_column(server_default=func.now())
    last_used: Mapped[datetime | None]
    disabled: Mapped[datetime | None]


class ApiToken(Base):
    """An access token. ``id`` is its SHA-256: the table opens nothing."""

    __tablename__ = "api_tokens"

    id: Mapped[str] = mapped_column(String(64), primary_key=True)
    client_id: Mapped[UUID] = mapped_column(ForeignKey("api_clients.id", ondelete="CASCADE"), index=True)
    scopes: Mapped[list[str]]
    expires: Mapped[datetime]


class ChangedRow(Base):
    """When a row of the master data, or what is shown with it, last changed here, in whatever way.

    Written by triggers, where the row's own ``last_modified`` does not say so: that is what its source says,
    which may be long ago, and whoever reads changes since a time would miss it.
    """

    __tablename__ = "changed_rows"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    at: Mapped[datetime]
