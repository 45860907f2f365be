"""What is kept of the mail that people were sent."""

from digione_platform.i18n import mark
from digione_platform.subjects.holders import Holder, Personal

HOLDER = Holder((Personal("letters", mark("Mails that told of news"), "t.person_id = :person"),))
