"""What the area of administration is, and what each role is shown in it."""

from digione_platform.areas import Area
from digione_platform.core.access import Desktop
from digione_platform.i18n import mark
from digione_platform.web import blocks

AREA = Area(
    key="administration",
    order=3,
    icon="scroll-content",
    title=mark("Administration"),
    about=mark("The pupil register, decisions and certificates, and the municipality's schools."),
    coming=mark("Enrolment, decisions, certificates and statistics will open here."),
    blocks={
        Desktop.PRINCIPAL: (blocks.school_numbers, blocks.classes),
        Desktop.SECRETARY: (blocks.school_numbers, blocks.classes),
        Desktop.MUNICIPALITY: (blocks.administer, blocks.all_schools, blocks.imports),
    },
)
