"""Many servers fail or are asked for at once: the hub stays, and everybody is told what to do (F18, F19)."""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Iterator

import pytest
from live.cluster import Cluster
from live.faults import HUB, no_room, restarts
from live.hubs import NAMESPACE, SPAWN_LIMIT, Hubs, Variant, hubs
from live.people import Person, SpawnError
from live.polling import until
from live.spawns import spawns

CROWD = 200
# Stock z2jh ends its hub after five that fail in a row.
NAMES = ["", "one", "two", "three", "four", "five"]

# Run in a hub's pod: asks for the servers of many at once; prints each answer's status, and when to come again.
ASK_ALL = """
import asyncio, json, sys
from tornado.httpclient import AsyncHTTPClient
url, token, users = sys.argv[1], sys.argv[2], json.loads(sys.argv[3])
AsyncHTTPClient.configure("tornado.simple_httpclient.SimpleAsyncHTTPClient", max_clients=len(users))
async def ask(user):
    answer = await AsyncHTTPClient().fetch(
        f"{url}/users/{user}/server", method="POST", body="", headers={"Authorization": f"token {token}"},
        connect_timeout=60, request_timeout=120, raise_error=False)
    return user, answer.code, int(answer.headers.get("Retry-After", 0))
async def main():
    print(json.dumps(await asyncio.gather(*(ask(user) for user in users))))
asyncio.run(main())
"""


@pytest.mark.timeout(300)
def test_failures_in_a_row_leave_the_hub_alone(cluster: Cluster, edwin: Person) -> None:
    hub, before = cluster.pod(HUB).name, restarts(cluster, HUB)
    try:
        with no_room(cluster):
            begin = time.monotonic()
            for name in NAMES:
                edwin.ask_for_server("minimal", name=name)
            for name in NAMES:
                with pytest.raises(SpawnError, match="No node has room for your server"):
                    edwin.wait_for_server(name=name)
            # Of them all, and of each the soonest it could be said: 20 s after the scheduler did.
            assert time.monotonic() - begin < 30
        assert (cluster.pod(HUB).name, restarts(cluster, HUB)) == (hub, before)
        # Control: it was the nodes.
        assert edwin.start_server()
    finally:
        for name in NAMES[1:]:
            edwin.forget_server(name)


@pytest.fixture
def crowd(cluster: Cluster) -> Iterator[tuple[Hubs, list[str]]]:
    """Run a hub of the tests' own, with as many users."""
    users = [f"crowd-{number}" for number in range(CROWD)]
    variants = {"crowd": Variant("z2jh_hub.spawner.EventSpawner", "jupyterhub-singleuser")}
    with hubs(cluster, variants, {"crowd": users}) as running:
        yield running, users


@pytest.mark.life
@pytest.mark.timeout(600)
def test_whoever_is_too_many_is_told_when_to_come_again(cluster: Cluster, crowd: tuple[Hubs, list[str]]) -> None:
    running, users = crowd

    def pods() -> list[str]:
        found = cluster.core.list_namespaced_pod(NAMESPACE, label_selector="component=singleuser-server").items
        return [pod.metadata.name for pod in found]

    # No node takes them: 64 at once start on no machine of two cores.
    with no_room(cluster):
        printed = running.pod.python(ASK_ALL, running.urls["crowd"], running.token, json.dumps(users))
        answers = json.loads(printed.splitlines()[-1])
        assert Counter(code for _, code, _ in answers) == {202: SPAWN_LIMIT, 429: CROWD - SPAWN_LIMIT}
        assert all(30 <= seconds <= 60 for _, code, seconds in answers if code == 429)
        until("they have failed", lambda: not pods(), 120)
    refused = next(user for user, code, _ in answers if code == 429)
    assert spawns(running.pod, NAMESPACE, running.urls, running.token, {"crowd": [refused]})
