"""The tenant's people in the directory: one entry per account, named by the account's identifier.

``employeeNumber`` is the account's UUID (the OpenID Connect ``sub``), ``uid`` the username. Passwords live
here only; the platform sets them and cannot read them. An account that may not sign in is locked.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from ssl import CERT_REQUIRED
from typing import Any

import ldap3
from ldap3.core.exceptions import (
    LDAPConstraintViolationResult,
    LDAPException,
    LDAPInvalidCredentialsResult,
    LDAPNoSuchObjectResult,
    LDAPUnwillingToPerformResult,
)
from ldap3.utils.conv import escape_filter_chars
from ldap3.utils.dn import escape_rdn

from digione_platform.errors import InputError, PartlyDone, PlatformError, PreconditionError
from digione_platform.i18n import mark
from digione_platform.settings import Directory

# What ppolicy takes for "locked until someone unlocks"; other values are lockouts after wrong passwords.
LOCKED = "000001010000Z"
CLASSES = ("inetOrgPerson", "digionePerson")
ATTRIBUTES = ("uid", "cn", "sn", "givenName", "employeeNumber", "preferredLanguage", "learnerId")
_PAGE = 500
_ASKED_AT_ONCE = 100


@dataclass(frozen=True)
class Entry:
    """A person as the directory has, or is to have, them. ``number`` is the account's identifier."""

    number: str
    username: str
    given_name: str
    family_name: str
    language: str | None = None
    learner_number: str | None = None
    locked: bool = False

    @property
    def attributes(self) -> dict[str, str]:
        """The attributes of the entry that have a value, but for its name and lock."""
        values = {
            "cn": f"{self.given_name} {self.family_name}",
            "sn": self.family_name,
            "givenName": self.given_name,
            "employeeNumber": self.number,
            "preferredLanguage": self.language,
            "learnerId": self.learner_number,
        }
        return {name: value for name, value in values.items() if value}


@dataclass
class Changes:
    """What brings the directory to the wanted entries."""

    added: list[Entry] = field(default_factory=list)
    changed: list[tuple[Entry, Entry]] = field(default_factory=list)
    removed: list[Entry] = field(default_factory=list)
    unchanged: int = 0

    def as_json(self) -> dict[str, int]:
        return {
            "added": len(self.added),
            "changed": len(self.changed),
            "removed": len(self.removed),
            "unchanged": self.unchanged,
        }


def compare(wanted: Iterator[Entry], found: Iterator[Entry]) -> Changes:
    """Given the entries that should be and those that are, the changes between them."""
    changes = Changes()
    present = {entry.number: entry for entry in found}
    for entry in wanted:
        old = present.pop(entry.number, None)
        if old is None:
            changes.added.append(entry)
        elif old != entry:
            changes.changed.append((old, entry))
        else:
            changes.unchanged += 1
    changes.removed.extend(present.values())
    return changes


@contextmanager
def open_directory(settings: Directory, authority: Path | None) -> Iterator["People"]:
    """A connection over TLS to the tenant's people; the server is checked by the instance's authority."""
    where = f"{settings.host}:{settings.port}"
    try:
        tls = ldap3.Tls(validate=CERT_REQUIRED, ca_certs_file=str(authority) if authority else None)
        server = ldap3.Server(
            settings.host, settings.port, use_ssl=True, tls=tls, connect_timeout=5, get_info=ldap3.NONE
        )
        connection = ldap3.Connection(
            server,
            settings.bind_dn,
            settings.password.get_secret_value(),
            auto_bind=ldap3.AUTO_BIND_NO_TLS,
            raise_exceptions=True,
            receive_timeout=30,
        )
    except LDAPInvalidCredentialsResult as error:
        raise PreconditionError(
            "P-ACCOUNTS-003",
            mark("The directory was not opened"),
            mark("{where} does not accept the platform's password"),
            "digione apply <instance>",
            where=where,
        ) from error
    except (LDAPException, OSError) as error:
        raise _away(where, error) from error
    people = People(connection, settings.base)
    try:
        yield people
    except (LDAPException, OSError) as error:
        raise (_stopped if people.changed else _away)(where, error) from error
    finally:
        connection.unbind()


def _away(where: str, error: Exception) -> PlatformError:
    return PreconditionError(
        "P-ACCOUNTS-002",
        mark("The directory did not do what it was asked"),
        "{where}: {reason}",
        mark("digione status <instance>; when the directory answers again: digione-platform accounts sync"),
        where=where,
        reason=_reason(error),
    )


def _stopped(where: str, error: Exception) -> PlatformError:
    return PartlyDone(
        "P-ACCOUNTS-010",
        mark("The directory did only a part of what it was asked"),
        "{where}: {reason}",
        mark("when the directory answers: digione-platform accounts sync"),
        where=where,
        reason=_reason(error),
    )


def _reason(error: Exception) -> str:
    return str(error).splitlines()[0] if str(error) else type(error).__name__


class People:
    """The entries below the tenant's ``ou=people``; ``changed`` says whether a change was begun."""

    def __init__(self, connection: ldap3.Connection, base: str) -> None:
        self._connection, self._base = connection, base
        self.changed = False

    def all(self) -> Iterator[Entry]:
        """Every entry that an account made."""
        return self._search("(&(objectClass=inetOrgPerson)(employeeNumber=*))")

    def some(self, numbers: list[str]) -> Iterator[Entry]:
        """The entries of some accounts."""
        for start in range(0, len(numbers), _ASKED_AT_ONCE):
            asked = numbers[start : start + _ASKED_AT_ONCE]
            terms = (f"(employeeNumber={escape_filter_chars(number)})" for number in asked)
            yield from self._search(f"(|{''.join(terms)})")

    def _search(self, wanted: str) -> Iterator[Entry]:
        found = self._connection.extend.standard.paged_search(
            self._base,
            wanted,
            search_scope=ldap3.LEVEL,
            attributes=[*ATTRIBUTES, "pwdAccountLockedTime"],
            paged_size=_PAGE,
        )
        for entry in found:
            yield _entry(entry["raw_attributes"])

    def apply(self, changes: Changes) -> None:
        """Carry changes out; a second try after a failure goes on where the first one stopped."""
        self.changed = True
        for entry in changes.removed:
            self._connection.delete(self._dn(entry.username))  # type: ignore[no-untyped-call]
        renamed = [(old, new) for old, new in changes.changed if old.username.lower() != new.username.lower()]
        # By way of names that nobody has, so that people may exchange theirs.
        for old, new in renamed:
            self._connection.modify_dn(self._dn(old.username), _rdn(new.number))
        for _, new in renamed:
            self._connection.modify_dn(self._dn(new.number), _rdn(new.username))
        for old, new in changes.changed:
            self._modify(old, new)
        for entry in changes.added:
            self._connection.add(  # type: ignore[no-untyped-call]
                self._dn(entry.username), list(CLASSES), entry.attributes
            )
            if entry.locked:
                self._modify(Entry(entry.number, entry.username, entry.given_name, entry.family_name), entry)

    def set_password(self, username: str, password: str) -> None:
        """Give a person a new password; the directory's policy may refuse it."""
        what = mark("The password of {username} was not changed")
        try:
            self._connection.extend.standard.modify_password(self._dn(username), new_password=password)
        except (LDAPConstraintViolationResult, LDAPUnwillingToPerformResult) as error:
            raise InputError(
                "P-ACCOUNTS-006",
                what,
                mark("the directory's policy refuses it: {reason}"),
                mark("give a longer password that was not used before"),
                username=username,
                reason=error.message or error.description,
            ) from error
        except LDAPNoSuchObjectResult as error:
            raise PreconditionError(
                "P-ACCOUNTS-007",
                what,
                mark("the account is not in the directory yet"),
                "digione-platform accounts sync",
                username=username,
            ) from error

    def _modify(self, old: Entry, new: Entry) -> None:
        had, wanted = old.attributes, new.attributes
        changes: dict[str, Any] = {
            name: [(ldap3.MODIFY_REPLACE, [wanted[name]] if name in wanted else [])]
            for name in had.keys() | wanted.keys()
            if had.get(name) != wanted.get(name)
        }
        if new.learner_number and not old.learner_number:
            changes["objectClass"] = [(ldap3.MODIFY_REPLACE, list(CLASSES))]
        if old.locked != new.locked:
            changes["pwdAccountLockedTime"] = [(ldap3.MODIFY_REPLACE, [LOCKED] if new.locked else [])]
        if changes:
            self._connection.modify(self._dn(new.username), changes)  # type: ignore[no-untyped-call]

    def _dn(self, username: str) -> str:
        return f"{_rdn(username)},{self._base}"


def _rdn(username: str) -> str:
    return f"uid={escape_rdn(username)}"


def _entry(raw: dict[str, list[bytes]]) -> Entry:
    def first(name: str) -> str | None:
        values = raw.get(name)
        return values[0].decode() if values else None

    return Entry(
        first("employeeNumber") or "",
        first("uid") or "",
        first("givenName") or "",
        first("sn") or "",
        first("preferredLanguage"),
        first("learnerId"),
        first("pwdAccountLockedTime") == LOCKED,
    )
