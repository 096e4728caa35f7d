"""What the nodes serve each other: certificates of the cluster's CA, to callers who prove who they are."""

from __future__ import annotations

import json
import secrets
import ssl
from base64 import b64decode
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from live.cluster import Cluster, Pod, connect_from_here
from live.nodes import run_on
from live.platform import Platform
from live.polling import until
from scanning import findings, waived

# What a Secret of the tests holds.
WORD = "a-word-that-nobody-else-writes"

TIMERS = ("z2jh-approve-kubelet-certificates", "z2jh-renew-certificates", "z2jh-snapshot-etcd")

# The nodes have no etcdctl, but Python: it asks etcd's version with the certificate that only root may read.
READ_WITH_CERTIFICATE = (
    "python3",
    "-c",
    "import ssl, urllib.request as u; f = '/etc/kubernetes/pki/etcd/'; "
    "t = ssl.create_default_context(cafile=f + 'ca.crt'); t.load_cert_chain(f + 'server.crt', f + 'server.key'); "
    "u.urlopen('https://127.0.0.1:2379/version', context=t)",
)


@pytest.fixture
def tls(cluster: Cluster) -> ssl.SSLContext:
    """Trust the cluster's CA alone."""
    return ssl.create_default_context(cafile=cluster.core.api_client.configuration.ssl_ca_cert)


def pods_of(address: str, tls: ssl.SSLContext) -> httpx.Response:
    """Ask a kubelet for its pods."""
    return httpx.get(f"https://{address}:10250/pods", verify=tls, trust_env=False)


def test_each_kubelet_serves_with_a_certificate_of_the_cluster(
    cluster: Cluster, platform: Platform, tls: ssl.SSLContext
) -> None:
    for address in cluster.node_addresses().values():
        assert pods_of(address, tls).status_code == 401
        # Control: it is this CA that makes the difference.
        with pytest.raises(httpx.ConnectError, match="CERTIFICATE_VERIFY_FAILED"):
            pods_of(address, platform.tls)


def test_a_kubelet_answers_those_who_prove_who_they_are(cluster: Cluster, tls: ssl.SSLContext) -> None:
    configuration = cluster.core.api_client.configuration
    tls.load_cert_chain(configuration.cert_file, configuration.key_file)
    for address in cluster.node_addresses().values():
        assert pods_of(address, tls).status_code == 200


def test_no_kubelet_has_a_port_for_reading_without_proof(cluster: Cluster) -> None:
    for address in cluster.node_addresses().values():
        assert connect_from_here(address, 10255) == "refused"
        assert connect_from_here(address, 10250) == "open"


def test_etcd_takes_no_one_without_a_certificate(cluster: Cluster) -> None:
    unverified = ssl.create_default_context()
    unverified.check_hostname, unverified.verify_mode = False, ssl.CERT_NONE
    for name in cluster.control_planes():
        with pytest.raises(httpx.TransportError, match=r"certificate required|bad certificate"):
            httpx.get(f"https://{cluster.node_addresses()[name]}:2379/version", verify=unverified, trust_env=False)
        # Control: with one it answers.
        run_on(name, *READ_WITH_CERTIFICATE)


def test_the_endpoint_answers_on_every_node(cluster: Cluster) -> None:
    for node in cluster.node_addresses():
        ask = "import socket; socket.create_connection(('127.0.0.1', 6444), 3); print('open')"
        assert run_on(node, "python3", "-c", ask).strip() == "open"


@pytest.fixture
def secret(cluster: Cluster) -> Iterator[str]:
    """Make a Secret and a ConfigMap of one name, with one content, and remove them."""
    name = f"tests-{secrets.token_hex(4)}"
    cluster.core.create_namespaced_secret("default", {"metadata": {"name": name}, "stringData": {"word": WORD}})
    cluster.core.create_namespaced_config_map("default", {"metadata": {"name": name}, "data": {"word": WORD}})
    yield name
    cluster.core.delete_namespaced_secret(name, "default")
    cluster.core.delete_namespaced_config_map(name, "default")


def in_etcd(cluster: Cluster, kind: str, name: str) -> str:
    """Return what etcd holds of an object of namespace default, as far as it is text."""
    folder = "/etc/kubernetes/pki/etcd"
    tls = (f"--cacert={folder}/ca.crt", f"--cert={folder}/server.crt", f"--key={folder}/server.key")
    node = cluster.control_planes()[0]
    get = (
        "etcdctl",
        "--endpoints=https://127.0.0.1:2379",
        *tls,
        "get",
        "--print-value-only",
        f"/registry/{kind}/default/{name}",
    )
    etcd = f"etcd-{node}"
    ask = ("kubectl", "--kubeconfig=/etc/kubernetes/admin.conf", "--namespace=kube-system", "exec", etcd, "--", *get)
    return run_on(node, "sh", "-c", '"$@" | tr -cd "[:print:]"', "sh", *ask)


def test_secrets_are_encrypted_at_rest(cluster: Cluster, secret: str) -> None:
    assert in_etcd(cluster, "secrets", secret).startswith("k8s:enc:secretbox:v1:key1:")
    assert WORD not in in_etcd(cluster, "secrets", secret)
    # Control: what is not encrypted is read there.
    assert WORD in in_etcd(cluster, "configmaps", secret)


def audited(cluster: Cluster, *words: str) -> list[dict[str, Any]]:
    """Return the lines of the audit log that hold all of these words."""
    look = "from pathlib import Path; print(Path('/var/log/kubernetes/audit.log').read_text())"
    lines = run_on(cluster.control_planes()[0], "python3", "-c", look).splitlines()
    return [json.loads(line) for line in lines if all(word in line for word in words)]


def test_the_audit_log_says_who_wrote_but_not_what(cluster: Cluster, secret: str) -> None:
    until("the Secret is in the audit log", lambda: audited(cluster, f'"{secret}"', '"create"', '"secrets"'), 30)
    line = audited(cluster, f'"{secret}"', '"create"', '"secrets"')[0]
    assert line["user"]["username"] == "kubernetes-admin"
    assert not audited(cluster, WORD)


def test_the_audit_log_says_who_went_into_a_pod(cluster: Cluster, hub_pod: Pod) -> None:
    word = secrets.token_hex(8)
    hub_pod.run("true", word)
    until("the command is in the audit log", lambda: audited(cluster, word, '"exec"', f'"{hub_pod.name}"'), 30)
    assert audited(cluster, word)[0]["user"]["username"] == "kubernetes-admin"


def test_no_token_for_joining_lives_long(cluster: Cluster) -> None:
    soon = datetime.now(UTC) + timedelta(minutes=15)
    kept = cluster.core.list_namespaced_secret("kube-system").items
    for token in (one for one in kept if one.type == "bootstrap.kubernetes.io/token"):
        assert datetime.fromisoformat(b64decode(token.data["expiration"]).decode()) <= soon, token.metadata.name
    # The keys of the control plane, for those who join it, are taken back at once.
    assert "kubeadm-certs" not in {one.metadata.name for one in kept}
    # Control: Secrets of that namespace are seen.
    assert "metrics-server-tls" in {one.metadata.name for one in kept}


def test_what_a_control_plane_does_by_the_clock_is_on(cluster: Cluster) -> None:
    for node in cluster.control_planes():
        for timer in TIMERS:
            assert run_on(node, "systemctl", "is-active", f"{timer}.timer").strip() == "active"


def test_a_snapshot_of_etcd_is_roots_alone(cluster: Cluster) -> None:
    node = cluster.control_planes()[0]
    run_on(node, "systemctl", "start", "z2jh-snapshot-etcd.service")
    folder = "/var/backups/etcd"
    assert run_on(node, "stat", "--format=%a %U", folder).split() == ["700", "root"]
    newest = run_on(node, "ls", "--sort=time", folder).split()[0]
    assert newest.endswith(".db")
    assert run_on(node, "stat", "--format=%a %U", f"{folder}/{newest}").split() == ["600", "root"]


def test_checkov_finds_nothing_in_a_control_plane_but_what_is_waived(
    checkov: str, cluster: Cluster, tmp_path: Path
) -> None:
    for node in cluster.control_planes():
        (tmp_path / node).mkdir()
        for name in ("etcd", "kube-apiserver", "kube-controller-manager", "kube-scheduler"):
            manifest = run_on(node, "cat", f"/etc/kubernetes/manifests/{name}.yaml")
            (tmp_path / node / f"{name}.yaml").write_text(manifest)
    found = findings(checkov, tmp_path)
    assert found == waived("control_plane", found)
