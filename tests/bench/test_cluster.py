"""Figures of the cluster alone: how soon it is there, and its memory before anything is put on it.

The platform is taken down and made again, with the homes of people lost: `scripts/bench.sh -m life`.
"""

from __future__ import annotations

import time

import pytest
from live.cluster import Cluster
from live.memory import memory_of_nodes
from live.platform import Platform
from live.polling import until
from live.runs import down, kill_run_at, repair
from live.table import Table

pytestmark = [pytest.mark.life, pytest.mark.timeout(1800)]


def test_time_and_memory_of_the_cluster_alone(platform: Platform, cluster: Cluster, table: Table) -> None:
    if platform.place != "local":
        pytest.skip("only the nodes of place local are on this machine")
    nodes = set(cluster.node_addresses())
    down()
    try:
        begin = time.monotonic()
        # The first task after the cluster's own.
        assert kill_run_at("Make the namespaces")
        alone = Cluster(platform.kubeconfig)
        until("all nodes are Ready", lambda: alone.ready_nodes() == nodes, 300, every=1)
        seconds = time.monotonic() - begin
        until("all pods of the cluster are well", lambda: not alone.unwell_pods(), 300, every=1)
        total, parts = memory_of_nodes()
    finally:
        repair()
    table.add("make up to all nodes Ready, with the cache", f"{seconds:.0f} s", "at most 150")
    table.add("memory of the cluster alone", f"{total:.2f} GiB", f"{parts}; at most 2.5")
    assert total < 2.5
