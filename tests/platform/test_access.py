"""The access table: every role × relation × action is written down here a second time, by hand."""

import pytest

from digione_platform.core.access import TABLE, TAKEN, Action, Desktop, Relation, allows, desktop_of, see
from digione_platform.core.models import OrganisationKind, Person, Restriction, RoleName

A, D, R = Action, Desktop, Relation
SELF = {A.NAME, A.SCHOOL, A.CONTACT, A.LOOKS}
PUPIL = {A.NAME, A.SCHOOL, A.CONTACT, A.GUARDIANS, A.LIST_PUPILS}

# (role, relation): what is open in general, what of a person under non-disclosure.
EXPECTED: dict[tuple[Desktop, Relation], tuple[set[Action], set[Action]]] = {
    **{(desktop, R.SELF): (SELF, SELF) for desktop in Desktop},
    (D.PUPIL, R.OWN_TEACHER): ({A.NAME}, {A.NAME}),
    (D.GUARDIAN, R.OWN_CHILD): (
        {A.NAME, A.SCHOOL, A.CONTACT, A.LOOKS, A.DECIDE},
        {A.NAME, A.DECIDE},
    ),
    (D.GUARDIAN, R.OWN_CHILD_IN_HIDING): (set(), {A.NAME, A.SCHOOL, A.LOOKS, A.DECIDE}),
    (D.TEACHER, R.OWN_GROUP): (PUPIL, PUPIL - {A.CONTACT}),
    (D.TEACHER, R.GUARDIAN_OF_PUPIL): ({A.NAME, A.CONTACT}, {A.NAME}),
    (D.PRINCIPAL, R.OWN_SCHOOL): (PUPIL | {A.NUMBERS, A.HISTORY}, PUPIL - {A.CONTACT} | {A.NUMBERS}),
    (D.PRINCIPAL, R.GUARDIAN_OF_PUPIL): ({A.NAME, A.CONTACT}, {A.NAME}),
    (D.SECRETARY, R.OWN_SCHOOL): (
        PUPIL | {A.NUMBERS, A.HISTORY, A.PASSWORD},
        PUPIL - {A.CONTACT} | {A.NUMBERS},
    ),
    (D.SECRETARY, R.GUARDIAN_OF_PUPIL): ({A.NAME, A.CONTACT, A.PASSWORD}, {A.NAME}),
    (D.MUNICIPALITY, R.OWN_MUNICIPALITY): (
        {A.NAME, A.SCHOOL, A.CONTACT, A.HISTORY, A.PASSWORD} | {A.NUMBERS, A.IMPORTS, A.AUDIT, A.ADMINISTER},
        {A.NAME, A.HISTORY, A.PASSWORD, A.AUDIT, A.ADMINISTER},
    ),
}


@pytest.mark.parametrize("desktop", Desktop)
@pytest.mark.parametrize("relation", Relation)
def test_each_role_may_exactly_what_the_table_says(desktop: Desktop, relation: Relation) -> None:
    in_general, protected = EXPECTED.get((desktop, relation), (set(), set()))
    assert {action for action in Action if allows(desktop, relation, action)} == in_general
    assert {action for action in Action if allows(desktop, relation, action, protected=True)} == protected


def test_a_restriction_takes_from_a_guardian_what_the_table_grants() -> None:
    def granted(*limits: Restriction) -> set[Action]:
        return {one for one in Action if allows(D.GUARDIAN, R.OWN_CHILD, one, limits=limits)}

    everything = granted()
    assert granted(Restriction.NO_CONTACT) == everything - {A.CONTACT}
    assert granted(Restriction.NO_DECISIONS) == everything - {A.DECIDE}
    assert granted(Restriction.NO_INFORMATION, Restriction.NO_CONTACT) == set()
    assert set(TAKEN) == set(Restriction)


def test_without_a_relation_nothing_is_allowed() -> None:
    assert not any(allows(desktop, None, action) for desktop in Desktop for action in Action)


def test_contact_details_of_a_protected_person_are_for_themselves_only() -> None:
    for (desktop, relation), grant in TABLE.items():
        assert (A.CONTACT in grant.protected) == (relation is R.SELF), (desktop, relation)


def test_nothing_is_open_of_a_protected_person_that_is_not_open_in_general() -> None:
    for (desktop, relation), grant in TABLE.items():
        if relation is not R.OWN_CHILD_IN_HIDING:
            assert grant.protected <= grant.open, (desktop, relation)


@pytest.mark.parametrize("nondisclosure", [False, True])
def test_a_person_is_seen_as_the_table_says(nondisclosure: bool) -> None:
    person = Person(
        given_name="Aino",
        family_name="Virtanen",
        email="aino@kunta.example",
        phone="+358 50 1",
        nondisclosure=nondisclosure,
    )
    seen = see(person, D.SECRETARY, R.OWN_SCHOOL)
    assert seen.name == "Aino Virtanen"
    assert seen.protected is nondisclosure
    assert (seen.email, seen.phone) == (
        (None, None) if nondisclosure else ("aino@kunta.example", "+358 50 1")
    )
    stranger = see(person, D.PUPIL, R.OWN_SCHOOL)
    assert (stranger.name, stranger.list_name, stranger.email, stranger.phone) == ("", "", None, None)


@pytest.mark.parametrize("role", RoleName)
def test_every_role_of_oneroster_opens_a_known_desktop_or_none(role: RoleName) -> None:
    none = {RoleName.SITE_ADMINISTRATOR, RoleName.SYSTEM_ADMINISTRATOR, RoleName.PROCTOR}
    for kind in OrganisationKind:
        assert (desktop_of(role, kind) is None) == (role in none)


def test_an_administrator_is_secretary_at_a_school_and_administrator_of_the_municipality() -> None:
    assert desktop_of(RoleName.ADMINISTRATOR, OrganisationKind.SCHOOL) is D.SECRETARY
    assert desktop_of(RoleName.ADMINISTRATOR, OrganisationKind.DISTRICT) is D.MUNICIPALITY
    assert desktop_of(RoleName.DISTRICT_ADMINISTRATOR, OrganisationKind.DISTRICT) is D.MUNICIPALITY
