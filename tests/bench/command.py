"""``make bench``: what the promises of speed are measured by. Prints a table; fails nothing.

Times are wall seconds, medians of several runs. Where plain ansible-playbook does the same work, it is
measured in the same run and the ratio is told. The parts on a host need the instance of ``make up``.
"""

import csv
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from rich.console import Console
from rich.table import Table

from tests.measure_oneroster import measured

CHECKOUT = Path(__file__).resolve().parents[1]
BIN = Path(sys.executable).parent
INSTANCE = "mallila"


def seconds(work: Callable[[], object], times: int) -> float:
    """Return the median wall time of some work."""
    taken = []
    for _ in range(times):
        began = time.perf_counter()
        work()
        taken.append(time.perf_counter() - began)
    return statistics.median(taken)


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

    data = CHECKOUT.parent / "shared/data/municipalities.csv"
    with tempfile.TemporaryDirectory() as folder, data.open(encoding="utf-8") as file:
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
    planned = [configure(n, n, situation.instance.hosts, ()) for n in situation.services]
    request = play_request(planned, situation, world, "bench")
    with ansible.private_play(request) as folder:
        include = "    - ansible.builtin.include_role: {{name: {}, tasks_from: configure}}"
        roles = "\n".join(include.format(name) for name in situation.services)
        play = folder / "bench.yml"
        play.write_text(f"- hosts: all\n  become: true\n  gather_facts: true\n  tasks:\n{roles}\n")
        command = [sys.executable, "-m", "ansible", "playbook", "-i", str(folder / "inventory"), str(play)]
        command += ["--vault-password-file", str(situation.store.key_file)]
        yield command, ansible.environment(request, folder)


def main() -> None:
    """Measure and print the table."""
    rows: list[tuple[str, str, str]] = [
        ("digione --help", _told(seconds(digione("--help"), 11)), "≤ 0.10 s"),
        ("digione status --json", _told(seconds(digione("status", "--json"), 11)), "≤ 0.25 s"),
        ("308 municipalities loaded, validated, fingerprinted", _told(municipalities()), "≤ 2 s"),
    ]
    first, again = sandbox()
    rows.append(("digione sandbox, the first time", _told(first), "≤ 15 s"))
    rows.append(("digione sandbox, again", _told(again), "≤ 5 s"))
    rows += measured()
    if (CHECKOUT / "inventories" / INSTANCE).exists() and os.geteuid() == 0:
        unchanged = seconds(digione("apply", INSTANCE, "--yes"), 5)
        plain = plain_ansible()
        rows.append(("digione apply, unchanged, one host", _told(unchanged), "≤ 2 s"))
        ratio = f"{plain / unchanged:.0f} times digione's (≥ 20)"
        rows.append(("the same roles by plain ansible-playbook", _told(plain), ratio))
        up = seconds(lambda: subprocess.run(["make", "up"], cwd=CHECKOUT, check=True, capture_output=True), 3)
        rows.append(("make up, again", _told(up), "≤ 15 s"))
    else:
        rows.append(("digione apply, unchanged", "not measured", "needs the instance of make up"))
    table = Table(title="DigiOne, wall time, medians", title_justify="left", box=None)
    for column in ("What", "Measured", "Promise"):
        table.add_column(column)
    for row in rows:
        table.add_row(*row)
    Console().print(table)


def _told(value: float) -> str:
    return f"{value:.2f} s"


if __name__ == "__main__":
    main()
