"""What tests break on purpose, and how they see that it is whole again."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass

import httpx
from kubernetes import client
from urllib3.exceptions import HTTPError

from live.cluster import HUB_NAMESPACE, Cluster, Pod
from live.nodes import run_on
from live.people import Person
from live.platform import Platform
from live.polling import until

HUB = "component=hub"
PROXY = "component=proxy"
HUB_SECONDS = 120
MANIFESTS = "/etc/kubernetes/manifests"


@dataclass(frozen=True)
class Container:
    """A container that runs, as its node sees it."""

    node: str
    name: str

    def signal(self, signal: str = "SIGKILL") -> None:
        """Send all its processes a signal from outside."""
        run_on(self.node, "ctr", "--namespace=k8s.io", "tasks", "kill", "--all", f"--signal={signal}", self.name)

    def runs(self) -> bool:
        """Say whether it does; after its node was away the API server knows another one for some seconds."""
        return self.name in run_on(self.node, "ctr", "--namespace=k8s.io", "tasks", "list", "--quiet").split()

    def run(self, *command: str) -> str:
        """Run a command in it and return what it printed; needs no API server."""
        execute = ("ctr", "--namespace=k8s.io", "tasks", "exec", f"--exec-id={secrets.token_hex(8)}")
        return run_on(self.node, *execute, self.name, *command)


def container(cluster: Cluster, selector: str) -> Container:
    """Return the first container of the pod that has these labels."""
    pod = cluster.pod(selector)
    found = cluster.core.read_namespaced_pod(pod.name, pod.namespace)
    name = found.status.container_statuses[0].container_id.removeprefix("containerd://")
    return Container(found.spec.node_name, name)


def until_whole(cluster: Cluster, nodes: set[str]) -> None:
    """Wait until these nodes are Ready and all pods are well; an API server that still starts is no error."""

    def whole() -> bool:
        try:
            return cluster.ready_nodes() == nodes and not cluster.unwell_pods()
        except (client.ApiException, HTTPError):
            return False

    until("all nodes and pods are well", whole, 300, every=2)


def restarts(cluster: Cluster, selector: str) -> int:
    """Return how often the containers of the pod that has these labels were restarted."""
    pod = cluster.pod(selector)
    statuses = cluster.core.read_namespaced_pod(pod.name, pod.namespace).status.container_statuses
    return sum(status.restart_count for status in statuses)


def hub_serves(platform: Platform) -> bool:
    """Say whether the hub answers; what is sent while there is none may never be answered."""
    with platform.http() as anybody, suppress(httpx.TransportError):
        return anybody.get("/hub/health", timeout=2).status_code == 200
    return False


def until_hub_serves(platform: Platform) -> None:
    """Wait until the hub answers."""
    until("the hub answers", lambda: hub_serves(platform), HUB_SECONDS, every=0.2)


def leads_to_server(person: Person) -> bool:
    """Say whether a request to a person's server is answered by it; the hub redirects what has no route."""
    with suppress(httpx.TransportError):
        answer = person.http.get(person.platform.server(person.name, "api"), timeout=2, follow_redirects=False)
        return answer.status_code == 200 and "version" in answer.text
    return False


def renew(platform: Platform, cluster: Cluster, selector: str) -> None:
    """Have a pod that was never restarted: Kubernetes waits longer before each further restart of one."""
    old = cluster.pod(selector)
    if restarts(cluster, selector):
        cluster.core.delete_namespaced_pod(old.name, HUB_NAMESPACE)
        until("another pod is ready", lambda: new_and_ready(cluster, selector, old), HUB_SECONDS)
        until_hub_serves(platform)


def new_and_ready(cluster: Cluster, selector: str, old: Pod) -> bool:
    """Say whether there is another pod than the old one, and it is ready."""
    names = [pod.name for pod in cluster.pods(selector)]
    return bool(names) and old.name not in names and set(names) <= set(cluster.ready_pods(HUB_NAMESPACE))


@contextmanager
def scaled_to_nothing(cluster: Cluster, deployment: str, namespace: str = HUB_NAMESPACE) -> Iterator[None]:
    """Have no pod of a deployment for a while."""
    apps = client.AppsV1Api(cluster.core.api_client)

    def replicas(number: int) -> None:
        apps.patch_namespaced_deployment_scale(deployment, namespace, {"spec": {"replicas": number}})

    def status() -> client.V1DeploymentStatus:
        return apps.read_namespaced_deployment(deployment, namespace).status

    replicas(0)
    try:
        until(f"{deployment} is away", lambda: not status().replicas, 60)
        yield
    finally:
        replicas(1)
        until(f"{deployment} is back", lambda: status().ready_replicas == 1, HUB_SECONDS)


@contextmanager
def no_room(cluster: Cluster) -> Iterator[None]:
    """Have no node that takes pods for a while."""
    nodes = list(cluster.node_addresses())

    def cordon(value: bool) -> None:
        for node in nodes:
            cluster.core.patch_node(node, {"spec": {"unschedulable": value}})

    cordon(True)
    try:
        yield
    finally:
        cordon(False)


def api_server_answers(cluster: Cluster) -> bool:
    """Say whether the API server does its work."""
    with suppress(Exception):
        return bool(cluster.ready_nodes())
    return False


@contextmanager
def no_api_server(cluster: Cluster) -> Iterator[None]:
    """Have no API server for a while, on whatever control planes there are."""
    planes = cluster.control_planes()
    away = "/root/kube-apiserver.yaml.away"
    try:
        for plane in planes:
            run_on(plane, "mv", f"{MANIFESTS}/kube-apiserver.yaml", away)
        until("the API server is away", lambda: not api_server_answers(cluster), 120)
        yield
    finally:
        for plane in planes:
            run_on(plane, "sh", "-c", f"test ! -e {away} || mv {away} {MANIFESTS}/kube-apiserver.yaml")
        until("the API server is back", lambda: api_server_answers(cluster), 180)
