"""What keeps the platform from running on a cluster that is there already is said, one sentence each."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from loading import load

cluster = load("plugins/filter/cluster.py")
probe = load("plugins/modules/cluster_probe.py")
registry = load("plugins/modules/registry_digests.py")

WANTED: dict[str, Any] = {
    "kubeconfig": "/home/admin/.kube/config",
    "minor": 28,
    "architecture": "x86_64",
    "namespaces": ["jupyterhub"],
    "cluster_roles": ["api-dask-gateway", "controller-dask-gateway"],
    "storage_class": "",
    "access": "LoadBalancer",
    "ingress_class": "",
}
GOOD: dict[str, Any] = {
    "problem": "",
    "server": "https://192.0.2.1:6443",
    "context": "science",
    "version": "1.36.3",
    "denied": [],
    "api_server_ports": [6443],
    "architectures": ["amd64"],
    "storage_classes": {"standard": True, "fast": False},
    "ingress_classes": {},
    "namespaces": {"default": {}},
    "cluster_roles": {"api-dask-gateway": "jupyterhub"},
    "daemon_sets": [],
}
WHERE = "The cluster science (https://192.0.2.1:6443)"

FINDINGS = [
    (
        {"problem": "connection refused"},
        {},
        "The cluster of /home/admin/.kube/config cannot be asked (connection refused): existing_kubeconfig has to be a "
        "kubeconfig whose current context leads to it from this machine.",
    ),
    ({"version": "1.27.16-gke.1"}, {}, f"{WHERE} runs Kubernetes 1.27.16-gke.1, and 1.28 is needed: upgrade it."),
    (
        {"denied": ["create /namespaces", "list /nodes"], "architectures": []},
        {},
        "The account of /home/admin/.kube/config may not: create /namespaces; list /nodes. "
        "Give it these rights, or use one that is bound to cluster-admin.",
    ),
    (
        {"architectures": ["arm64"]},
        {},
        f"{WHERE} has arm64, and this machine builds for amd64: set existing_images.",
    ),
    (
        {"namespaces": {"jupyterhub": {"team": "physics"}}},
        {},
        f"{WHERE} has a namespace jupyterhub that is not this platform's: it would be mixed with what runs there, "
        "so use another cluster, or remove that namespace if nobody needs it.",
    ),
    (
        {"cluster_roles": {"api-dask-gateway": "physics"}},
        {},
        f"{WHERE} has a ClusterRole api-dask-gateway of a release in namespace physics, which ours would need: "
        "Dask Gateway runs there already, so use another cluster.",
    ),
    (
        {},
        {"storage_class": "local-path"},
        "existing_storage_class local-path does not exist in the cluster: "
        "choose one of its StorageClasses (fast, standard).",
    ),
    (
        {"storage_classes": {"standard": False}},
        {},
        "The cluster has no StorageClass that is the one default: set existing_storage_class to one of standard.",
    ),
    (
        {},
        {"access": "Ingress", "ingress_class": "nginx"},
        "existing_ingress_class nginx does not exist in the cluster: choose one of its IngressClasses (none).",
    ),
]


@pytest.mark.parametrize(("found", "wanted", "sentence"), FINDINGS)
def test_each_finding_is_a_sentence(found: dict[str, Any], wanted: dict[str, Any], sentence: str) -> None:
    assert cluster.cluster_findings(GOOD | found, WANTED | wanted) == [sentence]


@pytest.mark.parametrize(
    ("found", "wanted"),
    [
        ({}, {}),
        ({"namespaces": {"jupyterhub": {"app.kubernetes.io/part-of": "z2jh"}}}, {}),
        ({"storage_classes": {"a": False, "b": False}}, {"storage_class": "b"}),
        ({"ingress_classes": {"nginx": True}}, {"access": "Ingress"}),
        ({"architectures": ["arm64"]}, {"architecture": ""}),
    ],
)
def test_a_good_cluster_passes(found: dict[str, Any], wanted: dict[str, Any]) -> None:
    assert cluster.cluster_findings(GOOD | found, WANTED | wanted) == []


def test_the_class_that_is_used() -> None:
    assert cluster.default_class(GOOD["storage_classes"]) == "standard"
    assert cluster.default_class(GOOD["storage_classes"], "fast") == "fast"


def test_who_enforces_network_policies() -> None:
    assert cluster.policy_enforcement(["kube-proxy", "calico-node"]) == "NetworkPolicies are enforced by Calico."
    assert cluster.policy_enforcement(["kube-flannel-ds"]).startswith("No network plugin that is known to enforce")


def test_rights_as_the_api_asks_for_them() -> None:
    assert probe.attributes("create /secrets jupyterhub") == {
        "verb": "create",
        "group": "",
        "resource": "secrets",
        "namespace": "jupyterhub",
    }
    assert probe.attributes("list storage.k8s.io/storageclasses") == {
        "verb": "list",
        "group": "storage.k8s.io",
        "resource": "storageclasses",
    }


def test_architectures_of_nodes_that_take_pods() -> None:
    def node(architecture: str, *effects: str) -> SimpleNamespace:
        return SimpleNamespace(
            status=SimpleNamespace(node_info=SimpleNamespace(architecture=architecture)),
            spec=SimpleNamespace(taints=[SimpleNamespace(effect=effect) for effect in effects] or None),
        )

    nodes = [node("arm64", "NoSchedule"), node("amd64", "PreferNoSchedule"), node("amd64")]
    assert probe.schedulable_architectures(nodes) == ["amd64"]


def test_a_service_of_tokens_is_found() -> None:
    header = 'Bearer realm="https://auth.example.org/token",service="registry",scope="repository:z2jh/hub:pull"'
    assert registry.challenge(header) == {
        "realm": "https://auth.example.org/token",
        "service": "registry",
        "scope": "repository:z2jh/hub:pull",
    }
    assert registry.challenge('Basic realm="Registry"') == {}
