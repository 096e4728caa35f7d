"""Workers come and go with their line in the inventory."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from kubernetes import client
from live.cluster import Cluster
from live.nodes import podman
from live.platform import ROOT
from live.polling import until
from live.runs import repair, up, up_again

pytestmark = [pytest.mark.life, pytest.mark.timeout(2400)]

# They leave together; the first of them is emptied before the second, which holds what is in the way.
WORKERS = ("z2jh-worker8", "z2jh-worker9")
WORKER = WORKERS[1]


@pytest.fixture
def larger(tmp_path: Path) -> Path:
    """Write an inventory with two further workers."""
    hosts = (ROOT / "hosts").read_text()
    assert "[workers]\n" in hosts
    path = tmp_path / "hosts"
    path.write_text(hosts.replace("[workers]\n", "\n".join(["[workers]", *WORKERS, ""])))
    return path


@pytest.fixture
def namespace(cluster: Cluster) -> Iterator[str]:
    """Name a namespace for what runs on a further worker."""
    cluster.core.create_namespace({"metadata": {"name": "tests-scale"}})
    yield "tests-scale"
    cluster.remove_namespace("tests-scale")


def keep_data_on(cluster: Cluster, namespace: str, node: str) -> None:
    """Have a pod write to a volume on a node's disk."""
    core = cluster.core
    image = cluster.pod("component=hub").image
    size = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "16Mi"}}}
    core.create_namespaced_persistent_volume_claim(namespace, {"metadata": {"name": "data"}, "spec": size})
    container = {
        "name": "main",
        "image": image,
        "command": ["python3", "-c", "open('/data/word', 'w').write('kept')"],
        "volumeMounts": [{"name": "data", "mountPath": "/data"}],
    }
    spec = {
        "nodeSelector": {"kubernetes.io/hostname": node},
        "restartPolicy": "Never",
        "containers": [container],
        "volumes": [{"name": "data", "persistentVolumeClaim": {"claimName": "data"}}],
    }
    core.create_namespaced_pod(namespace, {"metadata": {"name": "writer"}, "spec": spec})
    until("the data is written", lambda: core.read_namespaced_pod("writer", namespace).status.phase == "Succeeded", 300)
    core.delete_namespaced_pod("writer", namespace)


def keep_pod_on(cluster: Cluster, namespace: str, node: str) -> client.PolicyV1Api:
    """Run a pod on a node that nobody may evict; return the API by which that is taken back."""
    container = {
        "name": "main",
        "image": cluster.pod("component=hub").image,
        "command": ["python3", "-c", "import signal; signal.pause()"],
    }
    spec = {
        "nodeSelector": {"kubernetes.io/hostname": node},
        "containers": [container],
        "terminationGracePeriodSeconds": 1,
    }
    labels = {"app": "kept"}
    cluster.core.create_namespaced_pod(namespace, {"metadata": {"name": "kept", "labels": labels}, "spec": spec})
    policies = client.PolicyV1Api(cluster.core.api_client)
    budget = {"minAvailable": 1, "selector": {"matchLabels": labels}}
    policies.create_namespaced_pod_disruption_budget(namespace, {"metadata": {"name": "kept"}, "spec": budget})
    until("the pod runs", lambda: "kept" in cluster.ready_pods(namespace), 120)
    return policies


def containers() -> set[str]:
    """Return the names of the node containers."""
    return set(podman("ps", "--all", "--filter=label=z2jh.place=local", "--format={{.Names}}").split())


def closed(cluster: Cluster) -> list[str]:
    """Return the nodes on which no pod may start."""
    return [node.metadata.name for node in cluster.core.list_node().items if node.spec.unschedulable]


def test_workers_come_keep_their_data_and_go(cluster: Cluster, larger: Path, namespace: str) -> None:
    nodes = cluster.ready_nodes()
    repair(larger)
    until("the workers are Ready", lambda: cluster.ready_nodes() == nodes | set(WORKERS), 120)

    keep_data_on(cluster, namespace, WORKER)
    refused = up()
    assert refused.code != 0
    assert f"{namespace}/data on {WORKER}" in " ".join(refused.tasks("failed"))
    assert cluster.ready_nodes() == nodes | set(WORKERS), "they were left alone"
    assert not closed(cluster)

    cluster.core.delete_node(WORKER)
    refused = up()
    assert f"{namespace}/data on {WORKER}" in " ".join(refused.tasks("failed")), "of a node deleted by hand, too"
    assert WORKER in containers()
    podman("exec", WORKER, "systemctl", "restart", "kubelet")
    until("the worker is Ready again", lambda: WORKER in cluster.ready_nodes(), 120)

    cluster.core.delete_namespaced_persistent_volume_claim("data", namespace)
    until("the volume is gone", lambda: not [v for v in volumes(cluster) if v == namespace], 120)
    policies = keep_pod_on(cluster, namespace, WORKER)
    refused = up()
    assert refused.code != 0
    assert f"{namespace}/kept" in " ".join(refused.tasks("failed"))
    assert "kept" in cluster.ready_pods(namespace), "it was not ended"
    assert not closed(cluster), "they can be put back"

    policies.delete_namespaced_pod_disruption_budget("kept", namespace)
    repair()
    assert set(cluster.node_addresses()) == nodes
    assert containers() == nodes
    assert {f"{worker}-var" for worker in WORKERS}.isdisjoint(podman("volume", "ls", "--format={{.Name}}").split())
    up_again()


def volumes(cluster: Cluster) -> list[str]:
    """Return the namespace of the claim of each volume."""
    return [volume.spec.claim_ref.namespace for volume in cluster.core.list_persistent_volume().items]
