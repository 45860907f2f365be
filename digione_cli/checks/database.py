"""The municipality's own PostgreSQL server: reached, trusted, usable, large enough."""

from collections.abc import Iterator

from digione_cli.engine.desired import authority_of
from digione_cli.engine.secrets import SecretName
from digione_cli.engine.situation import Situation
from digione_cli.model.external import ExternalPostgresql
from digione_cli.model.finding import Code, Finding, Level
from digione_cli.texts import mark, t
from digione_cli.world.postgresql import Server
from digione_cli.world.world import World

STAGES = ("preflight", "doctor")

SERVICE = "postgresql"
VERSION = 150_000

CODES = {
    "D1-DB-001": Code(
        title="Database server not reached",
        cause="the host gets no connection to external.postgresql",
        fix=mark("make sure that the server runs, and that its firewall lets the instance's hosts in"),
    ),
    "D1-DB-002": Code(
        title="Database server not trusted",
        cause="the server speaks no TLS, or its certificate is of another name or of an unknown authority",
        fix=mark("name the server as its certificate does, and its authority in external.authority"),
    ),
    "D1-DB-003": Code(
        title="Database server refuses us",
        cause="the password or the role is wrong, or pg_hba.conf of the server does not name the host",
        fix=mark("digione secrets set {instance} postgresql_admin stores the right password"),
    ),
    "D1-DB-004": Code(
        title="Database server too old",
        cause="PostgreSQL is older than version 15",
        fix=mark("upgrade the server, or name another one in external.postgresql"),
    ),
    "D1-DB-005": Code(
        title="Role may too little",
        cause="the role in external.postgresql cannot make the tenants' databases and roles",
        fix=mark("let the server's administrator grant it what is lacking"),
    ),
    "D1-DB-006": Code(
        title="Few connections",
        cause="the server takes fewer connections than the tenants may open",
        fix=mark("raise max_connections of the server, or lower services.postgresql.*_connections"),
    ),
    "D1-DB-007": Code(
        title="Role is somebody else's",
        cause="the server has a role of the name that a tenant needs, and digione did not make it",
        fix=mark(
            "let the server's administrator rename or drop it, or grant it to the role in external.postgresql"
        ),
    ),
    "D1-DB-008": Code(
        title="The data is elsewhere",
        cause="external.postgresql is named for an instance that keeps its data in a server of its own",
        fix=mark("take external.postgresql out again; how-to/external-services says how data is moved"),
    ),
}


def check(situation: Situation, world: World) -> Iterator[Finding]:
    """Sign in to the server through the host from which its databases are made."""
    server = situation.instance.external.services.get(SERVICE)
    if server is None:
        return
    yield from _own(situation)
    host = situation.instance.placed(SERVICE)[0]
    if not situation.facts[host].reached:
        return
    target = next(one for one in world.targets(situation.instance) if one.name == host)
    password = situation.secrets.values[SecretName("postgresql_admin")]
    roles = [f"{of}_{tenant}" for tenant in situation.tenants() for of in ("platform", "identity")]
    seen = world.postgresql(
        target, server, password, authority_of(situation.instance), [*roles, "digione_exporter"]
    )
    yield from _server(situation, server, host, seen)


def _server(situation: Situation, server: ExternalPostgresql, host: str, seen: Server) -> Iterator[Finding]:
    at = f"{server.address}:{server.port}"
    if seen.trouble:
        code = {"unreached": "D1-DB-001", "untrusted": "D1-DB-002", "refused": "D1-DB-003"}[seen.trouble]
        text = t("{server}, from {host}: {reason}", server=at, host=host, reason=seen.reason)
        yield _finding(code, Level.ERROR, text, situation)
        return
    if seen.version < VERSION:
        yield _finding(
            "D1-DB-004",
            Level.ERROR,
            t("{server} is version {version}", server=at, version=seen.version_name),
            situation,
        )
    if seen.lacks:
        text = t("{role} lacks {rights}", role=server.user, rights=", ".join(seen.lacks))
        yield _finding("D1-DB-005", Level.ERROR, text, situation)
    wanted = _connections(situation)
    if seen.connections < wanted:
        text = t(
            "{server} takes {has} connections, the tenants may open {wanted}",
            server=at,
            has=seen.connections,
            wanted=wanted,
        )
        yield _finding("D1-DB-006", Level.WARNING, text, situation)
    if seen.taken:
        text = t("{server} has {roles} already", server=at, roles=", ".join(seen.taken))
        yield _finding("D1-DB-007", Level.ERROR, text, situation)


def _own(situation: Situation) -> Iterator[Finding]:
    """Tell of an instance that has a server of its own: the databases at the other one would be empty."""
    for host, facts in situation.facts.items():
        if facts.instance == situation.instance.name and any(
            u.startswith("postgresql@") for u in facts.units
        ):
            yield _finding(
                "D1-DB-008", Level.ERROR, t("{host} has the instance's own server", host=host), situation
            )


def _connections(situation: Situation) -> int:
    """Connections that all tenants may open, as roles/postgresql limits them."""
    service = situation.services[SERVICE]
    given = situation.instance.services.get(SERVICE, {})
    names = ("platform_connections", "identity_connections")
    per_tenant = sum(int(given.get(name, service.settings[name].default)) for name in names)
    return len(situation.tenants()) * per_tenant


def _finding(code: str, level: Level, text: str, situation: Situation) -> Finding:
    fix = t(CODES[code].fix, instance=situation.instance.name)
    return Finding(code=code, level=level, subject=SERVICE, text=text, fix=fix)
