"""Work as data, before it is action."""

from typing import Annotated, Any, Literal

from pydantic import Field

from digione_cli.model.base import Model


class RoleAction(Model):
    """Play one entry point of a service's role on some hosts."""

    kind: Literal["role"] = "role"
    service: str
    action: str
    keep_data: bool = False
    tenant: str = Field("", description="slug of the tenant that the action is about, if it is about one")


class Call(Model):
    """Do something on the control machine, by name (see ``digione_cli.steps.CALLS``)."""

    kind: Literal["call"] = "call"
    call: str
    given: dict[str, Any] = Field({}, description="what else it is given")
    tenant: str = Field("", description="slug of the tenant that the call is about, if it is about one")


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
    options: tuple[str, ...] = Field((), description="the flags among it")
    typed: str = Field("", description="what was typed for it, where that begins with another instance")
    destructive: bool = False

    @property
    def subject(self) -> str:
        """What it is about: the name that must be typed before anything is destroyed."""
        return self.about or self.instance

    @property
    def command(self) -> str:
        """What to type for it, without answers to questions."""
        if self.typed:
            return self.typed
        words = ["digione", self.verb, self.instance, self.about, *self.options]
        return " ".join(filter(None, words))


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
