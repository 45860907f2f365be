"""What a host says is capped, streamed and harmless, whatever it is; so is what is sent to it."""

import base64
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from digione_cli.errors import DigioneError, PreconditionError
from digione_cli.model.instance import Host
from digione_cli.settings import CHECKOUT, Settings
from digione_cli.ui.console import ConsoleScreen
from digione_cli.ui.screen import JsonScreen
from digione_cli.world import process, ssh
from digione_cli.world.ssh import Target
from digione_cli.world.world import World
from tests import fakes

NOTHING = "cat > /dev/null; "


@pytest.fixture
def target(tmp_path: Path) -> Target:
    return Target("kuhmo1", Host(address="192.0.2.10", user="root"), tmp_path / "kuhmo/known_hosts")


@pytest.fixture
def house_of(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder where the test puts a program that is taken for ssh."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")
    return folder


def says(folder: Path, script: str) -> None:
    (folder / "ssh").write_text(f"#!/bin/sh\n{script}\n")
    (folder / "ssh").chmod(0o755)


@pytest.mark.parametrize("where", ["", ">&2"])
def test_an_endless_answer_is_cut_off(house_of: Path, target: Target, where: str) -> None:
    says(house_of, f"exec cat /dev/zero {where}")
    with pytest.raises(PreconditionError) as told:
        ssh.run(target, "checker")
    assert told.value.id == "D1-SSH-010"
    assert "kuhmo1" in told.value.what


def test_a_host_that_never_answers_is_given_up(house_of: Path, target: Target) -> None:
    says(house_of, "exec sleep 600")
    with pytest.raises(PreconditionError) as told:
        ssh.run(target, "checker", timeout=0.1)
    assert told.value.id == "D1-SSH-007"


def test_a_host_that_reads_nothing_and_ends_tells_why(house_of: Path, target: Target) -> None:
    says(house_of, "echo 'sudo: a password is required' >&2; exit 1")
    with pytest.raises(PreconditionError) as told:
        ssh.run(target, "platform", (b"x" * 60_000 for _ in range(100)))
    assert told.value.id == "D1-SSH-004"


@pytest.mark.parametrize(
    "answer",
    ["", "Welcome to kuhmo1", '{"reached": true, "reached": false}', '{"reached": "perhaps"}', "[" * 100_000],
    ids=["nothing", "no JSON", "a key twice", "no facts", "endless depth"],
)
def test_a_host_with_an_unreadable_answer_counts_as_not_reached(
    house_of: Path, tmp_path: Path, answer: str
) -> None:
    (tmp_path / "answer").write_text(answer)
    says(house_of, f"{NOTHING} cat {tmp_path / 'answer'}")
    fakes.write_inventory(tmp_path / "inventories")
    instance = fakes.load(tmp_path / "inventories")
    (facts,) = World(Settings()).look(instance).values()
    assert not facts.reached
    assert facts.error_kind == "D1-SSH-008"
    assert facts.error_fix


@pytest.mark.parametrize(
    "answer", ["", '{"exit": 0}', '["exit"]', '{"exit": "x", "stdout": "", "stderr": "", "file": ""}']
)
def test_an_unreadable_report_of_the_platform_is_an_error(
    house_of: Path, target: Target, answer: str
) -> None:
    says(house_of, f"{NOTHING} echo '{answer}'")
    with pytest.raises(PreconditionError) as told:
        World(Settings()).platform(target, "kuhmo", ["accounts", "list"])
    assert told.value.id == "D1-SSH-008"


def test_a_platform_that_is_not_installed_is_told(house_of: Path, target: Target) -> None:
    says(house_of, f"{NOTHING} echo null")
    with pytest.raises(PreconditionError) as told:
        World(Settings()).platform(target, "kuhmo", ["accounts", "list"])
    assert (told.value.id, told.value.fix) == ("D1-PLATFORM-001", "digione apply kuhmo")


def test_the_platform_is_asked_in_the_readers_language(house_of: Path, target: Target) -> None:
    language = "$(grep -ao '.language.: .[a-z]*' | tail -c 3)"
    says(house_of, f"""printf '{{"exit": 0, "stdout": "%s", "stderr": "", "file": ""}}' {language}""")
    assert World(Settings()).platform(target, "kuhmo", ["accounts", "list"]).stdout == "en"


def test_logs_are_said_at_once(house_of: Path, target: Target, tmp_path: Path) -> None:
    heard = tmp_path / "heard"
    wait = f"for i in $(seq 300); do test -e {heard} && break; sleep 0.1; done"
    says(house_of, f"{NOTHING} echo first; {wait}; test -e {heard} && echo second")
    said = []

    def say(text: str) -> None:
        said.append(text)
        heard.touch()

    assert ssh.follow(target, ["journalctl"], say) == 0
    assert said == ["first\n", "second\n"]


def test_a_long_line_of_a_log_comes_in_parts(house_of: Path, target: Target, tmp_path: Path) -> None:
    line = "x" + "ä" * 3_000_000
    (tmp_path / "log").write_text(line)
    says(house_of, f"{NOTHING} cat {tmp_path / 'log'}")
    said: list[str] = []
    ssh.follow(target, ["journalctl"], said.append)
    assert "".join(said) == line
    assert max(map(len, said)) <= 1 << 16


def test_an_error_while_a_log_is_followed_ends_ssh(house_of: Path, target: Target, tmp_path: Path) -> None:
    says(house_of, f"echo $$ > {tmp_path / 'pid'}; exec yes")

    def stop(text: str) -> None:
        raise BrokenPipeError

    with pytest.raises(BrokenPipeError):
        ssh.follow(target, ["journalctl"], stop)
    assert not Path(f"/proc/{(tmp_path / 'pid').read_text().strip()}").exists()


EVIL = "\x1b[2J\x9b31mred\r\x07 Ääkkönen\n"


def test_a_terminal_obeys_nothing_of_what_is_passed_on(capsys: pytest.CaptureFixture[str]) -> None:
    ConsoleScreen().passed_on(EVIL, EVIL)
    said = capsys.readouterr()
    for text in (said.out, said.err):
        assert text == "\\x1b[2J\\x9b31mred\\r\\x07 Ääkkönen\n"


def test_json_that_is_passed_on_stays_the_same_json(capsys: pytest.CaptureFixture[str]) -> None:
    data = {"name": EVIL + "\u200b\u2028\U000e0001"}
    JsonScreen().passed_on(json.dumps(data, ensure_ascii=False, indent=1) + "\n", "")
    out = capsys.readouterr().out
    assert json.loads(out) == data
    assert all(line.isprintable() for line in out.split("\n"))
    screen = JsonScreen()
    screen.note(EVIL)
    screen.close()
    out = capsys.readouterr().out
    assert json.loads(out) == {"notes": [EVIL]}
    assert all(line.isprintable() for line in out.split("\n"))


LITTLE_MEMORY = "import resource; resource.setrlimit(resource.RLIMIT_AS, ({limit}, {limit}));"


def _python(code: str, limit: int, stdin: int = subprocess.DEVNULL) -> "subprocess.CompletedProcess[str]":
    program = code + LITTLE_MEMORY.format(limit=limit) + "run()"
    return subprocess.run(
        [sys.executable, "-c", program],
        cwd=CHECKOUT,
        stdin=stdin,
        capture_output=True,
        text=True,
        check=False,
    )


def test_a_bundle_larger_than_the_memory_is_sent(house_of: Path, tmp_path: Path) -> None:
    bundle = tmp_path / "roster.zip"
    with bundle.open("wb") as file:
        file.truncate(1 << 30)
    says(house_of, """printf '{"exit": 0, "stdout": "%s", "stderr": "", "file": ""}' $(wc -c)""")
    code = f"""
from pathlib import Path
from digione_cli.settings import Settings
from digione_cli.world.world import World
from digione_cli.world.ssh import Target
from digione_cli.model.instance import Host
target = Target("h1", Host(address="192.0.2.10", user="root"), Path({str(tmp_path / "known_hosts")!r}))
world = World(Settings())
def run():
    print(world.platform(target, "kuhmo", ["roster", "import", "FILE"], file=Path({str(bundle)!r})))
"""
    done = _python(code, 700_000_000)
    assert done.returncode == 0, done.stderr
    taken = int(done.stdout.split("stdout='")[1].split("'")[0])
    assert taken > 1 << 30


def _on_host(folder: Path, script: str) -> str:
    """Return code in which ``run`` is the host's program with a script for the platform's command."""
    platform = folder / "digione-platform"
    platform.write_text(f"#!/bin/sh\n{script}\n")
    platform.chmod(0o755)
    (folder / "kuhmo.json").touch()
    return f"""
import os, pwd, subprocess
from digione_cli.world.remote import platform
platform.PLATFORM, platform.SETTINGS = {str(platform)!r}, {str(folder)!r}
platform.pwd.getpwnam = lambda name: pwd.getpwuid(os.geteuid())
real = subprocess.run
def as_ourselves(*arguments, user, group, extra_groups, **options): return real(*arguments, **options)
platform.subprocess.run = as_ourselves
run = platform.main
"""


@pytest.mark.parametrize(("tenant", "said"), [("kuhmo", "sv\n"), ("sotkamo", None)])
def test_a_host_speaks_the_readers_language_for_the_tenants_that_it_has(
    tmp_path: Path, tenant: str, said: str | None
) -> None:
    code = _on_host(tmp_path, "echo $DIGIONE_LANGUAGE")
    (tmp_path / "request").write_text(
        json.dumps({"tenant": tenant, "arguments": [], "operator": "ylläpito", "language": "sv"}) + "\n"
    )
    with (tmp_path / "request").open("rb") as request:
        done = _python(code, 150_000_000, request.fileno())
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == (said and {"exit": 0, "stdout": said, "stderr": "", "file": ""})


def test_a_host_takes_a_bundle_larger_than_its_memory(tmp_path: Path) -> None:
    request = json.dumps(
        {"tenant": "kuhmo", "arguments": ["FILE"], "file": "roster.zip", "operator": "it", "language": "en"}
    )
    code = _on_host(tmp_path, 'stat -c %s:%n "$1"')
    pipe = f"(echo '{request}'; head -c 300000000 /dev/zero)"
    with subprocess.Popen(["sh", "-c", pipe], stdout=subprocess.PIPE) as source:
        assert source.stdout
        done = _python(code, 150_000_000, source.stdout.fileno())
    assert done.returncode == 0, done.stderr
    envelope = json.loads(done.stdout)
    assert envelope["exit"] == 0
    assert envelope["stdout"].startswith("300000000:")
    assert envelope["stdout"].endswith("/roster.zip\n")


def test_a_mapping_may_have_the_name_of_the_file(tmp_path: Path) -> None:
    request = {
        "tenant": "kuhmo",
        "arguments": ["FILE", "MAPPING"],
        "file": "a.csv",
        "mapping": {"name": "a.csv", "content": base64.b64encode(b"charset: utf-8").decode()},
        "operator": "it",
        "language": "en",
    }
    (tmp_path / "request").write_text(json.dumps(request) + "\nrows")
    with (tmp_path / "request").open("rb") as stream:
        done = _python(_on_host(tmp_path, 'cat "$1" "$2"; basename "$2"'), 150_000_000, stream.fileno())
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["stdout"] == "rowscharset: utf-8a.csv\n"


def test_what_is_not_read_is_never_kept() -> None:
    with pytest.raises(process.TooMuch):
        process.exchange(["sh", "-c", "exec yes"], [], 1000, 60)
    done = process.exchange(["cat"], [b"a", b"b"], 1000, 60)
    assert done == process.Ended(0, b"ab", b"")


def test_errors_of_a_host_are_ours(target: Target) -> None:
    with pytest.raises(DigioneError):
        ssh.parsed(target, b'{"a": {"b": 1, "b": 2}}')
