"""``digione validate``: all mistakes of an inventory at once."""

from digione_cli.verbs._common import InstanceName, Json, session


def validate(instance: InstanceName, as_json: Json = False) -> int:
    """Find all mistakes in an instance's files at once, its secrets included."""
    from digione_cli.engine import secrets_file
    from digione_cli.engine.load import examine
    from digione_cli.engine.services import load_services
    from digione_cli.engine.surroundings import clashes
    from digione_cli.errors import Exit
    from digione_cli.model.finding import Level

    with session(as_json) as (world, screen):
        services = load_services(world.settings.roles)
        inventories, keys = world.settings.inventories, world.settings.keys
        valid, mistakes = examine(inventories, instance, services)
        if valid:
            mistakes += tuple(clashes(inventories, valid))
        mistakes += tuple(secrets_file.mistakes(inventories / instance, keys, valid, services))
        screen.mistakes(instance, mistakes)
    return Exit.USAGE if any(m.level is Level.ERROR for m in mistakes) else Exit.DONE
