"""What is odd about an inventory is warned of, with the right thing named; it stays valid."""

import csv
import json
from pathlib import Path

import pytest

from digione_cli.engine.municipalities import municipalities
from tests.fakes import TENANT, write_inventory
from tests.unit.conftest import House
from tests.unit.test_command_line import INIT

INVENTORY = "kuhmo"


def warnings(house: House, instance: str = INVENTORY) -> list[tuple[str, str, str]]:
    """Return code, file and text of the warnings about a valid inventory."""
    result = house.run("validate", instance, "--json")
    assert result.code == 0, result.all
    told = [(m["code"], m["file"], m["text"]) for m in json.loads(result.out)["mistakes"]]
    return [one for one in told if one[0] != "D1-SEC-001"]  # inventories of these tests have no secrets


@pytest.mark.parametrize(
    ("name", "file", "words"),
    [
        ("instance.yaml", "instance.yaml", "did you mean “instance.yml”?"),
        ("tenant/", "tenant", "did you mean “tenants”?"),
        ("secret.yml", "secret.yml", "did you mean “secrets.yml”?"),
        ("tenants/foo.txt", "tenants/foo.txt", "is not read"),
        ("tenants/kuhmo.yml.txt", "tenants/kuhmo.yml.txt", "did you mean “tenants/kuhmo.yml”?"),
        ("tenants/kuhmo.yml~", "tenants/kuhmo.yml~", "a copy that an editor left"),
        ("instance.yml.bak", "instance.yml.bak", "a copy that an editor left"),
        ("#instance.yml#", "#instance.yml#", "a copy that an editor left"),
        ("\x1b[31m", "\\x1b[31m", "is not read"),
    ],
)
def test_what_nothing_reads_is_named(kuhmo: House, name: str, file: str, words: str) -> None:
    path = kuhmo.inventories / INVENTORY / name
    if name.endswith("/"):
        path.mkdir()
    else:
        path.write_text("x")
    ((code, where, text),) = warnings(kuhmo)
    assert (code, where) == ("D1-CFG-025", file)
    assert words in text


@pytest.mark.parametrize(
    "name", ["README.md", ".gitignore", ".instance.yml.swp", "known_hosts", "authority.pem"]
)
def test_what_may_be_there_is_not_named(kuhmo: House, name: str) -> None:
    (kuhmo.inventories / INVENTORY / name).write_text("")
    assert warnings(kuhmo) == []


def test_a_file_that_a_tenant_names_is_not_named(kuhmo: House) -> None:
    folder = kuhmo.inventories / INVENTORY / "tenants"
    upstream = "identity: {upstream: {kind: saml, title: MPASSid, metadata: mpassid.xml}}\n"
    (folder / "kuhmo.yml").write_text(TENANT + upstream)
    (folder / "mpassid.xml").write_text("<x/>")
    assert warnings(kuhmo) == []


def test_a_folder_of_tenants_with_a_wrong_name_is_named_beside_the_mistake(kuhmo: House) -> None:
    folder = kuhmo.inventories / INVENTORY
    (folder / "tenants").rename(folder / "tenant")
    result = kuhmo.refused("validate", INVENTORY)
    assert result.code == 2
    assert "D1-CFG-012" in result.out
    assert "did you mean “tenants”?" in result.out


CODE = 'code: "290"'


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ('"290"', '"297"', "297 is the code of Kuopio"),
        ("fi: Kuhmo", "fi: Kuopio", "290 is the code of Kuhmo"),
        ("sv: Kuhmo", "sv: Karleby", "290 is the code of Kuhmo"),
        (
            '"290"\noid: 1.2.246.562.99',
            '"998"\noid: 1.2.246.562.10',
            "no municipality of Finland has the code 998",
        ),
    ],
)
def test_a_code_of_another_municipality_is_doubted(kuhmo: House, old: str, new: str, words: str) -> None:
    assert old in TENANT
    (kuhmo.inventories / INVENTORY / "tenants/kuhmo.yml").write_text(TENANT.replace(old, new))
    found = [text for code, file, text in warnings(kuhmo) if code == "D1-CFG-026"]
    assert len(found) == 1
    assert words in found[0]


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (CODE, 'code: "999"'),
        ("{fi: Kuhmo, sv: Kuhmo}", "{fi: KUHMO, sv: kuhmo}"),
        (f"{CODE}\n", 'code: "405"\n'),
    ],
)
def test_towns_for_tests_and_names_as_they_are_are_not_doubted(kuhmo: House, old: str, new: str) -> None:
    text = TENANT.replace(old, new)
    if "405" in text:
        text = text.replace("{fi: Kuhmo, sv: Kuhmo}", "{fi: Lappeenranta, sv: Villmanstrand}")
    (kuhmo.inventories / INVENTORY / "tenants/kuhmo.yml").write_text(text)
    assert warnings(kuhmo) == []


def test_every_municipality_is_known() -> None:
    known = municipalities()
    assert len(known) == 308
    assert known["049"] == ("Espoo", "Esbo")
    assert all(len(code) == 3 and code.isdigit() for code in known)
    assert list(known) == sorted(known)
    file = Path(__file__).parents[2] / "digione_cli/engine/municipalities.csv"
    with file.open(encoding="utf-8", newline="") as opened:
        assert len(list(csv.reader(opened))) == 309, "a code stands twice"


def test_a_tenant_of_another_instance_is_named(kuhmo: House) -> None:
    write_inventory(kuhmo.inventories, "kainuu")
    there = kuhmo.inventories / "kainuu/tenants/kuhmo.yml"
    domain = (
        "D1-CFG-027",
        "tenants/kuhmo.yml",
        "koulu.kuhmo.example is also that of kainuu/tenants/kuhmo.yml",
    )
    assert warnings(kuhmo) == [domain], "a code of an example is nobody's"
    there.write_text(there.read_text().replace("koulu.kuhmo", "auth.koulu.kuhmo"))
    assert warnings(kuhmo) == [(*domain[:2], f"auth.{domain[2]}")], "where people sign in"
    there.write_text(there.read_text().replace("auth.koulu.kuhmo", "koulu.kuhmo"))
    there.write_text(there.read_text().replace(".example", ".fi"))
    code = ("D1-CFG-027", "tenants/kuhmo.yml", "290 is also that of kainuu/tenants/kuhmo.yml")
    assert warnings(kuhmo) == [code]
    there.write_text("- [")
    assert warnings(kuhmo) == []


def test_init_warns_of_all_this(kuhmo: House) -> None:
    there = kuhmo.inventories / "kuhmo/tenants/kuhmo.yml"
    there.write_text(there.read_text().replace(".example", ".fi"))
    result = kuhmo.run("init", "other", *INIT, "--name-fi", "Kuopio")
    assert result.code == 0
    assert "290 is the code of Kuhmo" in result.out
    assert "290 is also that of kuhmo/tenants/kuhmo.yml" in result.out


@pytest.mark.parametrize(("name", "host"), [("kuhmo", "kuhmo1"), ("k2", "k2-1")])
def test_init_names_the_host_after_the_instance(house: House, name: str, host: str) -> None:
    assert house.run("init", name, *INIT).code == 0
    shown = json.loads(house.run("show", name, "--json").out)["configuration"]
    assert list(shown["hosts"]) == [host]
