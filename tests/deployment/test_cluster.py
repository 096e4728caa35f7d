"""The cluster beneath: its nodes, storage that outlives pods, and a registry that only we can write to."""

from __future__ import annotations

import secrets
import ssl
from collections.abc import Iterator

import httpx
import pytest
from kubernetes import client
from live.cluster import Cluster, Pod, connect_from_here
from live.platform import Platform
from live.polling import until


def test_every_node_is_ready(cluster: Cluster) -> None:
    nodes = cluster.core.list_node().items
    ready = {
        node.metadata.name: next(entry.status for entry in node.status.conditions if entry.type == "Ready")
        for node in nodes
    }
    assert len(ready) >= 2
    assert set(ready.values()) == {"True"}, ready


def test_every_pod_is_well(cluster: Cluster) -> None:
    assert not cluster.unwell_pods()


@pytest.fixture
def namespace(cluster: Cluster) -> Iterator[str]:
    """Make a namespace, and remove it with all that is in it."""
    name = f"tests-{secrets.token_hex(4)}"
    cluster.core.create_namespace({"metadata": {"name": name}})

    def accounts() -> list[object]:
        return list(cluster.core.list_namespaced_service_account(name).items)

    # No pod is let in before.
    until("the namespace has its account", accounts, 30)
    yield name
    cluster.core.delete_namespace(name)


def run_with_volume(cluster: Cluster, namespace: str, name: str, script: str) -> str:
    """Run a script in a pod of its own that mounts the claim `data`; return what it printed."""
    image = cluster.pod("component=hub").image
    core = cluster.core
    core.create_namespaced_pod(
        namespace,
        {
            "metadata": {"name": name},
            "spec": {
                "restartPolicy": "Never",
                "automountServiceAccountToken": False,
                "securityContext": {"runAsUser": 1000, "fsGroup": 1000},
                "containers": [
                    {
                        "name": "main",
                        "image": image,
                        "command": ["python3", "-c", script],
                        "volumeMounts": [{"name": "data", "mountPath": "/data"}],
                    }
                ],
                "volumes": [{"name": "data", "persistentVolumeClaim": {"claimName": "data"}}],
            },
        },
    )

    def phase() -> str:
        found: str = core.read_namespaced_pod(name, namespace).status.phase
        return found

    until(f"pod {name} has ended", lambda: phase() in ("Succeeded", "Failed"), 120)
    printed: str = core.read_namespaced_pod_log(name, namespace)
    assert phase() == "Succeeded", printed
    core.delete_namespaced_pod(name, namespace)
    return printed


def test_a_volume_outlives_its_pod(cluster: Cluster, namespace: str) -> None:
    claim = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "16Mi"}}}
    cluster.core.create_namespaced_persistent_volume_claim(namespace, {"metadata": {"name": "data"}, "spec": claim})
    run_with_volume(cluster, namespace, "writer", "open('/data/word', 'w').write('kept')")
    assert run_with_volume(cluster, namespace, "reader", "print(open('/data/word').read())").strip() == "kept"


def run_on_node(cluster: Cluster, namespace: str, name: str, node: str, *command: str) -> Pod:
    """Run a pod on this node, and return it when it runs."""
    image = cluster.pod("component=hub").image
    # Named, so that no scheduler and no taint keeps it from a control plane.
    spec = {
        "nodeName": node,
        "containers": [{"name": "main", "image": image, "command": [*command]}],
        "automountServiceAccountToken": False,
        "terminationGracePeriodSeconds": 1,
    }
    metadata = {"name": name, "labels": {"app": name}}
    cluster.core.create_namespaced_pod(namespace, {"metadata": metadata, "spec": spec})
    until(f"pod {name} runs on {node}", lambda: cluster.pods(f"app={name}", namespace), 120)
    return cluster.pod(f"app={name}", namespace)


def test_pods_on_two_nodes_talk_by_name_unless_a_policy_forbids_it(cluster: Cluster, namespace: str) -> None:
    here, there = cluster.workers()[0], cluster.control_planes()[0]
    asker = run_on_node(cluster, namespace, "asker", here, "python3", "-c", "import signal; signal.pause()")
    run_on_node(cluster, namespace, "server", there, "python3", "-m", "http.server", "8000")
    service = {"selector": {"app": "server"}, "ports": [{"port": 80, "targetPort": 8000}]}
    cluster.core.create_namespaced_service(namespace, {"metadata": {"name": "server"}, "spec": service})
    name = f"server.{namespace}.svc.cluster.local"
    until("the Service leads to its pod", lambda: asker.connect(name, 80) == "open", 30)
    policy = {"metadata": {"name": "nobody"}, "spec": {"podSelector": {}, "policyTypes": ["Ingress"]}}
    client.NetworkingV1Api(cluster.core.api_client).create_namespaced_network_policy(namespace, policy)
    until("the policy keeps others away", lambda: asker.connect(name, 80) == "timeout", 30)


@pytest.mark.parametrize("control_plane", [True, False], ids=["pod-beside-it", "pod-on-a-worker"])
def test_no_pod_reaches_the_registry(cluster: Cluster, namespace: str, hub_pod: Pod, control_plane: bool) -> None:
    node = (cluster.control_planes() if control_plane else cluster.workers())[0]
    registry = cluster.node_address(control_plane=True)
    pod = run_on_node(cluster, namespace, "asker", node, "python3", "-c", "import signal; signal.pause()")
    for port in (5000, 5001):
        assert (pod.connect(registry, port), hub_pod.connect(registry, port)) == ("timeout", "timeout")
        # Controls: it is open to this machine, and the pods reach the same node.
        assert connect_from_here(registry, port) == "open"
        assert (pod.connect(registry, 6443), hub_pod.connect(registry, 6443)) == ("open", "open")


class TestRegistry:
    """Nodes read images from one port; the other, for writing, is for holders of our certificate."""

    @pytest.fixture
    def address(self, cluster: Cluster) -> str:
        return cluster.node_address(control_plane=True)

    def begin_upload(self, address: str, port: int, tls: ssl.SSLContext) -> httpx.Response:
        """Ask to write a layer, which is how every push begins, and give up again."""
        with httpx.Client(base_url=f"https://{address}:{port}", verify=tls, trust_env=False) as registry:
            answer = registry.post("/v2/z2jh/tests/blobs/uploads/")
            if answer.status_code == 202:
                registry.delete(answer.headers["location"])
            return answer

    def test_no_push_without_certificate(self, address: str, platform: Platform) -> None:
        with pytest.raises(httpx.TransportError, match=r"alert bad certificate|certificate required"):
            self.begin_upload(address, 5001, platform.tls)

    def test_push_with_certificate(self, address: str, platform: Platform) -> None:
        assert platform.ca
        tls = ssl.create_default_context(cafile=platform.ca)
        tls.load_cert_chain(platform.ca.with_name("registry-push.crt"), platform.ca.with_name("registry-push.key"))
        assert self.begin_upload(address, 5001, tls).status_code == 202

    def test_no_push_to_the_port_for_reading(self, address: str, platform: Platform) -> None:
        assert self.begin_upload(address, 5000, platform.tls).status_code == 405

    def test_the_port_for_reading_is_read(self, address: str, platform: Platform) -> None:
        with httpx.Client(base_url=f"https://{address}:5000", verify=platform.tls, trust_env=False) as registry:
            assert "z2jh/hub" in registry.get("/v2/_catalog?n=1000").json()["repositories"]


def test_nobody_reads_secrets_anonymously(platform: Platform, cluster: Cluster) -> None:
    server = client.ApiClient(cluster.core.api_client.configuration).configuration
    tls = ssl.create_default_context(cafile=server.ssl_ca_cert)
    with httpx.Client(base_url=server.host, verify=tls, trust_env=False) as api:
        assert api.get("/api/v1/namespaces/jupyterhub/secrets").status_code in (401, 403)
    assert cluster.core.list_namespaced_secret("jupyterhub").items, "the administrator reads them"
