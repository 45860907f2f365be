"""The table of what is kept for how long, why, and what is deleted then.

The audit is not in it: the database lets nobody delete from it, and it names people by identifiers only. Nor
are imports: their record is numbers. docs/how-to/retention.md tells the municipality about each rule.
"""

from dataclasses import dataclass
from typing import LiteralString

from digione_platform.i18n import mark

_YEAR = 365


@dataclass(frozen=True)
class Rule:
    """Rows ``t`` of a table for which ``due`` is true, given ``:cutoff``, the first moment that is kept.

    ``whose`` lists the columns, or expressions, with the person whose rows they are: of people whose data are
    held, nothing is deleted. ``days`` is the default, ``least`` and ``longest`` what makes sense. A rule that
    erases ``people`` takes everything of them; one that ``empties`` a column leaves the rows.
    """

    key: str
    title: str
    basis: str
    table: LiteralString
    due: LiteralString
    days: int
    least: int
    whose: tuple[LiteralString, ...] = ()
    people: bool = False
    empties: LiteralString = ""
    longest: int = 100 * _YEAR


RULES: tuple[Rule, ...] = (
    Rule(
        "sign_ins",
        mark("Browsers signed in, after they have run out"),
        mark("no longer needed (GDPR 5(1)(c) and (e))"),
        "sign_ins",
        "t.expires < :cutoff",
        days=1,
        least=1,
        whose=("(select person_id from accounts where id = t.account_id)",),
    ),
    # What is due here cannot be imported any more, whether or not the night has come.
    Rule(
        "roster_content",
        mark("Content of roster bundles that were sent and not imported, at most until the next import"),
        mark("no longer needed (GDPR 5(1)(c) and (e)); an old bundle would take later changes back"),
        "roster_uploads",
        "t.content is not null and (t.at < :cutoff "
        "or t.at < (select max(at) from roster_imports where undone_at is null))",
        days=2,
        least=1,
        longest=2,
        empties="content",
    ),
    Rule(
        "roster_uploads",
        mark("Roster bundles sent, and the reports of their rows"),
        mark("for correcting the register (GDPR 5(1)(d) and (e))"),
        "roster_uploads",
        "t.at < :cutoff and t.state not in ('checking', 'applying')",
        days=90,
        least=7,
    ),
    Rule(
        "news",
        mark("What was new for people, read or not"),
        mark("no longer needed (GDPR 5(1)(c) and (e)); the history of changes tells what was changed"),
        "news",
        "t.at < :cutoff",
        days=180,
        least=7,
        whose=("t.person_id", "t.about"),
    ),
    Rule(
        "letters",
        mark("That a mail told of news"),
        mark("to find out why no mail came (GDPR 5(1)(e) and (f))"),
        "letters",
        "t.at < :cutoff and t.state not in ('waiting', 'sending')",
        days=30,
        least=7,
        whose=("t.person_id",),
    ),
    Rule(
        "row_history",
        mark("History of changes"),
        mark("to show and correct what was changed (GDPR 5(1)(d) and (f)); imports can be undone as long"),
        "row_history",
        "t.at < :cutoff",
        days=2 * _YEAR,
        least=30,
        whose=(
            "case when t.table_name = 'persons' then t.row_id::uuid end",
            "(t.before ->> 'person_id')::uuid",
            "(t.before ->> 'child_id')::uuid",
            "(t.before ->> 'guardian_id')::uuid",
        ),
    ),
    Rule(
        "enrolments",
        mark("Places in groups, after their last day"),
        mark("the archive plan (Act 906/2019 section 21); for statistics and certificates"),
        "enrolments",
        "t.end_date < cast(:cutoff as date)",
        days=10 * _YEAR,
        least=_YEAR,
        whose=("t.person_id",),
    ),
    Rule(
        "roles",
        mark("Roles, after their last day"),
        mark("the archive plan (Act 906/2019 section 21); who could act in office when"),
        "roles",
        "t.end_date < cast(:cutoff as date)",
        days=10 * _YEAR,
        least=_YEAR,
        whose=("t.person_id",),
    ),
    Rule(
        "guardianships",
        mark("Guardianships, after their last day"),
        mark("the archive plan (Act 906/2019 section 21); who could decide when (Act 361/1983)"),
        "guardianships",
        "t.valid_to < cast(:cutoff as date)",
        days=10 * _YEAR,
        least=_YEAR,
        whose=("t.child_id", "t.guardian_id"),
    ),
    # Last, for all that is a person's goes with them.
    Rule(
        "persons",
        mark("People who have left the register, with all that is kept of them"),
        mark("the archive plan (Act 906/2019 section 21, GDPR 5(1)(e))"),
        "persons",
        "t.status = 'tobedeleted' and t.last_modified < :cutoff",
        days=10 * _YEAR,
        least=_YEAR,
        whose=("t.id",),
        people=True,
    ),
)
