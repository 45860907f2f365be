"""What a person keeps elsewhere to recover an instance of which nothing else is left.

A kit holds the inventory and the key of its secrets, sealed; the key of the seal is split into shares of
words (SLIP-39, https://github.com/satoshilabs/slips/blob/master/slip-0039.md), of which some are needed
together. Each share is one text file with the sealed kit in it.
"""

import base64
import hashlib
import hmac
import json
import re
import secrets
import textwrap
import zlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from digione_cli.engine.secrets import Secrets, SecretStore
from digione_cli.errors import IntegrityError, UsageError
from digione_cli.model.instance import Instance
from digione_cli.texts import moment, t
from digione_cli.world.files import write_whole

RECORD = "recovery-kit.json"
_BEGIN, _END = "-----BEGIN DIGIONE RECOVERY KIT-----", "-----END DIGIONE RECOVERY KIT-----"
_WORDS = re.compile(r"^  ((?:[a-z]+ ?){20,60})$", re.M)
_MOST = 20_000_000  # bytes of a kit
_FILES = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*|tenants/[A-Za-z0-9][A-Za-z0-9._-]*")


@dataclass(frozen=True)
class Kit:
    """An opened kit: the files of an inventory by name, and the key of its secrets."""

    instance: str
    made: str
    files: Mapping[str, str]
    key: str


def seal(instance: Instance, store: SecretStore, now: datetime, needed: int, shares: int) -> list[str]:
    """Given an instance, return the texts of its kit's shares; ``needed`` of them open it together."""
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM
    from shamir_mnemonic import generate_mnemonics

    key = secrets.token_bytes(32)
    made = now.isoformat(timespec="seconds")
    kit = {"version": 1, "instance": instance.name, "made": made, "files": _files(instance.folder)}
    kit["key"] = store.key()
    nonce = secrets.token_bytes(12)
    packed = zlib.compress(json.dumps(kit).encode())
    sealed = base64.b64encode(nonce + AESGCM(key).encrypt(nonce, packed, None)).decode()
    words = generate_mnemonics(1, [(needed, shares)], key)[0]
    return [_text(instance, made, number, needed, words, sealed) for number in range(1, shares + 1)]


def _files(folder: Path) -> dict[str, str]:
    found = [path for path in (*folder.iterdir(), *(folder / "tenants").iterdir()) if path.is_file()]
    names = {str(path.relative_to(folder)): path for path in found}
    return {n: p.read_text(encoding="utf-8") for n, p in sorted(names.items()) if _FILES.fullmatch(n)}


def _text(instance: Instance, made: str, number: int, needed: int, words: Sequence[str], sealed: str) -> str:
    targets = [f"  {name}: {one.kind} {one.place}" for name, one in instance.backup.targets.items()]
    steps = [
        t("Install digione {release} on a Debian 12 machine: its README says how.", release=instance.release),
        t("Get a new Debian 12 host for each host of the instance: {hosts}", hosts=", ".join(instance.hosts)),
        t(
            "With {needed} of the {shares} shares: {command}",
            needed=needed,
            shares=len(words),
            command=_command(instance, needed),
        ),
        t(
            "Write the new addresses into inventories/{name}/instance.yml, then: digione trust {name}",
            name=instance.name,
        ),
        f"digione restore {instance.name}",
    ]
    title = t(
        "DigiOne recovery kit of {instance}, share {number} of {shares}",
        instance=instance.name,
        number=number,
        shares=len(words),
    )
    parts = [
        title,
        t("Made {moment}", moment=moment(made)),
        t(
            "Keep it where nobody reads it, away from the hosts and from this machine: "
            "whoever has enough shares and gets at the backups can read everything."
        ),
        t("When nothing else is left:"),
        *(f"{step}. {text}" for step, text in enumerate(steps, 1)),
        t("The backups are at:"),
        *(targets or ["  –"]),
        t("The words of this share:"),
        "  " + words[number - 1],
        _BEGIN,
        *textwrap.wrap(sealed, 76),
        _END,
    ]
    return "\n".join(parts) + "\n"


def _command(instance: Instance, needed: int) -> str:
    files = " ".join(f"--kit FILE{number}" for number in range(1, needed + 1))
    return f"digione restore {instance.name} {files}"


def unseal(texts: Iterable[str]) -> Kit:
    """Given the texts of shares, return the kit.

    Raises:
        UsageError: they are no shares, of several kits, or too few (D1-KIT-001, D1-KIT-002).
        IntegrityError: they were altered (D1-KIT-003).
    """
    from cryptography.exceptions import InvalidTag
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM
    from shamir_mnemonic import MnemonicError, combine_mnemonics

    what = t("The recovery kit was not opened")
    words, bodies = [], set()
    for text in texts:
        found = _WORDS.search(text)
        _, begin, rest = text.partition(_BEGIN)
        body, end, _ = rest.partition(_END)
        if not (found and begin and end):
            raise UsageError(
                "D1-KIT-001",
                what,
                t("a file is no share of a recovery kit"),
                t("name the files that digione wrote"),
            )
        words.append(found[1])
        bodies.add("".join(body.split()))
    if len(bodies) != 1:
        raise UsageError(
            "D1-KIT-001",
            what,
            t("the shares are of different kits"),
            t("name shares that were made together"),
        )
    try:
        key = combine_mnemonics(words)
    except MnemonicError:
        raise UsageError(
            "D1-KIT-002",
            what,
            t("the shares are too few, or a word in them is wrong"),
            t("name as many shares as they say are needed"),
        ) from None
    try:
        sealed = base64.b64decode(bodies.pop(), validate=True)
        packed = AESGCM(key).decrypt(sealed[:12], sealed[12:], None)
        plain = zlib.decompressobj().decompress(packed, _MOST)
        told: dict[str, Any] = json.loads(plain)
        kit = Kit(str(told["instance"]), str(told["made"]), dict(told["files"]), str(told["key"]))
    except (InvalidTag, ValueError, LookupError, zlib.error):
        raise IntegrityError(
            "D1-KIT-003", what, t("it is not as it was written"), t("name another copy of the shares")
        ) from None
    return kit


def unpack(kit: Kit, inventories: Path, keys: Path) -> None:
    """Write a kit's inventory and key, where there is neither.

    Raises:
        UsageError: one of them is there already (D1-KIT-004).
    """
    folder, key = inventories / kit.instance, keys / kit.instance
    for there in (folder, key):
        if there.exists():
            raise UsageError(
                "D1-KIT-004",
                t("The recovery kit was not unpacked"),
                t("{file} is there already", file=there),
                t("leave --kit out, or take it away"),
            )
    (folder / "tenants").mkdir(parents=True)
    keys.mkdir(parents=True, exist_ok=True, mode=0o700)
    for name, content in kit.files.items():
        if _FILES.fullmatch(name):
            write_whole(folder / name, content.encode(), 0o600 if name == "secrets.yml" else 0o644)
    write_whole(key, f"{kit.key}\n".encode())
    remember(folder, kit.made, SecretStore(folder, keys).read())


def checksum(present: Secrets) -> str:
    """A keyed checksum of what opens the backups and reaches them: it changes when a key does."""
    digest = hmac.new(present.salt.encode(), digestmod=hashlib.sha256)
    for name in sorted((one for one in present.values if one.name.startswith("backup_")), key=str):
        digest.update(present.values[name].get_secret_value().encode())
    return digest.hexdigest()


def remember(folder: Path, made: str, present: Secrets) -> None:
    """Record when the kit was made that is kept elsewhere, and its checksum."""
    known = {"made": made, "checksum": checksum(present)}
    write_whole(folder / RECORD, f"{json.dumps(known)}\n".encode(), 0o644)


def record(folder: Path) -> dict[str, str]:
    """What is known of the kit that was made last: when, and its checksum."""
    try:
        told = json.loads((folder / RECORD).read_text(encoding="utf-8"))
        return {key: str(told[key]) for key in ("made", "checksum")}
    except (OSError, ValueError, LookupError, TypeError):
        return {}
