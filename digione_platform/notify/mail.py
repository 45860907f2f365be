"""One mail: what is in it, and how it is given to the relay."""

import re
import smtplib
import ssl
from datetime import datetime
from email.errors import HeaderParseError
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime
from types import TracebackType
from typing import Self
from urllib.parse import urlsplit
from uuid import UUID

from digione_platform.core.models import LetterState
from digione_platform.i18n import Texts, choose, mark
from digione_platform.settings import Relay, Settings

TLS_FIRST = 465
SECONDS = 20
_REFUSED, _GONE = 500, 421
_ADDRESS = re.compile(r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@[^@\s]{1,190}")
_DOMAIN = re.compile(r"[A-Za-z0-9.-]+")
_CODES = re.compile(r"\s*(\d\.\d{1,3}\.\d{1,3})\b")


class RelayAwayError(Exception):
    """The relay takes no mail at all for now; tells why, and of whom not."""


class AddressError(Exception):
    """The register has an address that no mail can be sent to."""


def compose(
    settings: Settings, letter: UUID, address: str, language: str | None, at: datetime
) -> EmailMessage:
    """The mail that tells somebody that there is something new: a link, and nothing of what it is.

    Raises:
        AddressError: the address is none.
    """
    assert settings.relay is not None
    tenant, url = settings.tenant, settings.url.rstrip("/")
    texts = Texts(choose(tenant.languages, None, language, ""))
    municipality = " ".join(tenant.name_in(texts.language).split())
    message = EmailMessage(policy=SMTP)
    message["From"] = Address(f"DigiOne {municipality}", addr_spec=settings.relay.sender)
    message["To"] = Address(addr_spec=usable(address))
    message["Subject"] = texts.gettext(
        mark("DigiOne {municipality}: there is something new for you"), municipality=municipality
    )
    message["Date"] = format_datetime(at)
    # Named after the letter and the municipality's own address: of the host it tells nothing.
    message["Message-ID"] = f"<{letter}@{urlsplit(url).hostname}>"
    message["Auto-Submitted"] = "auto-generated"
    lines = (
        texts.gettext(
            mark("There is something new for you in DigiOne {municipality}."), municipality=municipality
        ),
        texts.gettext(mark("Sign in to read it:")),
        f"{url}/news",
        texts.gettext(mark("Whether and when you get such a mail you choose at:")),
        f"{url}/me",
        texts.gettext(mark("This mail was sent by a program; answers are read by nobody.")),
    )
    body = "{}\n\n{}\n{}\n\n{}\n{}\n\n{}\n".format(*lines)
    message.set_content(body, charset="utf-8", cte="quoted-printable")
    message["Content-Language"] = texts.language
    return message


def usable(address: str) -> str:
    """An address as relays take it, the domain in ASCII.

    Raises:
        AddressError: there is a line break, another letter than ASCII before the @, or no domain in it.
    """
    if not _ADDRESS.fullmatch(address) or not address.isprintable():
        raise AddressError
    local, _, domain = address.partition("@")
    try:
        ascii_domain = domain.encode("idna").decode("ascii")
        Address(addr_spec=f"{local}@{ascii_domain}")
    except (ValueError, IndexError, HeaderParseError) as error:
        raise AddressError from error
    # Only now: IDNA makes brackets and commas of letters that look like them.
    if not _DOMAIN.fullmatch(ascii_domain):
        raise AddressError
    return f"{local}@{ascii_domain}"


class Post:
    """A connection to the relay, to be used in a ``with`` block.

    Raises:
        RelayAwayError: it is not reached, not trusted, or takes no mail from here.
    """

    def __init__(self, relay: Relay, name: str) -> None:
        self._relay = relay
        context = ssl.create_default_context()
        try:
            if relay.port == TLS_FIRST:
                self._smtp: smtplib.SMTP = smtplib.SMTP_SSL(
                    relay.server, relay.port, name, timeout=SECONDS, context=context
                )
            else:
                self._smtp = smtplib.SMTP(relay.server, relay.port, name, timeout=SECONDS)
                if relay.tls:
                    self._smtp.starttls(context=context)
            if relay.user is not None:
                self._smtp.login(relay.user, relay.password.get_secret_value())
            self._smtp.ehlo_or_helo_if_needed()
        except (smtplib.SMTPException, OSError) as error:
            raise RelayAwayError(_why(error)) from error

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        try:
            self._smtp.quit()
        except (smtplib.SMTPException, OSError):
            self._smtp.close()

    def deliver(self, message: EmailMessage) -> tuple[LetterState, str | None]:
        """Give a mail to the relay; what became of it, and the relay's code where it did not take it.

        ``WAITING`` is to be tried again; ``UNSURE`` when the connection broke while the relay had the mail.

        Raises:
            RelayAwayError: the relay had not taken it, and takes no other either.
        """
        [to] = message["To"].addresses
        try:
            self._smtp.rset()
            code, answer = self._smtp.mail(self._relay.sender)
            if code != 250:
                # It does not want mail of ours at all.
                raise RelayAwayError(_codes(code, answer))
            code, answer = self._smtp.rcpt(to.addr_spec)
        except (smtplib.SMTPException, OSError) as error:
            raise RelayAwayError(_why(error)) from error
        if code not in (250, 251):
            return self._not_taken(code, answer)
        try:
            code, answer = self._smtp.data(message.as_bytes())
        except smtplib.SMTPDataError as error:
            return self._not_taken(error.smtp_code, error.smtp_error)
        except (smtplib.SMTPException, OSError) as error:
            return LetterState.UNSURE, _why(error)
        return (LetterState.SENT, None) if code == 250 else self._not_taken(code, answer)

    @staticmethod
    def _not_taken(code: int, answer: bytes | str) -> tuple[LetterState, str]:
        if code == _GONE:
            raise RelayAwayError(_codes(code, answer))
        return LetterState.REFUSED if code >= _REFUSED else LetterState.WAITING, _codes(code, answer)


def _why(error: Exception) -> str:
    """Why the relay is away. Its own words are left out: they may name whom the mail was for."""
    if isinstance(error, smtplib.SMTPResponseException):
        return _codes(error.smtp_code, error.smtp_error)
    if isinstance(error, smtplib.SMTPNotSupportedError):
        return "no STARTTLS"
    if isinstance(error, ssl.SSLError):
        return f"TLS: {getattr(error, 'verify_message', '') or error.reason}"
    if isinstance(error, OSError) and not isinstance(error, smtplib.SMTPException):
        return error.strerror or type(error).__name__
    return type(error).__name__


def _codes(code: int, answer: bytes | str) -> str:
    """The relay's code, and the finer one (RFC 3463) where it gave one."""
    words = answer.decode("ascii", "replace") if isinstance(answer, bytes) else answer
    fine = _CODES.match(words)
    return f"SMTP {code} {fine[1]}" if fine else f"SMTP {code}"
