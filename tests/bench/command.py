"""The operator's command: how long its verbs take, and plain ansible-playbook for the same work."""

import csv
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.bench.clock import Row, seconds, told

CHECKOUT = Path(__file__).resolve().parents[2]
BIN = Path(sys.executable).parent
INSTANCE = "mallila"
OFFICIAL = CHECKOUT.parent / "shared/data/municipalities.csv"


def measured() -> Iterator[Row]:
    """How long the verbs of the command take; those on a host need the instance of ``make up``."""
    yield "digione --help", told(seconds(digione("--help"), 11)), "≤ 0.10 s"
    yield "digione status --json", told(seconds(digione("status", "--json"), 11)), "≤ 0.25 s"
    if OFFICIAL.exists():
        yield "308 municipalities loaded, validated, fingerprinted", told(municipalities()), "≤ 2 s"
    else:
        yield "308 municipalities", "not measured", f"needs {OFFICIAL.name} of the shared folder"
    first, again = sandbox()
    yield "digione sandbox, the first time", told(first), "≤ 15 s"
    yield "digione sandbox, again", told(again), "≤ 5 s"
    if not (CHECKOUT / "inventories" / INSTANCE).exists() or os.geteuid() != 0:
        yield "digione apply, unchanged", "not measured", "needs the instance of make up"
        return
    unchanged = seconds(digione("apply", INSTANCE, "--yes"), 5)
    plain = plain_ansible()
    yield "digione apply, unchanged, one host", told(unchanged), "≤ 2 s"
    ratio = f"{plain / unchanged:.0f} times digione's (≥ 20)"
    yield "the same roles by plain ansible-playbook", told(plain), ratio
    up = seconds(lambda: subprocess.run(["make", "up"], cwd=CHECKOUT, check=True, capture_output=True), 3)
    yield "make up, again", told(up), "≤ 15 s"


def digione(*arguments: str) -> Callable[[], object]:
    """Return the work of running the command."""
    command = [str(BIN / "digione"), *arguments]
    return lambda: subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def municipalities() -> float:
    """Load, validate and fingerprint an instance for each municipality of the data file."""
    from digione_cli.engine.desired import desired_state
    from digione_cli.engine.load import load_instance
    from digione_cli.engine.secrets import Secrets
    from digione_cli.engine.services import load_services
    from digione_cli.model.text import RESERVED_SLUGS

    with tempfile.TemporaryDirectory() as folder, OFFICIAL.open(encoding="utf-8") as file:
        names = []
        for row in csv.DictReader(file):
            name = f"m{row['code']}"
            assert name not in RESERVED_SLUGS
            tenants = Path(folder) / name / "tenants"
            tenants.mkdir(parents=True)
            (tenants.parent / "instance.yml").write_text(
                f"release: '2026.11'\ndomain: {name}.example\ncontact: it@{name}.example\n"
                f"hosts: {{{name}: {{address: 192.0.2.1, user: admin}}}}\n"
            )
            (tenants / f"{name}.yml").write_text(
                f"code: '{row['code']}'\noid: 1.2.246.562.99.00000000{row['code']}\n"
                f"name: {{fi: '{row['name_fi']}', sv: '{row['name_sv']}'}}\ndomain: {name}.example\n"
            )
            names.append(name)

        def work() -> None:
            services = load_services(CHECKOUT / "roles")
            for name in names:
                instance = load_instance(Path(folder), name, services)
                desired_state(instance, services, Secrets({}, "salt"), None)

        return seconds(work, 3)


def sandbox() -> tuple[float, float]:
    """Return how long the sandbox takes until one can sign in: from nothing, and again."""
    folder = Path(tempfile.mkdtemp(prefix="digione-bench-", dir="/var/tmp"))
    try:
        first = seconds(lambda: _sandbox_once(folder), 1)
        again = seconds(lambda: _sandbox_once(folder), 3)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return first, again


def _sandbox_once(folder: Path) -> None:
    from digione_cli.sandbox.run import running

    with running(18080, folder / "sandbox", fresh=False, pupils=400):
        pass


def plain_ansible() -> float:
    """Return how long plain ansible-playbook takes to play the same roles on the unchanged instance."""
    with _playbook() as (command, environment):
        return seconds(lambda: subprocess.run(command, env=environment, check=True, capture_output=True), 1)


# What the command's own playbook does for every step.
_PLAY = """\
- hosts: all
  become: true
  gather_facts: false
  module_defaults:
    ansible.builtin.copy: {owner: root, group: root}
    ansible.builtin.template: {owner: root, group: root}
  tasks:
    - ansible.builtin.setup: {gather_subset: [min, hardware, network]}
"""
_INCLUDE = """\
    - ansible.builtin.include_role: {{name: {0}, tasks_from: configure}}
      vars: {{digione: "{{{{ digione_given['{0}'] }}}}"}}
"""


@contextmanager
def _playbook() -> Iterator[tuple[list[str], dict[str, str]]]:
    from digione_cli import spine
    from digione_cli.engine.execute import play_request
    from digione_cli.settings import Settings
    from digione_cli.steps import configure
    from digione_cli.ui.screen import JsonScreen
    from digione_cli.world import ansible
    from digione_cli.world.world import World

    world = World(Settings())
    situation = spine.load(INSTANCE, world, JsonScreen())
    names = list(situation.services)
    planned = [configure(n, n, situation.instance.hosts, ()) for n in names]
    request = play_request(planned, situation, world, "bench")
    with ansible.private_play(request) as folder:
        play = folder / "bench.yml"
        play.write_text(_PLAY + "".join(map(_INCLUDE.format, names)))
        command = [sys.executable, "-m", "ansible", "playbook", "-i", str(folder / "inventory"), str(play)]
        command += ["--vault-password-file", str(situation.store.key_file)]
        yield command, ansible.environment(request, folder)
