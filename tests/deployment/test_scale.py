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

WORKER = "z2jh-worker9"


@pytest.fixture
def larger(tmp_path: Path) -> Path:
    """Write an inventory with a further worker."""
    hosts = (ROOT / "hosts").read_text()
    assert "[workers]\n" in hosts
    path = tmp_path / "hosts"
    path.write_text(hosts.replace("[workers]\n", f"[workers]\n{WORKER}\n"))
    return path


@pytest.fixture
def namespace(cluster: Cluster) -> Iterator[str]:
    """Name a namespace for what runs on the further worker."""
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


def test_a_worker_comes_keeps_its_data_and_goes(cluster: Cluster, larger: Path, namespace: str) -> None:
    nodes = cluster.ready_nodes()
    repair(larger)
    until("the worker is Ready", lambda: cluster.ready_nodes() == nodes | {WORKER}, 120)

    keep_data_on(cluster, namespace, WORKER)
    refused = up()
    assert refused.code != 0
    assert f"{namespace}/data on {WORKER}" in " ".join(refused.tasks("failed"))
    assert WORKER in cluster.ready_nodes(), "it was left alone"

    cluster.core.delete_namespaced_persistent_volume_claim("data", namespace)
    until("the volume is gone", lambda: not [v for v in volumes(cluster) if v == namespace], 120)
    policies = keep_pod_on(cluster, namespace, WORKER)
    refused = up()
    assert refused.code != 0
    assert f"{namespace}/kept" in " ".join(refused.tasks("failed"))
    assert "kept" in cluster.ready_pods(namespace), "it was not ended"
    assert not cluster.core.read_node(WORKER).spec.unschedulable, "it can be put back"

    policies.delete_namespaced_pod_disruption_budget("kept", namespace)
    repair()
    assert set(cluster.node_addresses()) == nodes
    assert containers() == nodes
    assert f"{WORKER}-var" not in podman("volume", "ls", "--format={{.Name}}").split()
    up_again()


def volumes(cluster: Cluster) -> list[str]:
    """Return the namespace of the claim of each volume."""
    return [volume.spec.claim_ref.namespace for volume in cluster.core.list_persistent_volume().items]
