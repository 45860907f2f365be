"""What the area of schedules is, and what each role is shown in it."""

from digione_platform.areas import Area
from digione_platform.core.access import Desktop
from digione_platform.i18n import mark
from digione_platform.web import blocks

AREA = Area(
    key="scheduling",
    order=2,
    icon="calendar",
    title=mark("Schedules"),
    about=mark("School year, timetables and working time: planned together and published to everyone."),
    coming=mark(
        "Timetables, substitutions, rooms and working time will open here. "
        "For now you see the school year with its terms and periods."
    ),
    blocks={
        Desktop.PUPIL: (blocks.school_year,),
        Desktop.GUARDIAN: (blocks.school_year,),
        Desktop.TEACHER: (blocks.school_year, blocks.own_groups),
        Desktop.PRINCIPAL: (blocks.school_year, blocks.school_numbers),
        Desktop.SECRETARY: (blocks.school_year,),
        Desktop.MUNICIPALITY: (blocks.school_year,),
    },
)
