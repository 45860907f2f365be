"""The base of all models: frozen, and unknown keys are refused."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from digione_cli.texts import t

Port = Annotated[int, Field(ge=1, le=65535)]


def once(values: tuple[str, ...] | None) -> tuple[str, ...] | None:
    """Return the values as they are, for a validator.

    Raises:
        ValueError: one of them stands twice.
    """
    seen = set[str]()
    for value in values or ():
        if value in seen:
            raise ValueError(t("{value} stands twice", value=value))
        seen.add(value)
    return values


class Model(BaseModel):
    """A frozen value. Numbers given where text is meant (a code such as ``837``) become text."""

    model_config = ConfigDict(frozen=True, extra="forbid", coerce_numbers_to_str=True)
