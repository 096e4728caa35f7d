"""Fixtures of the tests that break the platform: somebody who works meanwhile."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from live.cluster import Cluster
from live.faults import HUB, renew
from live.fixtures import cluster, edwin, platform, sign_in
from live.people import Person
from live.platform import Platform
from live.work import Work

__all__ = ["cluster", "edwin", "platform", "sign_in"]


@pytest.fixture
def fresh_hub(platform: Platform, cluster: Cluster) -> None:
    """Have a hub that Kubernetes restarts at once."""
    renew(platform, cluster, HUB)


@pytest.fixture
def work(platform: Platform, cluster: Cluster, edwin: Person) -> Iterator[Work]:
    """Have Edwin work."""
    his = Work(platform, cluster, edwin)
    yield his
    his.end()
