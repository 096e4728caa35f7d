"""T33 and T34: what is sent to the hub in excess, and where tokens must not be."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest
from live.cluster import HUB_NAMESPACE, Cluster
from live.people import Person
from live.platform import Platform

LONGEST_LINE = 4096


def lines_of(cluster: Cluster, selector: str) -> list[str]:
    """Return what a pod has logged in the last minutes."""
    pod = cluster.pod(selector)
    log = cluster.core.read_namespaced_pod_log(pod.name, HUB_NAMESPACE, since_seconds=300)
    return str(log).splitlines()


@pytest.mark.parametrize(
    ("what", "request_"),
    [
        ("a body of 10 MB", {"method": "POST", "url": "/hub/api/users/grace/tokens", "content": b"x" * 10_000_000}),
        ("a header of 200 kB", {"method": "GET", "url": "/hub/api/user", "headers": {"X-Long": "x" * 200_000}}),
        ("an address of 60 kB", {"method": "GET", "url": "/hub/api/users/" + "x" * 60_000}),
        ("a deep document", {"method": "POST", "url": "/hub/api/users/grace/tokens", "content": b"[" * 100_000}),
        ("a name of signs", {"method": "GET", "url": "/hub/api/users/%F0%9F%94%AD%00..%2F..%2Fada"}),
    ],
)
def test_what_is_too_much_is_refused(
    platform: Platform, cluster: Cluster, grace: Person, what: str, request_: dict[str, object]
) -> None:
    with platform.http(grace.token()) as hub:
        try:
            status = hub.request(**request_).status_code  # type: ignore[arg-type]
        except httpx.TransportError:
            status = 400  # the proxy hung up
        assert 400 <= status < 500, what
        assert hub.get("/hub/api/user").json()["name"] == "grace"
    assert max(map(len, lines_of(cluster, "component=hub"))) < LONGEST_LINE


def test_a_flood_leaves_the_hub_answering(platform: Platform, grace: Person) -> None:
    def strange(_: int) -> int:
        with platform.http("0" * 32) as nobody:
            return nobody.get("/hub/api/users").status_code

    with ThreadPoolExecutor(20) as crowd, platform.http(grace.token()) as hub:
        answers = crowd.map(strange, range(200))
        assert hub.get("/hub/api/user").json()["name"] == "grace"
        assert set(answers) == {403}
        assert hub.get("/hub/health").status_code == 200


def test_a_token_in_an_address_is_nothing(platform: Platform, cluster: Cluster, grace: Person) -> None:
    token, path = grace.token(), platform.server("grace", "api/contents")
    with platform.http() as stranger:
        answer = stranger.get(path, params={"token": token}, follow_redirects=False)
        assert answer.status_code in (302, 403)
    for selector in ("component=hub", "component=proxy", "component=singleuser-server,hub.jupyter.org/username=grace"):
        assert not [line for line in lines_of(cluster, selector) if token in line]
    with platform.http(token) as owner:
        assert owner.get(path).status_code == 200
