"""The base of all models: frozen, and unknown keys are refused."""

from pydantic import BaseModel, ConfigDict


class Model(BaseModel):
    """A frozen value. Numbers given where text is meant (a code such as ``837``) become text."""

    model_config = ConfigDict(frozen=True, extra="forbid", coerce_numbers_to_str=True)
