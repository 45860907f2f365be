"""``make bench``: what the promises of speed are measured by. Prints tables; fails nothing.

Times are wall seconds, medians where something is done several times. Where a plain tool does the same work,
it is measured in the same run and the ratio is told. ``make bench part=platform`` measures one part.
"""

import argparse
import os
from collections.abc import Callable, Iterable

from rich.console import Console
from rich.table import Table

from tests.bench import backup, command, municipality
from tests.bench.clock import Row

PARTS: dict[str, tuple[str, Callable[[], Iterable[Row]]]] = {
    "command": ("DigiOne, the command", command.measured),
    "platform": ("DigiOne, the platform of a municipality of 12,000 pupils", municipality.measured),
    "backup": (f"DigiOne, backups of a database of {backup.DATABASE // backup.MB} MB", backup.measured),
}


def main() -> None:
    """Measure the parts asked for, by default all, and print a table for each."""
    arguments = argparse.ArgumentParser(prog="make bench")
    arguments.add_argument("part", nargs="?", choices=PARTS)
    console, progress = Console(), Console(stderr=True)
    asked = arguments.parse_args().part
    for part in [asked] if asked else PARTS:
        title, measured = PARTS[part]
        rows = []
        for row in measured():
            rows.append(row)
            progress.print(f"{row[0]}: {row[1]}", style="dim")  # what was measured is there if the rest fails
        load = " ".join(f"{one:.1f}" for one in os.getloadavg())
        table = Table(title=f"{title} (load average at the end {load})", title_justify="left", box=None)
        for column in ("What", "Measured", "Promise"):
            table.add_column(column)
        for row in rows:
            table.add_row(*row)
        console.print(table)


if __name__ == "__main__":
    main()
