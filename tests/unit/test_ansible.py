"""What goes to Ansible is never taken for a template, and what comes back is understood."""

import json
import os
import shlex
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

from digione_cli.engine.execute import play_request
from digione_cli.engine.secrets import SecretStore, complete
from digione_cli.model.plan import RoleAction
from digione_cli.verbs.apply import plan_apply
from digione_cli.world import ansible
from digione_cli.world.ansible import PlayEvent, PlayRequest, unsafe
from tests import fakes
from tests.fakes import FakeWorld, load, situation, write_inventory
from tests.unit.conftest import House

JSON = st.recursive(
    st.text() | st.integers() | st.booleans() | st.none(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


def strings(value: Any) -> Iterator[tuple[str, bool]]:
    """Yield every string in a tagged value, and whether it is tagged."""
    if isinstance(value, str):
        yield value, False
    elif (
        isinstance(value, dict)
        and list(value) == ["__ansible_unsafe"]
        and isinstance(value["__ansible_unsafe"], str)
    ):
        yield value["__ansible_unsafe"], True
    elif isinstance(value, dict):
        for inner in value.values():
            yield from strings(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from strings(inner)


@given(value=JSON)
def test_every_string_is_tagged(value: object) -> None:
    assert all(tagged for _, tagged in strings(unsafe(value)))


@pytest.fixture
def request_(house: House) -> PlayRequest:
    """A request with a template in every text that an inventory may hold freely, bypassing its rules."""
    evil = "{{ lookup('pipe', 'touch " + str(house.root / "state/executed") + "') }}"
    folder = write_inventory(house.inventories)
    plain = load(house.inventories)
    tenant = plain.tenants[0]
    upstream = {"kind": "oidc", "title": evil, "issuer": evil, "client_id": evil}
    tenant = tenant.model_copy(
        update={
            "name": tenant.name.model_copy(update={"fi": evil, "sv": evil}),
            "domain": evil,
            "identity": tenant.identity.model_copy(update={"upstream": None}),
        }
    )
    settings = {"gateway": {"acme_server": evil, "certificate_files": {"kuhmo": upstream}}}
    instance = plain.model_copy(
        update={"domain": evil, "contact": evil, "tenants": (tenant,), "services": settings}
    )
    store = SecretStore(folder, house.keys)
    complete(plain, fakes.services(), store)
    values = {name: SecretStr(evil) for name in store.read().values}
    of = situation(instance, secrets=store.write(values))
    of = replace(of, store=store)
    steps = [s for s in plan_apply(of).steps if isinstance(s.work, RoleAction)]
    return play_request(steps, of, FakeWorld(house.settings, of.facts), "operation")


def test_everything_in_host_vars_is_tagged_and_encrypted(request_: PlayRequest) -> None:
    with ansible.private_play(request_) as folder:
        file = folder / "inventory/host_vars/kuhmo1.json"
        raw = file.read_bytes()
        assert raw.startswith(b"$ANSIBLE_VAULT;1.1;AES256")
        assert folder.stat().st_mode & 0o077 == 0
        from ansible.parsing.vault import VaultLib, VaultSecret

        vault = VaultLib([("default", VaultSecret(request_.key_file.read_bytes().strip()))])
        given = json.loads(vault.decrypt(raw))
        hosts = json.loads((folder / "inventory/hosts.json").read_text())
    found = list(strings(given)) + list(strings(hosts))
    assert sum("lookup('pipe'" in text for text, _ in found) > 20
    assert [text for text, tagged in found if not tagged] == []
    assert not folder.exists()


def test_no_secret_is_in_the_words_of_a_request(request_: PlayRequest) -> None:
    assert "lookup" not in repr(request_.secrets) or "secrets=" not in repr(request_)
    assert "digione_secrets" not in repr(request_)
    assert "encrypt" not in repr(request_)


PLAYBOOK = """
- name: Use every value in every way that roles do
  hosts: all
  connection: local
  gather_facts: false
  vars:
    digione: "{{ digione_given.identity }}"
    again: "{{ digione_given.gateway.contact }}"
  tasks:
    - name: Print
      ansible.builtin.debug:
        msg: "{{ digione.tenants[0].name.fi }} {{ gateway_acme_server }} {{ again }}"
    - name: Loop
      ansible.builtin.debug:
        msg: "{{ item.name.sv }} {{ item | to_json }}"
      loop: "{{ digione.tenants }}"
    - name: Loop over a mapping
      ansible.builtin.debug:
        msg: "{{ item.value.title }} {{ item.key }}"
      loop: "{{ gateway_certificate_files | dict2items }}"
    - name: Write
      ansible.builtin.copy:
        content: "{{ digione_secrets.instance.authority_key }}\\n{{ digione | to_nice_json }}"
        dest: "{{ where }}"
        mode: "0600"
    - name: Render
      ansible.builtin.template:
        src: "{{ template }}"
        dest: "{{ where }}.rendered"
        mode: "0600"
"""


def test_ansible_itself_executes_nothing_of_an_inventory(request_: PlayRequest, tmp_path: Path) -> None:
    executed, where, template = tmp_path / "state/executed", tmp_path / "written", tmp_path / "template.j2"
    template.write_text(
        "{% for t in digione.tenants %}{{ t.name.fi }}{% endfor %}{{ digione_given.monitoring.domain }}\n"
    )
    playbook = tmp_path / "play.yml"
    playbook.write_text(PLAYBOOK)
    with ansible.private_play(request_) as folder:
        command = [str(Path(sys.executable).parent / "ansible-playbook"), "-i", str(folder / "inventory")]
        command += [
            "-e",
            f"where={where}",
            "-e",
            f"template={template}",
            *shlex.split(ansible._arguments(request_)),
        ]
        command += ["-e", f"ansible_python_interpreter={sys.executable}", str(playbook)]
        environment = ansible.environment(request_, folder)
        done = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert not executed.exists(), "a value of the inventory was executed"
    assert "lookup('pipe'" in where.read_text()
    assert where.with_suffix(".rendered").read_text().count("lookup('pipe'") == 2


def test_the_same_without_tags_would_be_executed(
    request_: PlayRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Shows that the test before would notice."""
    monkeypatch.setattr(ansible, "unsafe", lambda value: value)
    playbook = tmp_path / "play.yml"
    playbook.write_text(PLAYBOOK.split("    - name: Loop\n")[0])
    with ansible.private_play(request_) as folder:
        (folder / "inventory/hosts.json").write_text('{"all": {"hosts": {"kuhmo1": {}}}}')
        command = [str(Path(sys.executable).parent / "ansible-playbook"), "-i", str(folder / "inventory")]
        command += [*shlex.split(ansible._arguments(request_)), str(playbook)]
        environment = ansible.environment(request_, folder)
        subprocess.run(command, capture_output=True, env=environment, check=False)
    assert (tmp_path / "state/executed").exists()


def test_the_environment_of_ansible_is_our_own(
    request_: PlayRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("ANSIBLE_CONFIG", "ANSIBLE_ROLES_PATH", "ANSIBLE_LIBRARY", "PYTHONPATH", "LD_PRELOAD"):
        monkeypatch.setenv(name, "/tmp/evil")
    given = ansible.environment(request_, Path("/private"))
    assert not any("/tmp/evil" in v for v in given.values())
    assert Path(given["ANSIBLE_CONFIG"]).is_file()
    assert not any(v in " ".join(given.values()) for v in ("digione_secrets", "SENTINEL"))


def test_what_a_killed_run_left_is_swept_away(request_: PlayRequest) -> None:
    from digione_cli.world.files import private_folder

    done = subprocess.run(["true"], check=True)
    assert done.returncode == 0
    ended = subprocess.Popen(["true"])
    ended.wait()
    left = private_folder() / f"play-{ended.pid}-left"
    left.mkdir()
    (left / "secret").write_text("x")
    mine = private_folder() / f"play-{os.getpid()}-mine"
    mine.mkdir()
    try:
        with ansible.private_play(request_):
            assert not left.exists()
            assert mine.exists()
    finally:
        mine.rmdir()


# what ansible-runner leaves of the result of a task with secrets
HIDDEN = {"censored": "the output has been hidden"}


def _event(kind: str, stdout: str = "", **data: Any) -> dict[str, Any]:
    return {"event": kind, "event_data": data, "stdout": stdout}


@pytest.mark.parametrize(
    ("event", "told"),
    [
        (_event("playbook_on_task_start", task="Write"), PlayEvent("task", task="Write")),
        (
            _event(
                "runner_on_ok", host="h", task_action="digione_state", res={"action": "begin", "step": "s"}
            ),
            PlayEvent("begin", host="h", step="s"),
        ),
        (
            _event("runner_on_ok", "changed: [h]", host="h", task="Write", res={"changed": True}),
            PlayEvent("changed", host="h", task="Write"),
        ),
        (
            _event("runner_on_ok", "\x1b[0;33mchanged: [h -> other]\x1b[0m", host="h", task="W", res=HIDDEN),
            PlayEvent("changed", host="h", task="W"),
        ),
        (_event("runner_on_ok", "ok: [h]", host="h", task="Write", res=HIDDEN), None),
        (_event("runner_on_ok", "ok: [h]", host="h", task="Write", res={"changed": False}), None),
        (
            _event(
                "runner_item_on_ok", "changed: [h] => (item=1)", host="h", task="W", res={"changed": True}
            ),
            PlayEvent("changed", host="h", task="W"),
        ),
        # of a loop each item was told already
        (_event("runner_on_ok", host="h", task="Write", res={"changed": True, "results": [{}]}), None),
        (
            _event("runner_on_failed", host="h", task="Write", res={"msg": "no", "stderr": "why"}),
            PlayEvent("failed", host="h", task="Write", message="no\nwhy"),
        ),
        (_event("runner_on_failed", host="h", task="Write", ignore_errors=True, res={"msg": "no"}), None),
        (
            _event("runner_on_failed", host="h", task="W", res={"censored": "the output…", "msg": "x"}),
            PlayEvent(
                "failed", host="h", task="W", message="the output is hidden because it may hold secrets"
            ),
        ),
        (
            _event(
                "runner_on_failed", host="h", task="W", res={"results": [{"failed": True, "msg": "one"}, {}]}
            ),
            PlayEvent("failed", host="h", task="W", message="one"),
        ),
        (
            _event("runner_on_unreachable", host="h", task="W", res={"msg": "gone"}),
            PlayEvent("unreachable", host="h", task="W", message="gone"),
        ),
        (_event("verbose"), None),
        ({"event": "error"}, None),
    ],
)
def test_events_of_ansible_are_translated(event: dict[str, Any], told: PlayEvent | None) -> None:
    heard: list[PlayEvent] = []
    assert ansible._translate(event, heard.append) is False
    assert heard == ([told] if told else [])


PLAY_OF_CHANGES = """
- hosts: all
  connection: local
  gather_facts: false
  tasks:
    - {name: Plain, ansible.builtin.command: "true"}
    - {name: With secrets, ansible.builtin.command: "true", no_log: true}
    - {name: With secrets as it was, ansible.builtin.command: "true", no_log: true, changed_when: false}
    - {name: Loop, ansible.builtin.command: "true", loop: [1, 2], no_log: true}
"""


def test_changes_by_tasks_with_secrets_are_counted(
    request_: PlayRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "play.yml").write_text(PLAY_OF_CHANGES)
    cfg = (ansible.PLAYBOOK / "ansible.cfg").read_text()
    (tmp_path / "ansible.cfg").write_text(cfg.replace("/usr/bin/python3", sys.executable))
    monkeypatch.setattr(ansible, "PLAYBOOK", tmp_path)
    heard: list[PlayEvent] = []
    assert ansible.play(request_, heard.append, lambda: False)
    changed = [event.task for event in heard if event.kind == "changed"]
    assert changed == ["Plain", "With secrets", "Loop", "Loop"]


def test_differences_are_unified() -> None:
    diff = [{"before": "a\n", "after": "b\n", "before_header": "/etc/x"}, {"prepared": "as it is"}, {}]
    shown = ansible._diffs({"diff": diff})
    assert shown == ("--- /etc/x (now)\n+++ /etc/x (then)\n@@ -1 +1 @@\n-a\n+b", "as it is")
    new = {"before": "", "after": "b\n", "after_header": "/dev/shm/x/region.json.j2"}
    assert ansible._diffs({"diff": new, "dest": "/etc/y"})[0].startswith("--- /etc/y (now)\n")
    assert ansible._diffs({}) == ()
    assert ansible._diffs({"diff": {"before": "a", "after": "a"}}) == ()
