"""Work as data, before it is action."""

from typing import Annotated, Literal

from pydantic import Field

from digione_cli.model.base import Model


class RoleAction(Model):
    """Play one entry point of a service's role on some hosts."""

    kind: Literal["role"] = "role"
    service: str
    action: str
    keep_data: bool = False


class Call(Model):
    """Do something on the control machine, by name (see ``digione_cli.steps.calls``)."""

    kind: Literal["call"] = "call"
    call: str


class Step(Model):
    """One repeatable change: title, where, work, and why it is needed."""

    id: str
    title: str
    where: tuple[str, ...]
    work: Annotated[RoleAction | Call, Field(discriminator="kind")]
    why: tuple[str, ...] = ()


class Skip(Model):
    """What is not needed, and the reason."""

    title: str
    where: tuple[str, ...]
    why: str


class Plan(Model):
    """An immutable list of steps and skips."""

    verb: str
    instance: str
    steps: tuple[Step, ...]
    skips: tuple[Skip, ...] = ()
    about: str = Field("", description="what else the verb was given, such as a secret's name")
    destructive: bool = False


class StepOutcome(Model):
    """How a step went."""

    step: str
    title: str
    outcome: Literal["done", "unchanged", "failed", "not started"]
    changed: int = 0
    seconds: float = 0
    error: str = ""


class Run(Model):
    """The record of one verb carried out."""

    id: str
    verb: str
    instance: str
    who: str
    started: str
    ended: str = ""
    outcome: Literal["running", "done", "failed", "interrupted"] = "running"
    steps: tuple[StepOutcome, ...] = ()
