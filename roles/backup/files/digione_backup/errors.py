"""What the program refuses: an id with the values of its sentence, told by the operator's side."""


class Refused(Exception):
    """Given a stable id and the values that its sentence needs, an error for the operator."""

    def __init__(self, id: str, **values: str) -> None:  # noqa: A002 - the contract's word
        super().__init__(id, values)
        self.id, self.values = id, values

    def __str__(self) -> str:
        return f"{self.id} {' '.join(f'{k}={v}' for k, v in self.values.items())}".strip()

    def told(self) -> dict[str, object]:
        """Return it as JSON."""
        return {"id": self.id, "values": self.values}
