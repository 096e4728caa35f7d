"""Fixtures of the tests on a live platform, two people with servers among them, who are not each other's friends."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from live.cluster import Cluster, Pod
from live.people import Person
from live.platform import STATUS, Platform

SignIn = Callable[[str], Person]


@pytest.fixture(scope="session")
def platform() -> Platform:
    """Return where the platform is."""
    if not STATUS.exists():
        pytest.fail("No platform was made from this checkout: run make up first.", pytrace=False)
    return Platform.read()


@pytest.fixture(scope="session")
def cluster(platform: Platform) -> Cluster:
    """Return the cluster as its administrator sees it."""
    return Cluster(platform.kubeconfig)


@pytest.fixture(scope="session")
def sign_in(platform: Platform) -> Iterator[SignIn]:
    """Return somebody who is signed in, once more if a test signed the name out: the same one each time."""
    people: dict[str, Person] = {}

    def one(name: str) -> Person:
        person = people.get(name) or Person(platform, name)
        if name not in people or not person.is_signed_in():
            person.http.cookies.clear()
            answer = person.sign_in()
            assert answer.status_code == 200, f"{name} cannot sign in: {answer.status_code} {answer.url}\n{answer.text}"
            people[name] = person
        return people[name]

    yield one
    for person in people.values():
        person.leave()


@pytest.fixture(scope="session")
def grace(sign_in: SignIn) -> Iterator[Person]:
    """Grace, an astronomer whose server runs the astronomy image."""
    yield from with_server(sign_in("grace"), "astronomy")


@pytest.fixture(scope="session")
def ada(sign_in: SignIn) -> Iterator[Person]:
    """Ada, who administers the hub and whose server runs the minimal image: the one whom Grace attacks."""
    yield from with_server(sign_in("ada"), "minimal")


def with_server(person: Person, profile: str) -> Iterator[Person]:
    """Give somebody a server; one that ran before goes on running."""
    started = person.start_server(profile)
    yield person
    if started:
        person.stop_server()


@pytest.fixture
def edwin(sign_in: SignIn) -> Iterator[Person]:
    """Return Edwin, who has no server before the test and none after it."""
    person = sign_in("edwin")
    person.stop_server()
    yield person
    sign_in("edwin").stop_server()


@pytest.fixture
def grace_pod(grace: Person, cluster: Cluster) -> Pod:
    """Return the pod of Grace's server."""
    return cluster.server_of("grace")


@pytest.fixture
def ada_pod(ada: Person, cluster: Cluster) -> Pod:
    """Return the pod of Ada's server."""
    return cluster.server_of("ada")


@pytest.fixture
def hub_pod(cluster: Cluster) -> Pod:
    """Return the hub's pod."""
    return cluster.pod("component=hub")
