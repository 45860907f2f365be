"""Lines of a password file as PostgreSQL's programs read it."""

from collections.abc import Callable


def postgresql_passfile(password: str) -> str:
    """The line that gives ``password`` for every server, database and role."""
    escaped = password.replace("\\", "\\\\").replace(":", "\\:")
    return f"*:*:*:*:{escaped}\n"


class FilterModule:
    """What Ansible looks for in this file."""

    def filters(self) -> dict[str, Callable[..., str]]:
        return {"postgresql_passfile": postgresql_passfile}
