"""The names of the instances there are; loads nothing heavy."""

from pathlib import Path


def instance_names(inventories: Path, beginning: str = "") -> list[str]:
    """Given the folder of inventories, return the names of its instances that begin like this."""
    names = (path.parent.name for path in inventories.glob("*/instance.yml"))
    return sorted(name for name in names if name.startswith(beginning))


def is_instance(inventories: Path, name: str) -> bool:
    """Say whether there is an instance of this name; the others are not looked into."""
    return (
        name in (path.name for path in inventories.glob("*"))
        and (inventories / name / "instance.yml").exists()
    )
