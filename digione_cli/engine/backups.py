"""What the backup programs on the hosts are asked, and how their errors are told."""

from collections.abc import Mapping, Sequence
from typing import Any

from digione_cli.errors import DigioneError, IntegrityError, LockedError, PreconditionError, UsageError
from digione_cli.model.instance import Instance
from digione_cli.model.text import shown
from digione_cli.texts import mark, moment, t
from digione_cli.world.ssh import Target
from digione_cli.world.world import World

SERVICE = "backup"
_MOMENTS = ("made", "to", "since", "until", "latest")

# What roles/backup/files/digione_backup refuses, by id; its values are filled in where they stand.
_TOLD = {
    error.id: error
    for error in (
        DigioneError(
            "D1-BACKUP-000",
            mark("The backup program of {host} failed; this is a bug of ours"),
            mark("it said: {reason}"),
            mark("report it with this text"),
        ),
        PreconditionError(
            "D1-BACKUP-031",
            mark("Nothing was done with the backups of {host}"),
            mark("it belongs to the instance {other}"),
            mark("correct its address in the inventory of {instance}"),
        ),
        DigioneError(
            "D1-BACKUP-028",
            mark("The backup program of {host} was killed"),
            mark("by signal {signal}: somebody sent it, or the host has too little memory"),
            mark("the same command again; journalctl -k on the host tells whether memory was lacking"),
        ),
        DigioneError(
            "D1-BACKUP-001",
            mark("{program} failed on {host}"),
            mark("it said: {reason}"),
            mark("digione doctor {instance}; if it stays, report it with this text"),
        ),
        DigioneError(
            "D1-BACKUP-002",
            mark("{program} found no room"),
            mark("the disk has no bytes or no inodes left: {reason}"),
            mark("make room there, or keep less: services.backup.keep_days; earlier recovery points stand"),
        ),
        DigioneError(
            "D1-BACKUP-003",
            mark("{program} may not write"),
            mark("the disk is read-only: {reason}"),
            mark("mend the disk or its mount; earlier recovery points stand"),
        ),
        DigioneError(
            "D1-BACKUP-004",
            mark("What the database wrote does not come into the vault of {host}"),
            mark("WAL segment {segment} was not archived within a minute; last refused: {failed}"),
            mark("digione logs {instance} postgresql tells why"),
        ),
        LockedError(
            "D1-BACKUP-005",
            mark("The vault of {host} is being worked on"),
            mark("a recovery point is being made, verified, restored or brought to a target"),
            mark("the same command again when it has ended"),
        ),
        IntegrityError(
            "D1-BACKUP-006",
            mark("The backups there are of another instance"),
            mark("they are of {whose}"),
            mark("name a folder of this instance's own in backup.targets; nothing was changed"),
        ),
        IntegrityError(
            "D1-BACKUP-007",
            mark("The key is not that of the backups"),
            mark("the backups of {made} were made with another key; they are not damaged"),
            mark("restore the secret backup_key of that time: digione recovery-kit tells how"),
        ),
        PreconditionError(
            "D1-BACKUP-008",
            mark("No recovery point was made"),
            mark("a restore is under way on {host}"),
            "digione restore {instance}{option}",
        ),
        DigioneError(
            "D1-BACKUP-009",
            mark("The database did not come back to that moment"),
            mark("it said: {reason}"),
            mark("choose an earlier moment: digione backup list {instance}"),
        ),
        IntegrityError(
            "D1-BACKUP-010",
            mark("The backups are altered"),
            mark("{file} is not as it was written"),
            mark("digione backup verify {instance} tells what else; another target may have it whole"),
        ),
        PreconditionError(
            "D1-BACKUP-011",
            mark("The backup was made by a newer release"),
            mark("it is of release {release}"),
            mark("install digione {release} on this machine, then the same command again"),
        ),
        PreconditionError(
            "D1-BACKUP-015",
            mark("There are no backups on {host} yet"),
            mark("no recovery point was made"),
            "digione backup create {instance}",
        ),
        PreconditionError(
            "D1-BACKUP-016",
            mark("Target {target} does not let {host} in"),
            mark("it does not know the access key, or the secret key is not that of the access key"),
            mark(
                "digione secrets set {instance} backup_access_key_{target}, the same for "
                "backup_secret_key_{target}, then digione apply {instance}"
            ),
        ),
        PreconditionError(
            "D1-BACKUP-020",
            mark("Target {target} is not mounted"),
            mark("{folder} on {host} lies on the host's own disk, or is not there"),
            mark("mount it there, then the same command again"),
        ),
        DigioneError(
            "D1-BACKUP-021",
            mark("Target {target} is not reached from {host}"),
            mark("it said: {reason}"),
            mark("make sure that it runs and is reached; what it missed is brought to it by itself"),
        ),
        PreconditionError(
            "D1-BACKUP-022",
            mark("Target {target} holds backups of an earlier installation"),
            mark("they were begun {made}, and the hosts are new since"),
            mark("digione restore {instance}, or move that folder away to begin anew"),
        ),
        UsageError(
            "D1-BACKUP-023",
            mark("There is no target {target}"),
            mark("known are: {known}"),
            mark("name one of backup.targets in instance.yml"),
        ),
        DigioneError(
            "D1-BACKUP-024",
            mark("Target {target} takes nothing more"),
            mark("its disk is full, it is read-only, or its user may not write there"),
            mark("make room there, or mend its mount; what it missed is brought to it by itself"),
        ),
        IntegrityError(
            "D1-BACKUP-027",
            mark("A file in the vault of {host} is damaged"),
            mark("at {target} it has another size; it was not written over there"),
            mark("digione backup verify {instance} tells which, and mends it from where it is whole"),
        ),
        DigioneError(
            "D1-BACKUP-025",
            mark("Target {target} does not let {host} in"),
            mark("it does not know the key of the instance"),
            mark("put the line in inventories/{instance}/backup.pub into authorized_keys of its user"),
        ),
        IntegrityError(
            "D1-BACKUP-026",
            mark("The host key of target {target} is not the pinned one"),
            mark("another machine answers at its address, or it was never pinned"),
            mark("make sure which it is; then: digione trust {instance}, and digione apply {instance}"),
        ),
        PreconditionError(
            "D1-BACKUP-029",
            mark("The bucket of target {target} is not there"),
            mark("the storage service is reached and knows the key, but no bucket of that name"),
            mark("make it there, or name the right one in backup.targets, then digione apply {instance}"),
        ),
        PreconditionError(
            "D1-BACKUP-030",
            mark("Target {target} forbids what is needed"),
            mark("its key may not list, read, write or delete in that bucket"),
            mark("give the key these rights; what it missed is brought to it by itself"),
        ),
        UsageError(
            "D1-RESTORE-001",
            mark("There is no recovery point {point}"),
            mark("the newest in {place} are: {known}"),
            "digione backup list {instance}",
        ),
        UsageError(
            "D1-RESTORE-002",
            mark("{to} cannot be restored"),
            mark("what can be restored begins {since} and ends {until}"),
            mark("choose a moment between the two"),
        ),
        UsageError(
            "D1-RESTORE-003",
            mark("{to} cannot be restored"),
            mark("what the database wrote then is missing; the latest moment before it is {latest}"),
            mark("choose that moment, or one after the next recovery point: digione backup list {instance}"),
        ),
        PreconditionError(
            "D1-RESTORE-004",
            mark("There is no room for the restore on {host}"),
            mark("it needs {needs} MB and {free} MB are free"),
            mark("make room, or restore onto a larger host; nothing was changed"),
        ),
        PreconditionError(
            "D1-RESTORE-005",
            mark("There is nothing to restore"),
            mark("{place} holds no recovery point of {host}"),
            mark("name a target that does: backup.targets in instance.yml"),
        ),
        IntegrityError(
            "D1-RESTORE-006",
            mark("The backups are damaged; nothing goes live from them"),
            mark("{count} files are altered, cut off or missing, such as {files}"),
            mark("another copy may be whole: digione restore {instance} --from TARGET"),
        ),
        IntegrityError(
            "D1-RESTORE-007",
            mark("Database and files of {tenant} do not belong together"),
            mark("the database's marker is {database}, that of the files {files}"),
            mark("choose another recovery point: digione backup list {instance}"),
        ),
        IntegrityError(
            "D1-RESTORE-008",
            mark("Rows are missing in the restored database of {tenant}"),
            mark("{table} has {has} rows and should have {wants}"),
            mark("choose another recovery point: digione backup list {instance}"),
        ),
        IntegrityError(
            "D1-RESTORE-019",
            mark("Files of {tenant} are missing after the restore"),
            mark("a file is not there, or is not as in the recovery point"),
            mark("the same command again; if it stays, report it with this text"),
        ),
        PreconditionError(
            "D1-RESTORE-015",
            mark("Another restore has not ended on {host}"),
            mark("it is of the whole instance, or of another tenant"),
            mark("end that one first: digione restore {instance}{option}"),
        ),
        PreconditionError(
            "D1-RESTORE-009",
            mark("No restore is under way on {host}"),
            mark("nothing was chosen to be restored"),
            "digione restore {instance}",
        ),
    )
}


def targets(instance: Instance, world: World) -> list[Target]:
    """Given an instance, return the hosts that keep backups: all of them."""
    placed = instance.placed(SERVICE)
    return [target for target in world.targets(instance) if target.name in placed]


def ask(
    world: World,
    instance: Instance,
    target: Target,
    arguments: Sequence[str],
    told: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """Carry out a command of a host's backup program and return what it answers.

    Raises:
        DigioneError: it refused, or is not installed.
    """
    answer = world.backup(target, instance.name, arguments, told)
    if answer is None:
        raise PreconditionError(
            "D1-BACKUP-012",
            t("{host} keeps no backups", host=target.name),
            t("the service backup is not installed there"),
            f"digione apply {instance.name}",
        )
    if "error" in answer and set(answer) == {"error"}:
        raise error_of(answer["error"], instance.name, target.name)
    return answer


def error_of(told: Mapping[str, Any], instance: str, host: str) -> DigioneError:
    """Given what a backup program told of an error, return it in words."""
    known = _TOLD.get(str(told.get("id")), _TOLD["D1-BACKUP-000"])
    given = {str(k): shown(str(v)) for k, v in dict(told.get("values") or {}).items()}
    given |= {key: moment(given[key], exact=True) for key in _MOMENTS if key in given}
    option = f" --tenant {given['tenant']}" if given.get("tenant") else ""
    values = _Values({"instance": instance, "host": host, "option": option, **given})
    what, why, fix = (t(text).format_map(values) for text in (known.what, known.why, known.fix))
    return type(known)(known.id, what, why, fix)


class _Values(dict[str, str]):
    """Values for a sentence; what a host did not tell is a dash."""

    def __missing__(self, key: str) -> str:
        return "–"
