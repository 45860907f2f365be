"""Types of text that comes from inventories and people.

Identifiers (slug, host name, domain, user) are refused unless they are plainly harmless; names are
kept literally, but never with characters that a template engine, terminal or reader would be fooled by.
"""

import re
import unicodedata
from ipaddress import ip_address
from typing import Annotated

from pydantic import AfterValidator
from pydantic_core import PydanticCustomError

from digione_cli.texts import mark, t

SLUG_LENGTH = 20  # a Unix user name holds 32 characters: "digione-id-" and the slug

RESERVED_SLUGS = frozenset(
    [
        "admin",
        "administrator",
        "all",
        "api",
        "auth",
        "backup",
        "bin",
        "daemon",
        "default",
        "digione",
        "directory",
        "everyone",
        "gateway",
        "identity",
        "instance",
        "lab",
        "localhost",
        "mail",
        "monitoring",
        "nobody",
        "none",
        "null",
        "operator",
        "platform",
        "postgres",
        "postgresql",
        "public",
        "registry",
        "root",
        "sandbox",
        "shared",
        "static",
        "sys",
        "system",
        "template0",
        "template1",
        "tenant",
        "test",
        "www",
        "www-data",
    ]
)

_SLUG = re.compile(r"[a-z](?:[a-z0-9]|-(?=[a-z0-9])){1,19}")
_LABEL = r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
_DOMAIN = re.compile(rf"{_LABEL}(?:\.{_LABEL})+")
_USER = re.compile(r"[a-z_][a-z0-9_-]{0,31}")
_HOST = re.compile(r"[a-z](?:[a-z0-9-]{0,30}[a-z0-9])?")
_EMAIL = re.compile(r"[A-Za-z0-9._%+-]{1,64}@[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)+")
_ACCOUNT = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@+\\-]{0,127}")
_CODE = re.compile(r"[0-9]{3}")
_RELEASE = re.compile(r"20[0-9]{2}\.(0[1-9]|1[0-2])(\.[0-9]{1,3})?")
_URL = re.compile(r"https://[^\s?#]+")
_PROVIDER_OID = re.compile(r"1\.2\.246\.562\.(10|99|199)\.[0-9]{11,24}")
_TEMPLATE_MARKS = ("{{", "{%", "{#", "${")
_NEVER_IN_NAMES = '<>;`$\\"|'


def shown(value: str) -> str:
    """Given text from outside, return the first 120 characters of it in one line fit for a terminal."""
    return "".join(map(_escaped, value))[:120]


_SPACES = "\n\t\N{NO-BREAK SPACE}\N{NARROW NO-BREAK SPACE}"  # the last two as in numbers: 4 131


def printable(value: str) -> str:
    """Given text of several lines from outside, return it with all escaped that a terminal does not show."""
    return "".join(c if c in _SPACES else _escaped(c) for c in value)


def _escaped(character: str) -> str:
    return character if character.isprintable() else character.encode("unicode_escape").decode()


def _refuse(kind: str, value: str, text: str, **more: str) -> PydanticCustomError:
    """Given the kind of a text, a value and the English text why it is none, return the refusal."""
    return PydanticCustomError(kind, "{told}", {"told": t(text, value=shown(value), **more)})


def _require_latin(kind: str, value: str) -> None:
    """Refuse letters of other scripts, of which many look like Latin ones."""
    foreign = [c for c in value if c.isalpha() and not unicodedata.name(c, "").startswith("LATIN")]
    if foreign:
        rule = mark("“{value}” contains a letter that is not Latin ({letter})")
        raise _refuse(kind, value, rule, letter=unicodedata.name(foreign[0], "?"))


_NO_SLUG = mark("“{value}” is not a slug (2–20 of a–z, 0–9, hyphen; a letter first)")
_NO_SLUG_BUT = mark(
    "“{value}” is not a slug (2–20 of a–z, 0–9, hyphen; a letter first); did you mean “{hint}”?"
)


def slug(value: str) -> str:
    """Return the slug, or refuse it: 2–20 characters of a–z, 0–9 and single hyphens, a letter first."""
    # of a tenant "id-x" the platform's Unix user would be that of the identity provider of a tenant "x"
    if value in RESERVED_SLUGS or value.startswith("id-"):
        raise _refuse("reserved_slug", value, mark("“{value}” is a reserved name; choose another"))
    _require_latin("slug", value)
    if not _SLUG.fullmatch(value):
        ascii_form = unicodedata.normalize("NFKD", value.lower()).encode("ascii", "ignore").decode()
        hint = re.sub(r"[^a-z0-9]+", "-", ascii_form).strip("-")[:SLUG_LENGTH].strip("-")
        if _SLUG.fullmatch(hint) and hint not in RESERVED_SLUGS:
            raise _refuse("slug", value, _NO_SLUG_BUT, hint=hint)
        raise _refuse("slug", value, _NO_SLUG)
    return value


def is_slug(value: str) -> bool:
    """Say whether it is a slug that may be used."""
    try:
        return bool(slug(value))
    except PydanticCustomError:
        return False


def host_name(value: str) -> str:
    """Return the short host name of the inventory, or refuse it."""
    if not _HOST.fullmatch(value):
        rule = mark("“{value}” is not a host name (a–z, 0–9, hyphen; a letter first)")
        raise _refuse("host_name", value, rule)
    return value


def domain(value: str) -> str:
    """Return the domain name in lower case, or refuse it: at least two labels of letters, digits, hyphens."""
    lowered = value.lower()
    if not lowered.isascii():
        try:
            puny = lowered.encode("idna").decode()
        except UnicodeError:
            puny = ""
        if _DOMAIN.fullmatch(puny):
            rule = mark("“{value}” has letters outside a–z; write it as {puny}")
            raise _refuse("domain", value, rule, puny=puny)
        raise _refuse("domain", value, mark("“{value}” has letters outside a–z"))
    if not _DOMAIN.fullmatch(lowered) or len(lowered) > 240 or lowered.rsplit(".", 1)[1].isdigit():
        rule = mark("“{value}” is not a domain name (such as koulu.kuhmo.example; no dot at the end)")
        raise _refuse("domain", value, rule)
    return lowered


def address(value: str) -> str:
    """Return an IP address or a domain name as it is reached by ssh, or refuse it."""
    try:
        if "%" not in value:  # a zone may be any text, and means nothing on other machines
            return str(ip_address(value))
    except ValueError:
        pass
    if re.fullmatch(r"[0-9.]+", value):
        raise _refuse("address", value, mark("“{value}” is not an IP address"))
    lowered = value.lower()
    if re.fullmatch(_LABEL, lowered):
        return lowered
    if lowered.isascii() and not _DOMAIN.fullmatch(lowered):
        rule = mark(
            "“{value}” is neither an IP address nor the name of a server (192.0.2.10, smtp.kuhmo.example)"
        )
        raise _refuse("address", value, rule)
    return domain(value)


def unix_user(value: str) -> str:
    """Return the Unix user name, or refuse it."""
    if not _USER.fullmatch(value):
        raise _refuse("user", value, mark("“{value}” is not a Unix user name"))
    return value


def email(value: str) -> str:
    """Return the e-mail address, or refuse what is not plainly one."""
    if not _EMAIL.fullmatch(value):
        raise _refuse("email", value, mark("“{value}” is not an e-mail address"))
    return value


def name(value: str) -> str:
    """Return a name of people's language; refuse decomposed, unseen and foreign letters, template marks."""
    composed = unicodedata.normalize("NFC", value).strip()
    if not composed or len(composed) > 120:
        raise _refuse("name", value, mark("“{value}” is not a name (1–120 characters)"))
    if any(mark in composed for mark in _TEMPLATE_MARKS):
        rule = mark("“{value}” contains a template mark ({marks}), which no name has")
        raise _refuse("name", value, rule, marks=" ".join(_TEMPLATE_MARKS))
    if not composed.isprintable():
        raise _refuse("name", value, mark("“{value}” contains invisible or control characters"))
    _require_latin("name", composed)
    if any(c in composed for c in _NEVER_IN_NAMES):
        rule = mark("“{value}” contains a character that no name has ({characters})")
        raise _refuse("name", value, rule, characters=" ".join(_NEVER_IN_NAMES))
    if not any(c.isalpha() for c in composed):
        raise _refuse("name", value, mark("“{value}” is not a name (it has no letter)"))
    if composed != value.strip():
        rule = mark("“{value}” has letters put together of two characters; type it anew: {composed}")
        raise _refuse("name", value, rule, composed=composed)
    return composed


def municipality_code(value: str) -> str:
    """Return the municipality code, or refuse it."""
    if not _CODE.fullmatch(value):
        raise _refuse("code", value, mark("“{value}” must be three digits"))
    return value


def release_name(value: str) -> str:
    """Return the release's name, or refuse it."""
    if not _RELEASE.fullmatch(value):
        raise _refuse("release", value, mark("“{value}” must be a release such as 2026.11"))
    return value


def account(value: str) -> str:
    """Return the name of an account at somebody else's server, or refuse it."""
    if not _ACCOUNT.fullmatch(value):
        rule = mark("“{value}” is not the name of an account (no spaces, quotes or brackets)")
        raise _refuse("account", value, rule)
    return value


def https_url(value: str) -> str:
    """Return the address of a provider, or refuse it."""
    if not _URL.fullmatch(value):
        rule = mark("“{value}” must begin with https:// and hold no space, ? or #")
        raise _refuse("url", value, rule)
    return value


def provider_oid(value: str) -> str:
    """Return the education provider's OID (node 10, or 99 and 199 for tests), or refuse its form."""
    if not _PROVIDER_OID.fullmatch(value):
        rule = mark("“{value}” is not an organisation OID (1.2.246.562.10.<11 to 24 digits>)")
        raise _refuse("oid", value, rule)
    return value


def organisation_check_digit_holds(oid: str) -> bool:
    """Given an organisation OID, say whether its Luhn check digit holds.

    Some real ones do not, so this is only ever a warning. Source: ISO/IEC 7812-1 annex B.
    """
    digits = [int(d) for d in oid.rsplit(".", 1)[1]]
    doubled = [d if i % 2 == 0 else sum(divmod(2 * d, 10)) for i, d in enumerate(reversed(digits))]
    return sum(doubled) % 10 == 0


Slug = Annotated[str, AfterValidator(slug)]
HostName = Annotated[str, AfterValidator(host_name)]
Domain = Annotated[str, AfterValidator(domain)]
Address = Annotated[str, AfterValidator(address)]
Account = Annotated[str, AfterValidator(account)]
UnixUser = Annotated[str, AfterValidator(unix_user)]
Email = Annotated[str, AfterValidator(email)]
Name = Annotated[str, AfterValidator(name)]
ProviderOid = Annotated[str, AfterValidator(provider_oid)]
MunicipalityCode = Annotated[str, AfterValidator(municipality_code)]
ReleaseName = Annotated[str, AfterValidator(release_name)]
HttpsUrl = Annotated[str, AfterValidator(https_url)]
