"""Backups: made in time, copied away from the hosts, without gaps."""

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

from digione_cli.engine import drill, recovery_kit
from digione_cli.engine.backups import SERVICE, error_of
from digione_cli.engine.situation import Situation
from digione_cli.model.facts import HostFacts
from digione_cli.model.finding import Code, Finding, Level
from digione_cli.texts import mark, moment, t
from digione_cli.world.world import World

STAGES = ("doctor",)

CODES = {
    "D1-BK-001": Code(
        title="No recovery point",
        cause="nothing could be restored: no recovery point was made since the backup was installed",
        fix="digione backup create {instance}",
    ),
    "D1-BK-002": Code(
        title="Recovery point too old",
        cause="no recovery point was made for more than twice the time that lies between two",
        fix=mark("digione backup create {instance} tells what is wrong; digione logs {instance} backup"),
    ),
    "D1-BK-003": Code(
        title="Target fails",
        cause="copies do not reach a target of backup.targets",
        fix=mark("mend the reason; what the target missed is brought to it by itself"),
    ),
    "D1-BK-004": Code(
        title="No copy elsewhere",
        cause="backup.targets names no place: what happens to a host happens to its backups",
        fix=mark("name a target in instance.yml (how-to/backup), then digione apply {instance}"),
    ),
    "D1-BK-005": Code(
        title="Gap in what can be restored",
        cause="WAL is missing: moments after it cannot be restored before the next recovery point",
        fix=mark("digione backup create {instance}: from then on every moment can be restored again"),
    ),
    "D1-BK-006": Code(
        title="Copies lag behind",
        cause="what was written in the last minutes would be lost with the host",
        fix=mark("digione logs {instance} backup tells why"),
    ),
    "D1-BK-007": Code(
        title="Backups damaged",
        cause="files were not as they were written when everything was read back last",
        fix=mark("digione backup verify {instance} tells which, and mends them from where they are whole"),
    ),
    "D1-BK-010": Code(
        title="No recovery kit that fits",
        cause="without inventory and keys no backup can be opened, and there is no kit of them, keys have "
        "changed since it was made, or it is older than a year",
        fix=mark("digione recovery-kit {instance}, and keep its shares away from here"),
    ),
    "D1-BK-011": Code(
        title="Restore not tried",
        cause="the last drill failed or is older than half a year, or there was none a month after the "
        "installation: nobody knows whether the backups bring everything back",
        fix="digione drill {instance}",
    ),
    "D1-BK-008": Code(
        title="Last recovery point failed",
        cause="the last attempt at a recovery point failed; earlier ones stand",
        fix=mark("mend the reason, then digione backup create {instance}"),
    ),
}

_GRACE = timedelta(minutes=30)  # after the installation, and between two points beyond what is due
_LAG = timedelta(minutes=5)
_KIT_AGE = timedelta(days=365)
_DRILL_AGE = timedelta(days=183)
_FIRST_DRILL = timedelta(days=31)


def check(situation: Situation, world: World) -> Iterator[Finding]:
    """Look at what the hosts' backup programs noted."""
    reached = {
        h: f for h, f in situation.facts.items() if f.reached and f.instance == situation.instance.name
    }
    for host, facts in reached.items():
        if SERVICE in facts.services and not facts.restoring:
            yield from _host(host, facts, situation)
    if reached and not situation.instance.backup.targets:
        note = t("backups lie on the hosts themselves only")
        yield _finding("D1-BK-004", Level.WARNING, SERVICE, note, situation)
    if reached and SERVICE in {name for facts in reached.values() for name in facts.services}:
        yield from _kit(situation)
        yield from _drill(reached.values(), situation)


def _kit(situation: Situation) -> Iterator[Finding]:
    known = recovery_kit.record(situation.instance.folder)
    made = _moment(known.get("made", ""))
    if made is None:
        note = t("no recovery kit was made")
    elif known["checksum"] != recovery_kit.checksum(situation.secrets):
        note = t("keys have changed since the recovery kit of {moment}", moment=moment(made.isoformat()))
    elif situation.now - made > _KIT_AGE:
        note = t("the recovery kit is of {moment}", moment=moment(made.isoformat()))
    else:
        return
    yield _finding("D1-BK-010", Level.WARNING, SERVICE, note, situation)


def _drill(reached: Iterable[HostFacts], situation: Situation) -> Iterator[Finding]:
    known = drill.records(situation.instance.folder)
    held = _moment(known[-1].began) if known else None
    since = [_moment(facts.services[SERVICE].at) for facts in reached if SERVICE in facts.services]
    installed = min((at for at in since if at), default=situation.now)
    level = Level.WARNING
    if held and known[-1].error:
        note = t("the drill of {moment} failed: {why}", moment=moment(held.isoformat()), why=known[-1].error)
    elif held and situation.now - held > _DRILL_AGE:
        note = t("the last drill is of {moment}", moment=moment(held.isoformat()))
    elif not held and situation.now - installed > _FIRST_DRILL and situation.instance.backup.targets:
        level, note = Level.HINT, t("no drill was held yet")
    else:
        return
    yield _finding("D1-BK-011", level, SERVICE, note, situation)


def _host(host: str, facts: HostFacts, situation: Situation) -> Iterator[Finding]:
    known = facts.backups
    if failed := known.get("error"):
        yield _finding("D1-BK-008", Level.ERROR, host, _why(failed, host, situation), situation)
    last = known.get("last")
    since = _moment(last["ended"] if last else facts.services[SERVICE].at)
    late = timedelta(hours=2 * _every_hours(situation)) if last else timedelta()
    if since and situation.now - since > late + _GRACE:
        note = t("the newest recovery point is of {moment}", moment=moment(since.isoformat()))
        code = "D1-BK-002" if last else "D1-BK-001"
        yield _finding(
            code, Level.ERROR, host, note if last else t("no recovery point was made yet"), situation
        )
    if (verified := known.get("verified")) and verified["problems"]:
        note = t(
            "{count} files were not as written when read back {moment}",
            count=verified["problems"],
            moment=moment(verified["at"]),
        )
        yield _finding("D1-BK-007", Level.ERROR, host, note, situation)
    # Moments after a newer recovery point can be restored again; `backup list` goes on telling of the gap.
    for gap in [gap for gap in known.get("gaps") or () if not last or gap["until"] > last["ended"]]:
        note = t("what the database wrote after {until} is missing", until=moment(gap["until"]))
        yield _finding("D1-BK-005", Level.WARNING, host, note, situation)
    for name in situation.instance.backup.targets:
        if not last:
            break
        seen = {"until": last["ended"], **(known.get("targets", {}).get(name) or {})}
        yield from _target(host, name, seen, situation)


def _target(host: str, name: str, known: dict[str, Any], situation: Situation) -> Iterator[Finding]:
    until = _moment(known.get("until", ""))
    if failed := known.get("error"):
        since = moment(str(failed.get("since", "")))
        note = t(
            "{target}, since {since}: {reason}",
            target=name,
            since=since,
            reason=_why(failed, host, situation),
        )
        yield _finding("D1-BK-003", Level.ERROR, host, note, situation)
    elif until is None or situation.now - until > _LAG:
        reach = moment(until.isoformat()) if until else "–"
        note = t("the copy at {target} reaches to {until}", target=name, until=reach)
        yield _finding("D1-BK-006", Level.ERROR, host, note, situation)


def _why(told: dict[str, Any], host: str, situation: Situation) -> str:
    error = error_of(told, situation.instance.name, host)
    return f"{error.what}: {error.why} [{error.id}]"


def _every_hours(situation: Situation) -> int:
    given = situation.instance.services.get(SERVICE, {})
    return int(given.get("every_hours", situation.services[SERVICE].settings["every_hours"].default))


def _moment(written: str) -> datetime | None:
    try:
        read = datetime.fromisoformat(written)
    except ValueError:
        return None
    return read if read.tzinfo else read.replace(tzinfo=UTC)


def _finding(code: str, level: Level, subject: str, text: str, situation: Situation) -> Finding:
    fix = t(CODES[code].fix, instance=situation.instance.name)
    return Finding(code=code, level=level, subject=subject, text=text, fix=fix)
