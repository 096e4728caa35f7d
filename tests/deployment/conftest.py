"""Fixtures of the tests on a live platform: two people with servers, who are not each other's friends."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from live.cluster import Cluster, Pod
from live.fixtures import SignIn, cluster, platform, sign_in
from live.people import Person

__all__ = ["cluster", "platform", "sign_in"]


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
