"""What each role's desktop is made of."""

from digione_platform.core.access import Desktop
from digione_platform.web import blocks
from digione_platform.web.blocks import Block

DESKTOPS: dict[Desktop, tuple[Block, ...]] = {
    Desktop.PUPIL: (blocks.own_class, blocks.looks),
    Desktop.GUARDIAN: (blocks.children, blocks.looks),
    Desktop.TEACHER: (blocks.own_groups,),
    Desktop.PRINCIPAL: (blocks.school_numbers, blocks.classes),
    Desktop.SECRETARY: (blocks.school_numbers, blocks.classes),
    Desktop.MUNICIPALITY: (blocks.administer, blocks.all_schools, blocks.imports),
}
