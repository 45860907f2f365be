"""A mail relay on a lab host: Debian's Exim, which takes every mail and keeps it, and sends none."""

from dataclasses import dataclass
from datetime import UTC, datetime
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from pathlib import Path

PACKAGE = "exim4-daemon-light"
KEPT = Path("var/mail/kept")
SETTINGS = Path("etc/exim4/exim4.conf")
# https://www.exim.org/exim-html-current/doc/html/spec_html/: one router takes all, one transport keeps
# it. Nothing in it sends.
_SETTINGS = f"""\
daemon_smtp_ports = 25
acl_smtp_rcpt = recipient
begin acl
recipient:
  accept
begin routers
all:
  driver = accept
  transport = kept
begin transports
kept:
  driver = appendfile
  directory = /{KEPT}
  maildir_format
  envelope_to_add
  user = Debian-exim
"""
# Its settings come last: a host that has them has all of it.
INSTALL = f"""\
set -eu
export DEBIAN_FRONTEND=noninteractive
apt-get update -qq
apt-get install -qq --no-install-recommends {PACKAGE} >/dev/null
install -d -o Debian-exim -m 0700 /{KEPT}
cat >/{SETTINGS}.new <<'END'
{_SETTINGS}END
mv /{SETTINGS}.new /{SETTINGS}
systemctl restart exim4
"""


@dataclass(frozen=True)
class Mail:
    """A mail that a relay of the lab keeps."""

    received: str  # ISO 8601, UTC
    sender: str
    to: str
    subject: str
    text: str


def kept(root: Path) -> list[Mail]:
    """Given where a host's disk is mounted, return the mails that it keeps, oldest first."""
    files = (root / KEPT / "new").glob("*")
    return sorted(map(_read, files), key=lambda mail: mail.received)


def _read(file: Path) -> Mail:
    mail = message_from_bytes(file.read_bytes(), EmailMessage, policy=default)
    body = mail.get_body(("plain", "html"))
    return Mail(
        received=datetime.fromtimestamp(file.stat().st_mtime, UTC).isoformat(),
        sender=str(mail["From"]),
        to=str(mail["Envelope-To"]),
        subject=str(mail["Subject"]),
        text=body.get_content() if body else "",
    )
