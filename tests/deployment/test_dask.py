"""Dask Gateway: a cluster with no configuration, that nobody but its owner can see, use or end."""

from __future__ import annotations

import json
from collections.abc import Iterator
from html import unescape
from typing import Any

import pytest
from live.cluster import HUB_NAMESPACE, Cluster, CommandError, Pod
from live.people import Person
from live.polling import until

GATEWAY = "http://traefik-dask-gateway/services/dask-gateway/api/v1/clusters/"
REFUSED = ("timeout", "refused")
SCHEDULER = "app.kubernetes.io/component=dask-scheduler"

# Leaves its cluster running, for the tests to look at.
START = """
import json, sys
from dask_gateway import GatewayCluster
cluster = GatewayCluster(shutdown_on_close=False)
cluster.scale(2)
client = cluster.get_client()
client.wait_for_workers(2, timeout=120)
versions = client.get_versions(check=True)
result = sum(client.gather(client.map(lambda x: x * x, range(100))))
hosts = set(client.run(lambda: __import__("socket").gethostname()).values())
print(json.dumps({"name": cluster.name, "workers": len(hosts), "versions": len(versions["workers"]), "result": result}))
"""
STOP = """
import sys
from dask_gateway import Gateway
Gateway().stop_cluster(sys.argv[1])
"""
ASK_FOR = """
import json, sys
from dask_gateway import Gateway
Gateway().new_cluster(shutdown_on_close=True, **json.loads(sys.argv[1]))
"""
# A scheduler asks for a certificate of its own cluster before it listens to anybody.
HANDSHAKE = """
import socket, ssl, sys
tls = ssl.create_default_context()
tls.check_hostname, tls.verify_mode = False, ssl.CERT_NONE
with socket.create_connection(("traefik-dask-gateway", 80), 10) as plain:
    try:
        with tls.wrap_socket(plain, server_hostname="daskgateway-" + sys.argv[1]) as secure:
            print("answered", len(secure.recv(1)))
    except ssl.SSLError as error:
        print(error.reason)
"""
# Prints the name that an address has, or the resolver's error: 1 is that there is none.
REVERSE = """
import socket, sys
socket.gethostbyname("hub")
try:
    print(socket.gethostbyaddr(sys.argv[1])[0])
except socket.herror as error:
    print(error.errno)
"""


@pytest.fixture(scope="module")
def ada_cluster(ada: Person, cluster: Cluster) -> Iterator[dict[str, Any]]:
    """Start a Dask cluster of two workers from Ada's server, with no configuration."""
    pod = cluster.server_of("ada")
    started = json.loads(pod.python(START, seconds=240).splitlines()[-1])
    yield started
    pod.python(STOP, started["name"])
    until("the pods of Ada's Dask cluster have stopped", lambda: not cluster.pods(label(started)), 60)


def label(started: dict[str, Any]) -> str:
    """Return the selector of the pods of a Dask cluster."""
    return f"gateway.dask.org/cluster={started['name'].rpartition('.')[2]}"


def bearer(token: str) -> dict[str, str]:
    """Return the header by which the gateway knows people."""
    return {"Authorization": f"jupyterhub {token}"}


class TestCluster:
    """What its owner gets."""

    def test_two_workers_compute(self, ada_cluster: dict[str, Any]) -> None:
        assert ada_cluster["workers"] == 2
        assert ada_cluster["versions"] == 2
        assert ada_cluster["result"] == 328350

    def test_it_runs_the_notebook_image(self, ada_cluster: dict[str, Any], ada_pod: Pod, cluster: Cluster) -> None:
        image = ada_pod.python("import os; print(os.environ['JUPYTER_IMAGE_SPEC'])").strip()
        pods = cluster.core.list_namespaced_pod(HUB_NAMESPACE, label_selector=label(ada_cluster)).items
        assert len(pods) == 3
        assert {part.image for pod in pods for part in pod.spec.containers} == {image}

    def test_its_pods_have_no_privileges(self, ada_cluster: dict[str, Any], cluster: Cluster) -> None:
        for pod in cluster.pods(label(ada_cluster)):
            status = dict(line.split(":\t", 1) for line in pod.run("cat", "/proc/self/status").splitlines())
            assert (status["Uid"].split()[0], status["CapEff"], status["Seccomp"]) == ("1000", "0" * 16, "2")
            assert pod.connect("kubernetes.default.svc.cluster.local", 443) in REFUSED
            assert pod.connect("proxy-api", 8001) in REFUSED
            assert pod.connect("s3.archive.svc.cluster.local", 80) == "open"

    def test_its_dashboard_opens_for_the_owner(self, ada_cluster: dict[str, Any], ada: Person, grace: Person) -> None:
        path = f"/services/dask-gateway/clusters/{ada_cluster['name']}/status"
        proxy = "proxy/traefik-dask-gateway:80"
        url = ada.platform.server("ada", f"{proxy}{path}")
        answer = ada.http.get(url)
        assert answer.status_code == 200, answer.text
        assert "Dask" in answer.text
        assert grace.http.get(url).status_code == 403
        # The hub's own proxy leads to no dashboard.
        assert ada.http.get(path).status_code == 404


class TestOthers:
    """What everybody else gets."""

    def test_the_owner_sees_it(self, ada_cluster: dict[str, Any], ada: Person, ada_pod: Pod) -> None:
        answer = ada_pod.request(GATEWAY + ada_cluster["name"], headers=bearer(ada.token()))
        assert answer.status == 200
        assert answer.json()["status"] == "RUNNING"

    @pytest.mark.parametrize(
        ("method", "path", "body"),
        [("GET", "", None), ("DELETE", "", None), ("POST", "/scale", '{"count": 1}'), ("POST", "/adapt", "{}")],
    )
    def test_another_person_is_refused(
        self,
        ada_cluster: dict[str, Any],
        ada: Person,
        grace: Person,
        grace_pod: Pod,
        method: str,
        path: str,
        body: str | None,
    ) -> None:
        url = GATEWAY + ada_cluster["name"]
        headers = {**bearer(grace.token()), "Content-Type": "application/json"}
        answer = grace_pod.request(url + path, method=method, headers=headers, body=body)
        assert answer.status in (403, 404), answer.body
        assert ada_cluster["name"] not in grace_pod.request(GATEWAY, headers=headers).body
        alive = grace_pod.request(url, headers=bearer(ada.token()))
        assert (alive.status, alive.json()["status"]) == (200, "RUNNING")

    def test_a_token_for_something_else_is_refused(self, grace: Person, grace_pod: Pod) -> None:
        narrow = grace_pod.request(GATEWAY, headers=bearer(grace.token(["read:users!user=grace"])))
        assert narrow.status == 401
        assert grace_pod.request(GATEWAY, headers=bearer(grace.token())).status == 200

    def test_no_token_and_a_wrong_one_are_refused(
        self, ada_cluster: dict[str, Any], ada: Person, grace_pod: Pod
    ) -> None:
        url, name = GATEWAY + ada_cluster["name"], ada_cluster["name"]
        assert name in grace_pod.request(url, headers=bearer(ada.token())).body
        for asked in (GATEWAY, url):
            without = grace_pod.request(asked)
            assert without.status == 401
            wrong = grace_pod.request(asked, headers=bearer("0" * 32))
            assert wrong.status == 401
            assert name not in without.body + wrong.body

    def test_another_persons_own_server_does_not_show_it(
        self, ada_cluster: dict[str, Any], ada: Person, grace: Person
    ) -> None:
        """On Grace's origin, what Ada puts in her dashboard would act for Grace."""
        path = f"proxy/traefik-dask-gateway:80/services/dask-gateway/clusters/{ada_cluster['name']}/status"
        assert ada.http.get(ada.platform.server("ada", path)).status_code == 200
        answer = grace.http.get(grace.platform.server("grace", path))
        assert answer.status_code == 403
        assert "'traefik-dask-gateway' is not allowed" in unescape(answer.text)  # said by her server, not by the hub

    @pytest.mark.parametrize("port", [8786, 8787, 8788])
    def test_the_scheduler_is_out_of_reach(
        self, ada_cluster: dict[str, Any], grace_pod: Pod, cluster: Cluster, port: int
    ) -> None:
        scheduler = cluster.pod(f"{SCHEDULER},{label(ada_cluster)}")
        assert grace_pod.connect(scheduler.ip, port) in REFUSED
        allowed = "gateway" if port == 8788 else "traefik"
        control = cluster.pod(f"app.kubernetes.io/name=dask-gateway,app.kubernetes.io/component={allowed}")
        assert control.connect(scheduler.ip, port) == "open"

    def test_an_address_does_not_tell_the_name(
        self, ada_cluster: dict[str, Any], grace_pod: Pod, cluster: Cluster
    ) -> None:
        scheduler = cluster.pod(f"{SCHEDULER},{label(ada_cluster)}")
        assert grace_pod.python(REVERSE, scheduler.ip).strip() == "1"

    def test_the_scheduler_asks_for_a_certificate(self, ada_cluster: dict[str, Any], grace_pod: Pod) -> None:
        assert "CERTIFICATE_REQUIRED" in grace_pod.python(HANDSHAKE, ada_cluster["name"])


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        pytest.param({"image": "docker.io/library/busybox:latest"}, "image", id="image"),
        pytest.param({"worker_cores": 1000}, "worker_cores", id="cores"),
        pytest.param({"worker_memory": 10000}, "worker_memory", id="memory"),
        pytest.param({"environment": {"LD_PRELOAD": "/tmp/mine.so"}}, "environment", id="environment"),
    ],
)
def test_only_what_is_offered(grace_pod: Pod, cluster: Cluster, options: dict[str, Any], complaint: str) -> None:
    before = len(cluster.core.list_namespaced_pod(HUB_NAMESPACE, label_selector=SCHEDULER).items)
    with pytest.raises(CommandError, match=complaint):
        grace_pod.python(ASK_FOR, json.dumps(options))
    assert len(cluster.core.list_namespaced_pod(HUB_NAMESPACE, label_selector=SCHEDULER).items) == before
