"""GitHub is gone altogether (F17); what it may answer instead is in tests/deployment/test_github.py, TestOutage."""

from __future__ import annotations

from contextlib import suppress

import httpx
import pytest
from live.cluster import Cluster
from live.faults import scaled_to_nothing
from live.people import Person
from live.platform import Platform
from live.polling import until

STANDIN = "github-standin"
LEARNS_SECONDS = 30
NOBODY_ANSWERS = (httpx.TransportError, httpx.HTTPStatusError)


def comes_in(platform: Platform) -> bool:
    """Say whether somebody can sign in whom GitHub does not know from a try before, where it may not answer."""
    newcomer = Person(platform, "edwin")
    with suppress(*NOBODY_ANSWERS):
        if newcomer.sign_in().status_code == 200:
            newcomer.leave()
            return True
    return False


def test_whoever_is_in_does_not_notice(platform: Platform, cluster: Cluster, edwin: Person) -> None:
    if platform.place != "local":
        pytest.skip("no GitHub of ours to take away")
    with scaled_to_nothing(cluster, STANDIN, STANDIN):
        # Control: nobody can come in.
        with pytest.raises(NOBODY_ANSWERS):
            Person(platform, "edwin").sign_in()
        # Before each start the hub asks GitHub.
        assert edwin.start_server()
        assert edwin.api("GET", "/user").status_code == 200
        assert edwin.http.get("/hub/home").status_code == 200
    # Each node learns by itself that the stand-in's Service has a pod again, the hub's perhaps last.
    until("people can sign in again", lambda: comes_in(platform), LEARNS_SECONDS)
