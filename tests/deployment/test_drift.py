"""What somebody broke by hand, the next run repairs."""

from __future__ import annotations

import json

import pytest
from live.cluster import Cluster
from live.nodes import run_on, succeeds_on
from live.polling import until
from live.runs import repair, up_again

pytestmark = [pytest.mark.life, pytest.mark.timeout(1200)]

MANIFESTS = "/etc/kubernetes/manifests"
KUBELET = "/etc/kubernetes/kubelet.conf.d/z2jh.conf"
CNI = "/etc/cni/net.d/05-cilium.conflist"


@pytest.fixture
def control_plane(cluster: Cluster) -> str:
    return cluster.control_planes()[0]


@pytest.fixture
def worker(cluster: Cluster) -> str:
    return cluster.workers()[0]


def test_services_that_were_stopped_run_again(cluster: Cluster, control_plane: str, worker: str) -> None:
    stopped = [
        (worker, "kubelet"),
        (worker, "containerd"),
        (worker, "haproxy"),
        (control_plane, "kubelet"),
        (control_plane, "z2jh-registry"),
        (control_plane, "z2jh-registry-push"),
        (control_plane, "z2jh-snapshot-etcd.timer"),
    ]
    for node, unit in stopped:
        run_on(node, "systemctl", "stop", unit)
        assert not succeeds_on(node, "systemctl", "is-active", unit)
    repair()
    for node, unit in stopped:
        assert run_on(node, "systemctl", "is-active", unit).strip() == "active", f"{unit} on {node}"
    until("every node is Ready", lambda: cluster.ready_nodes() == set(cluster.node_addresses()), 120)
    up_again()


@pytest.mark.parametrize("unit", ["containerd", "haproxy"])
def test_services_that_were_masked_run_again(worker: str, unit: str) -> None:
    """Those of Debian's packages: systemctl refuses to mask a unit whose file is in /etc."""
    run_on(worker, "systemctl", "mask", "--now", unit)
    assert not succeeds_on(worker, "systemctl", "is-active", unit)
    repair()
    assert run_on(worker, "systemctl", "is-active", unit).strip() == "active"
    assert run_on(worker, "systemctl", "is-enabled", unit).strip() == "enabled"
    up_again()


@pytest.mark.parametrize("pod", ["kube-scheduler", "kube-apiserver", "etcd"])
def test_a_manifest_that_was_edited_is_as_before(control_plane: str, pod: str) -> None:
    """An argument that the program does not know: it does not come up with it."""
    manifest = f"{MANIFESTS}/{pod}.yaml"
    before = run_on(control_plane, "cat", manifest)
    run_on(control_plane, "sed", "-i", f"s/^    - {pod}$/&\\n    - --no-such-argument/", manifest)
    assert "--no-such-argument" in run_on(control_plane, "cat", manifest)
    repair()
    assert run_on(control_plane, "cat", manifest) == before
    up_again()


def test_a_manifest_that_was_deleted_is_back(control_plane: str) -> None:
    manifest = f"{MANIFESTS}/kube-controller-manager.yaml"
    before = run_on(control_plane, "cat", manifest)
    run_on(control_plane, "rm", manifest)
    assert "Repair the static pods" in " ".join(repair().tasks("changed"))
    assert run_on(control_plane, "cat", manifest) == before
    up_again()


def test_a_kubelets_configuration_that_was_edited_is_as_before(control_plane: str, worker: str) -> None:
    ask = [
        "kubectl",
        "--kubeconfig=/etc/kubernetes/admin.conf",
        "get",
        "--raw",
        f"/api/v1/nodes/{worker}/proxy/configz",
    ]

    def limit() -> int:
        return int(json.loads(run_on(control_plane, *ask))["kubeletconfig"]["podPidsLimit"])

    def is_limited_to(number: int) -> bool:
        # One that was restarted does not serve at once.
        return succeeds_on(control_plane, *ask) and limit() == number

    before = limit()
    run_on(worker, "sed", "-i", "s/^podPidsLimit: .*/podPidsLimit: 9999/", KUBELET)
    run_on(worker, "systemctl", "restart", "kubelet")
    until("the kubelet does as it was told", lambda: is_limited_to(9999), 60)
    repair()
    until("the kubelet does as before", lambda: is_limited_to(before), 60)
    up_again()


def test_a_cni_configuration_that_was_deleted_is_back(cluster: Cluster, worker: str) -> None:
    assert succeeds_on(worker, "test", "-s", CNI)
    run_on(worker, "rm", CNI)
    repair()
    until("the CNI configuration is back", lambda: succeeds_on(worker, "test", "-s", CNI), 60)
    until("every node is Ready", lambda: cluster.ready_nodes() == set(cluster.node_addresses()), 120)


def test_certificates_that_end_soon_are_renewed(cluster: Cluster, control_plane: str) -> None:
    def serial() -> str:
        certificate = "/etc/kubernetes/pki/apiserver.crt"
        return run_on(control_plane, "openssl", "x509", "-noout", "-serial", "-in", certificate)

    program, before = "/usr/local/sbin/z2jh-renew-certificates", serial()
    # Control: they are a year old at most, and none ends within a month.
    run_on(control_plane, program, "30")
    assert serial() == before
    run_on(control_plane, program, "400")
    assert serial() != before
    until("every node is Ready", lambda: cluster.ready_nodes() == set(cluster.node_addresses()), 120)
    # The administrator's certificate is a new one, too: the next run brings it here.
    repair()
    up_again()
