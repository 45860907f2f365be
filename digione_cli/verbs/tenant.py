"""``digione tenant``: take a tenant that left the inventory off the hosts."""

import difflib
from typing import TYPE_CHECKING, Annotated

import typer

from digione_cli.texts import t
from digione_cli.verbs._common import AskSudoPassword, DryRun, InstanceName, Json, session

if TYPE_CHECKING:
    from digione_cli.engine.situation import Situation
    from digione_cli.model.plan import Plan

app = typer.Typer(
    rich_markup_mode=None,
    no_args_is_help=True,
    add_completion=False,
    help="Take a tenant that left the inventory off the hosts.",
)


@app.callback()
def _group() -> None:
    """Keep ``remove`` a verb of its own although it is the only one."""


@app.command()
def remove(
    instance: InstanceName,
    tenant: Annotated[str, typer.Argument(metavar="SLUG", help="The tenant's slug.")],
    keep_data: Annotated[
        bool, typer.Option("--keep-data", help="Keep its databases, directory subtree and secrets.")
    ] = False,
    confirm: Annotated[
        str | None, typer.Option("--confirm", metavar="SLUG", help="The tenant's slug, instead of asking.")
    ] = None,
    dry_run: DryRun = False,
    as_json: Json = False,
    ask_sudo_password: AskSudoPassword = False,
) -> None:
    """Take a tenant off the hosts after its file left the inventory; asks for its slug.

    Its data and secrets are deleted. The other tenants keep working.
    """
    from digione_cli import spine

    options = spine.Options(dry_run=dry_run, confirm=confirm)
    with session(as_json, ask_sudo_password) as (world, screen):
        spine.change(
            instance,
            "tenant remove",
            lambda situation: plan_tenant_remove(situation, tenant, keep_data),
            options,
            world,
            screen,
        )


def plan_tenant_remove(situation: "Situation", tenant: str, keep_data: bool) -> "Plan":
    """Given a situation, plan the removal of a tenant from all services, in reverse order.

    Before it the services are configured without the tenant, where that was not done yet.

    Raises:
        PreconditionError: the tenant is in the inventory.
        UsageError: nothing of such a tenant is there.
    """
    from digione_cli import steps
    from digione_cli.engine.leaving import left_tenants, places
    from digione_cli.errors import PreconditionError, UsageError
    from digione_cli.model.plan import Plan, Skip
    from digione_cli.model.text import shown
    from digione_cli.verbs.apply import plan_apply

    instance = situation.instance
    if tenant in situation.tenants():
        raise PreconditionError(
            "D1-LEAVE-001",
            t("{tenant} was not taken off the hosts", tenant=tenant),
            t("tenants/{tenant}.yml is in the inventory, so apply would install it again", tenant=tenant),
            t("delete that file first; nothing was changed")
            if len(instance.tenants) > 1
            else t("it is the only one; the whole instance: digione destroy {name}", name=instance.name),
        )
    planned, skips = [], []
    held = places(instance, situation.facts, tenant)
    secrets = any(name.tenant == tenant for name in situation.secrets.values)
    if not (held or secrets):
        left = left_tenants(instance, situation.facts)
        known = ", ".join((*situation.tenants(), *left))
        near = difflib.get_close_matches(tenant, left, 1)
        raise UsageError(
            "D1-LEAVE-005",
            t("{tenant} was not taken off the hosts", tenant=shown(tenant)),
            t("nothing of such a tenant is there; known are: {known}", known=known),
            f"digione tenant remove {instance.name} {near[0]}" if near else f"digione status {instance.name}",
        )
    for name, service in reversed(situation.services.items()):
        if name not in held:
            continue
        title = t("Take {tenant} out of {service}", tenant=tenant, service=service.title)
        if keep_data and service.tenant_data:
            kept = t("kept: {data}", data=service.tenant_data)
            skips.append(Skip(title=title, where=held[name], why=kept))
        else:
            planned.append(steps.remove_tenant(service, held[name], tenant, keep_data))
    if planned:
        before = [s for s in plan_apply(situation).steps if s.work.kind == "role"]
        planned = [*before, *planned, steps.smoke_test(instance.hosts)]
    if not keep_data and secrets:
        planned.append(steps.forget_secrets(tenant))
    return Plan(
        verb="tenant remove",
        instance=instance.name,
        about=tenant,
        options=("--keep-data",) if keep_data else (),
        steps=tuple(planned),
        skips=tuple(skips),
        destructive=True,
    )
