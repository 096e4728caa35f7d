"""A run that is killed anywhere and run again ends as one that was not; what half of a run made can be removed.

The platform is taken down and made again, with the homes of people lost.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import pytest
from kubernetes import client
from live.cluster import Cluster
from live.nodes import podman, run_on, succeeds_on
from live.platform import ROOT, Platform
from live.polling import until
from live.runs import down, kill_run_at, repair, up_again

pytestmark = [pytest.mark.life, pytest.mark.timeout(5400)]

# Tasks, in the order of a run, at which it is killed, each time further than before: the next finds things half done.
POINTS = (
    "Containers | Run each node",
    "Host keys | Write them down",
    "Change | Write those that differ",
    "Change | Start the services",
    "Change | Restart those that began before their files were written",
    "Install the Kubernetes programs",
    "Repair | Repair the static pods",
    "Init | Run kubeadm init",
    "Ask the cluster for this control plane",
    "Kubeconfig | Keep it here",
    "Kubeadm | Start from nothing",
    "Kubeadm | Run kubeadm join",
    "Helm | Install or upgrade cilium",
    "Install the local-path provisioner",
    "Install metrics-server",
    "Make the namespaces",
    "Put each certificate into its Secret, and give pods the roots to trust",
    "Helm | Install or upgrade jupyterhub",
    "Watch | Wait until all pods are ready, or one keeps failing",
    "Wait until every workload is ready",
)

# Those in the midst of which kubeadm is killed too, and what tells on a node that it has come to that.
KUBEADM = {
    "Init | Run kubeadm init": ("test", "-e", "/etc/kubernetes/manifests/etcd.yaml"),
    "Kubeadm | Run kubeadm join": ("pgrep", "--exact", "kubeadm"),
}

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


def kill_at(point: str) -> bool:
    """Kill a run at a point; say whether it came to that."""
    sign = KUBEADM.get(point)
    reached = kill_run_at(point, once=lambda: not sign or any(succeeds_on(node, *sign) for node in of_platform()))
    for node in of_platform() if sign else []:
        succeeds_on(node, "pkill", "-KILL", "--exact", "kubeadm")
    return reached


def test_a_run_that_is_killed_and_run_again_ends_as_one_that_was_not(cluster: Cluster, platform: Platform) -> None:
    before, nodes = state(cluster), set(of_platform())
    down()
    assert of_platform() == []
    # Half a cluster is removed as a whole one is, and by two runs of which the first is killed.
    assert kill_run_at("Change | Start the services")
    assert set(of_platform()) == nodes
    assert kill_run_at("Departed | Remove their volumes", script=("down.sh", "--yes"))
    down()
    assert of_platform() == []
    assert not (ROOT / "state").exists()

    for point in POINTS:
        assert kill_at(point), f"no run came to: {point}"
    repair()
    again = Cluster(platform.kubeconfig)
    until("every pod is well", lambda: not again.unwell_pods(), 300, every=2)
    assert state(again) == before
    up_again()
