"""A synthetic town: schools and staff held in memory, families made one after the other whenever asked."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, timedelta
from functools import cached_property
from random import Random
from uuid import UUID, uuid5

from digione_platform.roster.identifiers import make_oid
from digione_platform.sample.logins import TownLanguage, sample_logins
from digione_platform.sample.names import FAMILY, GIVEN, SCHOOLS, Language, plain

_NAMESPACE = UUID("5d1f5c4e-6f0b-5c5e-9d0e-0f3b7c1a9e2d")
CLASS_SIZE = 24
PUPILS_OF_SCHOOL = 300
UPPER_SECONDARY_FROM = 1500
UPPER_SECONDARY_SHARE = 0.15
# Years of upper secondary school are numbered on from the ninth grade.
UPPER_YEARS = (11, 12, 13)

SUBJECTS: dict[Language, dict[str, str]] = {
    "fi": {
        "AI": "Äidinkieli ja kirjallisuus",
        "A1": "A1-englanti",
        "A2": "A2-saksa",
        "B1": "B1-ruotsi",
        "MA": "Matematiikka",
        "YL": "Ympäristöoppi",
        "BI": "Biologia",
        "FY": "Fysiikka",
        "HI": "Historia",
        "KU": "Kuvataide",
        "KS": "Käsityö",
        "LI": "Liikunta",
        "KO": "Kotitalous",
    },
    "sv": {
        "AI": "Modersmål och litteratur",
        "A1": "A1-finska",
        "A2": "A2-tyska",
        "B1": "B1-engelska",
        "MA": "Matematik",
        "YL": "Omgivningslära",
        "BI": "Biologi",
        "FY": "Fysik",
        "HI": "Historia",
        "KU": "Bildkonst",
        "KS": "Slöjd",
        "LI": "Gymnastik",
        "KO": "Huslig ekonomi",
    },
}
HOMEROOM: dict[Language, str] = {"fi": "Perusluokka", "sv": "Hemklass"}


def subjects_of(grade: int) -> tuple[str, ...]:
    """The subjects with a teaching group of their own in a grade."""
    if grade <= 2:
        return ("AI", "MA", "YL", "A1", "LI")
    if grade <= 6:
        return ("AI", "MA", "YL", "A1", "HI", "KS", "LI")
    if grade <= 9:
        return ("AI", "MA", "A1", "B1", "BI", "FY", "HI", "KO", "LI")
    return ("AI", "MA", "A1", "BI", "HI")


@dataclass(frozen=True)
class Options:
    """What a town is made from; equal options make equal towns. ``oid`` is the education provider's."""

    pupils: int = 400
    seed: int = 1
    language: TownLanguage = "finnish"
    name: str = "Mallila"
    name_sv: str = "Modellby"
    code: str = "999"
    domain: str = "mallila.example"
    year: int = 2026
    oid: str | None = None


@dataclass(frozen=True)
class School:
    number: int
    oid: str
    code: str
    name: str
    language: Language
    grades: tuple[int, ...]
    # Where the older pupils of a school with grades 1 to 6 go on, and from where language teachers come.
    upper: int


@dataclass
class Person:
    """Someone with a name; ``username`` and ``sourced_id`` are unique in the town."""

    sourced_id: str
    given_name: str
    family_name: str
    username: str
    language: Language
    email: str
    phone: str = ""
    nondisclosure: bool = False


@dataclass
class Employee(Person):
    """Staff with their roles: pairs of role and the OID where it is held."""

    roles: list[tuple[str, str]] = field(default_factory=list)


@dataclass
class Pupil(Person):
    learner_number: str = ""
    birth_date: date = date.min
    school: int = 0
    grade: int = 1
    place: int = 0


@dataclass
class Family:
    children: list[Pupil]
    guardians: list[Person]


@dataclass(frozen=True)
class Group:
    """A class or teaching group, with its teacher."""

    sourced_id: str
    title: str
    subject: str | None
    school: School
    grade: int
    teacher: Employee
    room: str


class Town:
    """Everything about a town of ``options``; families are made anew by every call of ``families``."""

    def __init__(self, options: Options) -> None:
        self.options = options
        # Towns of another seed, size or language share nobody, as if they were of another source.
        self.key = f"{options.code}/{options.seed}/{options.pupils}/{options.language}"
        self.logins = {login.role: login for login in sample_logins(options.language)}
        self.oid = options.oid or make_oid(99, int(options.code))
        self._usernames: Counter[str] = Counter(login.username for login in self.logins.values())
        self.employees: list[Employee] = []
        self.schools = self._make_schools()
        # Pupils by school and grade decide how many classes there are.
        self.sizes: Counter[tuple[int, int]] = Counter()
        for family in self.families():
            self.sizes.update((child.school, child.grade) for child in family.children)
        self.groups, self.mixed = self._make_groups()

    @property
    def language(self) -> Language:
        return "sv" if self.options.language == "swedish" else "fi"

    @property
    def name(self) -> str:
        return self.options.name_sv if self.options.language == "swedish" else self.options.name

    def identify(self, *parts: object) -> str:
        """An identifier that is always the same for the same thing of the same town."""
        return f"urn:uuid:{uuid5(_NAMESPACE, '/'.join(map(str, (self.key, *parts))))}"

    def classes_of(self, school: int, grade: int) -> int:
        return -(-self.sizes[school, grade] // CLASS_SIZE)

    def groups_of(self, pupil: Pupil) -> list[Group]:
        """The class and teaching groups of a pupil."""
        letter = pupil.place % self.classes_of(pupil.school, pupil.grade)
        groups = self.groups[pupil.school, pupil.grade, letter]
        mixed = self.mixed
        if mixed and pupil.grade == mixed.grade and pupil.school in (0, 1) and pupil.place % 8 == 0:
            return [*groups, mixed]
        return groups

    def families(self) -> Iterator[Family]:
        """All families, the sample one first; memory does not grow with their number."""
        yield from _Families(self, self._usernames.copy()).make()

    # Schools

    def _make_schools(self) -> list[School]:
        pupils = self.options.pupils
        basic = 1 if pupils < 60 else max(2, round(pupils / PUPILS_OF_SCHOOL))
        schools = [self._basic_school(number) for number in range(basic)]
        if pupils >= UPPER_SECONDARY_FROM:
            for place in range(max(1, pupils // 6000)):
                language: Language = (
                    "sv" if self.options.language == "bilingual" and place == 1 else self.language
                )
                name = _school_name(place, language, upper=True)
                schools.append(self._school(basic + place, name, language, UPPER_YEARS, basic + place))
        return schools

    def _basic_school(self, number: int) -> School:
        bilingual = self.options.language == "bilingual"
        # Of three schools in a bilingual town one is Swedish; else every second one ends at grade 6.
        language: Language = "sv" if bilingual and number % 3 == 1 else self.language
        small = number % 3 == 2 if bilingual else number % 2 == 1
        upper = number - (2 if bilingual else 1) if small else number
        grades = tuple(range(1, 7 if small else 10))
        return self._school(number, _school_name(number, language, upper=False), language, grades, upper)

    def _school(
        self, number: int, name: str, language: Language, grades: tuple[int, ...], upper: int
    ) -> School:
        oid = make_oid(99, int(self.options.code) * 1_000_000 + number + 1)
        return School(number, oid, f"{99000 + number:05d}", name, language, grades, upper)

    # Staff and groups

    @cached_property
    def _staff_chance(self) -> Random:
        return Random(f"{self.options.seed}/staff")  # noqa: S311 - names, not keys

    def hire(self, school: School | None, role: str, login: str | None = None) -> Employee:
        """A new employee; ``login`` names the sample person to be."""
        oid = school.oid if school else self.oid
        language = school.language if school else self.language
        chance = self._staff_chance
        known = self.logins[login] if login else None
        given, family = (
            (known.given_name, known.family_name)
            if known
            else (chance.choice(GIVEN[language][chance.randrange(2)]), chance.choice(FAMILY[language]))
        )
        username = known.username if known else new_username(given, family, self._usernames)
        number = len(self.employees)
        employee = Employee(
            self.identify("employee", number),
            given,
            family,
            username,
            language,
            f"{username}@{self.options.domain}",
            phone_number(1, number),
            roles=[(role, oid)],
        )
        self.employees.append(employee)
        return employee

    def _make_groups(self) -> tuple[dict[tuple[int, int, int], list[Group]], Group | None]:
        self.hire(None, "districtAdministrator", "administrator")
        for _ in range(self.options.pupils // 5000):
            self.hire(None, "districtAdministrator")
        teachers = _Teachers(self)
        groups: dict[tuple[int, int, int], list[Group]] = {}
        for school in self.schools:
            first = school.number == 0
            self.hire(school, "principal", "principal" if first else None)
            self.hire(school, "administrator", "secretary" if first else None)
            if school.grades[-1] >= 9:
                self.hire(school, "counselor")
            for _ in range(max(1, sum(self.sizes[school.number, grade] for grade in school.grades) // 60)):
                self.hire(school, "aide")
            for grade in school.grades:
                for letter in range(self.classes_of(school.number, grade)):
                    groups[school.number, grade, letter] = self._class(school, grade, letter, teachers)
        return groups, self._mixed_group(teachers)

    def _class(self, school: School, grade: int, letter: int, teachers: "_Teachers") -> list[Group]:
        title = f"{grade if grade <= 9 else (self.options.year - (grade - 11)) % 100}{letters(letter)}"
        home = teachers.homeroom(school, grade, letter)
        room = f"{school.name[0]}{grade}{letter + 1:02d}"
        groups = [Group(self.identify("class", school.number, title), title, None, school, grade, home, room)]
        for subject in subjects_of(grade):
            teacher = (
                home if grade <= 6 and subject not in ("A1", "KS") else teachers.subject(school, subject)
            )
            identifier = self.identify("group", school.number, title, subject)
            groups.append(Group(identifier, f"{subject} {title}", subject, school, grade, teacher, room))
        return groups

    def _mixed_group(self, teachers: "_Teachers") -> Group | None:
        """A language group with pupils of two schools, where a town has two."""
        if len(self.schools) < 2 or not self.classes_of(1, 5):
            return None
        school = self.schools[0]
        teacher = teachers.subject(school, "A2")
        teacher.roles.append(("teacher", self.schools[1].oid))
        return Group(self.identify("group", "mixed"), "A2 5", "A2", school, 5, teacher, "K500")


class _Teachers:
    """Teachers as they are needed: a subject teacher has at most eight groups, a class teacher one class."""

    GROUPS = 8

    def __init__(self, town: Town) -> None:
        self._town = town
        self._pools: dict[tuple[int, str], tuple[Employee, int]] = {}
        self._homes: dict[int, list[Employee]] = {}

    def homeroom(self, school: School, grade: int, letter: int) -> Employee:
        sample = school.number == 0 and grade == 5 and letter == 0
        return self._town.hire(school, "teacher", "teacher" if sample else None)

    def subject(self, school: School, subject: str) -> Employee:
        """A teacher of a subject; a school up to grade 6 shares those of its upper school."""
        key = (school.upper, subject)
        teacher, groups = self._pools.get(key, (None, 0))
        if teacher is None or groups == self.GROUPS:
            teacher, groups = self._town.hire(self._town.schools[school.upper], "teacher"), 0
        self._pools[key] = (teacher, groups + 1)
        if ("teacher", school.oid) not in teacher.roles:
            teacher.roles.append(("teacher", school.oid))
        return teacher


class _Families:
    """Makes families one after the other. The first few are special, so that every town has each kind."""

    # By number: joint custody, one guardian, non-disclosure, no learner number yet.
    JOINT, SINGLE, NONDISCLOSURE, UNNUMBERED = 1, 2, 3, 4

    def __init__(self, town: Town, usernames: Counter[str]) -> None:
        self.town, self.usernames = town, usernames
        self.chance = Random(f"{town.options.seed}/families")  # noqa: S311 - names, not keys
        self.numbers = Random(town.key).randrange(900) * 10_000_000  # noqa: S311 - numbers, not keys
        self.pupils = 0
        self.people = 0
        self.places: Counter[tuple[int, int]] = Counter()
        self.basic = [school for school in town.schools if school.grades[0] == 1]
        self.upper = [school for school in town.schools if school.grades == UPPER_YEARS]

    def make(self) -> Iterator[Family]:
        number = 0
        while self.pupils < self.town.options.pupils:
            yield self._family(number)
            number += 1

    def _family(self, number: int) -> Family:
        chance, sample = self.chance, number == 0
        size = 2 if sample else chance.choices((1, 2, 3, 4), (40, 40, 15, 5))[0]
        size = min(size, self.town.options.pupils - self.pupils)
        school = self.basic[0 if sample else chance.randrange(len(self.basic))]
        grades = [5, 8] if sample else chance.sample(range(1, 10), size)
        name = self.town.logins["pupil"].family_name if sample else chance.choice(FAMILY[school.language])
        joint = number == self.JOINT or (number > self.UNNUMBERED and chance.random() < 0.2)
        single = number in (self.SINGLE, self.NONDISCLOSURE) or (
            number > self.UNNUMBERED and not joint and chance.random() < 0.15
        )
        protected = number == self.NONDISCLOSURE
        guardians = [self._guardian(number, 0, name, school.language, protected)]
        if not single:
            other = chance.choice(FAMILY[school.language]) if joint else name
            guardians.append(self._guardian(number, 1, other, school.language, False))
        children = [self._child(number, place, grades[place], school, name) for place in range(size)]
        return Family(children, guardians)

    def _guardian(self, family: int, place: int, name: str, language: Language, protected: bool) -> Person:
        login = self.town.logins["guardian"] if family == 0 and place == 0 else None
        given = login.given_name if login else self.chance.choice(GIVEN[language][place % 2])
        username = login.username if login else new_username(given, name, self.usernames)
        self.people += 1
        return Person(
            self.town.identify("guardian", family, place),
            given,
            name,
            username,
            language,
            f"{username}@example.org",
            phone_number(2, self.people),
            nondisclosure=protected,
        )

    def _child(self, family: int, place: int, grade: int, home: School, name: str) -> Pupil:
        chance = self.chance
        login = self.town.logins["pupil"] if family == 0 and place == 0 else None
        school = home
        if self.upper and family > self.UNNUMBERED and chance.random() < UPPER_SECONDARY_SHARE:
            fitting = [upper for upper in self.upper if upper.language == home.language] or self.upper
            school, grade = chance.choice(fitting), chance.choice(UPPER_YEARS)
        elif grade not in home.grades:
            school = self.town.schools[home.upper]
        given = login.given_name if login else chance.choice(GIVEN[home.language][chance.randrange(2)])
        username = login.username if login else new_username(given, name, self.usernames)
        self.pupils += 1
        unnumbered = family == self.UNNUMBERED or (family > self.UNNUMBERED and chance.random() < 0.01)
        number = "" if unnumbered else make_oid(98, self.numbers + self.pupils)
        seat = self.places[school.number, grade]
        self.places[school.number, grade] += 1
        born = date(self.town.options.year - 6 - (grade if grade <= 9 else grade - 1), 1, 1)
        return Pupil(
            number or self.town.identify("pupil", self.pupils),
            given,
            name,
            username,
            home.language,
            f"{username}@{self.town.options.domain}",
            phone_number(3, self.pupils) if grade >= 4 else "",
            nondisclosure=family == self.NONDISCLOSURE and place == 0,
            learner_number=number,
            birth_date=born + timedelta(days=chance.randrange(365)),
            school=school.number,
            grade=grade,
            place=seat,
        )


def new_username(given: str, family: str, taken: Counter[str]) -> str:
    """A username that nobody has yet: ``aino.korhonen``, then ``aino.korhonen2``."""
    base = f"{plain(given)}.{plain(family)}"
    taken[base] += 1
    return base if taken[base] == 1 else f"{base}{taken[base]}"


def phone_number(series: int, number: int) -> str:
    """A mobile number as Finland writes it that rings nowhere: the lists of prefixes give 048 to nobody."""
    digits = f"{series}{number:06d}"
    return f"+358 48 {digits[:3]} {digits[3:]}"


def letters(number: int) -> str:
    """A, B, … Z, AA, AB, …"""
    return letters(number // 26 - 1) + letters(number % 26) if number >= 26 else chr(ord("A") + number)


def _school_name(number: int, language: Language, *, upper: bool) -> str:
    places = SCHOOLS[language]
    kinds: dict[Language, tuple[str, str]] = {"fi": ("koulu", "lukio"), "sv": ("skola", "gymnasium")}
    name = f"{places[number % len(places)]} {kinds[language][upper]}"
    return name if number < len(places) else f"{name} {number // len(places) + 1}"
