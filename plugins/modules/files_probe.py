#!/usr/bin/python
"""What files a host has, and what the services that read them are at."""

from __future__ import annotations

import hashlib
import pwd
import stat
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from ansible.module_utils.basic import AnsibleModule

DOCUMENTATION = """
module: files_probe
short_description: Files of a host and the services that read them, in one look
version_added: "1.0"
author: z2jh
description:
  - Tells what ansible.builtin.copy and ansible.builtin.systemd_service would look at first, for all files and services
    at once. Where nothing differs neither has to run. Changes nothing.
options:
  files:
    description: Files to tell checksum, mode and owner of. Those that are missing are left out.
    type: list
    elements: path
    default: []
  read_too:
    description: Further files, of which only the time counts.
    type: list
    elements: path
    default: []
  services:
    description: Units of systemd.
    type: list
    elements: str
    default: []
attributes:
  check_mode: {support: full, description: It only reads.}
"""

RETURN = """
files:
  description: By path, each file's C(checksum) (SHA-256), C(mode) (such as 0644) and C(owner).
  type: dict
  returned: always
newest:
  description: When the last of all files was written, in whole seconds since 1970; 0 if there is none.
  type: int
  returned: always
services:
  description: By name, whether each unit is C(as_wanted) (loaded, enabled and active) and C(active), whether its own
    file is C(stale) in systemd, and when it became active, C(since), in whole seconds since 1970.
  type: dict
  returned: always
"""

PROPERTIES = ("LoadState", "ActiveState", "UnitFileState", "NeedDaemonReload", "ActiveEnterTimestamp")


def owner_of(uid: int) -> str:
    """Return a user's name, or the number of one who has none."""
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)


def look_at(paths: Iterable[str]) -> dict[str, dict[str, str]]:
    """Tell of each regular file what is in it and whose it is."""
    found = {}
    for path in map(Path, paths):
        if path.is_file() and not path.is_symlink():
            about = path.stat()
            found[str(path)] = {
                "checksum": hashlib.sha256(path.read_bytes()).hexdigest(),
                "mode": f"{stat.S_IMODE(about.st_mode):04o}",
                "owner": owner_of(about.st_uid),
            }
    return found


def newest(paths: Iterable[str]) -> int:
    """Return when the last of these files was written."""
    return max((int(path.stat().st_mtime) for path in map(Path, paths) if path.is_file()), default=0)


def described(shown: str) -> dict[str, Any]:
    """Read what systemctl shows of a unit."""
    has = dict(line.partition("=")[::2] for line in shown.splitlines())
    active = has.get("ActiveState") == "active"
    return {
        "as_wanted": active and has.get("LoadState") == "loaded" and has.get("UnitFileState") == "enabled",
        "active": active,
        "stale": has.get("NeedDaemonReload") == "yes",
        "since": int(has.get("ActiveEnterTimestamp", "").removeprefix("@") or 0),
    }


def ask_for(module: AnsibleModule, services: list[str]) -> dict[str, dict[str, Any]]:
    """Ask systemd for units; it answers in their order, with an empty line between them."""
    if not services:
        return {}
    command = ["systemctl", "show", "--timestamp=unix", f"--property={','.join(PROPERTIES)}", "--", *services]
    _, shown, _ = module.run_command(command, check_rc=True)
    return dict(zip(services, map(described, shown.strip().split("\n\n")), strict=True))


def main() -> None:
    """Run the module."""
    lists = {"files": "path", "read_too": "path", "services": "str"}
    module = AnsibleModule(
        argument_spec={name: {"type": "list", "elements": kind, "default": []} for name, kind in lists.items()},
        supports_check_mode=True,
    )
    params: dict[str, Any] = module.params
    module.exit_json(
        changed=False,
        files=look_at(params["files"]),
        newest=newest([*params["files"], *params["read_too"]]),
        services=ask_for(module, params["services"]),
    )


if __name__ == "__main__":
    main()
