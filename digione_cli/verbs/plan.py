"""``digione plan``: what apply would do, and why each skipped thing is skipped."""

from digione_cli.verbs._common import AskSudoPassword, Diff, InstanceName, Json, session


def plan(
    instance: InstanceName,
    diff: Diff = False,
    as_json: Json = False,
    ask_sudo_password: AskSudoPassword = False,
) -> None:
    """Show what apply would do and why; change nothing."""
    from digione_cli import spine
    from digione_cli.verbs.apply import plan_apply

    options = spine.Options(dry_run=True, diff=diff)
    with session(as_json, ask_sudo_password) as (world, screen):
        spine.change(instance, "apply", plan_apply, options, world, screen)
