"""What a user's pod reaches and what it does not. Whatever is closed to it is shown to be open to somebody else."""

from __future__ import annotations

import pytest
from live.cluster import Cluster, Pod, connect_from_here
from live.people import Person

REFUSED = ("timeout", "refused")


@pytest.mark.parametrize(
    ("host", "port"),
    [
        pytest.param("hub", 8081, id="hub"),
        pytest.param("traefik-dask-gateway", 80, id="dask-gateway"),
        pytest.param("s3.archive.svc.cluster.local", 80, id="s3"),
        pytest.param("mast.stsci.edu", 443, id="mast"),
    ],
)
def test_open_to_users(grace_pod: Pod, host: str, port: int) -> None:
    assert grace_pod.connect(host, port) == "open"


@pytest.mark.parametrize(
    ("host", "port"),
    [
        pytest.param("kubernetes.default.svc.cluster.local", 443, id="kube-api"),
        pytest.param("proxy-api", 8001, id="proxy-api"),
        pytest.param("github-standin.github-standin.svc.cluster.local", 8444, id="github-standin"),
    ],
)
def test_open_to_the_hub_alone(grace_pod: Pod, hub_pod: Pod, host: str, port: int) -> None:
    assert grace_pod.connect(host, port) in REFUSED
    assert hub_pod.connect(host, port) == "open"


def test_the_server_of_another_person(grace_pod: Pod, ada_pod: Pod, hub_pod: Pod) -> None:
    assert grace_pod.connect(ada_pod.ip, 8888) in REFUSED
    assert hub_pod.connect(ada_pod.ip, 8888) == "open"


def test_the_api_of_dask_gateway_but_through_its_proxy(grace_pod: Pod, cluster: Cluster) -> None:
    assert grace_pod.connect("api-dask-gateway", 8000) in REFUSED
    proxy = cluster.pod("app.kubernetes.io/name=dask-gateway,app.kubernetes.io/component=traefik")
    assert proxy.connect("api-dask-gateway", 8000) == "open"


@pytest.mark.parametrize(
    ("control_plane", "port"),
    [
        pytest.param(True, 6443, id="kube-api"),
        pytest.param(True, 2379, id="etcd"),
        pytest.param(True, 5000, id="registry"),
        pytest.param(True, 5001, id="registry-push"),
        pytest.param(True, 10250, id="kubelet-of-control-plane"),
        pytest.param(False, 10250, id="kubelet-of-worker"),
        pytest.param(True, 30443, id="node-port"),
    ],
)
def test_nodes(grace_pod: Pod, cluster: Cluster, control_plane: bool, port: int) -> None:
    node = cluster.node_address(control_plane=control_plane)
    assert grace_pod.connect(node, port) in REFUSED
    assert connect_from_here(node, port) == "open"


def test_a_process_has_no_privileges(grace: Person, grace_pod: Pod) -> None:
    status = dict(line.split(":\t", 1) for line in grace_pod.run("cat", "/proc/self/status").splitlines())
    assert status["Uid"].split() == ["1000"] * 4
    assert status["CapEff"] == "0000000000000000"
    assert status["NoNewPrivs"] == "1"
    assert status["Seccomp"] == "2"


def test_no_token_of_kubernetes(grace_pod: Pod, hub_pod: Pod) -> None:
    look = "from pathlib import Path; print(Path('/var/run/secrets/kubernetes.io/serviceaccount/token').exists())"
    assert grace_pod.python(look).strip() == "False"
    assert hub_pod.python(look).strip() == "True"
