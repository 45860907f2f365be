"""Which form a file has that is to be imported: what it holds decides, not its name."""

from pathlib import Path

from digione_platform.roster.archive import Refused, open_regular
from digione_platform.roster.bundle import open_bundle
from digione_platform.roster.organisations import open_organisations
from digione_platform.roster.primus.mapping import read_mapping
from digione_platform.roster.primus.source import open_mapped
from digione_platform.roster.primus.work import Context
from digione_platform.roster.problems import Problem, Problems
from digione_platform.roster.source import Source


def open_source(
    path: Path,
    mapping: Path | None,
    problems: Problems,
    *,
    tenant_oid: str,
    language: str,
    allow_mass_removal: bool,
) -> Source | None:
    """The source at a path if it can be read; otherwise None, and the problems say why."""
    if mapping is not None:
        read = read_mapping(mapping, problems)
        context = Context(tenant_oid, allow_mass_removal)
        return open_mapped(path, read, problems, context) if read else None
    try:
        with open_regular(path) as stream:
            start = stream.read(64)
    except Refused as refused:
        problems.add(refused.problem)
        return None
    if start.removeprefix(b"\xef\xbb\xbf").lstrip().startswith((b"{", b"[")):
        return open_organisations(path, problems, tenant_oid=tenant_oid, language=language)
    if not start.startswith(b"PK") and path.suffix.lower() in (".csv", ".txt"):
        problems.add(Problem("P-ROSTER-107", path.name))
        return None
    return open_bundle(path, problems)
