"""T14: a cloud's metadata, from which a machine's credentials can be had, however its address is written."""

from __future__ import annotations

import json
import socket
import subprocess
from collections.abc import Iterator

import pytest
from live.cluster import Cluster, Pod, connect_from_here
from live.nodes import run_on, succeeds_on
from live.polling import until

ADDRESS = "169.254.169.254"
SERVE = ["python3", "-m", "http.server", "--bind", ADDRESS, "--directory", "/var/empty", "80"]
CONNECTS = f"import socket; socket.create_connection(('{ADDRESS}', 80), 3)"


@pytest.fixture
def listener() -> Iterator[int]:
    """Listen at every address of this machine; yields the port."""
    with socket.create_server(("0.0.0.0", 0), backlog=16) as server:  # noqa: S104
        yield int(server.getsockname()[1])


def test_a_pod_reaches_no_address_of_the_machine(listener: int, grace_pod: Pod) -> None:
    listed = json.loads(subprocess.run(["ip", "-json", "-4", "address"], check=True, capture_output=True).stdout)
    addresses = [one["local"] for device in listed for one in device["addr_info"] if device["ifname"] != "lo"]
    assert addresses
    for address in addresses:
        # Control: this machine itself reaches it there.
        assert connect_from_here(address, listener) == "open", address
        assert grace_pod.connect(address, listener) != "open", address


@pytest.fixture
def metadata(cluster: Cluster) -> Iterator[str]:
    """Have the node of people's pods serve something at that address."""
    node = cluster.workers()[0]
    run_on(node, "mkdir", "-p", "/var/empty")
    run_on(node, "ip", "address", "replace", f"{ADDRESS}/32", "dev", "lo")
    server = subprocess.Popen(["podman", "exec", node, *SERVE], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    yield node
    run_on(node, "pkill", "-f", f"http.server --bind {ADDRESS}")
    server.wait(30)
    run_on(node, "ip", "address", "delete", f"{ADDRESS}/32", "dev", "lo")


def test_a_pod_gets_no_metadata(metadata: str, grace_pod: Pod) -> None:
    # Control: the node itself gets it.
    until("the node gets an answer", lambda: succeeds_on(metadata, "python3", "-c", CONNECTS), 30)
    for written in (ADDRESS, "2852039166", "0xa9fea9fe", "0251.0376.0251.0376", f"::ffff:{ADDRESS}"):
        assert grace_pod.connect(written, 80) != "open", written
