"""Many servers fail or are asked for at once: the hub stays, and everybody is told what to do (F18, F19)."""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

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

# Run in a hub's pod: prints how many users have a server, or one on its way.
COUNT_BUSY = """
import json, sys, urllib.request
request = urllib.request.Request(sys.argv[1] + "/users?state=active", headers={"Authorization": "token " + sys.argv[2]})
print(len(json.load(urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request, timeout=30))))
"""


def outcome(person: Person, name: str) -> tuple[str, float]:
    """Ask for a server; return what its owner is told in the end, and after how many seconds."""
    begin = time.monotonic()
    try:
        person.ask_for_server("minimal", name=name)
        person.wait_for_server(name=name)
    except SpawnError as error:
        return str(error), time.monotonic() - begin
    return "it started", time.monotonic() - begin


@pytest.mark.life
@pytest.mark.timeout(300)
def test_failures_in_a_row_leave_the_hub_alone(cluster: Cluster, edwin: Person) -> None:
    hub, before = cluster.pod(HUB).name, restarts(cluster, HUB)
    try:
        with no_room(cluster), ThreadPoolExecutor(len(NAMES)) as pool:
            outcomes = list(pool.map(lambda name: outcome(edwin, name), NAMES))
        assert [said for said, _ in outcomes if "No node has room for your server" not in said] == []
        # 20 s after the scheduler knew.
        assert max(seconds for _, seconds in outcomes) < 30
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

    def all_have_failed() -> bool:
        return int(running.pod.python(COUNT_BUSY, running.urls["crowd"], running.token)) == 0

    # No node takes them: 64 at once start on no machine of two cores.
    with no_room(cluster):
        printed = running.pod.python(ASK_ALL, running.urls["crowd"], running.token, json.dumps(users))
        answers = json.loads(printed.splitlines()[-1])
        assert Counter(code for _, code, _ in answers) == {202: SPAWN_LIMIT, 429: CROWD - SPAWN_LIMIT}
        assert all(30 <= seconds <= 60 for _, code, seconds in answers if code == 429)
        until("they have failed", all_have_failed, 120, every=2)
    refused = next(user for user, code, _ in answers if code == 429)
    assert spawns(running.pod, NAMESPACE, running.urls, running.token, {"crowd": [refused]})
