"""Fixtures of the tests on a live platform."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from live.cluster import Cluster
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
    """Return somebody who is signed in; the same one each time that the name is the same."""
    people: dict[str, Person] = {}

    def one(name: str) -> Person:
        if name not in people:
            person = Person(platform, name)
            answer = person.sign_in()
            assert answer.status_code == 200, f"{name} cannot sign in: {answer.status_code} {answer.url}\n{answer.text}"
            people[name] = person
        return people[name]

    yield one
    for person in people.values():
        person.leave()
