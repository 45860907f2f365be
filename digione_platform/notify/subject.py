"""What is kept of the mail that people were sent."""

from digione_platform.core.holders import Holder, Personal
from digione_platform.i18n import mark

HOLDER = Holder((Personal("letters", mark("Mails that told of news"), "t.person_id = :person"),))
