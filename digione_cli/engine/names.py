"""The names of the instances there are; loads nothing heavy."""

from pathlib import Path


def instance_names(inventories: Path, beginning: str = "") -> list[str]:
    """Given the folder of inventories, return the names of its instances that begin like this."""
    names = (path.parent.name for path in inventories.glob("*/instance.yml"))
    return sorted(name for name in names if name.startswith(beginning))
