"""What the area of teaching is, and what each role is shown in it."""

from digione_platform.areas import Area
from digione_platform.core.access import Desktop
from digione_platform.i18n import mark
from digione_platform.web import blocks

AREA = Area(
    key="teaching",
    order=4,
    icon="group",
    title=mark("Teaching"),
    about=mark("Planning of teaching, from the curriculum to lessons and assessment."),
    coming=mark(
        "Curriculum, plans, assessment and materials will open here. "
        "For now you see the groups they will belong to."
    ),
    blocks={
        Desktop.PUPIL: (blocks.own_class,),
        Desktop.TEACHER: (blocks.own_groups,),
        Desktop.PRINCIPAL: (blocks.classes,),
    },
)
