"""How long a server takes to start: on the platform, and beside the stock spawner and an unoptimised start."""

from __future__ import annotations

import statistics
from collections.abc import Iterator

import pytest
from live.cluster import HUB_NAMESPACE, Cluster
from live.fixtures import SignIn
from live.hubs import NAMESPACE, Hubs, Variant, hubs
from live.spawns import STEPS, Spawn, spawns
from live.table import Table

STOCK = "stock"
AT_ONCE = 10
# What is to be reached one after the other, as parts of stock: median and 95th percentile (issue 5).
BOUNDS = (0.38, 0.35)
# The program that our image puts another one before.
STOCK_START = "/opt/python/bin/jupyterhub-singleuser"
OURS = "ours"
VARIANTS = {
    STOCK: Variant("kubespawner.KubeSpawner", STOCK_START),
    "events": Variant("z2jh_hub.spawner.EventSpawner", STOCK_START),
    OURS: Variant("z2jh_hub.spawner.EventSpawner", "jupyterhub-singleuser"),
}


def tail(seconds: list[float]) -> float:
    """Return the 95th percentile, or of a few the worst."""
    return statistics.quantiles(seconds, n=20)[-1] if len(seconds) >= 20 else max(seconds)


def terms(found: list[Spawn]) -> str:
    """Return the medians of what each step took after the one before."""
    parts = []
    for before, step in zip((None, *STEPS), STEPS, strict=False):
        took = statistics.median(spawn.seconds[step] - (spawn.seconds[before] if before else 0) for spawn in found)
        parts.append(f"{step} {took:+.2f}")
    return ", ".join(parts)


def report(table: Table, what: str, found: list[Spawn], stock: list[Spawn]) -> tuple[float, float]:
    """Add two rows on some spawns; return median and tail as parts of stock's."""
    seconds, basis = [spawn.total for spawn in found], [spawn.total for spawn in stock]
    parts = statistics.median(seconds) / statistics.median(basis), tail(seconds) / tail(basis)
    table.times(what, seconds, "" if found == stock else f"{parts[0]:.2f} and {parts[1]:.2f} of stock")
    table.add(f"{what}: its steps, medians", terms(found), "s each")
    return parts


def crowds(size: int) -> dict[str, list[str]]:
    """Return users for each hub; no two hubs have one of the same name, so no two pods have."""
    return {name: [f"{name}-{number}" for number in range(size)] for name in VARIANTS}


@pytest.fixture(scope="module")
def bench(cluster: Cluster) -> Iterator[Hubs]:
    """Run a hub for each variant, with users whose homes are there."""
    everybody = crowds(AT_ONCE)
    with hubs(cluster, VARIANTS, everybody) as running:
        spawns(running.pod, NAMESPACE, running.urls, running.token, everybody)
        yield running


@pytest.mark.timeout(3600)
def test_one_after_the_other(bench: Hubs, table: Table, pytestconfig: pytest.Config) -> None:
    rounds = pytestconfig.getoption("--spawns", 5)
    found = spawns(bench.pod, NAMESPACE, bench.urls, bench.token, crowds(1), rounds=rounds)
    of = {name: [spawn for spawn in found if spawn.hub == name] for name in VARIANTS}
    parts = {name: report(table, f"spawn, one by one: {name}", of[name], of[STOCK]) for name in VARIANTS}
    table.add("spawn, one by one: to be reached by ours", f"{BOUNDS[0]} and {BOUNDS[1]} of stock", "p50 and p95")
    assert parts[OURS][0] < 0.6


@pytest.mark.timeout(1800)
def test_ten_at_once(bench: Hubs, table: Table) -> None:
    found = spawns(bench.pod, NAMESPACE, bench.urls, bench.token, crowds(AT_ONCE))
    of = {name: [spawn for spawn in found if spawn.hub == name] for name in VARIANTS}
    for name in VARIANTS:
        report(table, f"spawn, {AT_ONCE} at once: {name}", of[name], of[STOCK])
    assert statistics.median(spawn.total for spawn in of[OURS]) < statistics.median(spawn.total for spawn in of[STOCK])


@pytest.mark.timeout(1800)
def test_on_the_platform(cluster: Cluster, sign_in: SignIn, table: Table, pytestconfig: pytest.Config) -> None:
    edwin = sign_in("edwin")
    edwin.stop_server()
    hub = {"platform": "http://127.0.0.1:8081/hub/api"}
    found = spawns(
        cluster.pod("component=hub"),
        HUB_NAMESPACE,
        hub,
        edwin.token(),
        {"platform": ["edwin"]},
        rounds=pytestconfig.getoption("--spawns", 5),
        options={"profile": "minimal"},
    )
    report(table, "spawn, one by one: on the platform", found, found)
