"""How much the hub needs, and how soon it and its proxy are back when they are killed."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest
from live.cluster import Cluster
from live.faults import HUB, PROXY, hub_serves, leads_to_server, process, renew, until_hub_serves
from live.fixtures import SignIn
from live.people import Person
from live.platform import Platform
from live.polling import until
from live.table import Table

MIB = 2**20


@pytest.fixture
def edwin(sign_in: SignIn) -> Iterator[Person]:
    """Return Edwin, who has a server."""
    person = sign_in("edwin")
    person.start_server()
    yield person
    person.stop_server()


def test_memory_of_the_hub(platform: Platform, cluster: Cluster, table: Table) -> None:
    status = dict(line.split(":", 1) for line in cluster.pod(HUB).run("cat", "/proc/1/status").splitlines())
    size = int(status["VmRSS"].split()[0]) * 1024 / MIB
    table.add("memory of the hub", f"{size:.0f} MiB", "at most 250")
    assert size < 250


@pytest.mark.timeout(300)
def test_time_until_the_hub_is_back(platform: Platform, cluster: Cluster, edwin: Person, table: Table) -> None:
    renew(platform, cluster, HUB)
    begin = time.monotonic()
    process(cluster, HUB).signal()
    assert not hub_serves(platform)
    until_hub_serves(platform)
    table.add("hub: killed to serving", f"{time.monotonic() - begin:.1f} s", "at most 10")


@pytest.mark.timeout(300)
def test_time_until_the_routes_are_back(platform: Platform, cluster: Cluster, edwin: Person, table: Table) -> None:
    renew(platform, cluster, PROXY)
    until("the proxy leads to the server", lambda: leads_to_server(edwin), 90)
    begin = time.monotonic()
    process(cluster, PROXY).signal()
    until("the proxy is away", lambda: not leads_to_server(edwin), 10, every=0.05)
    until("the proxy leads to the server again", lambda: leads_to_server(edwin), 90, every=0.1)
    table.add("proxy: killed to routes back", f"{time.monotonic() - begin:.1f} s", "at most 10")
