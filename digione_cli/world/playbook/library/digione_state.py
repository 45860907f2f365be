#!/usr/bin/python
"""Keep the host's record of what was applied: /var/lib/digione/state.json.

``begin`` clears the service's fingerprint and makes sure that this operation still holds the lock;
``end`` records the fingerprint and a manifest of the managed files. Written in one move. Tenants are
recorded before anything of them is there, and struck out, one by one, after all of them has been taken off.
Services that were removed and whose data was kept are named, with the globs of it, until they are
configured again or it is deleted.
"""

import glob
import json
import os
import time
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.checker import describe, lock  # digione_cli/world/remote/checker.py

FOLDER = "/var/lib/digione"
STATE = FOLDER + "/state.json"


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "action": {"choices": ["begin", "end"], "required": True},
            "step": {"required": True},
            "instance": {"required": True},
            "operation": {"required": True},
            "service": {"required": True},
            "release": {"default": ""},
            "removed": {"type": "bool", "default": False},
            "keep_data": {"type": "bool", "default": False},
            "data": {"type": "list", "elements": "str", "default": []},
            "tenants": {"type": "list", "elements": "str", "default": []},
            "tenant": {"default": ""},
            "fingerprint": {"type": "dict", "default": {}, "no_log": False},
            "units": {"type": "list", "elements": "str", "default": []},
            "files": {"type": "list", "elements": "str", "default": []},
            "renewed": {"type": "list", "elements": "str", "default": []},
            "probes": {"type": "list", "elements": "str", "default": []},
        },
        supports_check_mode=True,
    )
    given = module.params
    answer = {"changed": False, "step": given["step"], "action": given["action"], "interrupted": False}
    if module.check_mode:
        module.exit_json(**answer)
    if (lock() or {}).get("operation") != given["operation"]:
        module.fail_json(msg="this run no longer holds the lock of the instance", **answer)
    state = read()
    if state.get("instance") not in (None, "", given["instance"]):
        module.fail_json(msg=f"this host belongs to the instance {state['instance']}", **answer)
    state["version"] = 1
    state["instance"] = given["instance"]
    services = state.setdefault("services", {})
    service = services.setdefault(given["service"], {})
    tenants = set(service.get("tenants", []))
    kept = {name: data for name, data in state.get("kept", {}).items() if name != given["service"]}
    if given["action"] == "begin":
        answer["interrupted"] = not service.get("fingerprint", True)
        service["tenants"] = sorted(tenants | set(given["tenants"]))
        if not given["tenant"]:  # else the service stays as it is; the tenant's name tells what is left to do
            service["fingerprint"] = {}
            service["leaving"] = given["removed"]
    elif given["tenant"]:
        service["tenants"] = sorted(tenants - {given["tenant"]})
        service["files"] = described(given)
    elif given["removed"]:
        services.pop(given["service"], None)
        state["kept"] = kept | ({given["service"]: given["data"]} if given["keep_data"] else {})
    else:
        state["kept"] = kept
        state["release"] = given["release"]
        services[given["service"]] = {
            "fingerprint": given["fingerprint"],
            "at": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
            "units": given["units"],
            "globs": given["files"],
            "files": described(given),
            "tenants": sorted(tenants),
            "probes": given["probes"],
        }
    if given["removed"] and given["action"] == "end" and not services and not state["kept"]:
        if os.path.exists(STATE):
            os.unlink(STATE)
    else:
        write(state)
    module.exit_json(**answer)


def read() -> dict[str, Any]:
    try:
        with open(STATE, encoding="utf-8") as file:
            state: dict[str, Any] = json.load(file)
            return state
    except (OSError, ValueError):
        return {}


def write(state: dict[str, Any]) -> None:
    os.makedirs(FOLDER, mode=0o755, exist_ok=True)
    temporary = STATE + ".new"
    with os.fdopen(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        json.dump(state, file)
        file.flush()
        os.fsync(file.fileno())
    os.replace(temporary, STATE)


def described(given: dict[str, Any]) -> dict[str, Any]:
    """Describe all managed files of a service."""
    return manifest(given["files"]) | any_content(manifest(given["renewed"]))


def manifest(patterns: list[str]) -> dict[str, Any]:
    """Describe all files that the patterns match; a folder only when it is named itself."""
    return {
        path: describe(path)
        for pattern in patterns
        for path in sorted(glob.glob(pattern))
        if path == pattern or not os.path.isdir(path)
    }


def any_content(described: dict[str, Any]) -> dict[str, Any]:
    """Drop what is in the files: they renew themselves."""
    return {path: ["", *rest] for path, (_, *rest) in described.items()}


if __name__ == "__main__":
    main()
