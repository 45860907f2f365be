"""A look at a mail relay: whether it would take mail, without sending any."""

import smtplib
import socket
import ssl

from pydantic import SecretStr

from digione_cli.model.external import ExternalMail
from digione_cli.world.ssh import Target
from digione_cli.world.tunnel import Tunnel, through

_TLS_FIRST = 465  # the port at which TLS comes before SMTP
_REFUSED = 400


class _Through(smtplib.SMTP):
    """SMTP through a tunnel, while the certificate must still have the relay's own name."""

    def __init__(self, relay: ExternalMail, tunnel: Tunnel, context: ssl.SSLContext) -> None:
        self._tunnel, self._context, self._relay = tunnel, context, relay
        super().__init__(relay.server, relay.port, timeout=15)

    def _get_socket(self, host: str, port: int, timeout: float) -> socket.socket:
        plain = socket.create_connection(("127.0.0.1", self._tunnel.port), timeout)
        if self._relay.port != _TLS_FIRST:
            return plain
        return self._context.wrap_socket(plain, server_hostname=self._relay.server)


def look(
    target: Target, relay: ExternalMail, sender: str, to: str, password: SecretStr | None, authority: str
) -> str:
    """Go through the beginning of a delivery through a host; return what is wrong, or an empty text."""
    context = ssl.create_default_context()
    if authority:
        context.load_verify_locations(cadata=authority)
    with through(target, relay.server, relay.port) as tunnel:
        try:
            with _Through(relay, tunnel, context) as smtp:
                if relay.tls and relay.port != _TLS_FIRST:
                    smtp.starttls(context=context)
                if relay.user and password:
                    smtp.login(relay.user, password.get_secret_value())
                smtp.ehlo_or_helo_if_needed()
                for code, answer in (smtp.mail(sender), smtp.rcpt(to)):
                    if code >= _REFUSED:
                        return _told(code, answer)
                smtp.rset()
        except smtplib.SMTPResponseException as e:
            return _told(e.smtp_code, e.smtp_error)
        except (smtplib.SMTPException, OSError) as e:
            return tunnel.failure() or " ".join(str(e).split()) or type(e).__name__
    return ""


def _told(code: int, answer: bytes | str) -> str:
    words = answer.decode(errors="replace") if isinstance(answer, bytes) else answer
    return f"{code} {' '.join(words.split())}"
