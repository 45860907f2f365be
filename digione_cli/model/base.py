"""The base of all models: frozen, and unknown keys are refused."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

Port = Annotated[int, Field(ge=1, le=65535)]


class Model(BaseModel):
    """A frozen value. Numbers given where text is meant (a code such as ``837``) become text."""

    model_config = ConfigDict(frozen=True, extra="forbid", coerce_numbers_to_str=True)
