"""``digione show``: the effective configuration, every default visible, secrets masked."""

from typing import TYPE_CHECKING, Any

from digione_cli.verbs._common import InstanceName, Json, session

if TYPE_CHECKING:
    from digione_cli.engine.services import Services
    from digione_cli.model.instance import Instance


def show(instance: InstanceName, as_json: Json = False) -> None:
    """Show the effective configuration: every default visible, secrets masked."""
    from digione_cli.engine import secrets
    from digione_cli.engine.load import load_instance
    from digione_cli.engine.services import load_services

    with session(as_json) as (world, screen):
        services = load_services(world.settings.roles)
        loaded = load_instance(world.settings.inventories, instance, services)
        effective = effective_configuration(loaded, services)
        names = [
            str(part)
            for name, kind in secrets.wanted(loaded, services).items()
            for part in secrets.stored_names(name, kind)
        ]
        there = secrets.SecretStore(loaded.folder, world.settings.keys).exists()
        effective["secrets"] = dict.fromkeys(names, "********" if there else None)
        screen.document("configuration", effective)


def effective_configuration(instance: "Instance", services: "Services") -> dict[str, Any]:
    """Given an instance, return its configuration with every default filled in."""
    given = instance.model_dump(mode="json", exclude={"folder", "tenants", "services"})
    given["services"] = {
        name: {key: setting.default for key, setting in service.settings.items()}
        | instance.services.get(name, {})
        for name, service in services.items()
    }
    given["tenants"] = {
        t.slug: t.model_dump(mode="json", exclude={"slug"}) | {"auth_domain": t.auth_domain}
        for t in instance.tenants
    }
    return given
