"""The command on a host: ``python3 -m digione_backup <what>``; it answers in JSON."""

import argparse
import json
import sys
from datetime import UTC, datetime
from typing import Any

from digione_backup import create, keep, listing, prune, restore, state, verify
from digione_backup.errors import Refused, disk_errors
from digione_backup.settings import Settings, load

_EXIT = 3


def main() -> int:
    """Carry out a command; an error is JSON, too."""
    arguments = _parser().parse_args()
    settings = load()
    try:
        with disk_errors():
            answer = _carried_out(arguments, settings)
    except Refused as e:
        sys.stdout.write(json.dumps({"error": e.told()}) + "\n")
        sys.stderr.write(f"{e}\n")
        return _EXIT
    sys.stdout.write(json.dumps(answer) + "\n")
    return 0


def _carried_out(arguments: argparse.Namespace, settings: Settings) -> Any:
    if arguments.command == "keep":
        keep.keep(settings)
    if arguments.command == "create":
        return create.create(settings, arguments.kind, arguments.point)
    if arguments.command == "list":
        return listing.listed(settings, arguments.target)
    if arguments.command == "verify":
        return verify.verify(settings, datetime.now(UTC).weekday() if arguments.part else None)
    if arguments.command == "prune":
        return prune.prune(settings, arguments.dry_run)
    if arguments.command == "restore":
        return restore.carry_out(settings, arguments.step, json.loads(sys.stdin.read() or "{}"))
    return state.read()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="digione_backup")
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("keep")
    commands.add_parser("state")
    creating = commands.add_parser("create")
    creating.add_argument("--kind", choices=("auto", "full", "diff", "incr"), default="auto")
    creating.add_argument("--point", default="")
    commands.add_parser("list").add_argument("--target", default="")
    commands.add_parser("verify").add_argument("--part", action="store_true")
    commands.add_parser("prune").add_argument("--dry-run", action="store_true")
    commands.add_parser("restore").add_argument("step", choices=tuple(restore.STEPS))
    return parser


if __name__ == "__main__":
    sys.exit(main())
