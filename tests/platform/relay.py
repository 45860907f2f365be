"""A real mail relay on loopback that keeps what it takes, refuses when told so, and can go away."""

import socket
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, LoginPassword

from digione_platform.settings import Relay

SENDER = "digione@mallila.example"


class MailRelay:
    """``mails`` are (sender, recipients, content); ``answers`` are what it says instead of 250 at a stage."""

    def __init__(self) -> None:
        self.mails: list[tuple[str, list[str], bytes]] = []
        self.greeted: list[str] = []
        self.answers: dict[str, str] = {}
        self.breaks_at_data = False
        # The library does not take "any port that is free".
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]

    def settings(self, **changed: Any) -> Relay:
        own = {"server": "127.0.0.1", "port": self.port, "tls": False, "sender": SENDER}
        return Relay.model_validate(own | changed)

    @property
    def recipients(self) -> list[str]:
        return sorted(to for _, everyone, _ in self.mails for to in everyone)

    # What the server asks of it

    async def handle_EHLO(
        self, _server: SMTP, session: Any, _envelope: Any, hostname: str, responses: list[str]
    ) -> list[str]:
        self.greeted.append(hostname)
        session.host_name = hostname
        return responses

    async def handle_MAIL(
        self, _server: SMTP, _session: Any, envelope: Any, address: str, _options: list[str]
    ) -> str:
        envelope.mail_from = address
        return self.answers.get("MAIL", "250 OK")

    async def handle_RCPT(
        self, _server: SMTP, _session: Any, envelope: Any, address: str, _options: list[str]
    ) -> str:
        answer = self.answers.get(address, self.answers.get("RCPT", "250 OK"))
        if answer.startswith("250"):
            envelope.rcpt_tos.append(address)
        return answer

    async def handle_DATA(self, server: SMTP, _session: Any, envelope: Any) -> str:
        answer = self.answers.get("DATA", "250 OK")
        if answer.startswith("250"):
            self.mails.append((envelope.mail_from, envelope.rcpt_tos, envelope.content))
        if self.breaks_at_data:
            server.transport.close()
        return answer


@contextmanager
def running(
    relay: MailRelay, *, tls: ssl.SSLContext | None = None, password: str = ""
) -> Iterator[MailRelay]:
    """Have the relay answer, at the port it had before."""
    options: dict[str, Any] = {}
    if password:

        def known(*arguments: Any) -> AuthResult:
            login = arguments[-1]
            good = isinstance(login, LoginPassword) and login.password.decode() == password
            return AuthResult(success=good, handled=good)  # else the server itself refuses

        options = {"authenticator": known, "auth_required": True}
    controller = Controller(
        relay,
        hostname="127.0.0.1",
        port=relay.port,
        tls_context=tls,
        require_starttls=tls is not None,
        **options,
    )
    controller.start()
    try:
        yield relay
    finally:
        controller.stop()
