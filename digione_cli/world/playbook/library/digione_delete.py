#!/usr/bin/python
"""Delete the files and folders that some globs name; refuses anything near the root."""

import glob
import os
import shutil

from ansible.module_utils.basic import AnsibleModule


def main() -> None:
    module = AnsibleModule(
        argument_spec={"patterns": {"type": "list", "elements": "str", "required": True}},
        supports_check_mode=True,
    )
    found = sorted({p for pattern in module.params["patterns"] for p in glob.glob(pattern)})
    for path in found:
        if too_near_the_root(path):
            module.fail_json(msg=f"{path} is too near the root to be deleted")
    if not module.check_mode:
        for path in found:
            if os.path.isdir(path) and not os.path.islink(path):
                shutil.rmtree(path, ignore_errors=True)
            else:
                os.unlink(path)
    module.exit_json(changed=bool(found), deleted=found)


def too_near_the_root(path: str) -> bool:
    parts = path.strip("/").split("/")
    return not path.startswith("/") or len(parts) < 2 or not {"", ".", ".."}.isdisjoint(parts)


if __name__ == "__main__":
    main()
