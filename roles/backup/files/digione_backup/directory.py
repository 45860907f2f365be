"""One tenant's subtree of the directory of accounts, put back from what slapcat told."""

import base64
from collections.abc import Iterator
from pathlib import Path

from digione_backup import programs

DUMP = "directory.ldif"
_OPTIONS = ["-Q", "-Y", "EXTERNAL", "-H", "ldapi:///"]
_NO_SUCH_OBJECT = 32


def put_back(folder: Path, tenant: str) -> None:
    """Given the folder of dumps, put back the subtree of a tenant."""
    base = _base(tenant)
    entries = list(subtree((folder / DUMP).read_text(encoding="utf-8"), base))
    programs.run(["ldapdelete", *_OPTIONS, "-r", base], codes=(0, _NO_SUCH_OBJECT))
    # What the directory itself notes, such as when a password was changed, is put back as well.
    programs.run(["ldapadd", *_OPTIONS, "-e", "!relax"], stdin="\n\n".join(entries) + "\n")


def narrow(folder: Path, tenant: str) -> None:
    """Given the folder of dumps, leave only what is of a tenant, if the directory was here."""
    file = folder / DUMP
    if file.exists():
        entries = list(subtree(file.read_text(encoding="utf-8"), _base(tenant)))
        file.write_text("\n\n".join(entries) + "\n", encoding="utf-8")


def _base(tenant: str) -> str:
    return f"ou={tenant},dc=digione"


def subtree(ldif: str, base: str) -> Iterator[str]:
    """Given LDIF (RFC 2849) and a DN, yield the entries at it and below it, in their order."""
    for entry in ldif.replace("\n ", "").split("\n\n"):
        first = entry.lstrip("\n").partition("\n")[0]
        name = first.removeprefix("dn: ")
        if first.startswith("dn:: "):
            name = base64.b64decode(first.removeprefix("dn:: ")).decode()
        if name == base or name.endswith(f",{base}"):
            yield "\n".join(line for line in entry.strip("\n").splitlines() if not _kept_by_the_server(line))


def _kept_by_the_server(line: str) -> bool:
    """Attributes that no client may give, whatever it asks for."""
    return line.startswith(("structuralObjectClass:", "entryCSN:", "contextCSN:", "subschemaSubentry:"))
