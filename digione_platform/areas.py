"""Service areas: every package here that has an ``area.py`` is one. A tenant switches them on by name."""

import pkgutil
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib import import_module
from importlib.util import find_spec

from digione_platform.core.access import Desktop
from digione_platform.errors import InputError
from digione_platform.i18n import mark
from digione_platform.settings import Tenant
from digione_platform.web.blocks import Block
from digione_platform.web.day import Lines


@dataclass(frozen=True)
class Area:
    """A service area as its ``area.py`` describes it in ``AREA``. Texts are marked for the catalogues.

    ``about`` says what it is for, ``coming`` honestly what it does not do yet; ``blocks`` is what each role
    is shown of the master data, and a role that is not in it does not see the area. ``day`` is what the area
    adds to a role's day on the desktop.
    """

    key: str
    order: int
    icon: str
    title: str
    about: str
    coming: str
    blocks: Mapping[Desktop, tuple[Block, ...]] = field(default_factory=dict)
    day: Mapping[Desktop, Lines] = field(default_factory=dict)

    def is_for(self, desktop: Desktop) -> bool:
        return desktop in self.blocks


@cache
def all_areas() -> tuple[Area, ...]:
    """The areas that this release has, in the order of the menu."""
    package = import_module("digione_platform")
    found = [
        import_module(name).AREA
        for module in pkgutil.iter_modules(package.__path__, "digione_platform.")
        if module.ispkg and find_spec(name := f"{module.name}.area")
    ]
    return tuple(sorted(found, key=lambda area: area.order))


def areas_of(tenant: Tenant) -> tuple[Area, ...]:
    """The areas that a tenant has switched on; an unknown name is refused."""
    known = {area.key for area in all_areas()}
    if unknown := sorted(set(tenant.areas) - known):
        raise InputError(
            "P-SETTINGS-004",
            mark("The platform was not started"),
            mark("unknown service area: {unknown}; this release has {known}"),
            mark(
                "correct `areas` in the tenant's file and apply the instance again: digione apply <instance>"
            ),
            unknown=", ".join(unknown),
            known=", ".join(sorted(known)),
        )
    return tuple(area for area in all_areas() if area.key in tenant.areas)
