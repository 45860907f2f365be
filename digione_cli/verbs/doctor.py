"""``digione doctor``: findings with stable codes, cause and fix."""

from digione_cli.verbs._common import AskSudoPassword, InstanceName, Json, session


def doctor(instance: InstanceName, as_json: Json = False, ask_sudo_password: AskSudoPassword = False) -> int:
    """Look for trouble: findings with stable codes, cause and fix. Exit code 3 when there is an error."""
    from digione_cli import checks, spine
    from digione_cli.errors import Exit
    from digione_cli.model.finding import Level

    with session(as_json, ask_sudo_password) as (world, screen):
        situation = spine.look(instance, world, screen)
        # What a run is changing at this moment is neither wrong nor for a second one to repair.
        busy = any(facts.lock for facts in situation.facts.values())
        found = list(checks.findings("busy" if busy else "doctor", situation, world))
        world.registry.record_seen(
            situation.instance, situation.facts, situation.now.strftime("%Y-%m-%dT%H:%M:%SZ")
        )
        screen.findings(found)
    return Exit.PRECONDITION if any(f.level is Level.ERROR for f in found) else Exit.DONE
