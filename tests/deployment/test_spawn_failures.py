"""A server that cannot start: its owner is told why, in plain words and soon."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest
from live.cluster import Cluster, CommandError
from live.hubs import NAMESPACE, Hubs, Variant, hubs
from live.spawns import spawns

SPAWNER = "z2jh_hub.spawner.EventSpawner"
VARIANTS = {
    "well": Variant(SPAWNER, "jupyterhub-singleuser"),
    "crash": Variant(SPAWNER, "false"),
    "missing": Variant(SPAWNER, "jupyterhub-singleuser", tag="no-such-tag"),
}


@pytest.fixture(scope="module")
def made(cluster: Cluster) -> Iterator[Hubs]:
    """Run a hub for each of them."""
    with hubs(cluster, VARIANTS, {name: [f"{name}-0"] for name in VARIANTS}) as running:
        yield running


def start(made: Hubs, name: str) -> float:
    """Start a server; return how many seconds it took."""
    found = spawns(made.pod, NAMESPACE, made.urls, made.token, {name: [f"{name}-0"]})
    return found[0].total


@pytest.mark.timeout(600)
@pytest.mark.parametrize(
    ("name", "said"),
    [("crash", r"ended while it started \(exit code 1\)"), ("missing", r"no-such-tag cannot be fetched")],
)
def test_a_start_that_cannot_succeed(made: Hubs, name: str, said: str) -> None:
    assert start(made, "well") > 0
    begin = time.monotonic()
    with pytest.raises(CommandError, match=said):
        start(made, name)
    # Half a minute from the cause, and what comes before it: a first home, and the attempt to fetch.
    assert time.monotonic() - begin < 60
