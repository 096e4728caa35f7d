"""There is no API server: running notebooks go on, nobody is signed out, and afterwards the hub is whole (F6)."""

from __future__ import annotations

import time

import pytest
from live.cluster import Cluster
from live.faults import HUB, api_server_answers, container, no_api_server, restarts, until_hub_serves
from live.platform import Platform
from live.polling import until
from live.work import Work

pytestmark = [pytest.mark.life, pytest.mark.timeout(900)]

WHOLE_SECONDS = 300


def until_whole(cluster: Cluster, nodes: set[str]) -> None:
    """Wait until nothing in the cluster is unwell."""

    def whole() -> bool:
        return api_server_answers(cluster) and cluster.ready_nodes() == nodes and not cluster.unwell_pods()

    until("all nodes and pods are well", whole, WHOLE_SECONDS, every=2)


# KubeSpawner's watch of the pods gives up after 51 s.
@pytest.mark.parametrize("seconds", [30, 90])
def test_work_goes_on_and_the_hub_is_whole_afterwards(cluster: Cluster, work: Work, seconds: int) -> None:
    person, nodes = work.person, cluster.ready_nodes()
    before = restarts(cluster, HUB)
    with no_api_server(cluster):
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            work.goes_on()
            assert person.api("GET", "/user").status_code == 200
            assert person.http.get("/hub/home").status_code == 200
            time.sleep(1)
        # Control: until the end there was none.
        assert not api_server_answers(cluster)
    assert restarts(cluster, HUB) == before
    work.is_as_before()
    begin = time.monotonic()
    person.stop_server()
    until("a server starts", lambda: person.start_server(), 60)
    assert time.monotonic() - begin < 60
    until_whole(cluster, nodes)


def test_after_a_long_outage_the_hub_is_back_within_a_minute(cluster: Cluster, work: Work) -> None:
    person, nodes = work.person, cluster.ready_nodes()
    before = restarts(cluster, HUB)
    with no_api_server(cluster):
        end = time.monotonic() + 120
        while time.monotonic() < end:
            work.goes_on()
            assert person.api("GET", "/user").status_code == 200
            time.sleep(1)
        # Control: until the end there was none.
        assert not api_server_answers(cluster)
    # Back is: it has a pod removed, and sees that it is gone.
    begin = time.monotonic()
    person.stop_server()
    assert time.monotonic() - begin < 60
    # It did not even end, which stock does after 51 s.
    assert restarts(cluster, HUB) == before
    person.start_server()
    until_whole(cluster, nodes)


def test_a_hub_that_starts_meanwhile_forgets_nobody(
    platform: Platform, cluster: Cluster, fresh_hub: None, work: Work
) -> None:
    hub, nodes = container(cluster, HUB), cluster.ready_nodes()
    with no_api_server(cluster):
        hub.signal()
        until_hub_serves(platform)
        for _ in range(10):
            work.goes_on()
            time.sleep(1)
    until("the hub knows the server", lambda: (work.person.server() or {}).get("ready"), 60)
    until("the restart is known", lambda: restarts(cluster, HUB) == 1, 60)
    work.is_as_before()
    until_whole(cluster, nodes)
