"""Indexes of words, for searches by their beginnings.

Revision ID: 0007
Revises: 0005
"""

from alembic import op

revision = "0007"
down_revision = "0006"

_LETTERS = (
    "ABCDEFGHIJKLMNOPQRSTUVWXYZáÁàÀâÂãÃçÇčČđĐðÐéÉèÈêÊëËíÍìÌîÎïÏñÑńŃóÓòÒôÔõÕšŠśŚúÚùÙûÛüÜýÝÿŸžŽźŹżŻåÅäÄæÆöÖøØ-"
)
_PLAIN = "abcdefghijklmnopqrstuvwxyzaaaaaaaaccccddddeeeeeeeeiiiiiiiinnnnoooooooossssuuuuuu"
# As words sort, and as they are written without ä, ö and å.
_KEYS = (_PLAIN + "yyyyyyzzzzzz{{||||}}}} ", _PLAIN + "uuyyyyzzzzzzaaaaaaoooo ")

_COLUMNS = {
    "persons": ("family_name", "given_name", "preferred_family_name", "preferred_given_name"),
    "groups": ("title", "group_code"),
    "courses": ("title", "course_code"),
}


def upgrade() -> None:
    for table, columns in _COLUMNS.items():
        name = " || ' ' || ".join(f"coalesce({column}, '')" for column in columns)
        one, other = (f"left(translate({name}, '{_LETTERS}', '{keys}'), 400)" for keys in _KEYS)
        words = f"array_remove(string_to_array({one} || ' ' || {other}, ' '), '')"
        op.execute(f"create index ix_{table}_words on {table} using gin (array_to_tsvector({words}))")
