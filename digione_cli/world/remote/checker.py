"""Runs on a host, as root, with Python's standard library alone: prints what is true there as JSON.

It changes nothing. Its output is ``digione_cli.model.facts.HostFacts``.
"""

import fcntl
import glob
import grp
import hashlib
import json
import os
import pwd
import re
import shlex
import subprocess
import time
from collections.abc import Callable, Iterator
from typing import Any

STATE = "/var/lib/digione/state.json"
LOCK = "/var/lib/digione/lock"
BACKUPS = "/var/lib/digione/backup.json"
RESTORING = "/var/lib/digione/restoring.json"
CERTIFICATES = "/etc/digione/tls/*.pem"
APT_LOCK = "/var/lib/dpkg/lock-frontend"
UNKNOWN = "?"


def output(*command: str) -> str:
    try:
        return subprocess.run(command, capture_output=True, text=True, errors="replace", timeout=20).stdout
    except (OSError, subprocess.TimeoutExpired):
        return ""


def read(path: str) -> str:
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            return file.read()
    except OSError:
        return ""


def document(path: str) -> dict[str, Any]:
    """Return the JSON in a file; nothing where there is none."""
    try:
        known: dict[str, Any] = json.loads(read(path) or "{}")
        return known
    except ValueError:
        return {}


def describe(path: str) -> list[str] | None:
    """Return sha256 (of a link: its target), mode, owner and group of a path, or None."""
    try:
        info = os.lstat(path)
    except OSError:
        return None
    if os.path.islink(path):
        content = os.readlink(path).encode()
    elif os.path.isfile(path):
        with open(path, "rb") as file:
            content = file.read()
    else:
        content = b""
    return [
        hashlib.sha256(content).hexdigest(),
        f"{info.st_mode & 0o7777:04o}",
        name(pwd.getpwuid, info.st_uid),
        name(grp.getgrgid, info.st_gid),
    ]


def name(lookup: Callable[[int], Any], number: int) -> str:
    try:
        return str(lookup(number)[0])
    except KeyError:
        return str(number)


def file_drift(service: str, applied: dict[str, Any]) -> Iterator[dict[str, str]]:
    manifest = applied.get("files", {})
    for path, wants in manifest.items():
        has = describe(path)
        if has is None:
            yield {"service": service, "kind": "missing", "subject": path}
            continue
        if wants[0] not in ("", has[0]):  # empty: a file that renews itself
            yield {"service": service, "kind": "changed", "subject": path}
        if has[1] != wants[1]:
            yield {"service": service, "kind": "mode", "subject": path, "has": has[1], "wants": wants[1]}
        if has[2:] != wants[2:]:
            owners = {"has": ":".join(has[2:]), "wants": ":".join(wants[2:])}
            yield {"service": service, "kind": "owner", "subject": path, **owners}
    for pattern in applied.get("globs", []):
        for path in glob.glob(pattern):
            if path not in manifest and not os.path.isdir(path):
                yield {"service": service, "kind": "unknown", "subject": path}


def kept(known: dict[str, Any]) -> Iterator[str]:
    """Yield the services that were removed without their data, as long as it is there.

    Of an instance that was taken off as a whole there are users and settings of packages besides.
    """
    for service, patterns in known.get("kept", {}).items():
        if not known.get("services") or any(glob.glob(pattern) for pattern in patterns):
            yield service


def probe_drift(service: str, applied: dict[str, Any]) -> Iterator[dict[str, str]]:
    for command in applied.get("probes", []):
        try:
            good = subprocess.run(shlex.split(command), capture_output=True, timeout=20).returncode == 0
        except (OSError, subprocess.TimeoutExpired):
            good = False
        if not good:
            yield {"service": service, "kind": "probe", "subject": command}


def units(names: list[str]) -> dict[str, Any]:
    """Return what systemd says of each unit."""
    if not names:
        return {}
    keys = "Id,ActiveState,UnitFileState,ActiveEnterTimestamp,MemoryCurrent,NRestarts"
    text = output("systemctl", "show", "--timestamp=unix", "-p", keys, *names)
    found = {}
    for asked, block in zip(names, text.strip().split("\n\n"), strict=False):
        values = dict(line.split("=", 1) for line in block.splitlines() if "=" in line)
        memory = values.get("MemoryCurrent", "")
        found[asked] = {
            "active": values.get("ActiveState", ""),
            "enabled": values.get("UnitFileState", ""),
            "since": values.get("ActiveEnterTimestamp", "").lstrip("@"),
            "memory": int(memory) if memory.isdigit() else None,
            "restarts": int(values.get("NRestarts") or 0),
        }
    return found


def unit_drift(services: dict[str, Any], seen: dict[str, Any]) -> Iterator[dict[str, str]]:
    for service, applied in services.items():
        for unit in applied.get("units", []):
            active = seen.get(unit, {}).get("active", "")
            enabled = seen.get(unit, {}).get("enabled", "")
            if active not in ("active", "reloading"):
                difference = {"has": active or "not-found", "wants": "active"}
            elif enabled in ("disabled", "masked"):  # it would not come back after a restart of the host
                difference = {"has": enabled, "wants": "enabled"}
            else:
                continue
            yield {"service": service, "kind": "unit", "subject": unit, **difference}


def listening() -> dict[str, str]:
    ports = {}
    for line in output("ss", "-Htulnp").splitlines():
        fields = line.split()
        if len(fields) < 5:
            continue
        process = re.search(r'\(\("([^"]+)"', line)
        key = fields[0] + "/" + fields[4].rsplit(":", 1)[1]
        ports[key] = process.group(1) if process else ""
    return ports


def certificates() -> Iterator[dict[str, Any]]:
    for path in sorted(glob.glob(CERTIFICATES)):
        text = output(
            "openssl", "x509", "-noout", "-enddate", "-issuer", "-ext", "subjectAltName", "-in", path
        )
        end = re.search(r"notAfter=(.*)", text)
        if end:
            parsed = time.strptime(" ".join(end.group(1).split()), "%b %d %H:%M:%S %Y %Z")
            names = re.findall(r"(?:DNS|IP Address):([^,\s]+)", text)
            until = time.strftime("%Y-%m-%dT%H:%M:%SZ", parsed)
            own = re.search(r"issuer=.*DigiOne authority of", text) is not None
            yield {"path": path, "not_after": until, "names": names, "own": own}


def failed_jobs() -> dict[str, str]:
    """Return the units of DigiOne that have failed, each with the last line that its program wrote."""
    listed = output("systemctl", "list-units", "--failed", "--plain", "--no-legend", "digione-*")
    units = [line.split()[0] for line in listed.splitlines()]
    return {
        unit: output(
            "journalctl", f"_SYSTEMD_UNIT={unit}", "-b", "-n", "1", "-o", "cat", "--no-pager"
        ).strip()
        for unit in units
    }


def apt_locked_by() -> str:
    """Return the name of the process that holds apt's lock, UNKNOWN if it has none, or an empty text."""
    try:
        with open(APT_LOCK, "r+b") as file:
            try:
                fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                inode = os.fstat(file.fileno()).st_ino
                for line in read("/proc/locks").splitlines():
                    fields = line.split()
                    if fields[-3].rsplit(":", 1)[-1] == str(inode):
                        return read(f"/proc/{fields[-4]}/comm").strip() or UNKNOWN
                return UNKNOWN
    except OSError:
        pass
    return ""


def lock() -> Any:
    """Return the holder of the instance's lock, or None: a lock lives as long as its process."""
    try:
        with open(LOCK, "r+", encoding="utf-8") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                return json.loads(file.read())
    except (OSError, ValueError):
        pass
    return None


def main() -> None:
    release = dict(line.split("=", 1) for line in read("/etc/os-release").splitlines() if "=" in line)
    memory = re.search(r"MemTotal:\s+(\d+)", read("/proc/meminfo"))
    disk = os.statvfs("/var/lib")
    known = document(STATE)
    services = known.get("services", {})
    seen = units(sorted({u for s in services.values() for u in s.get("units", [])}))
    drift = [d for name, applied in services.items() for d in file_drift(name, applied)]
    drift += unit_drift(services, seen)
    drift += [d for name, applied in services.items() for d in probe_drift(name, applied)]
    facts = {
        "reached": True,
        "os": release.get("ID", "").strip('"') + "-" + release.get("VERSION_ID", "").strip('"'),
        "systemd": os.path.isdir("/run/systemd/system"),
        "memory_mb": min(int(memory.group(1)) // 1024 if memory else 0, cgroup_limit_mb()),
        "disk_free_mb": disk.f_bavail * disk.f_frsize // 1048576,
        "cpus": os.cpu_count() or 0,
        "boot_id": read("/proc/sys/kernel/random/boot_id").strip(),
        "time": time.time(),
        "instance": known.get("instance", ""),
        "release": known.get("release", "") if services else "",
        "bundle": os.path.basename(os.path.realpath("/opt/digione/current")) if bundle_there() else "",
        "services": {
            n: {
                "fingerprint": s.get("fingerprint", {}),
                "at": s.get("at", ""),
                "tenants": s.get("tenants", []),
                "leaving": s.get("leaving", False),
            }
            for n, s in services.items()
        },
        "kept": list(kept(known)),
        "drift": drift,
        "units": seen,
        "listening": listening(),
        "certificates": list(certificates()),
        "failed": failed_jobs(),
        "restoring": os.path.exists(RESTORING),
        "backups": document(BACKUPS),
        "apt_locked_by": apt_locked_by(),
        "reboot_required": os.path.exists("/run/reboot-required"),
        "lock": lock(),
    }
    print(json.dumps(facts))


def bundle_there() -> bool:
    return os.path.islink("/opt/digione/current")


def cgroup_limit_mb() -> int:
    """Return the memory limit that a container sees, which MemTotal does not show; else a huge number."""
    text = read("/sys/fs/cgroup/memory/memory.limit_in_bytes") or read("/sys/fs/cgroup/memory.max")
    return int(text) // 1048576 if text.strip().isdigit() else 1 << 40


if __name__ == "__main__":
    main()
