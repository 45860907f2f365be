"""SCRAM-SHA-256 verifiers as PostgreSQL stores them, so that a password itself never reaches the server."""

import hashlib
import hmac
from base64 import b64encode
from collections.abc import Callable

ITERATIONS = 4096


def postgresql_verifier(password: str, role: str) -> str:
    """Verifier of an ASCII `password`; the salt follows from `role`: same password, same text."""
    salt = hashlib.sha256(f"digione {role}".encode()).digest()[:16]
    salted = hashlib.pbkdf2_hmac("sha256", password.encode("ascii"), salt, ITERATIONS)
    stored = hashlib.sha256(hmac.digest(salted, b"Client Key", "sha256")).digest()
    server = hmac.digest(salted, b"Server Key", "sha256")
    return f"SCRAM-SHA-256${ITERATIONS}:{_text(salt)}${_text(stored)}:{_text(server)}"


def _text(value: bytes) -> str:
    return b64encode(value).decode()


class FilterModule:
    """What Ansible looks for in this file."""

    def filters(self) -> dict[str, Callable[..., str]]:
        return {"postgresql_verifier": postgresql_verifier}
