"""``digione backup``: make, list, show, verify and drop recovery points."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from digione_cli.texts import mark, moment, t, tn
from digione_cli.verbs._common import AskSudoPassword, DryRun, InstanceName, Json, Yes, session

if TYPE_CHECKING:
    from collections.abc import Sequence

    from digione_cli.engine.situation import Situation
    from digione_cli.errors import DigioneError, Exit
    from digione_cli.model.instance import Instance
    from digione_cli.model.plan import Plan

app = typer.Typer(
    rich_markup_mode=None,
    no_args_is_help=True,
    add_completion=False,
    help="Make, list, verify and drop recovery points of an instance.",
)

_KINDS = {
    "full": mark("full"),
    "diff": mark("differential"),
    "incr": mark("incremental"),
    "auto": mark("as it is due"),
}
_SHOWN = {**_KINDS, "wal": mark("WAL alone")}


@app.command()
def create(
    instance: InstanceName,
    kind: Annotated[
        str, typer.Option("--kind", help="Base backup of the database: full, diff, incr, or auto.")
    ] = "auto",
    dry_run: DryRun = False,
    yes: Yes = False,
    as_json: Json = False,
    ask_sudo_password: AskSudoPassword = False,
) -> None:
    """Make a recovery point now, and bring it to the targets."""
    from digione_cli import spine
    from digione_cli.errors import UsageError

    if kind not in _KINDS:
        raise UsageError(
            "D1-BACKUP-013",
            t("No recovery point was made"),
            t("there is no kind “{kind}”", kind=kind[:40]),
            t("one of: {kinds}", kinds=", ".join(_KINDS)),
        )
    options = spine.Options(dry_run=dry_run, yes=True, with_bundle=False)
    with session(as_json, ask_sudo_password) as (world, screen):
        spine.change(
            instance, "backup create", lambda situation: plan_create(situation, kind), options, world, screen
        )


def plan_create(situation: "Situation", kind: str) -> "Plan":
    """Given a situation, plan a recovery point of one id on all hosts."""
    from digione_cli import steps
    from digione_cli.model.plan import Plan

    hosts = situation.instance.placed("backup")
    step = steps.recovery_point(hosts, kind, situation.now)
    return Plan(verb="backup create", instance=situation.instance.name, steps=(step,))


@app.command("list")
def list_(instance: InstanceName, as_json: Json = False, ask_sudo_password: AskSudoPassword = False) -> int:
    """List recovery points, where each is, and the moments that can be restored; targets are asked now."""
    from digione_cli.engine import backups
    from digione_cli.errors import Exit

    with session(as_json, ask_sudo_password) as (world, screen):
        loaded = _load(instance, world)
        good = True
        for target in backups.targets(loaded, world):
            with screen.waiting(t("looking at the backups of {host}", host=target.name)):
                answer = backups.ask(world, loaded, target, ["list"])
            good = _show(answer, loaded.name, target.name, screen) and good
    return Exit.DONE if good else Exit.PRECONDITION


@app.command()
def show(
    instance: InstanceName,
    point: Annotated[str, typer.Argument(metavar="ID", help="The recovery point.")],
    as_json: Json = False,
    ask_sudo_password: AskSudoPassword = False,
) -> None:
    """Show one recovery point: what it holds on each host, and where it is."""
    from digione_cli.engine import backups
    from digione_cli.errors import UsageError
    from digione_cli.model.text import shown

    with session(as_json, ask_sudo_password) as (world, screen):
        loaded = _load(instance, world)
        found: dict[str, Any] = {}
        known: list[str] = []
        for target in backups.targets(loaded, world):
            with screen.waiting(t("looking at the backups of {host}", host=target.name)):
                answer = backups.ask(world, loaded, target, ["list"])
            if one := next((one for one in answer["points"] if one["id"] == point), None):
                found[target.name] = one
            known += [one["id"] for one in answer["points"]]
        if not found:
            raise UsageError(
                "D1-BACKUP-014",
                t("There is no recovery point {point}", point=shown(point)[:40]),
                t("the newest are: {known}", known=", ".join(sorted(set(known))[-8:]) or "–"),
                f"digione backup list {instance}",
            )
        screen.document("point", found)


@app.command()
def verify(instance: InstanceName, as_json: Json = False, ask_sudo_password: AskSudoPassword = False) -> int:
    """Read everything back, in the vaults and at the targets; exit code 6 if anything is not as written.

    It also writes something and looks how long it takes to each place.
    """
    from digione_cli import spine
    from digione_cli.engine import backups
    from digione_cli.errors import Exit

    with session(as_json, ask_sudo_password) as (world, screen):
        loaded = _load(instance, world)
        worst = Exit.DONE
        with spine.holding(loaded, "backup verify", world):
            for target in backups.targets(loaded, world):
                with screen.waiting(t("reading back the backups of {host}", host=target.name)):
                    answer = backups.ask(world, loaded, target, ["verify"])
                worst = max(worst, _show_verified(answer, loaded.name, target.name, screen))
    return worst


def _show_verified(answer: "dict[str, Any]", instance: str, host: str, screen: Any) -> "Exit":
    from digione_cli.engine import backups
    from digione_cli.errors import Exit

    words = {"altered": t("is not as it was written"), "missing": t("is missing")}
    rows = [
        [p["place"], p["file"], words.get(p["what"], p["what"]), t("yes") if p["mended"] else t("no")]
        for p in answer["problems"]
    ]
    if rows:
        columns = [t("Where"), t("File"), t("What is wrong"), t("Mended")]
        screen.table(
            f"problems_{host}", t("What is wrong on {host}", host=host), columns, rows, answer["problems"]
        )
    rows = [
        [
            place,
            str(count),
            str(sum(p["place"] == place for p in answer["problems"])),
            f"{answer['round_trip'][place]} s" if place in answer["round_trip"] else "–",
        ]
        for place, count in answer["checked"].items()
    ]
    columns = [t("Where"), t("Files read back"), t("Wrong"), t("A new WAL segment came after")]
    screen.table(f"verified_{host}", t("Read back of {host}", host=host), columns, rows, answer)
    _tell_gaps(answer["gaps"], screen)
    for told in answer["troubles"].values():
        screen.note(_told(backups.error_of(told, instance, host)))
    if answer["problems"]:
        return Exit.INTEGRITY
    lost = set(answer["checked"]) - set(answer["round_trip"]) if answer["round_trip"] else set()
    return Exit.PRECONDITION if answer["troubles"] or lost else Exit.DONE


@app.command()
def prune(
    instance: InstanceName,
    dry_run: DryRun = False,
    yes: Yes = False,
    as_json: Json = False,
    ask_sudo_password: AskSudoPassword = False,
) -> None:
    """Drop recovery points that are kept no longer (services.backup.keep_…), here and at the targets.

    It also happens by itself, after each recovery point.
    """
    from contextlib import nullcontext

    from digione_cli import spine
    from digione_cli.engine import backups
    from digione_cli.verbs._common import intended

    with session(as_json, ask_sudo_password) as (world, screen):
        loaded = _load(instance, world)
        with nullcontext() if dry_run else spine.holding(loaded, "backup prune", world):
            hosts = backups.targets(loaded, world)
            going = {h.name: backups.ask(world, loaded, h, ["prune", "--dry-run"])["going"] for h in hosts}
            rows = [[host, p["id"], moment(p["began"])] for host, found in going.items() for p in found]
            if not rows:
                screen.note(t("Nothing to do for {instance}.", instance=instance))
                return
            columns = [t("Host"), t("Id"), t("Made")]
            screen.table("going", t("Kept no longer"), columns, rows, going)
            where = tuple(host.name for host in hosts)
            plan = intended("backup prune", instance, t("Drop these recovery points"), where)
            screen.plan(plan)
            if dry_run:
                return
            screen.confirm(plan, yes, None)
            with screen.waiting(t("dropping recovery points")):
                for host in hosts:
                    answer = backups.ask(world, loaded, host, ["prune"])
                    for told in answer["troubles"].values():
                        screen.note(_told(backups.error_of(told, loaded.name, host.name)))


def _load(instance: str, world: Any) -> "Instance":
    from digione_cli.engine.load import load_instance
    from digione_cli.engine.services import load_services

    return load_instance(world.settings.inventories, instance, load_services(world.settings.roles))


def _told(error: "DigioneError") -> str:
    return f"{error.what}: {error.why} [{error.id}]\n  {t('next')}: {error.fix}"


def _tell_gaps(gaps: "Sequence[dict[str, str]]", screen: Any) -> None:
    for gap in gaps:
        screen.note(
            t(
                "What the database wrote after {until} is missing (WAL {last} to {next})",
                until=moment(gap["until"], exact=True),
                last=gap["last"],
                next=gap["next"],
            )
        )


def _show(answer: "dict[str, Any]", instance: str, host: str, screen: Any) -> bool:
    """Show the recovery points of a host; say whether all targets told theirs."""
    from digione_cli.engine import backups

    rows = [
        [
            point["id"],
            moment(point["began"]),
            t(_SHOWN[point["kind"]]),
            _size(point["size"]),
            _size(point["added"]),
            f"{point['seconds']:.0f} s",
            ", ".join(point["where"]),
        ]
        for point in answer["points"]
    ]
    columns = [t("Id"), t("Made"), t("Kind"), t("Holds"), t("Added"), t("Took"), t("Where")]
    screen.table(f"points_{host}", t("Recovery points of {host}", host=host), columns, rows, answer)
    windows = [
        [place, *(moment(one[end], exact=True) if one[end] else "–" for end in ("from", "until"))]
        for place, one in answer["places"].items()
    ]
    columns = [t("Where"), t("From"), t("Until")]
    screen.table(f"windows_{host}", t("Moments that can be restored"), columns, windows, answer["places"])
    _tell_gaps(answer["gaps"], screen)
    for place, files in answer["altered"].items():
        told = tn(
            "{place}: {count} recovery point is altered: {files}",
            "{place}: {count} recovery points are altered: {files}",
            len(files),
            place=place,
            files=", ".join(files),
        )
        screen.note(told)
    for trouble in answer["troubles"].values():
        screen.note(_told(backups.error_of(trouble, instance, host)))
    return not answer["troubles"] and not answer["altered"]


def _size(size: int) -> str:
    if size < 1_000_000:
        return f"{size / 1000:.0f} kB"
    return f"{size / 1e6:.0f} MB" if size < 10_000_000_000 else f"{size / 1e9:.0f} GB"
