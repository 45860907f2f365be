"""What each example inventory leads to, as text: configuration, variables of every host, first plan."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml
from pydantic import SecretStr

from digione_cli.engine.desired import Bundle, desired_state
from digione_cli.engine.load import load_instance
from digione_cli.engine.secrets import Secrets, SecretStore, stored_names, wanted
from digione_cli.engine.services import Services, load_services
from digione_cli.engine.situation import Situation
from digione_cli.model.instance import Instance
from digione_cli.settings import CHECKOUT
from digione_cli.verbs.apply import plan_apply
from digione_cli.verbs.show import effective_configuration
from tests.fakes import NOW, empty

EXPECTED = Path(__file__).parent / "expected"
INVENTORIES = CHECKOUT / "inventories"
NAMES = ("espoo", "jyvaskyla", "kainuu", "lahti", "oulu", "tampere", "turku", "vantaa")
BUNDLE = Bundle("2026.11-000000000000", "dist/bundle-2026.11-000000000000.tar", "00" * 32)
SENTINEL = "SENTINEL"
UPDATE = "look at the difference; if it is meant: python -m tests.golden.update"


def sentinels(instance: Instance, services: Services) -> Secrets:
    """Return secrets whose every value, and whose salt, is easy to find."""
    names = [p for name, kind in wanted(instance, services).items() for p in stored_names(name, kind)]
    return Secrets({n: SecretStr(f"{SENTINEL}-{n}") for n in names}, f"{SENTINEL}-salt")


def situation(name: str) -> Situation:
    """Return an example with planted secrets and hosts on which nothing is."""
    services = load_services(CHECKOUT / "roles")
    instance = load_instance(INVENTORIES, name, services)
    services = services.of(instance)
    secrets = sentinels(instance, services)
    desired = desired_state(instance, services, secrets, BUNDLE)
    store = SecretStore(instance.folder, Path("keys"))
    return Situation(instance, services, store, secrets, desired, empty(instance), NOW)


def rendered(name: str) -> Iterator[tuple[str, str]]:
    """Yield the name and the text of every golden file of an example."""
    of = situation(name)
    yield f"{name}/configuration.yml", _yaml(effective_configuration(of.instance, of.services))
    for host, variables in of.desired.variables.items():
        yield f"{name}/{host}.yml", _yaml(variables)
    yield (
        f"{name}/plan.json",
        json.dumps(plan_apply(of).model_dump(mode="json"), indent=1, ensure_ascii=False) + "\n",
    )


def _yaml(value: Any) -> str:
    plain = json.loads(json.dumps(value))
    return yaml.safe_dump(plain, allow_unicode=True, sort_keys=False, width=110)
