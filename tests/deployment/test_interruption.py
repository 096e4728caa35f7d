"""A run that is killed anywhere and run again ends as one that was not; what half of a run made can be removed.

The platform is taken down and made again, with the homes of people lost.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import pytest
from kubernetes import client
from live.cluster import Cluster
from live.nodes import podman, run_on
from live.platform import ROOT, Platform
from live.polling import until
from live.runs import down, kill_run_at, repair, up_again

pytestmark = [pytest.mark.life, pytest.mark.timeout(5400)]

# Tasks, in the order of a run, in the middle of which it is killed: those that a second run must find half done.
POINTS = (
    "Containers | Run each node",
    "Write those that differ",
    "Start the services",
    "Restart those that began before their files were written",
    "Install the Kubernetes programs",
    "Say where the API servers are, and run HAProxy",
    "Write kubeadm's configuration",
    "Init | Run kubeadm init",
    "Ask the cluster for this control plane",
    "Kubeconfig | Keep it here",
    "Join | Start from nothing",
    "Join | Run kubeadm join",
    "Install Cilium",
    "Install the local-path provisioner",
    "Install metrics-server",
    "Make the namespaces",
)

# Prints the static pods' manifests. A file of the API server is named by what is in it, a key of this cluster's own.
MANIFESTS = "sed -E 's/(encryption)-[0-9a-f]+/\\1/' /etc/kubernetes/manifests/*.yaml"


def workloads(cluster: Cluster) -> set[tuple[str, str, str, str]]:
    """Return what runs on the cluster: kind, namespace, name and images of each workload."""
    apps = client.AppsV1Api(cluster.core.api_client)

    def described(kind: str, items: Iterable[Any]) -> Iterator[tuple[str, str, str, str]]:
        for item in items:
            images = ",".join(part.image for part in item.spec.template.spec.containers)
            yield kind, item.metadata.namespace, item.metadata.name, images

    return {
        *described("Deployment", apps.list_deployment_for_all_namespaces().items),
        *described("DaemonSet", apps.list_daemon_set_for_all_namespaces().items),
        *described("StatefulSet", apps.list_stateful_set_for_all_namespaces().items),
    }


def state(cluster: Cluster) -> dict[str, Any]:
    """Return what must be the same after every way to make a platform."""
    return {
        "nodes": cluster.node_addresses(),
        "control planes": cluster.control_planes(),
        "workloads": workloads(cluster),
        "manifests": {node: run_on(node, "sh", "-c", MANIFESTS) for node in cluster.control_planes()},
    }


def of_platform() -> list[str]:
    """Return the node containers of this machine, running or not."""
    return podman("ps", "--all", "--filter=label=z2jh.place=local", "--format={{.Names}}").split()


def test_a_run_that_is_killed_and_run_again_ends_as_one_that_was_not(cluster: Cluster, platform: Platform) -> None:
    before, nodes = state(cluster), set(of_platform())
    down()
    assert of_platform() == []
    # Half a cluster is removed as a whole one is.
    assert kill_run_at("Start the services")
    assert set(of_platform()) == nodes
    down()
    assert of_platform() == []
    assert not (ROOT / "state").exists()

    reached = [point for point in POINTS if kill_run_at(point)]
    assert len(reached) >= 10, reached
    repair()
    again = Cluster(platform.kubeconfig)
    until("every pod is well", lambda: not again.unwell_pods(), 300, every=2)
    assert state(again) == before
    up_again()
