"""Finland's municipalities: their codes (Statistics Finland) and their names in both national languages."""

import csv
from collections.abc import Mapping
from functools import cache
from pathlib import Path

from digione_cli.model.instance import Tenant
from digione_cli.texts import t

_FILE = Path(__file__).with_suffix(".csv")


@cache
def municipalities() -> Mapping[str, tuple[str, str]]:
    """Return the Finnish and the Swedish name of every municipality, by its code."""
    with _FILE.open(encoding="utf-8", newline="") as file:
        return {row["code"]: (row["fi"], row["sv"]) for row in csv.DictReader(file)}


def doubt(tenant: Tenant) -> str:
    """Say what is odd about a tenant's code and name, or nothing; towns made up for tests have any code."""
    known = municipalities().get(tenant.code)
    if known is None:
        test = tenant.oid.split(".")[4] in ("99", "199")
        return "" if test else t("no municipality of Finland has the code {code}", code=tenant.code)
    fi, sv = known
    if _plain(tenant.name.fi) == _plain(fi) and _plain(tenant.name.sv) in (_plain(fi), _plain(sv)):
        return ""
    name = fi if fi == sv else f"{fi} ({sv})"
    return t(
        "{code} is the code of {name}; make sure that code and name are right", code=tenant.code, name=name
    )


def _plain(name: str) -> str:
    return " ".join(name.casefold().replace("-", " ").split())
