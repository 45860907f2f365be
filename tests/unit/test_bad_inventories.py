"""Files of an inventory that are wrong: each is named with its place, and nothing else happens."""

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from digione_cli.settings import RELEASE
from tests.fakes import INSTANCE, TENANT, TWO_HOSTS, write_inventory
from tests.unit.conftest import House

MAIN, KUHMO = "instance.yml", "tenants/kuhmo.yml"


def main(old: str, new: str) -> dict[str, str]:
    assert old in INSTANCE
    return {MAIN: INSTANCE.replace(old, new)}


def tenant(old: str, new: str) -> dict[str, str]:
    assert old in TENANT
    return {KUHMO: TENANT.replace(old, new)}


def setting(text: str) -> dict[str, str]:
    return {MAIN: INSTANCE + "services:\n  " + text + "\n"}


def upstream(text: str) -> dict[str, str]:
    return {KUHMO: TENANT + "identity:\n  upstream: " + text + "\n"}


# name: (files, code, place, words that must be said)
WRONG: dict[str, tuple[dict[str, str], str, str, tuple[str, ...]]] = {
    # 1-8: what is no document
    "a tab": ({MAIN: 'release: "2026.11"\n\tdomain: x\n'}, "D1-CFG-006", "instance.yml:2", ("column",)),
    "an unclosed quote": (main('"2026.11"', '"2026.11'), "D1-CFG-006", "instance.yml:", ("column",)),
    "an unclosed bracket": (tenant("name: {fi: Kuhmo", "name: {fi: [Kuhmo"), "D1-CFG-006", f"{KUHMO}:3", ()),
    "two documents": ({MAIN: INSTANCE + "---\n" + INSTANCE}, "D1-CFG-006", "instance.yml", ()),
    "a key twice": (
        main("contact:", "domain: b.example\ncontact:"),
        "D1-CFG-008",
        "instance.yml:3",
        ("lines 2 and 3",),
    ),
    "a nested key twice": (
        tenant("sv: Kuhmo", "sv: Kuhmo, fi: Kuhmo"),
        "D1-CFG-008",
        f"{KUHMO}:3",
        ("name.fi",),
    ),
    "an anchor": (main("address: 192", "address: &a 192"), "D1-CFG-007", "instance.yml:6", ("anchors",)),
    "an alias bomb": (
        {
            MAIN: "a: &a [x,x]\n"
            + "".join(f"{chr(98 + i)}: &{chr(98 + i)} [*{chr(97 + i)},*{chr(97 + i)}]\n" for i in range(20))
        },
        "D1-CFG-007",
        "instance.yml:1",
        ("anchors",),
    ),
    "a merge key": (
        main("user: admin", "<<: {user: admin}"),
        "D1-CFG-010",
        "instance.yml:7",
        ("unknown key",),
    ),
    "a Python tag": (
        main("user: admin", "user: !!python/object/apply:os.system [id]"),
        "D1-CFG-007",
        "instance.yml:7",
        ("tags",),
    ),
    "any tag": (tenant('"290"', "!!str 290"), "D1-CFG-007", f"{KUHMO}:1", ("tags",)),
    "a key that is a list": (
        main("contact:", "? [a]\n: b\ncontact:"),
        "D1-CFG-006",
        "instance.yml:3",
        ("keys must be plain text",),
    ),
    "10,000 levels": (
        {MAIN: "a: " + "[" * 10_000 + "]" * 10_000},
        "D1-CFG-004",
        "instance.yml:1",
        ("nested deeper",),
    ),
    "2 MB": ({MAIN: INSTANCE + "#" * 2_000_000}, "D1-CFG-004", "instance.yml", ("larger than",)),
    "nothing": ({MAIN: ""}, "D1-CFG-006", "instance.yml:1", ("keys and values",)),
    "a list": ({KUHMO: "- a\n"}, "D1-CFG-006", f"{KUHMO}:1", ("keys and values",)),
    # 5: text that YAML 1.1 would change
    "NO as a name": (
        {KUHMO: TENANT + "language: NO\n"},
        "D1-CFG-013",
        f"{KUHMO}:5",
        ("must be one of: finnish, swedish, bilingual",),
    ),
    "a number that others take for 4096": (
        main("user: admin", "user: admin\n    port: 010000"),
        "D1-CFG-029",
        "instance.yml:8",
        ("hosts.kuhmo1.port: ", "a number without the zero"),
    ),
    "a setting that others take for 8": (
        setting("identity: {workers: 010}"),
        "D1-CFG-013",
        "instance.yml:9",
        ("must be a whole number that does not begin with a zero",),
    ),
    "a name that others take for false": (
        tenant("fi: Kuhmo", "fi: NO"),
        "D1-CFG-029",
        f"{KUHMO}:3",
        ("name.fi", 'write true or false, or text in quotes: "NO"'),
    ),
    "a code that others take for 8": (tenant('"290"', "010"), "D1-CFG-029", f"{KUHMO}:1", ('"010"',)),
    "a code that begins with zero": (tenant('"290"', "049"), "D1-CFG-029", f"{KUHMO}:1", ('"049"',)),
    "a number for a name": (tenant("fi: Kuhmo", "fi: 12"), "D1-CFG-013", f"{KUHMO}:3", ("no letter",)),
    "truth for a name": (tenant("fi: Kuhmo", "fi: true"), "D1-CFG-013", f"{KUHMO}:3", ("must be text",)),
    "letters put together": (
        tenant("fi: Kuhmo", "fi: Jyva\u0308skyla\u0308"),
        "D1-CFG-013",
        f"{KUHMO}:3",
        ("type it anew: Jyväskylä",),
    ),
    "an unknown area": (
        {KUHMO: TENANT + "areas: [teaching, homescool]\n"},
        "D1-CFG-013",
        f"{KUHMO}:5: areas: entry 2:",
        ("did you mean “homeschool”",),
    ),
    "an octal code of two digits": (tenant('"290"', "49"), "D1-CFG-013", f"{KUHMO}:1", ("three digits",)),
    "a code in Arabic digits": (tenant('"290"', "٠٤٩"), "D1-CFG-013", f"{KUHMO}:1", ("three digits",)),
    "a code like 1e3": (tenant('"290"', "1e3"), "D1-CFG-013", f"{KUHMO}:1", ("three digits",)),
    # 6: keys
    "an unknown key": (main("contact:", "kontact:"), "D1-CFG-010", "instance.yml:3", ("contact",)),
    "an unknown nested key": (main("user:", "usr:"), "D1-CFG-010", "instance.yml:7", ("user",)),
    "a missing key": (
        main("contact: operator@kuhmo.example\n", ""),
        "D1-CFG-011",
        "instance.yml",
        ("contact",),
    ),
    "an unknown service": (setting("gatway: {}"), "D1-CFG-010", "instance.yml:9", ("gateway",)),
    "an unknown setting": (
        setting("gateway: {certificate: acme}"),
        "D1-CFG-010",
        "instance.yml:9",
        ("certificates",),
    ),
    "an unknown key of an upstream": (
        upstream("{kind: oidc, title: MPASSid, issuer: 'https://m.example', client: x, client_id: y}"),
        "D1-CFG-010",
        f"{KUHMO}:6",
        ("client_id",),
    ),
    "a key like a template": (
        setting("gateway: {certificate_files: {'{{ 7*7 }}': {}}}"),
        "D1-CFG-006",
        "instance.yml:9",
        ("plain text",),
    ),
    # settings that go together
    "files without files": (
        setting("gateway: {certificates: files}"),
        "D1-CFG-028",
        "instance.yml:9: services.gateway.certificate_files.kuhmo",
        ("certificate, key",),
    ),
    "files of another tenant": (
        setting("gateway: {certificates: files, certificate_files: {sotkamo: {certificate: /a, key: /b}}}"),
        "D1-CFG-028",
        "instance.yml:9: services.gateway.certificate_files.kuhmo",
        ("certificate, key",),
    ),
    "files of a tenant that is mistyped": (
        setting("gateway: {certificates: files, certificate_files: {kuhno: {certificate: /a, key: /b}}}"),
        "D1-CFG-010",
        "instance.yml:9: services.gateway.certificate_files.kuhno",
        ("did you mean “kuhmo”?",),
    ),
    "a certificate without its key": (
        setting("gateway: {certificates: files, certificate_files: {kuhmo: {certificate: /etc/hostname}}}"),
        "D1-CFG-028",
        "instance.yml:9: services.gateway.certificate_files.kuhmo",
        ("certificate, key",),
    ),
    "files that are not there": (
        setting(
            "gateway: {certificates: files, certificate_files: "
            "{kuhmo: {certificate: /etc/hostname, key: /no/such.key}}}"
        ),
        "D1-CFG-028",
        "instance.yml:9: services.gateway.certificate_files.kuhmo",
        ("no such file on this machine", "/no/such.key"),
    ),
    # wrong types
    "text for a mapping": (
        main("  kuhmo1:\n    address: 192.0.2.10\n    user: admin\n", "  - kuhmo1\n"),
        "D1-CFG-013",
        "instance.yml",
        ("hosts",),
    ),
    "a list for text": (tenant('"290"', "[290]"), "D1-CFG-013", f"{KUHMO}:1", ("code",)),
    "text for a number": (
        setting("base: {log_days: many}"),
        "D1-CFG-013",
        "instance.yml:9",
        ("must be a whole number",),
    ),
    "truth for a number": (
        setting("base: {log_days: true}"),
        "D1-CFG-013",
        "instance.yml:9",
        ("must be a whole number",),
    ),
    "numbers in a list of text": (
        setting("base: {time_servers: [1]}"),
        "D1-CFG-013",
        "instance.yml:9",
        ("each element must be text",),
    ),
    "a choice that is none": (
        setting("gateway: {certificates: acne}"),
        "D1-CFG-013",
        "instance.yml:9",
        ("acme",),
    ),
    # beyond what a setting may be
    **{
        f"a setting beyond its limits: {bad}": (
            setting(bad),
            "D1-CFG-013",
            "instance.yml:9",
            (f"services.{bad.split(':')[0]}", words),
        )
        for bad, words in {
            "identity: {session_hours: -5}": "must be from 1 to 168",
            "identity: {workers: 0}": "must be from 1 to 64",
            "postgresql: {memory_mb: -1}": "must be from 128 to 1048576",
            "postgresql: {memory_mb: 1}": "must be from 128 to 1048576",
            "postgresql: {platform_connections: 0}": "must be from 10 to 1000",
            "platform: {memory_mb: 1}": "must be from 256 to 65536",
            "base: {log_days: 0}": "must be from 1 to 3650",
            "gateway: {sign_ins_per_minute: -3}": "must be from 1 to 10000",
            "gateway: {upload_megabytes: 99999}": "must be from 1 to 1024",
            "base: {time_servers: [ntp.kuhmo.example, 'x; rm']}": "“x; rm” is not what is meant",
            "base: {time_servers: ['-x']}": "time servers",
            "base: {time_servers: ['']}": "time servers",
            "gateway: {acme_server: 'file:///x; rm'}": "https://",
            "gateway: {acme_server: 'https://a.example/ x'}": "https://",
        }.items()
    },
    "no value for a service": (setting("gateway:"), "D1-CFG-013", "instance.yml:9", ("services.gateway",)),
    # 9: numbers
    **{
        f"port {port}": (
            main("user: admin", f"user: admin\n    port: {port}"),
            "D1-CFG-013",
            "instance.yml:8",
            ("port",),
        )
        for port in ("0", "65536", "-1", "9" * 40, ".nan", ".inf", "0x16", "22.5")
    },
    # 7, 12: what is not seen
    "a right-to-left override": (
        tenant("fi: Kuhmo", 'fi: "Kuh\\u202Eomo"'),
        "D1-CFG-007",
        f"{KUHMO}:3",
        ("\\u202e",),
    ),
    "a zero width space": (tenant("fi: Kuhmo", "fi: Kuh\u200bmo"), "D1-CFG-007", f"{KUHMO}:3", ("\\u200b",)),
    "a line end in a name": (tenant("fi: Kuhmo", 'fi: "Kuhmo\\nx"'), "D1-CFG-007", f"{KUHMO}:3", ()),
    "an escape sequence": (tenant("fi: Kuhmo", 'fi: "\\e[31mKuhmo"'), "D1-CFG-007", f"{KUHMO}:3", ("\\x1b",)),
    "an escape sequence in a key": (
        main("contact:", '"\\e[31mcontact":'),
        "D1-CFG-006",
        "instance.yml:3",
        (),
    ),
    "NUL in a name": (tenant("fi: Kuhmo", 'fi: "Kuh\\0mo"'), "D1-CFG-007", f"{KUHMO}:3", ("\\x00",)),
    "a line end in a setting": (
        setting('gateway: {acme_server: "a\\nb"}'),
        "D1-CFG-007",
        "instance.yml:9",
        (),
    ),
    # 14, 15, 20: what others would read as code
    **{
        f"name {bad}": (tenant("fi: Kuhmo", f"fi: '{bad}'"), "D1-CFG-013", f"{KUHMO}:3", ("name.fi",))
        for bad in (
            "{{ 7*7 }}",
            "{% raw %}",
            "{# x #}",
            "${jndi:ldap://x}",
            "; rm -rf /",
            "$(id)",
            "`id`",
            "a|b",
            "<script>",
            'a"b',
            "a\\b",
            " ",
            "x" * 121,
            "J\u0430mi",  # the second letter is Cyrillic
            "\uff2buhmo",  # a wide K
        )
    },
    **{
        f"domain {bad}": (tenant("koulu.kuhmo.example", f"'{bad}'"), "D1-CFG-013", f"{KUHMO}:4", ("domain",))
        for bad in (
            "kuhmo",
            "koulu.kuhmo.example.",
            "*.kuhmo.example",
            "192.0.2.1",
            "[::1]",
            "koulu;.example",
            "a b.example",
            "a_b.example",
            "-a.example",
            "a..example",
            "kuhmo.example/x",
            "kuhmo.example:443",
            "koulu.kühmo.example",
            "кoulu.kuhmo.example",
            "{{ 7*7 }}.example",
            "a}b.example",
            "x" * 64 + ".example",
            ".".join(["abc"] * 63),
        )
    },
    **{
        f"address {bad}": (main("192.0.2.10", f"'{bad}'"), "D1-CFG-013", "instance.yml:6", ("address",))
        for bad in (
            "-oProxyCommand=id",
            "192.0.2.256",
            "192.0.2",
            "a b",
            "fe80::1%; id",
            "fe80::1%{{ 7*7 }}",
            "$(id)",
            "",
        )
    },
    **{
        f"user {bad}": (main("user: admin", f"user: '{bad}'"), "D1-CFG-013", "instance.yml:7", ("user",))
        for bad in ("-l", "a b", "admin;id", "Admin", "x" * 33, "")
    },
    **{
        f"host name {bad}": (main("kuhmo1", f"'{bad}'"), "D1-CFG-013", "instance.yml", ("host name",))
        for bad in ("-x", "a/b", "..", "a b", "Kuhmo1", "a;b", "x" * 40)
    },
    **{
        f"e-mail {bad}": (
            main("operator@kuhmo.example", f"'{bad}'"),
            "D1-CFG-013",
            "instance.yml:3",
            ("contact",),
        )
        for bad in ("operator", "a b@x.example", "a@x.example;id", '"a"@x.example')
    },
    **{
        f"OID {bad}": (tenant("1.2.246.562.99.00000002907", bad), "D1-CFG-013", f"{KUHMO}:2", ("oid",))
        for bad in ("1.2.246.562.11.00000002907", "1.2.246.562.99.1", "1.2.246.562.99.٠٠٠٠٠٠٠٢٩٠٧", "x")
    },
    **{
        f"release {bad}": (
            main('"2026.11"', bad),
            "D1-CFG-013",
            "instance.yml:1",
            ("a release such as 2026.11",),
        )
        for bad in ("2026", "2026.13", "latest", "../2026.11")
    },
    "the release of another distribution": (
        main('"2026.11"', '"2027.01"'),
        "D1-CFG-024",
        "instance.yml:1",
        (f"this distribution installs {RELEASE}",),
    ),
    "no language": (
        {KUHMO: TENANT + "languages: []\n"},
        "D1-CFG-013",
        f"{KUHMO}:5",
        ("must hold at least 1",),
    ),
    "an issuer without https": (
        upstream("{kind: oidc, title: M, issuer: 'http://m.example', client_id: y}"),
        "D1-CFG-013",
        f"{KUHMO}:6",
        ("issuer", "must begin with https://"),
    ),
    "an unknown kind of upstream": (upstream("{kind: cas, title: M}"), "D1-CFG-013", f"{KUHMO}:6", ("oidc",)),
    "nobody can sign in": (
        {KUHMO: TENANT + "identity: {local: false}\n"},
        "D1-CFG-013",
        f"{KUHMO}:5",
        ("nobody could sign in",),
    ),
    "no metadata file": (
        upstream("{kind: saml, title: M, metadata: none.xml}"),
        "D1-CFG-018",
        f"{KUHMO}:6",
        ("missing",),
    ),
    "metadata elsewhere": (
        upstream("{kind: saml, title: M, metadata: ../../../etc/hostname}"),
        "D1-CFG-018",
        f"{KUHMO}:6",
        ("beside",),
    ),
    "metadata at the root": (
        upstream("{kind: saml, title: M, metadata: /etc/hostname}"),
        "D1-CFG-018",
        f"{KUHMO}:6",
        ("beside",),
    ),
    "an area twice": (
        {KUHMO: TENANT + "areas: [teaching, homeschool, teaching]\n"},
        "D1-CFG-013",
        KUHMO,
        ("teaching stands twice",),
    ),
    # 17-19: clashes
    "the same domain twice": (
        {"tenants/sotkamo.yml": TENANT.replace("290", "765").replace("2907", "7658")},
        "D1-CFG-015",
        "tenants/sotkamo.yml:4",
        ("kuhmo.yml",),
    ),
    "the sign-in address of another": (
        {
            "tenants/sotkamo.yml": TENANT.replace("290", "765")
            .replace("2907", "7658")
            .replace("koulu.", "auth.koulu.")
        },
        "D1-CFG-015",
        "tenants/sotkamo.yml:4",
        ("kuhmo.yml",),
    ),
    "the same code twice": (
        {"tenants/sotkamo.yml": TENANT.replace("koulu", "koti").replace("2907", "7658")},
        "D1-CFG-016",
        "tenants/sotkamo.yml:1",
        ("kuhmo.yml",),
    ),
    "the same OID twice": (
        {"tenants/sotkamo.yml": TENANT.replace("koulu", "koti").replace('"290"', '"765"')},
        "D1-CFG-016",
        "tenants/sotkamo.yml:2",
        ("kuhmo.yml",),
    ),
    # placement
    "a service on no host": (
        {MAIN: TWO_HOSTS.replace(", monitoring", "")},
        "D1-CFG-019",
        "instance.yml:4",
        ("monitoring", "on: –"),
    ),
    "a service on two hosts": (
        {MAIN: TWO_HOSTS.replace("platform]", "platform, directory]")},
        "D1-CFG-019",
        "instance.yml:4",
        ("directory", "front, back"),
    ),
    "services apart that belong together": (
        {MAIN: TWO_HOSTS.replace(", platform]", "]").replace("monitoring]", "monitoring, platform]")},
        "D1-CFG-019",
        "instance.yml:4",
        ("platform and identity",),
    ),
    "a host by name beside another": (
        {MAIN: TWO_HOSTS.replace("192.0.2.11", "back.kuhmo.example")},
        "D1-CFG-022",
        "instance.yml:10",
        ("must be an IP address",),
    ),
    "two hosts at one address": (
        {MAIN: TWO_HOSTS.replace("192.0.2.11", "192.0.2.10")},
        "D1-CFG-022",
        "instance.yml:10",
        ("also that of front",),
    ),
    "an unknown service on a host": (
        {MAIN: TWO_HOSTS.replace("monitoring]", "monitoring, mail]")},
        "D1-CFG-019",
        "instance.yml:12",
        ("mail",),
    ),
}


@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_file_is_refused_with_its_place(house: House, name: str) -> None:
    files, code, place, words = WRONG[name]
    folder = write_inventory(house.inventories)
    for file, text in files.items():
        (folder / file).write_text(text, encoding="utf-8")
    result = house.refused("validate", "kuhmo")
    assert result.code == 2
    assert f"{code}" in result.out
    assert place in result.out
    for word in words:
        assert word in result.out
    assert "\x1b" not in result.out


# name of the file in tenants/: words that must be said
SLUGS = {
    "-x.yml": "not a slug",
    "..yml": "not a slug",
    "...yml": "not a slug",
    "a.yml": "not a slug",
    "a--b.yml": "not a slug",
    "Kuhmo.yml": "did you mean “kuhmo”?",
    "jyväskylä.yml": "did you mean “jyvaskyla”?",
    "jyva\u0308skyla\u0308.yml": "did you mean “jyvaskyla”?",
    "kuhmо.yml": "CYRILLIC SMALL LETTER O",
    "kuh\u200bmo.yml": "\\u200b",
    "kuh\u202emo.yml": "\\u202e",
    "kuh\x1b[31mmo.yml": "\\x1b",
    "kuh\nmo.yml": "\\n",
    "{{ 7*7 }}.yml": "not a slug",
    "$(id).yml": "not a slug",
    "a;b.yml": "not a slug",
    "a'b.yml": "not a slug",
    "a b.yml": "not a slug",
    "x" * 21 + ".yml": "not a slug",
    "postgres.yml": "reserved",
    "root.yml": "reserved",
    "www.yml": "reserved",
    "default.yml": "reserved",
    "template1.yml": "reserved",
    "id-kuhmo.yml": "reserved",
    "sotkamo.yaml": "must end in .yml",
}


@pytest.mark.parametrize("file", SLUGS)
def test_a_wrong_slug_is_refused(house: House, file: str) -> None:
    folder = write_inventory(house.inventories)
    other = TENANT.replace("290", "765").replace("2907", "7658").replace("koulu", "koti")
    (folder / "tenants" / file).write_text(other, encoding="utf-8")
    result = house.refused("validate", "kuhmo")
    assert result.code == 2
    assert "D1-CFG-014" in result.out
    assert SLUGS[file] in result.out
    assert "\x1b" not in result.out


BYTES = {
    "UTF-16": (INSTANCE.encode("utf-16"), "D1-CFG-005", "UTF-16"),
    "UTF-16 without a mark": (INSTANCE.encode("utf-16-le"), "D1-CFG-006", "instance.yml"),
    "Latin-1": (INSTANCE.replace("# ", "").replace("admin", "ädmin").encode("latin-1"), "D1-CFG-005", "0xe4"),
    "NUL": (INSTANCE.replace("admin", "ad\0min").encode(), "D1-CFG-006", "instance.yml"),
    "half a letter": (INSTANCE.encode() + b"# \xc3", "D1-CFG-005", "instance.yml:8"),
}


@pytest.mark.parametrize("name", BYTES)
def test_wrong_bytes_are_named(kuhmo: House, name: str) -> None:
    content, code, words = BYTES[name]
    (kuhmo.inventories / "kuhmo/instance.yml").write_bytes(content)
    result = kuhmo.refused("validate", "kuhmo")
    assert result.code == 2
    assert code in result.out
    assert words in result.out


def test_all_mistakes_of_all_files_are_told_at_once(kuhmo: House) -> None:
    folder = kuhmo.inventories / "kuhmo"
    (folder / MAIN).write_text(INSTANCE.replace("contact", "kontact").replace("192.0.2.10", "192.0.2.300"))
    (folder / KUHMO).write_text(TENANT.replace('"290"', "29"))
    (folder / "tenants/root.yml").write_text("a: [")
    result = kuhmo.refused("validate", "kuhmo", "--json")
    told = json.loads(result.out)
    assert told["valid"] is False
    found = {(m["code"], m["file"], m["line"]) for m in told["mistakes"]}
    assert found >= {
        ("D1-CFG-010", MAIN, 3),
        ("D1-CFG-011", MAIN, 1),
        ("D1-CFG-013", MAIN, 6),
        ("D1-CFG-013", KUHMO, 1),
        ("D1-CFG-006", "tenants/root.yml", 2),  # where the file ends
        ("D1-CFG-014", "tenants/root.yml", None),
    }


def test_a_mistake_hides_no_other(kuhmo: House) -> None:
    folder = kuhmo.inventories / "kuhmo"
    settings = "services: {base: 5, gateway: {certificates: acne}, gatway: {}, identity: {workers: 0}}\n"
    (folder / MAIN).write_text(TWO_HOSTS.replace("2026.11", "2027.01").replace(", monitoring", "") + settings)
    wrong = TENANT.replace("fi: Kuhmo", "fi: ''").replace("sv: Kuhmo", "sv: NO")
    (folder / KUHMO).write_text(wrong)
    (folder / "tenants/sotkamo.yml").write_text(TENANT.replace("koulu.kuhmo.example", "nowhere"))
    result = kuhmo.refused("validate", "kuhmo", "--json")
    found = {(m["code"], m["file"], m["path"]) for m in json.loads(result.out)["mistakes"]}
    assert found >= {
        ("D1-CFG-013", MAIN, "services.base"),
        ("D1-CFG-013", MAIN, "services.gateway.certificates"),
        ("D1-CFG-010", MAIN, "services.gatway"),
        ("D1-CFG-013", MAIN, "services.identity.workers"),
        ("D1-CFG-024", MAIN, "release"),
        ("D1-CFG-019", MAIN, "hosts"),
        ("D1-CFG-013", KUHMO, "name.fi"),
        ("D1-CFG-029", KUHMO, "name.sv"),
        ("D1-CFG-013", "tenants/sotkamo.yml", "domain"),
        ("D1-CFG-016", "tenants/sotkamo.yml", "code"),
        ("D1-CFG-016", "tenants/sotkamo.yml", "oid"),
    }


@pytest.mark.parametrize("verb", [["show"], ["plan"], ["apply", "--yes"], ["destroy", "--confirm", "kuhmo"]])
def test_no_verb_goes_on_with_a_wrong_inventory(kuhmo: House, verb: list[str]) -> None:
    (kuhmo.inventories / "kuhmo" / MAIN).write_text(INSTANCE.replace("contact", "kontact"))
    result = kuhmo.refused(verb[0], "kuhmo", *verb[1:])
    assert result.code == 2
    assert "D1-CFG-000" in result.err
    assert "instance.yml:3" in result.err
    assert "digione validate kuhmo" in result.err


def _symlink(path: Path) -> None:
    path.rename(path.with_name("elsewhere"))
    path.symlink_to("elsewhere")


def _pipe(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


def _device(path: Path) -> None:
    path.unlink()
    path.symlink_to("/dev/zero")


def _folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


@pytest.mark.parametrize("file", [MAIN, KUHMO])
@pytest.mark.parametrize("make", [_symlink, _pipe, _device, _folder])
def test_only_regular_files_are_read(kuhmo: House, make: object, file: str) -> None:
    assert callable(make)
    make(kuhmo.inventories / "kuhmo" / file)
    result = kuhmo.refused("validate", "kuhmo")
    assert result.code == 3
    assert "D1-LOCAL-003" in result.err
    assert file in result.err
    assert "it must be a regular file, and is " in result.err


@pytest.mark.parametrize("file", [MAIN, KUHMO])
def test_a_file_that_everyone_may_write_is_refused(kuhmo: House, file: str) -> None:
    (kuhmo.inventories / "kuhmo" / file).chmod(0o666)
    result = kuhmo.refused("validate", "kuhmo")
    assert result.code == 3
    assert "D1-LOCAL-003" in result.err
    assert "every user of this machine may change it (mode 0666)" in result.err
    assert f"chmod o-w {kuhmo.inventories / 'kuhmo' / file}" in result.err


@pytest.mark.parametrize("folder", [".", "tenants"])
@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda p: p.chmod(0o777), "every user of this machine may put files into it (mode 0777)"),
        (lambda p: (p.rename(p.with_name("x")), p.symlink_to("x")), "a symbolic link"),
    ],
    ids=["open to everyone", "a link"],
)
def test_a_folder_in_which_others_may_write_is_refused(
    kuhmo: House, folder: str, make: Callable[[Path], object], words: str
) -> None:
    make(kuhmo.inventories / "kuhmo" / folder)
    result = kuhmo.refused("apply", "kuhmo", "--yes")
    assert result.code == 3
    assert "D1-LOCAL-003" in result.err
    assert words in result.err


@pytest.mark.parametrize("file", [MAIN, KUHMO])
def test_somebody_elses_file_is_refused(kuhmo: House, file: str, monkeypatch: pytest.MonkeyPatch) -> None:
    lstat = Path.lstat

    def of_another(path: Path) -> os.stat_result:
        info = lstat(path)
        return os.stat_result((*info[:4], 12345, *info[5:])) if path.match(file) else info

    monkeypatch.setattr(Path, "lstat", of_another)
    result = kuhmo.refused("validate", "kuhmo")
    assert result.code == 3
    assert "it belongs to another user (number 12345)" in result.err
    assert f"chown {os.geteuid()} " in result.err


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda p: p.chmod(0o666), "mode 0666"),
        (lambda p: (p.rename(p.with_name("x")), p.symlink_to("x")), "a symbolic link"),
        (lambda p: (p.unlink(), os.mkfifo(p)), "a pipe"),
    ],
    ids=["open to everyone", "a link", "a pipe"],
)
def test_pinned_keys_that_others_may_have_written_are_not_trusted(
    kuhmo: House, make: Callable[[Path], object], words: str
) -> None:
    known_hosts = kuhmo.inventories / "kuhmo/known_hosts"
    known_hosts.write_text("192.0.2.10 ssh-ed25519 A\n")
    make(known_hosts)
    result = kuhmo.refused("logs", "kuhmo", "platform")
    assert result.code == 3
    assert "D1-LOCAL-003" in result.err
    assert words in result.err


def test_an_instance_without_tenants_is_told(kuhmo: House) -> None:
    (kuhmo.inventories / "kuhmo" / KUHMO).unlink()
    result = kuhmo.refused("validate", "kuhmo")
    assert "D1-CFG-012" in result.out


def test_a_doubtful_check_digit_is_only_a_warning(kuhmo: House) -> None:
    file = kuhmo.inventories / "kuhmo" / KUHMO
    file.write_text(TENANT.replace("00000002907", "00000002908"))
    result = kuhmo.run("validate", "kuhmo")
    assert result.code == 0
    assert f"{KUHMO}:2" in result.out
    assert "D1-CFG-017" in result.out
