"""What the area of home–school cooperation is, and what each role is shown in it."""

from digione_platform.areas import Area
from digione_platform.core.access import Desktop
from digione_platform.i18n import mark
from digione_platform.web import blocks

AREA = Area(
    key="homeschool",
    order=1,
    icon="speechbubble-text",
    title=mark("Home and school"),
    about=mark("Cooperation between home and school: messages, notices, absences and consents in one place."),
    coming=mark(
        "Messages, notices, absences, forms and meetings will open here. "
        "For now you see the people this area is about."
    ),
    blocks={
        Desktop.PUPIL: (blocks.own_class,),
        Desktop.GUARDIAN: (blocks.children,),
        Desktop.TEACHER: (blocks.own_groups,),
        Desktop.PRINCIPAL: (blocks.classes,),
        Desktop.SECRETARY: (blocks.classes,),
    },
)
