"""The proxy is killed: every connection drops once, and within seconds it leads everybody back (F3)."""

from __future__ import annotations

from contextlib import suppress

import httpx
from live.cluster import Cluster
from live.faults import PROXY, process, renew
from live.platform import Platform
from live.polling import until
from live.work import Work

# JupyterHub alone gives the routes again after up to a minute.
BACK_SECONDS = 20


def test_routes_are_back_soon(platform: Platform, cluster: Cluster, work: Work) -> None:
    renew(platform, cluster, PROXY)
    until("the routes are there", lambda: leads_to_the_server(platform, work), BACK_SECONDS)
    work.kernel.connect_again()
    process(cluster, PROXY).signal()
    # Control: the proxy that knew the way is gone.
    work.kernel.wait_until_dropped()
    until("the proxy leads to the server again", lambda: leads_to_the_server(platform, work), BACK_SECONDS, every=0.2)
    work.kernel.connect_again()
    work.is_as_before()


def leads_to_the_server(platform: Platform, work: Work) -> bool:
    """Say whether a request to the person's server is answered by it; the hub redirects what has no route."""
    with suppress(httpx.TransportError):
        answer = work.person.http.get("/user/edwin/api", timeout=2, follow_redirects=False)
        return answer.status_code == 200 and "version" in answer.text
    return False
