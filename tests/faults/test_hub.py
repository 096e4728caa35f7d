"""The hub is killed or stands still: whoever works notices nothing, whoever starts a server gets it (F1, F2, F4)."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import pytest
from live.cluster import HUB_NAMESPACE, Cluster
from live.faults import HUB, container, hub_serves, restarts, until_hub_serves
from live.people import Person
from live.platform import Platform
from live.polling import until
from live.work import Work

AWAY_SECONDS = 60
EDWINS = "component=singleuser-server,hub.jupyter.org/username=edwin"
# How far a start can be when the hub is killed, by what the cluster says of the server's pods.
PHASES: dict[str, Callable[[list[Any]], bool]] = {
    "asked": lambda pods: True,
    "created": lambda pods: bool(pods),
    "running": lambda pods: any(pod.status.phase == "Running" for pod in pods),
}


def test_whoever_works_notices_nothing(platform: Platform, cluster: Cluster, fresh_hub: None, work: Work) -> None:
    container(cluster, HUB).signal()
    # Control: the hub is away.
    assert not hub_serves(platform)
    until("the hub is back", lambda: work.goes_on() or hub_serves(platform), AWAY_SECONDS)
    work.is_as_before()
    assert restarts(cluster, HUB) == 1


@pytest.mark.life
@pytest.mark.parametrize("phase", PHASES)
def test_whoever_starts_a_server_gets_it(
    platform: Platform, cluster: Cluster, fresh_hub: None, edwin: Person, phase: str
) -> None:
    def pods() -> list[Any]:
        return list(cluster.core.list_namespaced_pod(HUB_NAMESPACE, label_selector=EDWINS).items)

    edwin.ask_for_server("minimal")
    until(f"the start is {phase}", lambda: PHASES[phase](pods()), 30, every=0.05)
    container(cluster, HUB).signal()
    assert not hub_serves(platform)
    until_hub_serves(platform)

    def settled() -> bool:
        server = edwin.server()
        return not server or server["ready"]

    until("the start has an end", settled, AWAY_SECONDS)
    # It was carried through, or a person asks once more.
    edwin.start_server()
    with platform.http(edwin.token()) as server:
        assert server.get(platform.server("edwin", "api/status")).status_code == 200
    assert len(pods()) == 1


@pytest.mark.life
@pytest.mark.timeout(600)
def test_a_hub_that_stands_still_is_restarted(
    platform: Platform, cluster: Cluster, fresh_hub: None, work: Work
) -> None:
    container(cluster, HUB).signal("SIGSTOP")
    assert not hub_serves(platform)
    end = time.monotonic() + 30
    while time.monotonic() < end:
        work.goes_on()
    until("the liveness probe has the hub restarted", lambda: restarts(cluster, HUB) == 1, 240, every=2)
    until_hub_serves(platform)
    work.is_as_before()
