"""What the nodes serve each other: certificates of the cluster's CA, to callers who prove who they are."""

from __future__ import annotations

import ssl

import httpx
import pytest
from live.cluster import Cluster, connect_from_here
from live.nodes import run_on
from live.platform import Platform

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
