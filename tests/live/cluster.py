"""The platform's Kubernetes cluster, and probes from inside its pods."""

from __future__ import annotations

import json
import socket
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kubernetes import client, config, utils
from kubernetes.stream import stream

from live.polling import until

HUB_NAMESPACE = "jupyterhub"
PROBE_SECONDS = 3

# Prints how a TCP connection ends. Run in pods, so it needs nothing but Python.
CONNECT = """
import socket, sys
try:
    socket.create_connection((sys.argv[1], int(sys.argv[2])), float(sys.argv[3])).close()
    print("open")
except socket.timeout:
    print("timeout")
except ConnectionRefusedError:
    print("refused")
except OSError as error:
    print(f"error: {error}")
"""

# Prints the status and body of an HTTP answer as JSON, or why there was none.
REQUEST = """
import json, sys, urllib.request
wanted = json.loads(sys.argv[1])
class Stay(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_):
        return None
request = urllib.request.Request(
    wanted["url"], method=wanted["method"], headers=wanted["headers"], data=wanted["body"] and wanted["body"].encode()
)
try:
    answer = urllib.request.build_opener(urllib.request.ProxyHandler({}), Stay).open(request, timeout=30)
except urllib.error.HTTPError as error:
    answer = error
body = answer.read()
print(json.dumps({"status": answer.status, "headers": dict(answer.headers), "size": len(body),
                  "body": body[:100000].decode(errors="replace")}))
"""


class CommandError(Exception):
    """A command in a pod failed."""


@dataclass(frozen=True)
class Answer:
    """An HTTP answer that a pod got."""

    status: int
    headers: dict[str, str]
    size: int
    body: str

    def json(self) -> Any:
        """Return the body's content."""
        return json.loads(self.body)


class Pod:
    """A running pod in which tests run commands: in its first container, where the pod has several."""

    def __init__(self, api: Callable[[], client.CoreV1Api], found: client.V1Pod) -> None:
        self._api = api
        self.namespace: str = found.metadata.namespace
        self.name: str = found.metadata.name
        self.ip: str = found.status.pod_ip
        first = found.spec.containers[0]
        self.image: str = first.image
        self._container: str = first.name

    def __repr__(self) -> str:
        return f"{self.namespace}/{self.name}"

    def run(self, *command: str, seconds: float = 120) -> str:
        """Run a command and return what it printed; fail with what it complained of."""
        shell = stream(
            self._api().connect_get_namespaced_pod_exec,
            self.name,
            self.namespace,
            container=self._container,
            command=list(command),
            stdout=True,
            stderr=True,
            _preload_content=False,
        )
        shell.run_forever(timeout=seconds)
        printed, complaint = shell.read_stdout(timeout=1), shell.read_stderr(timeout=1)
        if shell.is_open():
            shell.close()
            raise CommandError(f"{command[0]} in {self} did not end within {seconds:g} s\n{printed}\n{complaint}")
        if shell.returncode:
            raise CommandError(f"{command[0]} in {self} ended with {shell.returncode}\n{printed}\n{complaint}")
        return str(printed)

    def python(self, script: str, *arguments: str, seconds: float = 120) -> str:
        """Run a Python script and return what it printed."""
        return self.run("python3", "-c", script, *arguments, seconds=seconds)

    def connect(self, host: str, port: int) -> str:
        """Return how a TCP connection from the pod ends: open, refused, timeout, or another error."""
        return self.python(CONNECT, host, str(port), str(PROBE_SECONDS)).strip()

    def request(
        self, url: str, *, method: str = "GET", headers: dict[str, str] | None = None, body: str | None = None
    ) -> Answer:
        """Send an HTTP request from the pod."""
        wanted = {"url": url, "method": method, "headers": headers or {}, "body": body}
        return Answer(**json.loads(self.python(REQUEST, json.dumps(wanted))))


class Cluster:
    """The cluster as its administrator sees it."""

    def __init__(self, kubeconfig: Path) -> None:
        self._configuration = client.Configuration()
        config.load_kube_config(str(kubeconfig), client_configuration=self._configuration)
        # The nodes are here: no proxy of the machine knows them.
        self._configuration.proxy = None

    @property
    def core(self) -> client.CoreV1Api:
        """The core API, by a client of its own: streams change the client that they use."""
        return client.CoreV1Api(client.ApiClient(self._configuration))

    @property
    def objects(self) -> client.CustomObjectsApi:
        """The API of custom resources."""
        return client.CustomObjectsApi(client.ApiClient(self._configuration))

    def ready_nodes(self) -> set[str]:
        """Return the names of the nodes that are Ready."""
        return {
            node.metadata.name
            for node in self.core.list_node().items
            if any(entry.type == "Ready" and entry.status == "True" for entry in node.status.conditions)
        }

    def node_addresses(self) -> dict[str, str]:
        """Return the address of each node by its name."""
        return {
            node.metadata.name: next(entry.address for entry in node.status.addresses if entry.type == "InternalIP")
            for node in self.core.list_node().items
        }

    def control_planes(self) -> list[str]:
        """Return the names of the control planes."""
        nodes = self.core.list_node(label_selector="node-role.kubernetes.io/control-plane").items
        return sorted(node.metadata.name for node in nodes)

    def workers(self) -> list[str]:
        """Return the names of the other nodes."""
        nodes = self.core.list_node(label_selector="!node-role.kubernetes.io/control-plane").items
        return sorted(node.metadata.name for node in nodes)

    def unwell_pods(self) -> dict[str, str]:
        """Return the phase of each pod of the platform that has not ended and is not ready."""
        return {
            f"{pod.metadata.namespace}/{pod.metadata.name}": pod.status.phase
            for pod in self.core.list_pod_for_all_namespaces().items
            if pod.status.phase != "Succeeded"
            and not all(part.ready for part in pod.status.container_statuses or [])
            # What people start and stop meanwhile is not the platform's.
            and (pod.metadata.labels or {}).get("component") != "singleuser-server"
        }

    def node_address(self, *, control_plane: bool) -> str:
        """Return the address of the first control plane, or of the first worker."""
        wanted = "node-role.kubernetes.io/control-plane" if control_plane else "!node-role.kubernetes.io/control-plane"
        node = self.core.list_node(label_selector=wanted).items[0]
        return next(str(entry.address) for entry in node.status.addresses if entry.type == "InternalIP")

    def pods(self, selector: str, namespace: str = HUB_NAMESPACE) -> list[Pod]:
        """Return the running pods that have these labels."""
        found = self.core.list_namespaced_pod(namespace, label_selector=selector).items
        running = [pod for pod in found if pod.status.phase == "Running" and not pod.metadata.deletion_timestamp]
        return [Pod(lambda: self.core, pod) for pod in running]

    def pod(self, selector: str, namespace: str = HUB_NAMESPACE) -> Pod:
        """Return a running pod that has these labels."""
        running = self.pods(selector, namespace)
        assert running, f"no pod with {selector} runs in {namespace}"
        return running[0]

    def ready_pods(self, namespace: str) -> list[str]:
        """Return the names of the pods of a namespace whose containers are all ready."""
        return [
            pod.metadata.name
            for pod in self.core.list_namespaced_pod(namespace).items
            if pod.status.container_statuses and all(container.ready for container in pod.status.container_statuses)
        ]

    def create(self, *objects: dict[str, Any]) -> None:
        """Create objects of any kind."""
        for one in objects:
            utils.create_from_dict(client.ApiClient(self._configuration), one)

    def remove_namespace(self, name: str, seconds: float = 180) -> None:
        """Remove a namespace with all that is in it, and wait until it is gone."""

        def names() -> set[str]:
            return {namespace.metadata.name for namespace in self.core.list_namespace().items}

        if name in names():
            self.core.delete_namespace(name)
            until(f"the namespace {name} is gone", lambda: name not in names(), seconds)

    def server_of(self, name: str) -> Pod:
        """Return the pod of a person's server."""
        return self.pod(f"component=singleuser-server,hub.jupyter.org/username={name}")


def connect_from_here(host: str, port: int) -> str:
    """Return how a TCP connection from this machine ends."""
    try:
        socket.create_connection((host, port), PROBE_SECONDS).close()
    except TimeoutError:
        return "timeout"
    except ConnectionRefusedError:
        return "refused"
    return "open"
