"""Settings of every user's server; users may add their own in ~/.jupyter."""

from __future__ import annotations

import contextlib
from pathlib import Path

TUTORIALS = Path("/opt/notebooks")

c = get_config()  # type: ignore[name-defined]  # noqa: F821

# A trash can inside the home volume would fill it unseen.
c.FileContentsManager.delete_to_trash = False

# Dask dashboards are reached through the user's own server, from the gateway's proxy.
c.ServerProxy.host_allowlist = ["localhost", "127.0.0.1", "traefik-dask-gateway"]

# The tutorials are the image's, so they are always those of its packages; users copy what they want to change.
link = Path.home() / "tutorials"
if TUTORIALS.is_dir() and not link.exists():
    # A full or read-only home must not keep the server from starting.
    with contextlib.suppress(OSError):
        link.unlink(missing_ok=True)
        link.symlink_to(TUTORIALS)
