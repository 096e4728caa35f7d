"""How much the hub needs, and how soon it and its proxy are back when they are killed."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest
from live.cluster import Cluster
from live.faults import HUB, PROXY, container, hub_serves, leads_to_server, renew, until_hub_serves
from live.fixtures import SignIn
from live.people import Person
from live.platform import Platform
from live.polling import until
from live.table import Table

# Run in the hub's pod: prints the resident memory of its processes in KiB, without this one's.
RESIDENT = """
import os
from pathlib import Path
pages = [int((path / "statm").read_text().split()[1]) for path in Path("/proc").iterdir()
         if path.name.isdigit() and int(path.name) != os.getpid()]
print(sum(pages) * os.sysconf("SC_PAGE_SIZE") // 1024)
"""


@pytest.fixture
def edwin(sign_in: SignIn) -> Iterator[Person]:
    """Return Edwin, who has a server."""
    person = sign_in("edwin")
    person.start_server()
    yield person
    person.stop_server()


def test_memory_of_the_hub(cluster: Cluster, table: Table) -> None:
    size = int(cluster.pod(HUB).python(RESIDENT)) / 1024
    table.add("memory of the hub with its culler", f"{size:.0f} MiB", "at most 250")
    assert size < 250


@pytest.mark.timeout(300)
def test_time_until_the_hub_is_back(platform: Platform, cluster: Cluster, edwin: Person, table: Table) -> None:
    renew(platform, cluster, HUB)
    begin = time.monotonic()
    container(cluster, HUB).signal()
    assert not hub_serves(platform)
    until_hub_serves(platform)
    table.add("hub: killed to serving", f"{time.monotonic() - begin:.1f} s", "at most 10")


@pytest.mark.timeout(300)
def test_time_until_the_routes_are_back(platform: Platform, cluster: Cluster, edwin: Person, table: Table) -> None:
    renew(platform, cluster, PROXY)
    until("the proxy leads to the server", lambda: leads_to_server(edwin), 90)
    begin = time.monotonic()
    container(cluster, PROXY).signal()
    until("the proxy is away", lambda: not leads_to_server(edwin), 10, every=0.05)
    until("the proxy leads to the server again", lambda: leads_to_server(edwin), 90, every=0.1)
    table.add("proxy: killed to routes back", f"{time.monotonic() - begin:.1f} s", "at most 10")
