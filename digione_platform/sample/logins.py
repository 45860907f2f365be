"""The six people that every sample municipality has: one per role, with the same usernames everywhere.

They belong together: the pupil is the guardian's child, in the teacher's class, at the school of the
principal and the secretary.
"""

from dataclasses import dataclass
from typing import Literal

TownLanguage = Literal["finnish", "swedish", "bilingual"]


@dataclass(frozen=True)
class Login:
    """A sample person. ``role`` is one of pupil, guardian, teacher, principal, secretary, administrator."""

    role: str
    username: str
    given_name: str
    family_name: str


_FINNISH = (
    Login("pupil", "oppilas.esimerkki", "Oona", "Esimerkki"),
    Login("guardian", "huoltaja.esimerkki", "Hanna", "Esimerkki"),
    Login("teacher", "opettaja.esimerkki", "Olli", "Opettaja"),
    Login("principal", "rehtori.esimerkki", "Reetta", "Rehtori"),
    Login("secretary", "koulusihteeri.esimerkki", "Kaisa", "Koulusihteeri"),
    Login("administrator", "sivistysjohtaja.esimerkki", "Simo", "Sivistysjohtaja"),
)
_SWEDISH = (
    Login("pupil", "elev.exempel", "Elin", "Exempel"),
    Login("guardian", "vardnadshavare.exempel", "Viveka", "Exempel"),
    Login("teacher", "larare.exempel", "Lars", "Lärare"),
    Login("principal", "rektor.exempel", "Runa", "Rektor"),
    Login("secretary", "skolsekreterare.exempel", "Sonja", "Skolsekreterare"),
    Login("administrator", "bildningsdirektor.exempel", "Bo", "Bildningsdirektör"),
)


def sample_logins(language: TownLanguage) -> tuple[Login, ...]:
    """The sample people of a town: with Finnish names, or Swedish ones where Swedish is the only language."""
    return _SWEDISH if language == "swedish" else _FINNISH
