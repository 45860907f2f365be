"""What each role's desktop is made of."""

from digione_platform.core.access import Desktop
from digione_platform.web import blocks
from digione_platform.web.blocks import Block

DESKTOPS: dict[Desktop, tuple[Block, ...]] = {
    Desktop.PUPIL: (blocks.whats_new, blocks.own_class, blocks.looks),
    Desktop.GUARDIAN: (blocks.whats_new, blocks.children, blocks.looks),
    Desktop.TEACHER: (blocks.whats_new, blocks.own_groups),
    Desktop.PRINCIPAL: (blocks.whats_new, blocks.school_numbers, blocks.classes),
    Desktop.SECRETARY: (blocks.whats_new, blocks.school_numbers, blocks.classes),
    Desktop.MUNICIPALITY: (blocks.whats_new, blocks.administer, blocks.all_schools, blocks.imports),
}
