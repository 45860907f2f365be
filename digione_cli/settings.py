"""Settings of this machine, from the environment (``DIGIONE_…``)."""

import os
from pathlib import Path

from pydantic_settings import BaseSettings, SettingsConfigDict

CHECKOUT = Path(__file__).resolve().parent.parent
RELEASE = "2026.11"  # the release that this distribution installs


class Settings(BaseSettings):
    """Where this machine keeps things."""

    model_config = SettingsConfigDict(env_prefix="DIGIONE_", frozen=True)

    inventories: Path = CHECKOUT / "inventories"
    state: Path = Path(os.environ.get("XDG_STATE_HOME", "~/.local/state")).expanduser() / "digione"
    keys: Path = Path(os.environ.get("XDG_CONFIG_HOME", "~/.config")).expanduser() / "digione/keys"
    lab: Path = CHECKOUT / ".lab"
    lab_store: Path = CHECKOUT / ".lab"
    dist: Path = CHECKOUT / "dist"

    @property
    def roles(self) -> Path:
        """Folder of the services' roles."""
        return CHECKOUT / "roles"

    @property
    def registry(self) -> Path:
        """The operator's registry of instances, tenants and runs."""
        return self.state / "registry.sqlite"
