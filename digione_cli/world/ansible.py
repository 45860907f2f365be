"""Ansible at work: one process for the role steps of a plan, its events as a stream."""

import difflib
import json
import os
import shlex
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from pydantic import SecretStr

from digione_cli.texts import t
from digione_cli.world.files import clean_environment, private_folder
from digione_cli.world.ssh import REMOTE, Target, options

PLAYBOOK = Path(__file__).parent / "playbook"


@dataclass(frozen=True)
class RoleStep:
    """A role action as the playbook takes it."""

    id: str
    service: str
    action: str
    where: tuple[str, ...]
    in_role: bool
    units: tuple[str, ...]
    files: tuple[str, ...]
    renewed: tuple[str, ...] = ()
    probes: tuple[str, ...] = ()
    packages: tuple[str, ...] = ()
    data: tuple[str, ...] = ()
    users: tuple[str, ...] = ()
    keep_data: bool = False
    tenants: tuple[str, ...] = ()
    tenant: str = ""


@dataclass(frozen=True)
class PlayRequest:
    """All that one play needs. ``secrets`` and the sudo password are shown nowhere."""

    targets: Sequence[Target]
    steps: Sequence[RoleStep]
    variables: Mapping[str, Mapping[str, Any]]
    fingerprints: Mapping[str, Mapping[str, Mapping[str, str]]]
    operation: str
    roles: Path
    key_file: Path
    encrypt: Callable[[str], bytes] = field(repr=False)
    secrets: Mapping[str, Any] = field(repr=False)
    sudo_password: SecretStr | None = None
    check: bool = False


@dataclass(frozen=True)
class PlayEvent:
    """Something that happened: a step began or ended on a host, a task started, changed or failed."""

    kind: Literal["begin", "end", "task", "changed", "failed", "unreachable"]
    host: str = ""
    step: str = ""
    task: str = ""
    message: str = ""
    diff: tuple[str, ...] = ()


def unsafe(value: Any) -> Any:
    """Return the value with every string in it tagged so that Ansible never takes it for a template.

    Without the tag a municipality's name can run code on this machine.
    """
    if isinstance(value, str):
        return {"__ansible_unsafe": value}
    if isinstance(value, Mapping):
        return {k: unsafe(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [unsafe(v) for v in value]
    return value


def play(request: PlayRequest, on: Callable[[PlayEvent], None], cancelled: Callable[[], bool]) -> bool:
    """Play the steps and report events; return whether all went well."""
    import ansible_runner

    with private_play(request) as folder:
        runner = ansible_runner.run(
            private_data_dir=str(folder),
            project_dir=str(PLAYBOOK),
            playbook=str(PLAYBOOK / "play.yml"),
            inventory=str(folder / "inventory"),
            cmdline=_arguments(request),
            envvars=environment(request, folder),
            event_handler=lambda event: _translate(event, on),
            cancel_callback=cancelled,
            quiet=True,
            suppress_env_files=True,
            omit_event_data=False,
        )
        return bool(runner.rc == 0 and runner.status == "successful")


def _arguments(request: PlayRequest) -> str:
    check = ["--check", "--diff"] if request.check else []
    return shlex.join(["--vault-password-file", str(request.key_file), *check])


def environment(request: PlayRequest, folder: Path) -> dict[str, str]:
    binaries = os.pathsep.join([str(PLAYBOOK / "bin"), str(Path(sys.executable).parent)])
    return clean_environment() | {
        "PATH": binaries + os.pathsep + os.environ.get("PATH", "/usr/bin:/bin"),
        "DIGIONE_PYTHON": sys.executable,
        "ANSIBLE_CONFIG": str(PLAYBOOK / "ansible.cfg"),
        "ANSIBLE_ROLES_PATH": str(request.roles),
        "ANSIBLE_LIBRARY": str(PLAYBOOK / "library"),
        "ANSIBLE_MODULE_UTILS": str(REMOTE),
        "ANSIBLE_LOCAL_TEMP": str(folder / "tmp"),
        "ANSIBLE_HOME": str(folder / "home"),
    }


@contextmanager
def private_play(request: PlayRequest) -> Iterator[Path]:
    """Write inventory and variables into a folder in memory, secrets encrypted; delete it afterwards."""
    for old in private_folder().glob("play-*"):  # left by a killed run
        if not _alive(int(old.name.split("-")[1])):
            shutil.rmtree(old, ignore_errors=True)
    folder = Path(tempfile.mkdtemp(prefix=f"play-{os.getpid()}-", dir=private_folder()))
    try:
        (folder / "inventory/host_vars").mkdir(parents=True)
        hosts = {t.name: _connection(t) for t in request.targets}
        _write(folder / "inventory/hosts.json", {"all": {"hosts": hosts}})
        for target in request.targets:
            given = dict(request.variables[target.name])
            given["digione_fingerprints"] = request.fingerprints[target.name]
            given["digione_steps"] = [vars(s) for s in request.steps]
            given["digione_operation"] = request.operation
            given["digione_secrets"] = request.secrets
            if request.sudo_password:
                given["ansible_become_password"] = request.sudo_password.get_secret_value()
            text = json.dumps(unsafe(given))
            (folder / f"inventory/host_vars/{target.name}.json").write_bytes(request.encrypt(text))
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _alive(pid: int) -> bool:
    return Path(f"/proc/{pid}").exists()


def _connection(target: Target) -> dict[str, Any]:
    return {
        "ansible_host": unsafe(target.host.address),
        "ansible_user": unsafe(target.host.user),
        "ansible_port": target.host.port,
        "ansible_ssh_args": unsafe(shlex.join(options(target))),
    }


def _write(path: Path, value: Any) -> None:
    path.write_text(json.dumps(value), encoding="utf-8")


def _translate(event: dict[str, Any], on: Callable[[PlayEvent], None]) -> bool:
    """Turn one of ansible-runner's events into ours. Returns False: nothing is to be kept on disk."""
    data = event.get("event_data", {})
    kind, host, task = event.get("event"), data.get("host", ""), data.get("task", "")
    result = data.get("res") or {}
    if kind == "playbook_on_task_start":
        on(PlayEvent("task", task=task, message=data.get("role", "")))
    elif kind == "runner_on_ok" and data.get("task_action") == "digione_state":
        on(PlayEvent(result["action"], host=host, step=result["step"]))
    elif kind in ("runner_on_ok", "runner_item_on_ok") and "changed: [" in event.get("stdout", ""):
        # Ansible's own line, one for each item of a loop: the result of a task with secrets is held back
        on(PlayEvent("changed", host=host, task=task, diff=_diffs(result)))
    elif kind == "runner_on_failed" and not data.get("ignore_errors"):
        on(PlayEvent("failed", host=host, task=task, message=_message(result)))
    elif kind == "runner_on_unreachable":
        on(PlayEvent("unreachable", host=host, task=task, message=_message(result)))
    return False


def _message(result: Mapping[str, Any]) -> str:
    if result.get("censored"):
        return t("the output is hidden because it may hold secrets")
    parts = [str(result.get(k, "")).strip() for k in ("msg", "stderr")]
    items = [i for i in result.get("results", []) if isinstance(i, Mapping) and i.get("failed")]
    parts += [str(i.get("msg", "")).strip() for i in items]
    return "\n".join(dict.fromkeys(p for p in parts if p))[-2000:]


def _diffs(result: Mapping[str, Any]) -> tuple[str, ...]:
    """Return unified diffs of a result, without those that the role hides."""
    shown = []
    diff = result.get("diff")
    for one in diff if isinstance(diff, list) else [diff] if diff else []:
        if "prepared" in one:
            shown.append(str(one["prepared"]))
        else:
            now, then = _lines(one.get("before")), _lines(one.get("after"))
            # of a template, "before" names the file on the host if it is there, "after" a temporary one
            names = (one.get("before_header"), result.get("dest"), one.get("after_header"), _path(one))
            name = str(next(filter(None, names), ""))
            lines = difflib.unified_diff(
                now, then, t("{file} (now)", file=name), t("{file} (then)", file=name), lineterm=""
            )
            shown.append("\n".join(lines))
    return tuple(s for s in shown if s)


def _lines(side: Any) -> list[str]:
    """Return one side of a diff as lines; of a file's mode and owner it is a mapping."""
    if isinstance(side, Mapping):
        return [f"{key}: {value}" for key, value in sorted(side.items()) if key != "path"]
    return str(side or "").splitlines()


def _path(diff: Mapping[str, Any]) -> str:
    after = diff.get("after")
    return str(after.get("path", "")) if isinstance(after, Mapping) else ""
