"""The playbook's own modules, run by Ansible on this machine."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from digione_cli.world.ansible import PLAYBOOK
from digione_cli.world.files import clean_environment

pytestmark = pytest.mark.xdist_group("the playbook's modules")  # one play for all of them

PLAY = """
- name: Delete
  hosts: localhost
  connection: local
  gather_facts: false
  tasks:
    - name: Look at what is too near the root, in check mode in case that it is not refused
      digione_delete: {patterns: ["{{ item }}"]}
      check_mode: true
      loop: [/etc, /usr/, //usr, /, /etc/.., /tmp/../etc, /usr//bin]
      register: near
      ignore_errors: true
    - name: Delete in check mode
      digione_delete: {patterns: ["{{ folder }}/a/*", "{{ folder }}/b"]}
      check_mode: true
      register: looked
    - name: See what is there
      ansible.builtin.find: {paths: "{{ folder }}", file_type: any, recurse: true}
      register: still
    - name: Delete
      digione_delete: {patterns: ["{{ folder }}/a/*", "{{ folder }}/b", "{{ folder }}/link"]}
      register: deleted
    - name: Delete again
      digione_delete: {patterns: ["{{ folder }}/a/*", "{{ folder }}/b", "{{ folder }}/link"]}
      register: again
    - name: Tell
      ansible.builtin.copy:
        content: "{{ dict(near=near, looked=looked, still=still, deleted=deleted, again=again) | to_json }}"
        dest: "{{ folder }}/told.json"
        mode: "0600"
"""


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What the tasks of the play gave, and the folder in which they deleted."""
    folder = tmp_path_factory.mktemp("delete")
    (folder / "a").mkdir()
    (folder / "a/x").write_text("x")
    (folder / "b/deep").mkdir(parents=True)
    (folder / "kept").mkdir()
    (folder / "kept/y").write_text("y")
    (folder / "link").symlink_to(folder / "kept")
    play = folder / "play.yml"
    play.write_text(PLAY)
    environment = clean_environment() | {
        "ANSIBLE_LIBRARY": str(PLAYBOOK / "library"),
        "ANSIBLE_LOCAL_TEMP": str(folder / "tmp"),
        "ANSIBLE_PYTHON_INTERPRETER": sys.executable,
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
    }
    command = ["ansible-playbook", "-i", "localhost,", "-e", f"folder={folder}", str(play)]
    done = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    answers: dict[str, Any] = json.loads((folder / "told.json").read_text())
    return answers | {"folder": folder}


def test_nothing_near_the_root_is_deleted(told: dict[str, Any]) -> None:
    answers = {r["item"]: r for r in told["near"]["results"]}
    for path, answer in answers.items():
        assert answer.get("failed") is True, f"{path} would be deleted"
        assert "too near the root" in answer["msg"]


def test_check_mode_deletes_nothing(told: dict[str, Any]) -> None:
    assert told["looked"]["changed"] is True
    assert any(f["path"].endswith("a/x") for f in told["still"]["files"])


def test_what_is_named_is_deleted_and_links_are_not_followed(told: dict[str, Any]) -> None:
    folder = told["folder"]
    assert told["deleted"]["changed"] is True
    assert not (folder / "a/x").exists()
    assert not (folder / "b").exists()
    assert not (folder / "link").is_symlink()
    assert (folder / "kept/y").read_text() == "y"
    assert (folder / "a").is_dir()


def test_deleting_again_changes_nothing(told: dict[str, Any]) -> None:
    assert told["again"]["changed"] is False
