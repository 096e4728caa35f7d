"""How much CPU and memory nodes and pods use, as kubectl top asks for it."""

from __future__ import annotations

import ssl
from typing import Any

import httpx
from live.cluster import Cluster
from live.polling import until

API = ("metrics.k8s.io", "v1beta1")
# Two readings, 15 seconds apart, make a first value.
SECONDS = 90


def test_the_usage_of_every_node(cluster: Cluster) -> None:
    def usage() -> dict[str, Any]:
        return {
            node["metadata"]["name"]: node["usage"]
            for node in cluster.objects.list_cluster_custom_object(*API, "nodes")["items"]
        }

    nodes = set(cluster.node_addresses())
    until("every node is measured", lambda: usage().keys() == nodes, SECONDS)
    for node, used in usage().items():
        assert used["cpu"] not in ("", "0"), node
        assert int(used["memory"].removesuffix("Ki")) > 100_000, node


def test_the_usage_of_a_pod(cluster: Cluster) -> None:
    hub = cluster.pod("component=hub")

    def usage() -> list[Any]:
        return [
            pod["containers"]
            for pod in cluster.objects.list_namespaced_custom_object(*API, hub.namespace, "pods")["items"]
            if pod["metadata"]["name"] == hub.name
        ]

    (containers,) = until("the hub is measured", usage, SECONDS)
    assert int(containers[0]["usage"]["memory"].removesuffix("Ki")) > 10_000


def test_nobody_measures_anonymously(cluster: Cluster) -> None:
    server = cluster.core.api_client.configuration
    tls = ssl.create_default_context(cafile=server.ssl_ca_cert)
    with httpx.Client(base_url=server.host, verify=tls, trust_env=False) as api:
        assert api.get("/apis/metrics.k8s.io/v1beta1/nodes").status_code in (401, 403)


def test_kubelets_are_asked_over_tls_that_is_verified(cluster: Cluster) -> None:
    (pod,) = cluster.core.list_namespaced_pod("kube-system", label_selector="app=metrics-server").items
    arguments = pod.spec.containers[0].args
    assert "--kubelet-certificate-authority=/var/run/secrets/kubernetes.io/serviceaccount/ca.crt" in arguments
    assert not [argument for argument in arguments if "insecure" in argument]
