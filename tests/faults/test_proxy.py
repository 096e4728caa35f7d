"""The proxy is killed: every connection drops once, and within seconds it leads everybody back (F3)."""

from __future__ import annotations

from live.cluster import Cluster
from live.faults import PROXY, leads_to_server, process, renew
from live.platform import Platform
from live.polling import until
from live.work import Work

# JupyterHub alone gives the routes again after up to a minute.
BACK_SECONDS = 20


def test_routes_are_back_soon(platform: Platform, cluster: Cluster, work: Work) -> None:
    renew(platform, cluster, PROXY)
    until("the routes are there", lambda: leads_to_server(work.person), BACK_SECONDS)
    work.kernel.connect_again()
    process(cluster, PROXY).signal()
    # Control: the proxy that knew the way is gone.
    work.kernel.wait_until_dropped()
    until("the proxy leads to the server again", lambda: leads_to_server(work.person), BACK_SECONDS, every=0.2)
    work.kernel.connect_again()
    work.is_as_before()
