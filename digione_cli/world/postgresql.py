"""A look at a PostgreSQL server as the administrator whom it gave us."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from pydantic import SecretStr

from digione_cli.model.external import ExternalPostgresql
from digione_cli.world.files import trusted
from digione_cli.world.ssh import Target
from digione_cli.world.tunnel import through

_QUERY = """
select current_setting('server_version_num')::int, rolcreatedb or rolsuper, rolcreaterole or rolsuper,
       rolsuper or current_setting('server_version_num')::int < 160000
       or pg_has_role('pg_monitor', 'MEMBER WITH ADMIN OPTION'),
       current_setting('max_connections')::int - current_setting('superuser_reserved_connections')::int,
       array(select rolname::text from pg_roles
             where rolname = any(%s) and not pg_has_role(oid, 'MEMBER') order by 1)
from pg_roles where rolname = current_user
"""
# libpq's own words, which are never translated; all others are the server's
_UNTRUSTED = ("certificate", "does not support SSL", "SSL error", "SSL was required")
_UNREACHED = (
    "closed the connection unexpectedly",
    "timeout expired",
    "Connection refused",
    "could not receive",
)


@dataclass(frozen=True)
class Server:
    """What is seen of a server; ``trouble`` says what kept us from looking, ``reason`` in which words."""

    trouble: Literal["", "unreached", "untrusted", "refused"] = ""
    reason: str = ""
    version: int = 0
    lacks: tuple[str, ...] = ()
    connections: int = 0
    taken: tuple[str, ...] = ()

    @property
    def version_name(self) -> str:
        """The version as people write it, such as 15.8."""
        return f"{self.version // 10_000}.{self.version % 10_000}"


def look(
    target: Target, server: ExternalPostgresql, password: SecretStr, authority: str, roles: Sequence[str]
) -> Server:
    """Sign in to a server through a host; never raises for what the server does.

    ``authority`` is trusted besides the public ones; ``taken`` are those of ``roles`` that others made.
    """
    import psycopg

    with through(target, server.address, server.port) as tunnel, trusted(authority) as certificates:
        try:
            with psycopg.connect(
                host=server.address,  # the name that the certificate must have
                hostaddr="127.0.0.1",
                port=tunnel.port,
                user=server.user,
                password=password.get_secret_value(),
                dbname="postgres",
                sslmode="verify-full",
                sslrootcert=str(certificates),
                connect_timeout=10,
                application_name="digione",
            ) as connection:
                row = connection.execute(_QUERY, [list(roles)]).fetchone()
        except psycopg.Error as e:
            return _trouble(str(e), tunnel.failure())
    assert row
    version, *rights, connections, taken = row
    names = ("CREATEDB", "CREATEROLE", "pg_monitor WITH ADMIN OPTION")
    lacks = tuple(name for name, has in zip(names, rights, strict=True) if not has)
    return Server(version=version, lacks=lacks, connections=connections, taken=tuple(taken))


def _trouble(said: str, failure: str) -> Server:
    """Given libpq's words and those of ssh, tell what went wrong."""
    if failure:
        return Server("unreached", failure)
    reason = re.sub(
        r'^.*connection to server at "127\.0\.0\.1", port \d+ failed: ', "", " ".join(said.split())
    )
    if any(words in reason for words in _UNREACHED):
        return Server("unreached", reason)
    return Server("untrusted" if any(words in reason for words in _UNTRUSTED) else "refused", reason)
