"""The command line: what is wrong with it is told, and quietly it never does anything."""

import io
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from digione_cli import main
from digione_cli.engine.load import find_tenant
from digione_cli.engine.services import load_services
from digione_cli.settings import CHECKOUT
from digione_cli.verbs import _complete
from tests import fakes
from tests.unit.conftest import House

BAD_NAMES = [
    "../../etc",
    "a/b",
    ".",
    "..",
    "/etc",
    "{{ 7*7 }}",
    "$(id)",
    "; rm -rf /",
    "`id`",
    "a\nb",
    "\x1b[31mred",
    "kuhmо",
    "ku\u200bhmo",
    "[a-z]*",
    "*",
    "x" * 5000,
    " ",
]
INIT = [
    "--code",
    "290",
    "--oid",
    "1.2.246.562.99.00000002907",
    "--name-fi",
    "Kuhmo",
    "--domain",
    "a.kuhmo.example",
]
INIT += ["--contact", "a@kuhmo.example", "--address", "192.0.2.10", "--user", "admin", "--skip-trust"]


@pytest.mark.parametrize("name", BAD_NAMES)
@pytest.mark.parametrize(
    ("before", "after"),
    [
        (["validate"], []),
        (["show"], []),
        (["plan"], []),
        (["apply"], ["--yes"]),
        (["status"], []),
        (["doctor"], []),
        (["logs"], ["platform"]),
        (["secrets", "show"], ["authority_key"]),
        (["destroy"], ["--confirm", "kuhmo"]),
        (["trust"], ["--yes"]),
        (["roster", "undo"], []),
        (["accounts", "list"], []),
        (["init"], INIT),
    ],
    ids=lambda words: words[0] if words else "",
)
def test_a_wrong_name_is_refused(kuhmo: House, before: list[str], after: list[str], name: str) -> None:
    result = kuhmo.refused(*before, name, *after)
    assert result.code == 2
    assert any(i in result.err for i in ("D1-CFG-020", "D1-CFG-021", "D1-INIT-003", "D1-USE-000"))
    assert "\x1b" not in result.all


@pytest.mark.parametrize("verb", [["show"], ["apply"], ["init"], ["roster", "undo"]])
def test_a_leading_dash_is_no_name(kuhmo: House, verb: list[str]) -> None:
    for name in ("-x", "--upload-file=x", "-oProxyCommand=id"):
        assert "D1-USE-000" in kuhmo.refused(*verb, name).err
    assert kuhmo.refused(*verb, "--", "-x").code == 2


def test_an_instance_that_is_not_there_is_looked_for_or_made(house: House) -> None:
    assert "next: digione init kuopio\n" in house.refused("show", "kuopio").err
    house.run("init", "kuhmo", *INIT)
    assert "next: digione status\n" in house.refused("show", "rovaniemi").err


def test_a_letter_that_only_looks_like_one_is_named(house: House) -> None:
    assert "CYRILLIC SMALL LETTER O" in house.refused("init", *INIT, "--", "kuhmо").err


@pytest.mark.parametrize(
    ("arguments", "usage"),
    [
        (["status"], "Usage: digione status [OPTIONS] [INSTANCE]\n"),
        (["trust"], "Usage: digione trust [OPTIONS] INSTANCE [HOST]\n"),
        (["lab", "up"], "Usage: digione lab up [OPTIONS] HOST…\n"),
        (["lab", "down"], "Usage: digione lab down [OPTIONS] [HOST…]\n"),
        (["sample", "make"], "Usage: digione sample make [OPTIONS] OUT.zip\n"),
    ],
)
def test_usage_shows_what_is_optional_by_one_pair_of_brackets(
    house: House, arguments: list[str], usage: str
) -> None:
    assert house.run(*arguments, "--help").out.startswith(usage)


def test_a_name_that_is_near_is_named(kuhmo: House) -> None:
    result = kuhmo.refused("show", "kumo")
    assert "digione show kuhmo" in result.err


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["aply", "kuhmo"], "No such command"),
        (["_common"], "No such command"),
        (["../main"], "No such command"),
        (["apply"], "Missing argument"),
        (["apply", "kuhmo", "--dryrun"], "No such option"),
        (["apply", "kuhmo", "extra"], "unexpected extra argument"),
        (["logs", "kuhmo", "platform", "--lines", "many"], "must be a whole number"),
        (["sandbox", "--port", "80"], "must be at least 1024"),
        (["lab", "up", "h1", "--memory", "1"], "must be at least 128"),
    ],
)
def test_what_the_parser_refuses_has_an_id_and_a_next_command(
    house: House, arguments: list[str], words: str
) -> None:
    result = house.refused(*arguments)
    assert result.code == 2
    assert words in result.err
    assert "D1-USE-000" in result.err
    assert "next: digione" in result.err


@pytest.mark.parametrize(("arguments", "code"), [([], 0), (["secrets"], 2)])
def test_what_is_named_without_a_verb_shows_its_help(house: House, arguments: list[str], code: int) -> None:
    result = house.run(*arguments)
    assert result.code == code
    assert result.out.startswith("Usage: digione")
    assert result.err == ""


@pytest.mark.parametrize(
    ("arguments", "code", "error_id"),
    [
        (["show", "nowhere", "--json"], 2, "D1-CFG-020"),
        (["apply", "--json"], 2, "D1-USE-000"),
        (["apply", "kuhmo", "--json", "--what"], 2, "D1-USE-000"),
        (["secrets", "show", "kuhmo", "authority_key", "--json"], 3, "D1-SEC-001"),
    ],
)
def test_an_error_with_json_is_json(kuhmo: House, arguments: list[str], code: int, error_id: str) -> None:
    result = kuhmo.refused(*arguments)
    told = json.loads(result.out)["error"]
    assert result.code == code
    assert told["id"] == error_id
    assert set(told) == {"id", "what", "why", "fix"}
    assert told["fix"]


def test_a_question_without_a_terminal_is_an_error(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO())
    for json_flag in ([], ["--json"]):
        result = house.refused("init", "kuhmo", *json_flag)
        assert result.code == 2
        assert "D1-USE-002" in result.all
    asked = house.refused("apply", "kuhmo", "--ask-sudo-password").err
    assert "D1-USE-002" in asked
    assert "run it in a terminal" in asked
    assert "as a flag" not in asked, "no flag takes a password"


@pytest.mark.parametrize(
    ("option", "value", "words"),
    [
        ("--code", "29", "three digits"),
        ("--code", "{{ 7*7 }}", "three digits"),
        ("--oid", "1.2.3", "OID"),
        ("--name-fi", "{{ lookup('pipe', 'id') }}", "template mark"),
        ("--name-sv", "a\nb", "invisible"),
        ("--name-fi", '"\nuser: root', "invisible"),
        ("--language", "latin", "finnish, swedish"),
        ("--language", "finish", "did you mean “finnish”?"),
        ("--domain", "kuhmo", "domain"),
        ("--contact", "nobody", "e-mail"),
        ("--address", "-oProxyCommand=id", "address"),
        ("--user", "root; id", "user"),
        ("--port", "0", "from 1 to 65535"),
        ("--port", "65536", "from 1 to 65535"),
        ("--key", "a\nb", "hosts.kuhmo1.key"),
        ("--mail-relay", "-smtp", "neither an IP address nor"),
    ],
)
def test_init_writes_nothing_of_what_is_wrong(house: House, option: str, value: str, words: str) -> None:
    result = house.refused("init", "kuhmo", *INIT, option, value)
    assert result.code == 2
    assert words in result.err
    assert f"{option}: " in result.err or option == "--key"
    assert ".yml" not in result.err  # no file was written in which something could be mended
    assert list(house.inventories.iterdir()) == []


def test_init_names_all_wrong_and_all_missing_flags_at_once(house: House) -> None:
    result = house.refused("init", "kuhmo", *INIT, "--code", "29", "--user", "root; id")
    assert "--code: " in result.err
    assert "--user: " in result.err
    result = house.refused("init", "kuhmo", "--code", "290", "--name-fi", "Kuhmo")
    assert "D1-USE-002" in result.err
    assert "flags: --domain --contact --oid --address --user" in result.err


def _answers(monkeypatch: pytest.MonkeyPatch, *answers: str) -> list[str]:
    """Let somebody answer questions, with nothing for Enter; return the questions as they were asked."""
    given, asked = iter(answers), list[str]()

    def ask(_: object, question: str, default: str = "", secret: bool = False) -> str:
        asked.append(f"{question} ({default})" if default else question)
        return next(given) or default

    monkeypatch.setattr("digione_cli.ui.console.ConsoleScreen.ask", ask)
    return asked


OID = "1.2.246.562.99.00000009057"


def test_init_asks_for_both_names_and_the_language(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = _answers(
        monkeypatch, "905", "", "", "bilingual", "", "a.vaasa.example", "a@vaasa.example", OID, "h1", "admin"
    )
    result = house.run("init", "vaasa", "--skip-trust")
    assert (result.code, "an answer is needed" in result.out) == (0, True)
    written = (house.inventories / "vaasa/tenants/vaasa.yml").read_text()
    assert 'fi: "Vaasa"\n  sv: "Vasa"\nlanguage: bilingual\n' in written
    assert "Its name in Swedish (Vasa)" in asked
    assert any(question.endswith("bilingual (finnish)") for question in asked)
    domain = next(question for question in asked if question.startswith("Domain"))
    assert asked.count(domain) == 2, "no domain is made up: Enter gives none"


def test_a_name_of_ones_own_is_that_in_swedish_too(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = _answers(monkeypatch, "905", "Mallila", "", "", "a.b.example", "a@b.example", OID, "h1", "admin")
    assert house.run("init", "vaasa", "--skip-trust").code == 0
    assert "Its name in Swedish (Mallila)" in asked
    assert "language: finnish" in (house.inventories / "vaasa/tenants/vaasa.yml").read_text()


def test_where_no_question_must_be_asked_none_is(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = _answers(monkeypatch)
    assert house.run("init", "kuhmo", *INIT).code == 0
    written = (house.inventories / "kuhmo/tenants/kuhmo.yml").read_text()
    assert (asked, 'sv: "Kuhmo"\nlanguage: finnish' in written) == ([], True)


def test_init_asks_again_what_was_answered_wrong(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    answers = ["29", "290", "Kuhmo", "", "", "kuhmo", "a.kuhmo.example", "nobody", "a@kuhmo.example"]
    answers += ["1.2.246.562.99.00000002907", "not an address", "192.0.2.10", "root; id", "admin"]
    _answers(monkeypatch, *answers)
    result = house.run("init", "kuhmo", "--skip-trust")
    assert result.code == 0
    assert "“kuhmo” is not a domain name" in result.out
    assert "“nobody” is not an e-mail address" in result.out
    assert "“29” must be three digits" in result.out
    assert "“not an address” is neither an IP address nor the name of a server" in result.out
    assert "“root; id” is not a Unix user name" in result.out
    assert 'code: "290"' in (house.inventories / "kuhmo/tenants/kuhmo.yml").read_text()
    assert "Next: digione trust kuhmo" in result.out


@pytest.mark.parametrize(
    "name", ["postgres", "root", "www", "default", "template1", "id-x", "Kuhmo", "a", "-"]
)
def test_init_refuses_reserved_names(house: House, name: str) -> None:
    result = house.refused("init", *INIT, "--", name)
    assert "D1-INIT-003" in result.err


def test_init_does_not_touch_what_is_there(kuhmo: House, house: House) -> None:
    result = kuhmo.refused("init", "kuhmo", *INIT)
    assert "D1-INIT-001" in result.err
    assert "digione show kuhmo" in result.err
    # show would lead back to init
    (house.inventories / "ranua").mkdir()
    assert "take the folder away" in house.refused("init", "ranua", *INIT).err


def test_a_dry_run_of_init_shows_and_writes_nothing(house: House) -> None:
    before = house.everything()
    result = house.run("init", "kuhmo", *INIT, "--dry-run")
    assert result.code == 0
    assert 'domain: "a.kuhmo.example"' in result.out
    assert house.everything() == before


def test_what_init_wrote_is_valid_and_has_secrets(house: House) -> None:
    assert house.run("init", "kuhmo", *INIT).code == 0
    assert house.run("validate", "kuhmo").code == 0
    folder = house.inventories / "kuhmo"
    assert (folder / "secrets.yml").read_text().startswith("$ANSIBLE_VAULT;1.1;AES256")
    assert (folder / "secrets.yml").stat().st_mode & 0o777 == 0o600
    assert (house.keys / "kuhmo").stat().st_mode & 0o777 == 0o600
    shown = house.run("show", "kuhmo")
    assert "********" in shown.out
    value = house.run("secrets", "show", "kuhmo", "platform_database@kuhmo").out.strip()
    assert len(value) == 40
    assert value not in shown.all


def test_a_value_from_outside_is_read_from_standard_input(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    house.run("init", "kuhmo", *INIT)
    with (house.inventories / "kuhmo/tenants/kuhmo.yml").open("a") as file:
        file.write(fakes.UPSTREAM)
    lacking = house.run("plan", "kuhmo")
    assert "D1-SEC-006" in lacking.err
    assert "digione secrets set kuhmo upstream_client@kuhmo" in lacking.err
    given = ("secrets", "set", "kuhmo", "upstream_client@kuhmo")
    for useless in (b"\n", b"\xff\xfe\n"):
        monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(useless), encoding="utf-8"))
        refused = house.refused(*given).err
        assert "D1-SEC-007" in refused
        assert f"next: digione secrets set kuhmo {given[3]} < FILE\n" in refused
    monkeypatch.setattr("sys.stdin", io.StringIO("{{ given by MPASSid }}\n"))
    result = house.run(*given)
    assert result.code == 0
    assert "given by MPASSid" not in result.all
    show = ("secrets", "show", "kuhmo", "upstream_client@kuhmo")
    assert house.run(*show).out == "{{ given by MPASSid }}\n"
    monkeypatch.setattr("sys.stdin", io.StringIO("another\n"))
    refused = house.refused(*given)
    assert "D1-USE-001" in refused.err
    assert "digione secrets set kuhmo upstream_client@kuhmo --yes" in refused.err
    assert house.run(*show).out == "{{ given by MPASSid }}\n"
    assert house.run(*given, "--yes").code == 0
    assert house.run(*show).out == "another\n"


@pytest.mark.parametrize("name", ["platform_database@kuhmo", "authority_key"])
def test_what_digione_makes_is_rotated_not_set(
    house: House, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    house.run("init", "kuhmo", *INIT)
    monkeypatch.setattr("sys.stdin", io.StringIO("mine\n"))
    refused = house.refused("secrets", "set", "kuhmo", name, "--yes")
    assert "D1-SEC-009" in refused.err
    assert f"digione secrets rotate kuhmo {name}" in refused.err


def test_a_secret_that_is_not_there_is_told_without_values(house: House) -> None:
    house.run("init", "kuhmo", *INIT)
    result = house.refused("secrets", "show", "kuhmo", "\x1b[31mnothing")
    assert "D1-SEC-005" in result.err
    assert "platform_database@kuhmo" in result.err
    assert "\x1b" not in result.err


@pytest.mark.parametrize(
    ("verb", "name", "words"),
    [
        (
            "set",
            "mail_password",
            ["only where external.mail.user is set", "set external.mail.user in the inventory"],
        ),
        ("set", "upstream_client@kuhmo", ["identity.upstream.client_id", "same command again"]),
        (
            "show",
            "platform_client",
            ["each tenant has its own", "name the tenant too: platform_client@kuhmo"],
        ),
        ("show", "platform_clint@kuhmo", ["did you mean “platform_client@kuhmo”?"]),
        ("rotate", "authority", ["did you mean “authority_key”?"]),
    ],
)
def test_a_secret_that_is_not_there_is_told_when_it_is(
    house: House, verb: str, name: str, words: list[str]
) -> None:
    house.run("init", "kuhmo", *INIT)
    result = house.refused("secrets", verb, "kuhmo", name)
    assert "D1-SEC-005" in result.err
    for said in words:
        assert said in result.err


def test_what_is_made_together_is_rotated_together_by_the_names_that_it_is_shown_by(house: House) -> None:
    house.run("init", "kuhmo", *INIT)
    rotated = house.run("secrets", "rotate", "kuhmo", "authority_key", "--yes")
    assert "authority_key, authority_certificate have new values" in rotated.out


def test_rotate_gives_one_secret_a_new_value(house: House) -> None:
    house.run("init", "kuhmo", *INIT)
    before = house.run("secrets", "show", "kuhmo", "platform_database@kuhmo").out
    other = house.run("secrets", "show", "kuhmo", "authority_key").out
    assert house.refused("secrets", "rotate", "kuhmo", "platform_database@kuhmo", "--json").code == 2
    rotated = house.run("secrets", "rotate", "kuhmo", "platform_database@kuhmo", "--yes")
    assert rotated.code == 0
    after = house.run("secrets", "show", "kuhmo", "platform_database@kuhmo").out
    assert after != before
    assert house.run("secrets", "show", "kuhmo", "authority_key").out == other
    assert after.strip() not in rotated.all


def test_a_tenant_that_is_not_there_leads_to_those_that_are(kuhmo: House) -> None:
    assert "known are: kuhmo/kuhmo" in kuhmo.refused("accounts", "list", "sotkamo").err
    assert "did you mean “kuhmo”?" in kuhmo.refused("accounts", "list", "kuhno").err
    assert "did you mean “kuhmo/kuhmo”?" in kuhmo.refused("accounts", "list", "kuhno/kuhmo").err


@pytest.mark.parametrize(
    ("arguments", "error_id"),
    [
        (["roster", "import", "kuhmo", "none.zip"], "D1-USE-006"),
        (["roster", "import", "kuhmo", "none.zip", "--dry-run", "--apply"], "D1-USE-006"),
        (["roster", "import", "kuhmo", "none.zip", "--dry-run"], "D1-USE-007"),
        (["roster", "undo", "sotkamo"], "D1-CFG-021"),
        (["roster", "undo", "nowhere/kuhmo"], "D1-CFG-021"),
        (["roster", "undo", "../kuhmo/kuhmo"], "D1-CFG-021"),
        (["logs", "kuhmo", "platfrom"], "D1-LOG-001"),
        (["logs", "kuhmo", "platform", "--host", "other"], "D1-LOG-002"),
        (["trust", "kuhmo", "other"], "D1-USE-005"),
    ],
)
def test_what_a_verb_refuses_has_an_id(kuhmo: House, arguments: list[str], error_id: str) -> None:
    result = kuhmo.refused(*arguments)
    assert result.code == 2
    assert error_id in result.err


def test_a_tenant_of_two_instances_must_be_named_with_one(kuhmo: House) -> None:
    from tests.fakes import write_inventory

    write_inventory(kuhmo.inventories, "kainuu")
    write_inventory(kuhmo.inventories, "lappi")
    assert find_tenant(kuhmo.inventories, load_services(CHECKOUT / "roles"), "kuhmo")[0].name == "kuhmo"
    (kuhmo.inventories / "kuhmo").rename(kuhmo.inventories / "kuhmo-old")
    (kuhmo.inventories / "kuhmo-old/instance.yml").unlink()
    result = kuhmo.refused("roster", "undo", "kuhmo")
    assert "kainuu, lappi" in result.err
    assert "kainuu/kuhmo, lappi/kuhmo" in result.err


def test_a_bug_of_ours_is_told_without_a_traceback(
    kuhmo: House, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def broken(roles: Path) -> None:
        raise RuntimeError("the first line\nthe second")

    monkeypatch.setattr("digione_cli.engine.services.load_services", broken)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    result = kuhmo.run("show", "kuhmo", "--json")
    assert result.code == 1
    assert "Traceback" not in result.all
    assert json.loads(result.out)["error"]["id"] == "D1-BUG-000"
    report = next(tmp_path.glob("digione-bug-*"))
    assert str(report) in result.err
    assert "RuntimeError" in report.read_text()
    assert report.stat().st_mode & 0o777 == 0o600


def test_ctrl_c_ends_with_130(kuhmo: House, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(roles: Path) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("digione_cli.engine.services.load_services", interrupted)
    result = kuhmo.run("show", "kuhmo")
    assert result.code == 130
    assert "nothing was changed" in result.err


def _digione(
    *arguments: str | bytes, code: str = "", **options: object
) -> "subprocess.CompletedProcess[bytes]":
    program = code or "from digione_cli.main import main; main()"
    command = [sys.executable, "-c", program, *arguments]
    return subprocess.run(command, capture_output=True, cwd=CHECKOUT, check=False, **options)  # type: ignore[call-overload, no-any-return]


HEAVY = ["ansible", "ansible_runner", "sqlalchemy", "alembic", "pydantic", "rich", "jinja2", "yaml", "httpx"]
HEAVY += ["cryptography", "digione_platform"]


def test_help_loads_nothing_heavy() -> None:
    code = (
        "import sys; from digione_cli.main import run; code = run(['--help']); "
        f"print('LOADED', code, [m for m in {HEAVY!r} if m in sys.modules])"
    )
    done = _digione(code=code)
    assert done.stdout.decode().splitlines()[-1] == "LOADED 0 []"


def test_an_argument_that_is_not_utf8_is_refused() -> None:
    done = _digione("init", "kuhmo", "--name-fi", b"\xff")
    assert done.returncode == 2
    assert b"D1-USE-008" in done.stderr
    assert b"argument 4" in done.stderr


@pytest.mark.parametrize(
    "verb", [["--help"], ["status"], ["status", "--json"], ["show", "espoo"], ["nothing"]]
)
@pytest.mark.parametrize("close", [">&-", ">&- 2>&-", "| true"])
def test_closed_output_is_no_bug(verb: list[str], close: str, tmp_path: Path) -> None:
    program = f"{sys.executable} -c 'from digione_cli.main import main; main()' {' '.join(verb)}"
    line = f"set -o pipefail; {program} {close}"
    environment = os.environ | {"DIGIONE_STATE": str(tmp_path)}
    done = subprocess.run(
        ["bash", "-c", line], cwd=CHECKOUT, capture_output=True, env=environment, check=False
    )
    assert done.returncode == (2 if verb == ["nothing"] else 0), done.stderr
    assert b"Traceback" not in done.stderr
    assert b"BrokenPipe" not in done.stderr
    assert b"D1-BUG" not in done.stderr


@pytest.mark.parametrize(
    "variables", [{"LANG": "C", "LC_ALL": "C"}, {"PYTHONIOENCODING": "ascii"}, {"HOME": ""}]
)
def test_a_poor_environment_is_no_bug(variables: dict[str, str], tmp_path: Path) -> None:
    environment = {"PATH": os.environ["PATH"], "COLUMNS": "20", "DIGIONE_STATE": str(tmp_path)} | variables
    done = _digione("show", "espoo", env={k: v for k, v in environment.items() if v})
    assert done.returncode == 0, done.stderr
    assert b"Espoo" in done.stdout


def test_children_get_a_clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    from digione_cli.world.files import clean_environment

    for name in (
        "LD_PRELOAD",
        "PYTHONPATH",
        "PYTHONSTARTUP",
        "ANSIBLE_CONFIG",
        "ANSIBLE_ROLES_PATH",
        "SECRET",
    ):
        monkeypatch.setenv(name, "/tmp/evil")
    monkeypatch.setenv("LANG", "fi_FI.ISO-8859-1")
    monkeypatch.delenv("HOME", raising=False)
    given = clean_environment()
    assert "/tmp/evil" not in given.values()
    assert given["LANG"] == "C.UTF-8"
    assert given["HOME"]


def test_instance_names_are_completed(kuhmo: House) -> None:
    assert _complete.instances("") == ["kuhmo"]
    assert _complete.instances("ku") == ["kuhmo"]
    for odd in ("x", "[", "*", "/", "../", "**", "ku/"):
        assert _complete.instances(odd) == []


def test_the_shell_completes_instance_names() -> None:
    environment = os.environ | {
        "_DIGIONE_COMPLETE": "complete_bash",
        "COMP_WORDS": "digione show es",
        "COMP_CWORD": "2",
    }
    done = _digione(env=environment, code="import sys; from digione_cli.main import run; sys.exit(run([]))")
    assert done.stdout.split() == [b"espoo"]


@pytest.mark.parametrize(
    ("typed", "offered"),
    [
        ("digione ap", ["apply"]),
        ("digione show es", ["espoo"]),
        ("digione status kai", ["kainuu"]),
        ("digione logs espoo pl", ["platform"]),
        ("digione logs kainuu platform --tenant s", ["sotkamo", "suomussalmi"]),
        ("digione secrets rotate espoo authority", ["authority_certificate", "authority_key"]),
        ("digione secrets show espoo platform_data", ["platform_database@espoo"]),
        ("digione roster undo kuh", ["kuhmo"]),
        ("digione roster undo kainuu/kuh", ["kainuu/kuhmo"]),
        ("digione lab stop h", ["h1", "h2"]),
        ("digione init new --lab h", ["h1", "h2"]),
        ("digione destroy turku --host tur", ["turku1", "turku2"]),
        ("digione lab resolve h1 es", ["espoo"]),
    ],
)
def test_bash_completes_names(typed: str, offered: list[str], tmp_path: Path) -> None:
    (tmp_path / "lab").mkdir()
    (tmp_path / "lab/lab.json").write_text('{"network": 1, "hosts": {"h2": {}, "h1": {}}}')
    environment = os.environ | {
        "HOME": str(tmp_path),
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        "DIGIONE_INVENTORIES": str(CHECKOUT / "inventories"),
        "DIGIONE_LAB": str(tmp_path / "lab"),
    }
    words = typed.split()
    script = f"""
    digione --install-completion > /dev/null; . ~/.bashrc
    COMP_WORDS=({typed}); COMP_CWORD={len(words) - 1}
    _digione_completion digione; printf '%s\\n' "${{COMPREPLY[@]}}"
    """
    done = subprocess.run(["bash", "-c", script], env=environment, capture_output=True, text=True, check=True)
    assert done.stdout.split() == offered, done.stderr


def test_completion_loads_nothing_heavy() -> None:
    # but yaml, for the names of secrets, and pydantic, which the parser of the command line loads
    heavy = [name for name in HEAVY if name not in ("yaml", "pydantic")]
    code = (
        "import os, sys; from digione_cli.main import run\n"
        "os.environ |= {'_DIGIONE_COMPLETE': 'complete_bash', 'COMP_CWORD': '4'}\n"
        "os.environ['COMP_WORDS'] = 'digione secrets show espoo platform'\n"
        "try: run([])\n"
        f"finally: print('LOADED', [m for m in {heavy!r} if m in sys.modules])"
    )
    assert _digione(code=code).stdout.decode().splitlines()[-1] == "LOADED []"


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        (["aply", "kuhmo"], "apply"),
        (["secret", "show", "kuhmo", "x"], "secrets"),
        (["roster", "imprt"], "import"),
        (["lab", "lits"], "list"),
        (["apply", "kuhmo", "--dryrun"], "--dry-run"),
    ],
)
def test_what_was_meant_is_named(house: House, typed: list[str], meant: str) -> None:
    assert meant in house.refused(*typed).err.splitlines()[0]


def test_verbs_are_listed_along_a_newcomers_path(house: House) -> None:
    listed = main.Verbs().list_commands(None)
    assert listed[:3] == ["init", "validate", "show"]
    assert not any(name.startswith("_") for name in listed)


def test_the_version_is_told(house: House) -> None:
    assert house.run("--version").out.startswith("digione 20")


def test_init_names_the_relay_that_takes_mail_over_tls(house: House) -> None:
    assert house.run("init", "kuhmo", *INIT, "--mail-relay", "smtp.kuhmo.example").code == 0
    shown = house.run("show", "kuhmo").out
    assert re.search(r"mail:\n +server: smtp.kuhmo.example\n +port: 25\n +tls: true", shown)
