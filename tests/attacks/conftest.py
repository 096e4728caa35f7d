"""Fixtures of the tests on a live platform."""

from __future__ import annotations

from collections.abc import Iterator

import httpx
import pytest
from live.fixtures import ada, ada_pod, cluster, grace, grace_pod, hub_pod, platform, sign_in

__all__ = ["ada", "ada_pod", "cluster", "grace", "grace_pod", "hub_pod", "platform", "sign_in"]


@pytest.fixture
def stranger() -> Iterator[httpx.Client]:
    """Return a client that has no key, and takes whoever answers: whose certificate it is matters to no attacker."""
    with httpx.Client(verify=False, trust_env=False) as client:  # noqa: S501
        yield client
