"""``digione validate``: all mistakes of an inventory at once."""

from digione_cli.verbs._common import InstanceName, Json, session


def validate(instance: InstanceName, as_json: Json = False) -> int:
    """Find all mistakes in an instance's files at once."""
    from digione_cli.engine.load import examine
    from digione_cli.engine.services import load_services
    from digione_cli.engine.surroundings import clashes
    from digione_cli.errors import Exit

    with session(as_json) as (world, screen):
        services = load_services(world.settings.roles)
        valid, mistakes = examine(world.settings.inventories, instance, services)
        if valid:
            mistakes += tuple(clashes(world.settings.inventories, valid))
        screen.mistakes(instance, mistakes)
    return Exit.DONE if valid else Exit.USAGE
