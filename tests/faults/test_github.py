"""GitHub is gone altogether (F17); what it may answer instead is in tests/deployment/test_github.py, TestOutage."""

from __future__ import annotations

import httpx
import pytest
from live.cluster import Cluster
from live.faults import scaled_to_nothing
from live.people import Person
from live.platform import Platform

STANDIN = "github-standin"


def test_whoever_is_in_does_not_notice(platform: Platform, cluster: Cluster, edwin: Person) -> None:
    if platform.place != "local":
        pytest.skip("no GitHub of ours to take away")
    with scaled_to_nothing(cluster, STANDIN, STANDIN):
        # Control: nobody can come in.
        with pytest.raises((httpx.TransportError, httpx.HTTPStatusError)):
            Person(platform, "edwin").sign_in()
        # Before each start the hub asks GitHub.
        assert edwin.start_server()
        assert edwin.api("GET", "/user").status_code == 200
        assert edwin.http.get("/hub/home").status_code == 200
    newcomer = Person(platform, "edwin")
    assert newcomer.sign_in().status_code == 200
    newcomer.leave()
