"""Nodes that were stopped and started come back without hands."""

from __future__ import annotations

import pytest
from live.cluster import HUB_NAMESPACE, Cluster
from live.faults import HUB, container, until_hub_serves, until_whole
from live.memory import node_containers
from live.nodes import podman
from live.platform import Platform
from live.polling import until
from live.runs import up_again

LOOK_UP = "import socket, sys; print(socket.getaddrinfo(sys.argv[1], None)[0][4][0])"

pytestmark = [pytest.mark.life, pytest.mark.timeout(1200)]


def test_all_nodes_come_back(cluster: Cluster, platform: Platform) -> None:
    nodes = cluster.ready_nodes()
    started = {node: podman("inspect", "--format={{.State.StartedAt}}", node) for node in nodes}
    assert set(node_containers()) == nodes
    podman("stop", *sorted(nodes))
    assert node_containers() == []
    podman("start", *sorted(nodes))
    until_whole(cluster, nodes)
    assert all(podman("inspect", "--format={{.State.StartedAt}}", node) != started[node] for node in nodes)
    with platform.http() as hub:
        until("the hub answers", lambda: hub.get("/hub/health").status_code == 200, 60)
    up_again()


def test_a_worker_comes_back(cluster: Cluster, platform: Platform) -> None:
    nodes, worker = cluster.ready_nodes(), cluster.workers()[0]
    podman("stop", worker)
    until("the cluster has seen it go", lambda: worker not in cluster.ready_nodes(), 120)
    podman("start", worker)
    until_whole(cluster, nodes)
    until_hub_serves(platform)


def test_names_are_found_while_a_control_plane_is_away(cluster: Cluster) -> None:
    """Where the nodes' names were in pods of any node, half of the look-ups failed, or all of them."""
    nodes, control_plane = cluster.ready_nodes(), cluster.control_planes()[0]
    until("the hub's container is the one that is known", lambda: container(cluster, HUB).runs(), 60)
    hub = container(cluster, HUB)
    address = cluster.core.read_namespaced_service("proxy-api", HUB_NAMESPACE).spec.cluster_ip
    # As without power.
    podman("kill", control_plane)
    try:
        assert control_plane not in node_containers()
        for _ in range(20):
            assert hub.run("python3", "-c", LOOK_UP, f"proxy-api.{HUB_NAMESPACE}").strip() == address
    finally:
        podman("start", control_plane)
    until_whole(cluster, nodes)
