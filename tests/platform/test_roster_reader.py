"""The reader of bundles: whatever is wrong with a file is told by place and reason; nothing escapes."""

import os
import stat
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path
from textwrap import dedent

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from digione_platform.i18n import Texts
from digione_platform.roster import profile
from digione_platform.roster.bundle import Row, open_bundle
from digione_platform.roster.problems import KEPT, REASONS, Problem, Problems
from tests.platform import bundles
from tests.platform.bundles import LEARNER, Files, table, valid, write

ENGLISH = Texts("en")


def read(path: Path) -> tuple[dict[str, list[Row]], Problems]:
    """All rows of a bundle by file, and all problems."""
    problems = Problems()
    bundle = open_bundle(path, problems)
    if bundle is None:
        return {}, problems
    rows = {name: list(bundle.rows(name, problems)) for name in bundle.files}
    bundle.close()
    return rows, problems


def the_problem(path: Path) -> Problem:
    """The one problem of a bundle."""
    _, problems = read(path)
    assert len(problems.kept) == 1, [(problem.id, problem.file, problem.detail) for problem in problems.kept]
    return problems.kept[0]


def test_valid_bundle_has_no_problems(tmp_path: Path) -> None:
    rows, problems = read(write(tmp_path / "b.zip", valid()))
    assert not problems.kept
    assert len(rows["users"]) == 7


def test_byte_order_mark_star_and_line_ends_are_accepted(tmp_path: Path) -> None:
    files = valid()
    starred = bundles.manifest(dict.fromkeys(files, "bulk")).replace(
        "file.userProfiles,", "file.userProfiles*,"
    )
    raw = {
        "manifest.csv": "\ufeff" + starred.replace("\r\n", "\n"),
        "users.csv": "\ufeff" + table("users", files["users"]).replace("\r\n", "\n"),
    }
    rows, problems = read(write(tmp_path / "b.zip", files, raw=raw))
    assert not problems.kept
    assert len(rows["users"]) == 7


def test_decomposed_letters_are_composed(tmp_path: Path) -> None:
    files = valid()
    files["users"][1]["familyName"] = "O\u0308hman"
    rows, problems = read(write(tmp_path / "b.zip", files))
    assert not problems.kept
    assert "Öhman" in rows["users"][1]


def test_formula_is_text(tmp_path: Path) -> None:
    files = valid()
    files["classes"][0]["title"] = "=cmd|' /C calc'!A0"
    rows, problems = read(write(tmp_path / "b.zip", files))
    assert not problems.kept
    assert "=cmd|' /C calc'!A0" in rows["classes"][0]


# What is done to a valid bundle, and the id, file, line and column that must be told.
Spoil = Callable[[Files], None]


def put(file: str, row: int, column: str, value: str) -> Spoil:
    def spoil(files: Files) -> None:
        files[file][row][column] = value

    return spoil


@pytest.mark.parametrize(
    ("spoil", "error", "file", "line", "column"),
    [
        (put("users", 0, "givenName", ""), "P-ROSTER-030", "users.csv", 2, "givenName"),
        (put("users", 2, "sourcedId", ""), "P-ROSTER-030", "users.csv", 4, "sourcedId"),
        (put("users", 0, "enabledUser", "yes"), "P-ROSTER-034", "users.csv", 2, "enabledUser"),
        (put("users", 0, "grades", "5"), "P-ROSTER-035", "users.csv", 2, "grades"),
        (put("users", 3, "identifier", "131052-308T"), "P-ROSTER-036", "users.csv", 5, "identifier"),
        (put("users", 3, "identifier", "131052-308t"), "P-ROSTER-036", "users.csv", 5, "identifier"),
        (put("users", 3, "familyName", "x" * 256), "P-ROSTER-022", "users.csv", 5, "familyName"),
        (put("users", 3, "agentSourcedIds", "g1," * 2000), "P-ROSTER-022", "users.csv", 5, "agentSourcedIds"),
        (put("users", 3, "username", "010190A901R"), "P-ROSTER-036", "users.csv", 5, "username"),
        (put("users", 3, "familyName", "131052-308x"), "P-ROSTER-036", "users.csv", 5, "familyName"),
        (put("users", 3, "familyName", "131052-308T"), "P-ROSTER-036", "users.csv", 5, "familyName"),
        (
            put("users", 0, "userMasterIdentifier", "1.2.3"),
            "P-ROSTER-037",
            "users.csv",
            2,
            "userMasterIdentifier",
        ),
        (
            put("users", 0, "userMasterIdentifier", "1.2.246.562.24.00000000001"),
            "P-ROSTER-038",
            "users.csv",
            2,
            "userMasterIdentifier",
        ),
        (
            put("users", 0, "userMasterIdentifier", LEARNER[:-1] + "0"),
            "P-ROSTER-039",
            "users.csv",
            2,
            "userMasterIdentifier",
        ),
        (put("users", 2, "sourcedId", "g 1"), "P-ROSTER-040", "users.csv", 4, "sourcedId"),
        (put("users", 2, "username", "hanna mäkinen"), "P-ROSTER-041", "users.csv", 4, "username"),
        (put("users", 2, "email", "nobody"), "P-ROSTER-043", "users.csv", 4, "email"),
        (put("users", 0, "userIds", "oppijanumero:1"), "P-ROSTER-047", "users.csv", 2, "userIds"),
        (put("users", 2, "familyName", "a\nb"), "P-ROSTER-049", "users.csv", 5, "familyName"),
        (put("users", 2, "familyName", "\u202egnp.exe"), "P-ROSTER-049", "users.csv", 4, "familyName"),
        (put("users", 2, "password", "secret"), "P-ROSTER-072", "users.csv", 4, "password"),
        (put("users", 2, "pronouns", "hän"), "P-ROSTER-071", "users.csv", 4, "pronouns"),
        (put("demographics", 0, "white", "true"), "P-ROSTER-071", "demographics.csv", 2, "white"),
        (put("orgs", 1, "type", "national"), "P-ROSTER-031", "orgs.csv", 3, "type"),
        (put("orgs", 1, "identifier", "123"), "P-ROSTER-048", "orgs.csv", 3, "identifier"),
        (put("orgs", 1, "sourcedId", "1.2.246.562.99.1"), "P-ROSTER-037", "orgs.csv", 3, "sourcedId"),
        (
            put("academicSessions", 1, "startDate", "1.8.2026"),
            "P-ROSTER-032",
            "academicSessions.csv",
            3,
            "startDate",
        ),
        (
            put("academicSessions", 1, "startDate", "2026-02-30"),
            "P-ROSTER-032",
            "academicSessions.csv",
            3,
            "startDate",
        ),
        (
            put("academicSessions", 1, "endDate", "2026-08-01"),
            "P-ROSTER-044",
            "academicSessions.csv",
            3,
            "endDate",
        ),
        (
            put("academicSessions", 1, "schoolYear", "26–27"),
            "P-ROSTER-042",
            "academicSessions.csv",
            3,
            "schoolYear",
        ),
        (put("roles", 0, "role", "pupil"), "P-ROSTER-031", "roles.csv", 2, "role"),
        (put("roles", 0, "status", "tobedeleted"), "P-ROSTER-046", "roles.csv", 2, "status"),
        (
            put("roles", 0, "dateLastModified", "yesterday"),
            "P-ROSTER-033",
            "roles.csv",
            2,
            "dateLastModified",
        ),
    ],
)
def test_wrong_value_is_told_by_place(
    tmp_path: Path, spoil: Spoil, error: str, file: str, line: int, column: str
) -> None:
    files = valid()
    spoil(files)
    problem = the_problem(write(tmp_path / "b.zip", files))
    assert (problem.id, problem.file, problem.line, problem.column) == (error, file, line, column)


def test_delta_row_without_status_is_told(tmp_path: Path) -> None:
    problem = the_problem(write(tmp_path / "b.zip", {"users": valid()["users"][2:3]}, kind="delta"))
    assert (problem.id, problem.line, problem.column) == ("P-ROSTER-045", 2, "status")


USERS = table("users", valid()["users"])


@pytest.mark.parametrize(
    ("entry", "content", "error", "line", "detail"),
    [
        ("users.csv", USERS.encode("utf-16"), "P-ROSTER-020", 1, "UTF-16"),
        ("users.csv", USERS.encode("cp1252", "replace"), "P-ROSTER-020", 2, "is 0xE4"),
        ("users.csv", USERS.replace("Aino", "Ai\0no"), "P-ROSTER-021", 2, "byte"),
        ("users.csv", USERS.replace("Aino", "A" * 300_000), "P-ROSTER-022", 2, "KiB"),
        ("users.csv", USERS.replace("Aino", '"Aino" '), "P-ROSTER-023", 2, None),
        ("users.csv", USERS.replace("Aino", '"Aino'), "P-ROSTER-023", None, None),
        ("users.csv", "", "P-ROSTER-024", None, None),
        ("users.csv", USERS.replace("givenName", "firstName"), "P-ROSTER-025", 1, None),
        (
            "users.csv",
            USERS.replace("givenName,familyName", "familyName,givenName", 1),
            "P-ROSTER-025",
            1,
            "comes here",
        ),
        ("users.csv", USERS.replace(",", ";"), "P-ROSTER-026", 1, None),
        ("users.csv", USERS.replace("Aino,", "Aino,,", 1), "P-ROSTER-028", 2, "23 instead of 22"),
        ("users.csv", USERS.replace("Aino,", "Aino", 1), "P-ROSTER-027", 2, "21 instead of 22"),
        ("manifest.csv", None, "P-ROSTER-010", None, None),
        ("roles.csv", None, "P-ROSTER-014", None, "bulk"),
        ("results.csv", table("results", []), "P-ROSTER-015", None, None),
        ("user.csv", USERS, "P-ROSTER-006", None, "users"),
        ("readme.txt", "hello", "P-ROSTER-006", None, None),
        ("USERS.csv", USERS, "P-ROSTER-005", None, "users.csv"),
        ("../users.csv", USERS, "P-ROSTER-004", None, None),
        ("/etc/passwd", USERS, "P-ROSTER-004", None, None),
        ("roster/users.csv", USERS, "P-ROSTER-004", None, None),
        ("a\nb.csv", USERS, "P-ROSTER-006", None, None),
    ],
)
def test_wrong_file_is_told(
    tmp_path: Path, entry: str, content: str | bytes | None, error: str, line: int | None, detail: str | None
) -> None:
    path = write(tmp_path / "b.zip", valid(), raw={} if content is None else {entry: content})
    if content is None:
        drop(path, entry)
    _, problems = read(path)
    first = problems.kept[0]
    assert first.id == error
    assert line is None or first.line == line
    assert detail is None or detail in first.told(ENGLISH)
    assert "\n" not in first.file


def drop(path: Path, entry: str) -> None:
    with zipfile.ZipFile(path) as archive:
        kept = {name: archive.read(name) for name in archive.namelist() if name != entry}
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in kept.items():
            archive.writestr(name, content)


def test_wrong_column_is_told_with_the_one_meant(tmp_path: Path) -> None:
    _, problems = read(
        write(tmp_path / "b.zip", valid(), raw={"users.csv": USERS.replace("givenName", "givenNames")})
    )
    assert [(problem.column, problem.told(ENGLISH)) for problem in problems.kept] == [
        ("givenNames", "the header is not OneRoster's: did you mean givenName?"),
        ("givenName", "the header is not OneRoster's: the column is missing"),
    ]


def test_a_column_that_is_there_is_not_the_one_meant(tmp_path: Path) -> None:
    raw = {"users.csv": USERS.replace("givenName", "firstName")}
    _, problems = read(write(tmp_path / "b.zip", valid(), raw=raw))
    assert "familyName" not in str([problem.detail for problem in problems.kept])


@pytest.mark.parametrize(
    ("changed", "error"),
    [
        ({"oneroster__version": "1.1"}, "P-ROSTER-012"),
        ({"manifest__version": None}, "P-ROSTER-011"),
        ({"file__users": "maybe"}, "P-ROSTER-012"),
        ({"file__user": "bulk"}, "P-ROSTER-013"),
        ({"file__users": "delta"}, "P-ROSTER-016"),
    ],
)
def test_wrong_manifest_is_told(tmp_path: Path, changed: dict[str, str | None], error: str) -> None:
    files = valid()
    raw = {"manifest.csv": bundles.manifest(dict.fromkeys(files, "bulk"), **changed)}
    problem = the_problem(write(tmp_path / "b.zip", files, raw=raw))
    assert problem.id == error


def test_extension_columns_follow_the_others(tmp_path: Path) -> None:
    files = valid()
    files["users"][0] |= {profile.NONDISCLOSURE: "true", "metadata.vendor.x": "1"}
    path = write(tmp_path / "b.zip", files, extensions=("metadata.vendor.x", profile.NONDISCLOSURE))
    rows, problems = read(path)
    assert rows["users"][0][-2:] == ("true", None)
    assert [(problem.id, problem.column) for problem in problems.kept] == [
        ("P-ROSTER-071", "metadata.vendor.x")
    ]


def test_values_about_people_are_masked_and_identity_codes_never_shown(tmp_path: Path) -> None:
    files = valid()
    files["users"][2]["email"] = "hanna.makinen-at-example"
    files["users"][3]["identifier"] = "131052-308T"
    _, problems = read(write(tmp_path / "b.zip", files))
    assert [problem.value for problem in problems.kept] == ["ha…e", None]


def test_two_files_of_one_name_are_refused(tmp_path: Path) -> None:
    path = write(tmp_path / "b.zip", valid())
    with pytest.warns(UserWarning, match="Duplicate name"), zipfile.ZipFile(path, "a") as archive:
        archive.writestr("users.csv", USERS)
    assert the_problem(path).id == "P-ROSTER-005"


def test_link_in_the_archive_is_refused(tmp_path: Path) -> None:
    path = write(tmp_path / "b.zip", {key: rows for key, rows in valid().items() if key != "users"})
    link = zipfile.ZipInfo("users.csv")
    link.external_attr = (stat.S_IFLNK | 0o777) << 16
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr(link, "/etc/passwd")
    _, problems = read(path)
    assert problems.kept[0].id == "P-ROSTER-004"


def test_bomb_is_refused_unread(tmp_path: Path) -> None:
    path = write(tmp_path / "b.zip", valid(), raw={"users.csv": USERS + "," * 50_000_000})
    assert the_problem(path).id == "P-ROSTER-003"


def test_bomb_with_lying_sizes_is_refused_while_read(tmp_path: Path) -> None:
    path = write(tmp_path / "b.zip", valid(), raw={"users.csv": USERS + "," * 50_000_000})
    content = bytearray(path.read_bytes())
    # The size that the list of contents tells for users.csv becomes a small one.
    at = content.rindex(b"users.csv") - 46
    content[at + 24 : at + 28] = (20_000).to_bytes(4, "little")
    path.write_bytes(content)
    _, problems = read(path)
    assert {problem.id for problem in problems.kept} <= {"P-ROSTER-001", "P-ROSTER-003", "P-ROSTER-022"}
    assert problems.has_errors


def test_thousands_of_entries_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "b.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for number in range(3000):
            archive.writestr(f"{number}.csv", "")
    assert the_problem(path).id == "P-ROSTER-002"


def test_what_is_no_file_is_refused(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path, tmp_path / "pipe", Path("/dev/zero"), tmp_path / "missing"):
        assert the_problem(path).id == "P-ROSTER-001"


def test_problems_are_counted_beyond_those_kept(tmp_path: Path) -> None:
    files = valid()
    files["enrollments"] = [
        {**files["enrollments"][0], "sourcedId": f"e{n}", "role": "boss"} for n in range(KEPT + 500)
    ]
    _, problems = read(write(tmp_path / "b.zip", files))
    assert problems.errors == KEPT + 500
    assert len(problems.kept) == KEPT


def test_every_reason_has_text_and_fix() -> None:
    assert all(reason.text and reason.fix for reason in REASONS.values())


def test_a_million_rows_are_read_in_flat_memory(tmp_path: Path) -> None:
    path = tmp_path / "b.zip"
    columns = ",".join(profile.COLUMNS["enrollments"])
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        archive.writestr("manifest.csv", bundles.manifest({"enrollments": "bulk"}))
        with archive.open("enrollments.csv", "w", force_zip64=True) as stream:
            stream.write(f"{columns}\r\n".encode())
            for chunk in range(100):
                rows = (
                    f"e{n * 7919 % 99991}-{n},,,5A,s{n % 97},u{n},student,,,\r\n"
                    for n in range(chunk * 10_000, chunk * 10_000 + 10_000)
                )
                stream.write("".join(rows).encode())
    script = dedent("""
        import resource, sys
        from pathlib import Path
        from digione_platform.roster.bundle import open_bundle
        from digione_platform.roster.problems import Problems
        problems = Problems()
        bundle = open_bundle(Path(sys.argv[1]), problems)
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        rows = sum(1 for _ in bundle.rows("enrollments", problems))
        after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        print(rows, problems.errors, after - before)
    """)
    done = subprocess.run(
        [sys.executable, "-c", script, str(path)], capture_output=True, text=True, check=True
    )
    read_rows, errors, grown = map(int, done.stdout.split())
    assert (read_rows, errors) == (1_000_000, 0)
    assert grown < 20 * 1024, "kilobytes"


@hypothesis_settings(max_examples=80, deadline=None)
@given(content=st.binary(max_size=2000))
def test_random_bytes_are_no_archive(tmp_path_factory: pytest.TempPathFactory, content: bytes) -> None:
    path = tmp_path_factory.mktemp("random") / "b.zip"
    path.write_bytes(content)
    _, problems = read(path)
    assert problems.has_errors


def test_a_file_without_a_name_is_refused(tmp_path: Path) -> None:
    path = write(tmp_path / "b.zip", valid())
    path.write_bytes(path.read_bytes().replace(b"users.csv", b"\0sers.csv"))
    _, problems = read(path)
    assert "P-ROSTER-006" in problems.by_id


@hypothesis_settings(max_examples=80, deadline=None)
@given(flips=st.lists(st.tuples(st.integers(0, 10**6), st.integers(0, 255)), min_size=1, max_size=20))
def test_spoilt_archive_raises_nothing(
    tmp_path_factory: pytest.TempPathFactory, flips: list[tuple[int, int]]
) -> None:
    path = write(tmp_path_factory.mktemp("spoilt") / "b.zip", valid())
    content = bytearray(path.read_bytes())
    for place, value in flips:
        content[place % len(content)] = value
    path.write_bytes(content)
    read(path)


@hypothesis_settings(max_examples=80, deadline=None)
@given(content=st.one_of(st.binary(max_size=500), st.text(max_size=500)), tail=st.booleans())
def test_random_text_in_a_file_raises_nothing(
    tmp_path_factory: pytest.TempPathFactory, content: bytes | str, tail: bool
) -> None:
    spoilt = content.encode("utf-8", "surrogatepass") if isinstance(content, str) else content
    raw = {"users.csv": USERS.encode() + spoilt if tail else spoilt}
    read(write(tmp_path_factory.mktemp("text") / "b.zip", valid(), raw=raw))


def test_reference_page_names_every_column_that_is_read() -> None:
    page = (Path(__file__).resolve().parents[2] / "docs" / "reference" / "oneroster.md").read_text()
    for name, file in profile.FILES.items():
        rows = "".join(line for line in page.splitlines() if line.startswith(f"| {name}.csv | "))
        assert all(f"`{column}`" in rows for column in file.rules), name
        assert all(f"`{column}`" in page for column in file.extensions), name
