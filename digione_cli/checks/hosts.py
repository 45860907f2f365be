"""The hosts themselves: reachable, Debian 12, large enough, nobody else's."""

from collections.abc import Iterator

from digione_cli.engine.situation import Situation
from digione_cli.model.facts import HostFacts
from digione_cli.model.finding import Code, Finding, Level
from digione_cli.texts import mark, moment, t
from digione_cli.world.world import World

STAGES = ("preflight", "doctor", "busy")

MEMORY_MB = 1900  # a host of 2 GB shows a little less
DISK_MB = 4000
CLOCK_SECONDS = 60
UNKNOWN = "?"  # what the checker says of a process that it cannot name

CODES = {
    "D1-HOST-001": Code(
        title="Host not reached",
        cause="ssh does not get through to the host, or sudo refuses the user",
        fix=mark("the finding names the reason; mend it and look again"),
    ),
    "D1-HOST-002": Code(
        title="Not Debian 12",
        cause="the host runs another system; services are built for Debian 12 with systemd",
        fix=mark("install Debian 12 on the host, or name another host in instance.yml"),
    ),
    "D1-HOST-003": Code(
        title="Too little memory",
        cause=f"the host has less than {MEMORY_MB} MB of memory",
        fix=mark("give the host at least 2 GB"),
    ),
    "D1-HOST-004": Code(
        title="Too little disk space",
        cause=f"fewer than {DISK_MB} MB are free below /var/lib",
        fix=mark("enlarge the disk or delete what is not needed"),
    ),
    "D1-HOST-005": Code(
        title="Clock is wrong",
        cause=f"the host's clock differs by more than {CLOCK_SECONDS} s from this machine's",
        fix=mark("on the host: timedatectl; make sure that it reaches a time server"),
    ),
    "D1-HOST-006": Code(
        title="Host belongs to another instance",
        cause="another instance was applied to the host before",
        fix=mark("take that instance off first (digione destroy), or name another host"),
    ),
    "D1-HOST-007": Code(
        title="apt is busy",
        cause="another process (often the nightly updates) holds apt's lock",
        fix=mark("wait until it has ended"),
    ),
    "D1-HOST-008": Code(
        title="Restart of the host due",
        cause="an update of the kernel or a library takes effect only after a restart",
        fix=mark("restart the host at a quiet time"),
    ),
    "D1-HOST-009": Code(
        title="Being worked on",
        cause="a run of digione holds the lock of the host; the rest is looked at when it has ended",
        fix=mark("wait until it has ended, then look again"),
    ),
}


def check(situation: Situation, world: World) -> Iterator[Finding]:
    """Look at each host."""
    for name, facts in situation.facts.items():
        if not facts.reached:
            found = _finding("D1-HOST-001", Level.ERROR, name, facts.error)
            yield found.model_copy(update={"fix": facts.error_fix or found.fix})
        else:
            yield from _host(name, facts, situation)


def _host(name: str, facts: HostFacts, situation: Situation) -> Iterator[Finding]:
    if facts.os != "debian-12" or not facts.systemd:
        system = facts.os or t("an unknown system")
        runs = t("it runs {system}", system=system)
        if not facts.systemd:
            runs = t("it runs {system} without systemd", system=system)
        yield _finding("D1-HOST-002", Level.ERROR, name, runs)
    if facts.memory_mb < MEMORY_MB:
        yield _finding(
            "D1-HOST-003", Level.ERROR, name, t("it has {size} MB of memory", size=facts.memory_mb)
        )
    if facts.disk_free_mb < DISK_MB:
        fresh = not facts.services
        level = Level.ERROR if fresh or facts.disk_free_mb < DISK_MB // 4 else Level.WARNING
        free = t("{size} MB are free below /var/lib", size=facts.disk_free_mb)
        yield _finding("D1-HOST-004", level, name, free)
    skew = facts.time - situation.now.timestamp()
    if abs(skew) > CLOCK_SECONDS:
        yield _finding(
            "D1-HOST-005", Level.ERROR, name, t("its clock is {seconds} s off", seconds=f"{skew:+.0f}")
        )
    if facts.of_another(situation.instance.name):
        other = t("it belongs to the instance {other}", other=facts.instance)
        yield _finding("D1-HOST-006", Level.ERROR, name, other)
    if facts.lock:
        at_work = t(
            "{verb} of {who} is at work on it since {moment}",
            verb=facts.lock.verb,
            who=f"{facts.lock.who}@{facts.lock.machine}",
            moment=moment(facts.lock.since),
        )
        yield _finding("D1-HOST-009", Level.HINT, name, at_work)
    elif facts.apt_locked_by:
        yield _finding("D1-HOST-007", Level.WARNING, name, apt_held(facts.apt_locked_by))
    if facts.reboot_required:
        yield _finding("D1-HOST-008", Level.HINT, name, t("a restart is due"))


def apt_held(process: str) -> str:
    """Given the process that holds apt's lock, say so."""
    return t("apt is held by {process}", process=process) if process != UNKNOWN else t("apt is held")


def _finding(code: str, level: Level, host: str, text: str) -> Finding:
    return Finding(code=code, level=level, subject=host, text=text, fix=t(CODES[code].fix))
