"""Settings of every user's server; users may add their own in ~/.jupyter."""

from __future__ import annotations

import contextlib
import json
import os
import re
from functools import lru_cache
from pathlib import Path
from typing import Any
from urllib.parse import unquote
from urllib.request import ProxyHandler, Request, build_opener

TUTORIALS = Path("/opt/notebooks")
GATEWAY = os.environ.get("DASK_GATEWAY__ADDRESS", "")
DASHBOARDS = os.environ.get("DASK_GATEWAY__PUBLIC_ADDRESS", "") + "/clusters/"
SECONDS = 3

c = get_config()  # type: ignore[name-defined]  # noqa: F821

# A trash can inside the home volume would fill it unseen.
c.FileContentsManager.delete_to_trash = False


@lru_cache(maxsize=64)
def confirm_own(name: str) -> None:
    """Raise unless the gateway shows this person the cluster, whose owner never changes; only a yes is remembered."""
    token = os.environ["JUPYTERHUB_API_TOKEN"]
    request = Request(f"{GATEWAY}/api/v1/clusters/{name}", headers={"Authorization": f"jupyterhub {token}"})  # noqa: S310
    with build_opener(ProxyHandler({})).open(request, timeout=SECONDS) as answer:
        if json.load(answer)["name"] != name:
            raise LookupError(name)


def is_allowed(handler: Any, host: str) -> bool:
    """Say whether the server may show what a host has: its own pod's, and dashboards of the person's own clusters.

    What is shown runs on the person's origin, so another one's dashboard would act for whoever opens it. The server
    takes any coroutine for a yes, so this waits for the answer.
    """
    if host in ("localhost", "127.0.0.1"):
        return True
    # As it came, so nothing before the name is in disguise; the rest is decoded once here and maybe once again there.
    path: str = handler.request.path
    found = re.fullmatch(re.escape(DASHBOARDS) + r"([a-z0-9]+(?:[.-][a-z0-9]+)*)/(.*)", path, re.DOTALL)
    if not (GATEWAY and DASHBOARDS.startswith("/") and found):
        return False
    if {".", ".."} & set(re.split(r"[/\\?#;]", unquote(unquote(found[2])))):
        return False
    try:
        confirm_own(found[1])
    except (OSError, LookupError, TypeError, ValueError):
        return False
    return True


# Dask dashboards are reached through the user's own server, from the gateway's proxy.
c.ServerProxy.host_allowlist = is_allowed

# The tutorials are the image's, so they are always those of its packages; users copy what they want to change.
link = Path.home() / "tutorials"
if TUTORIALS.is_dir() and not link.exists():
    # A full or read-only home must not keep the server from starting.
    with contextlib.suppress(OSError):
        link.unlink(missing_ok=True)
        link.symlink_to(TUTORIALS)
