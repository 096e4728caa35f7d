"""Hubs of the tests' own, beside the platform's: same images, same cluster, other ways to start a server."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from live.cluster import HUB_NAMESPACE, Cluster, Pod
from live.polling import until

NAMESPACE = "spawn-tests"
SECONDS = 180
HUB_PORT = 8081
# How many servers may be on their way at once, as on the platform's hub.
SPAWN_LIMIT = 64

CONFIG = """
import os
from tornado.httpclient import AsyncHTTPClient

c = get_config()
AsyncHTTPClient.configure("tornado.curl_httpclient.CurlAsyncHTTPClient")
c.JupyterHub.spawner_class = os.environ["TESTS_SPAWNER"]
c.JupyterHub.authenticator_class = "null"
c.JupyterHub.hub_bind_url = "http://:8081"
c.JupyterHub.hub_connect_url = f"http://{os.environ['POD_IP']}:8081"
c.ConfigurableHTTPProxy.api_url = "http://127.0.0.1:8001"
c.ConfigurableHTTPProxy.should_start = False
c.JupyterHub.tornado_settings = {"slow_spawn_timeout": 0}
c.JupyterHub.concurrent_spawn_limit = int(os.environ["TESTS_SPAWN_LIMIT"])
c.JupyterHub.db_url = "sqlite:////tmp/jupyterhub.sqlite"
c.JupyterHub.cookie_secret_file = "/tmp/cookie-secret"
c.JupyterHub.services = [{"name": "tests", "api_token": os.environ["TESTS_TOKEN"]}]
c.JupyterHub.load_roles = [{"name": "tests", "scopes": ["admin:users", "admin:servers"], "services": ["tests"]}]
c.KubeSpawner.namespace = os.environ["POD_NAMESPACE"]
c.KubeSpawner.cmd = os.environ["TESTS_START"]
c.KubeSpawner.image = os.environ["TESTS_IMAGE"]
c.KubeSpawner.default_url = "/lab"
# Long enough for stock, ten at once on two cores.
c.KubeSpawner.start_timeout, c.KubeSpawner.http_timeout = 240, 180
c.KubeSpawner.uid = 1000
c.KubeSpawner.fs_gid = 100
c.KubeSpawner.cpu_guarantee, c.KubeSpawner.cpu_limit = 0.05, 1
c.KubeSpawner.mem_guarantee, c.KubeSpawner.mem_limit = "256M", "1G"
c.KubeSpawner.storage_pvc_ensure = True
c.KubeSpawner.storage_class = os.environ["TESTS_STORAGE"]
c.KubeSpawner.storage_capacity = "1Gi"
c.KubeSpawner.volumes = [{"name": "home", "persistentVolumeClaim": {"claimName": "{pvc_name}"}}]
c.KubeSpawner.volume_mounts = [{"name": "home", "mountPath": "/home/jovyan"}]
c.KubeSpawner.pod_security_context = {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}}
c.KubeSpawner.container_security_context = {
    "runAsNonRoot": True,
    "allowPrivilegeEscalation": False,
    "capabilities": {"drop": ["ALL"]},
    "seccompProfile": {"type": "RuntimeDefault"},
}
"""

# Run in a hub's pod: makes users.
MAKE_USERS = """
import sys, urllib.request
for made in sys.argv[2:]:
    request = urllib.request.Request(made, method="POST", headers={"Authorization": f"token {sys.argv[1]}"})
    urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request, timeout=30).close()
"""

RESTRICTED = {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}}


@dataclass(frozen=True)
class Variant:
    """A way to start servers: by which spawner, by which program, and of which tag of the smallest image."""

    spawner: str
    start: str
    tag: str | None = None


@dataclass(frozen=True)
class Hubs:
    """Hubs that run: the pod of one of them, where each answers, and the token that all of them take."""

    pod: Pod
    urls: dict[str, str]
    token: str


def _images(cluster: Cluster) -> dict[str, str]:
    """Return the images of the platform that runs: of its hub, its proxy, and the smallest of its servers."""
    selector = "component=continuous-image-puller"
    puller = cluster.core.list_namespaced_pod(HUB_NAMESPACE, label_selector=selector).items[0]
    pulled = [container.image for container in puller.spec.init_containers]
    return {
        "hub": cluster.pod("component=hub").image,
        "proxy": cluster.pod("component=proxy").image,
        "minimal": next(image for image in pulled if "/minimal:" in image),
    }


def _shared() -> list[dict[str, Any]]:
    """Return what all hubs of the namespace need."""
    metadata = {"name": "hub", "namespace": NAMESPACE}
    subject = {"kind": "ServiceAccount", "name": "hub", "namespace": NAMESPACE}
    return [
        {
            "apiVersion": "v1",
            "kind": "Namespace",
            "metadata": {"name": NAMESPACE, "labels": {"pod-security.kubernetes.io/enforce": "restricted"}},
        },
        {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": metadata},
        {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": {"jupyterhub_config.py": CONFIG}},
        {
            "apiVersion": "rbac.authorization.k8s.io/v1",
            "kind": "Role",
            "metadata": metadata,
            "rules": [
                {
                    "apiGroups": [""],
                    "resources": ["pods", "persistentvolumeclaims"],
                    "verbs": ["get", "watch", "list", "create", "delete"],
                },
                {"apiGroups": [""], "resources": ["events"], "verbs": ["get", "watch", "list"]},
            ],
        },
        {
            "apiVersion": "rbac.authorization.k8s.io/v1",
            "kind": "RoleBinding",
            "metadata": metadata,
            "subjects": [subject],
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "hub"},
        },
    ]


def _hub(name: str, variant: Variant, images: dict[str, str], storage: str, token: str) -> dict[str, Any]:
    """Return the pod of a hub with its proxy."""
    proxy_token = {"name": "CONFIGPROXY_AUTH_TOKEN", "value": secrets.token_hex()}
    image = images["minimal"]
    if variant.tag:
        image = f"{image.partition('@')[0].rpartition(':')[0]}:{variant.tag}"
    settings = {
        "TESTS_SPAWNER": variant.spawner,
        "TESTS_START": variant.start,
        "TESTS_IMAGE": image,
        "TESTS_STORAGE": storage,
        "TESTS_TOKEN": token,
        "TESTS_SPAWN_LIMIT": str(SPAWN_LIMIT),
    }
    fields = {"POD_IP": "status.podIP", "POD_NAMESPACE": "metadata.namespace"}
    config = "/usr/local/etc/jupyterhub"
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "namespace": NAMESPACE, "labels": {"component": "hub", "variant": name}},
        "spec": {
            "serviceAccountName": "hub",
            "securityContext": {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}},
            "containers": [
                {
                    "name": "hub",
                    "image": images["hub"],
                    "env": [
                        proxy_token,
                        *({"name": key, "value": value} for key, value in settings.items()),
                        *(
                            {"name": key, "valueFrom": {"fieldRef": {"fieldPath": path}}}
                            for key, path in fields.items()
                        ),
                    ],
                    "readinessProbe": {"httpGet": {"path": "/hub/health", "port": HUB_PORT}, "periodSeconds": 1},
                    "securityContext": RESTRICTED,
                    "volumeMounts": [{"name": "config", "mountPath": config}],
                },
                {
                    "name": "proxy",
                    "image": images["proxy"],
                    "args": ["--ip=127.0.0.1", "--api-ip=127.0.0.1", f"--default-target=http://127.0.0.1:{HUB_PORT}"],
                    "env": [proxy_token],
                    "securityContext": RESTRICTED,
                },
            ],
            "volumes": [{"name": "config", "configMap": {"name": "hub"}}],
        },
    }


@contextmanager
def hubs(cluster: Cluster, variants: dict[str, Variant], users: dict[str, list[str]]) -> Iterator[Hubs]:
    """Run a hub for each variant, whose name a pod may have, with its users; when this ends, nothing is left."""
    claim = cluster.core.list_namespaced_persistent_volume_claim(HUB_NAMESPACE).items[0]
    images, token = _images(cluster), secrets.token_hex()
    # One that was cut off may have left it.
    cluster.remove_namespace(NAMESPACE)
    try:
        cluster.create(*_shared())
        pods = [_hub(name, variant, images, claim.spec.storage_class_name, token) for name, variant in variants.items()]
        cluster.create(*pods)
        until("the hubs of the tests answer", lambda: len(cluster.ready_pods(NAMESPACE)) == len(variants), SECONDS)
        running = {name: cluster.pod(f"variant={name}", NAMESPACE) for name in variants}
        urls = {name: f"http://{pod.ip}:{HUB_PORT}/hub/api" for name, pod in running.items()}
        made = [f"{urls[hub]}/users/{user}" for hub, names in users.items() for user in names]
        first = next(iter(running.values()))
        first.python(MAKE_USERS, token, *made)
        yield Hubs(first, urls, token)
    finally:
        cluster.remove_namespace(NAMESPACE)
