"""T8, T12, T13, T16: what asks for a key, and what a node and the name service keep to themselves."""

from __future__ import annotations

import httpx
import pytest
from live.cluster import Cluster, Pod, connect_from_here
from live.nodes import succeeds_on

# Run in the hub's pod, which has the key: prints the proxy's answers without it, with a wrong one, and with it.
ASK_PROXY = """
import os, urllib.error, urllib.request
for key in (None, "wrong", os.environ["CONFIGPROXY_AUTH_TOKEN"]):
    headers = {"Authorization": f"token {key}"} if key else {}
    request = urllib.request.Request("http://proxy-api:8001/api/routes", headers=headers)
    try:
        print(urllib.request.urlopen(request).status)
    except urllib.error.HTTPError as error:
        print(error.status)
"""
# Asks the cluster's DNS over TCP for a record of this type and name; prints the answer's code and number of records.
ASK_DNS = """
import socket, struct, sys
type_, name = int(sys.argv[1]), sys.argv[2]
server = next(line.split()[1] for line in open("/etc/resolv.conf") if line.startswith("nameserver"))
labels = b"".join(bytes([len(label)]) + label.encode() for label in name.split("."))
question = struct.pack(">6H", 1, 0x100, 1, 0, 0, 0) + labels + b"\\0" + struct.pack(">2H", type_, 1)
with socket.create_connection((server, 53), 10) as dns:
    dns.sendall(struct.pack(">H", len(question)) + question)
    answer = dns.makefile("rb").read(14)[2:]
_, flags, _, records, _, _ = struct.unpack(">6H", answer)
print(flags & 15, records)
"""
A, AXFR = "1", "252"


def test_the_api_of_the_proxy_asks_for_its_token(hub_pod: Pod) -> None:
    assert hub_pod.python(ASK_PROXY).split() == ["403", "403", "200"]


def test_members_of_etcd_ask_for_a_certificate(cluster: Cluster, stranger: httpx.Client) -> None:
    node = cluster.node_address(control_plane=True)
    assert connect_from_here(node, 2380) == "open"
    with pytest.raises(httpx.TransportError, match=r"(?i)certificate"):
        stranger.get(f"https://{node}:2380/members")


@pytest.mark.parametrize(
    "port",
    [
        pytest.param(10257, id="controller-manager"),
        pytest.param(10259, id="scheduler"),
        pytest.param(2381, id="etcd-metrics"),
    ],
)
def test_what_a_node_keeps_to_itself(cluster: Cluster, port: int) -> None:
    node = cluster.node_address(control_plane=True)
    assert connect_from_here(node, port) in ("refused", "timeout")
    names = {address: name for name, address in cluster.node_addresses().items()}
    assert succeeds_on(names[node], "bash", "-c", f"exec 3<>/dev/tcp/127.0.0.1/{port}")


def test_dns_does_not_list_what_it_knows(hub_pod: Pod) -> None:
    code, records = hub_pod.python(ASK_DNS, AXFR, "cluster.local").split()
    assert (code != "0", records) == (True, "0")
    assert hub_pod.python(ASK_DNS, A, "hub.jupyterhub.svc.cluster.local").split() == ["0", "1"]
