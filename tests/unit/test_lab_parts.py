"""What a lab remembers, asks of the machine, and copies from it."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from digione_cli.errors import PreconditionError, UsageError
from digione_cli.lab import Lab, LabHost, base, packages, record, requirements, ssh
from digione_cli.lab.groups import Group, Hierarchies, hierarchies
from digione_cli.lab.host import meminfo, resolvers
from digione_cli.lab.record import HostRecord, LabRecord
from digione_cli.lab.requirements import Missing


def test_a_record_is_read_as_it_was_written(tmp_path: Path) -> None:
    written = LabRecord(42).with_host("one", HostRecord(11, 512, ("town.example",)))
    record.save(tmp_path / "lab.json", written)
    assert record.load(tmp_path / "lab.json") == written
    assert record.load(tmp_path / "none.json") == LabRecord()


@pytest.mark.parametrize("text", ["", "[]", "{", '{"network": 1}', '{"network": 1, "hosts": {"one": {}}}'])
def test_a_damaged_record_is_named(tmp_path: Path, text: str) -> None:
    (tmp_path / "lab.json").write_text(text)
    with pytest.raises(PreconditionError, match=r"D1-LAB-007.*lab\.json"):
        record.load(tmp_path / "lab.json")


def test_numbers_are_used_again_and_run_out() -> None:
    lab = LabRecord(1)
    for _ in range(240):
        lab = lab.with_host(f"h{lab.free_number()}", HostRecord(lab.free_number(), 512))
    assert lab.without("h12").free_number() == 12
    with pytest.raises(PreconditionError, match="D1-LAB-008"):
        lab.free_number()


def test_all_that_is_missing_is_named_in_one_sentence() -> None:
    missing = [
        Missing("root's rights", fix="run it as root or with sudo"),
        Missing("systemd-nspawn", "systemd-container"),
        Missing("mmdebstrap", "mmdebstrap"),
    ]
    assert requirements.why(missing) == "missing: root's rights, systemd-nspawn, mmdebstrap"
    assert requirements.fix(missing) == (
        "run it as root or with sudo; apt-get install -y mmdebstrap systemd-container"
        " (or: digione sandbox runs the platform without a lab)"
    )


def test_without_root_nothing_is_changed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    lab = Lab(tmp_path / ".lab")
    assert lab.list() == []
    (tmp_path / ".lab").mkdir()
    changes: list[Callable[[], object]] = [lambda: lab.up(["one"]), lambda: lab.kill("one"), lab.down]
    for change in changes:
        with pytest.raises(PreconditionError, match=r"D1-LAB-001.*root"):
            change()
    assert list((tmp_path / ".lab").iterdir()) == []


def test_no_host_gets_more_memory_than_the_machine_has(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"D1-LAB-017.*999000000 MB.*this machine has \d+ MB"):
        Lab(tmp_path / ".lab").up(["one"], 999_000_000)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "name", ["", "-a", "a-", "A", "ä", "a.b", "a/b", "..", "1a", "a" * 31, "a b", "a\n", "$(id)"]
)
def test_names_that_are_no_host_names_are_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(UsageError, match="D1-LAB-010"):
        Lab(tmp_path / ".lab").up([name])
    assert not (tmp_path / ".lab").exists()


def test_sources_are_those_of_debian_12_alone() -> None:
    targets = [
        "http://archive.example/debian/ bookworm main",
        "http://archive.example/debian/ bookworm main",
        "http://archive.example/debian/ bookworm contrib",
        "http://archive.example/debian-security/ bookworm-security main",
        "http://vendor.example/apt/ vendor-bookworm main",
        "http://vendor.example/apt/ bookworm stable",
    ]
    assert base.source_lines(targets) == [
        "deb http://archive.example/debian-security/ bookworm-security main",
        "deb http://archive.example/debian/ bookworm main",
    ]


def test_the_way_to_archives_is_copied_and_nothing_else() -> None:
    dump = (
        'APT::Architecture "amd64";\nAcquire::http::Proxy "http://proxy.example";\nDPkg::Post-Invoke:: "x";\n'
    )
    assert base.reach(dump) == 'Acquire::http::Proxy "http://proxy.example";\n'


def test_a_changed_recipe_is_another_image() -> None:
    recipe = base.Recipe(("deb x bookworm main",), "", {})
    assert recipe.image == base.Recipe(("deb x bookworm main",), "", {}).image
    assert recipe.image != base.Recipe(("deb y bookworm main",), "", {}).image
    assert recipe.image != base.Recipe(("deb x bookworm main",), "", {"our.crt": "…"}).image


def test_packages_go_round_and_half_ones_do_not(tmp_path: Path) -> None:
    cache, first, second = tmp_path / "cache", tmp_path / "first", tmp_path / "second"
    for disk in (first, second):
        disk.mkdir()
    archive = first / packages.ARCHIVE
    (archive / "partial").mkdir(parents=True)
    (archive / "partial/half.deb").write_text("half")
    (archive / "whole.deb").write_text("whole")
    (archive / "lock").touch()
    packages.collect(first, cache)
    packages.give(cache, second)
    assert [file.name for file in (second / packages.ARCHIVE).iterdir()] == ["whole.deb"]


def test_packages_are_copied_where_links_cannot_be(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise OSError("cross-device link")

    monkeypatch.setattr(os, "link", refuse)
    (tmp_path / "cache").mkdir()
    (tmp_path / "disk").mkdir()
    (tmp_path / "cache/whole.deb").write_text("whole")
    packages.give(tmp_path / "cache", tmp_path / "disk")
    assert [file.read_text() for file in (tmp_path / "disk" / packages.ARCHIVE).iterdir()] == ["whole"]


def test_control_groups_of_every_kind_are_found() -> None:
    first = "cgroup /cg/memory cgroup rw,relatime,memory 0 0\ncgroup /cg/systemd cgroup rw,name=systemd 0 0\n"
    second = "cgroup2 /cg/unified cgroup2 rw 0 0\n"
    assert hierarchies(first) == Hierarchies(Path("/cg/memory"), None, Path("/cg/systemd"))
    assert hierarchies(second) == Hierarchies(None, Path("/cg/unified"))
    assert hierarchies("tmpfs /run tmpfs rw 0 0\n") == Hierarchies(None, None)
    assert not hierarchies("tmpfs /run tmpfs rw 0 0\n").limits_memory


def test_the_limit_is_set_in_the_memory_hierarchy_of_version_1(tmp_path: Path) -> None:
    where = Hierarchies(tmp_path / "memory", tmp_path / "unified")
    Group("digione1/one", where).create(512)
    assert (tmp_path / "memory/digione1/one/memory.limit_in_bytes").read_text() == "512M"
    assert not (tmp_path / "unified/digione1/one/memory.max").exists()


def test_the_limit_is_set_in_the_unified_hierarchy_where_there_is_no_other(tmp_path: Path) -> None:
    group = Group("digione1/one", Hierarchies(None, tmp_path))
    group.create(512)
    assert (tmp_path / "digione1/one/memory.max").read_text() == "512M"
    assert (tmp_path / "digione1/cgroup.subtree_control").read_text() == "+memory"
    assert group.keeper == [tmp_path / "digione1/one/keeper"]
    assert group.machine == [tmp_path / "digione1/one/machine"]
    assert all(folder.is_dir() for folder in group.keeper + group.machine)


def test_a_host_is_told_the_size_of_its_limit() -> None:
    assert "MemTotal:        2097152 kB\n" in meminfo(2048)


def test_a_resolver_on_this_machines_loopback_is_of_no_use_to_a_host(tmp_path: Path) -> None:
    ours, upstream = tmp_path / "resolv.conf", tmp_path / "upstream.conf"
    ours.write_text("nameserver 127.0.0.53\n")
    upstream.write_text("nameserver 10.0.0.1\n")
    assert resolvers(ours, upstream) == "nameserver 10.0.0.1\n"
    ours.write_text("nameserver 10.0.0.2\n")
    assert resolvers(ours, upstream) == "nameserver 10.0.0.2\n"


def test_ssh_checks_the_pinned_key() -> None:
    host = LabHost(
        "one", "10.97.1.11", "running", 512, "operator", Path("/a b/id"), "ssh-ed25519 AAAA", "digione1-11"
    )
    assert ssh.known_hosts([host]) == "one,10.97.1.11 ssh-ed25519 AAAA\n"
    text = ssh.config([host], Path("/a b/known_hosts"))
    assert '  IdentityFile "/a b/id"\n' in text
    assert "  StrictHostKeyChecking yes\n" in text


def test_memory_that_a_running_host_cannot_get_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lab, known = Lab(tmp_path), LabRecord(1).with_host("one", HostRecord(11, 512))
    monkeypatch.setattr(lab, "_runs", lambda remembered, name: name == "one")
    with pytest.raises(PreconditionError, match=r"D1-LAB-015.*512 MB") as caught:
        lab._require_memory(known, ["new", "one"], 4096)
    assert "digione lab stop one" in caught.value.fix
    for wanted in (512, None):
        lab._require_memory(known, ["new", "one"], wanted)
