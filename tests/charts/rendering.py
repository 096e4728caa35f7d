"""Our values files as Ansible renders them, and checks of rendered objects."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import yaml
from jinja2.nativetypes import NativeEnvironment

ROOT = Path(__file__).resolve().parents[2]
DIGEST = "sha256:" + "0123456789abcdef" * 4
IMAGES = yaml.safe_load((ROOT / "group_vars/all/images.yml").read_text(encoding="utf-8"))["images_list"]
Values = dict[str, Any]


def _image(name: str) -> dict[str, str]:
    repository, tag = f"registry.z2jh.internal:5000/z2jh/{name}", "0123456789ab"
    return {
        "repository": repository,
        "tag": tag,
        "digest": DIGEST,
        "tag_digest": f"{tag}@{DIGEST}",
        "ref": f"{repository}:{tag}@{DIGEST}",
    }


# As group_vars/all/main.yml has them, and a network of an institute.
NETWORKS_CLOSED = [
    "10.0.0.0/8",
    "172.16.0.0/12",
    "192.168.0.0/16",
    "100.64.0.0/10",
    "127.0.0.0/8",
    "169.254.0.0/16",
    "168.63.129.16/32",
    "192.0.0.0/24",
    "198.18.0.0/15",
    "192.0.2.0/24",
]

# What Ansible would know when it renders helm-values/.
VARIABLES: Values = {
    "images_built": {image["name"]: _image(image["name"]) for image in IMAGES},
    "hub_url": "https://hub.z2jh.test:8443",
    "hub_port": 8443,
    "hub_node_port": 30443,
    "hub_http_node_port": 30080,
    "hub_names": ["hub.z2jh.test", "*.hub.z2jh.test"],
    "networks_closed": NETWORKS_CLOSED,
    "hub_subdomain_host": "https://hub.z2jh.test:8443",
    "existing_access": "LoadBalancer",
    "existing_ingress_class": "",
    "preflight_cluster": {"storage_class": "standard", "api_server_ports": [6443]},
    "github_url": "https://github.z2jh.test:8444",
    "github_callback_url": "https://hub.z2jh.test:8443/hub/oauth_callback",
    "github_client_id": "sample-client",
    "github_client_secret": "sample-secret",
    "github_allowed_organizations": ["space-telescope-demo"],
    "github_admin_teams": ["space-telescope-demo:operators"],
    "hub_profile_teams": {"astronomy/size/large": ["space-telescope-demo:operators"]},
    "hub_announcement": "Down on Sunday",
    "jupyterhub_certificate_hash": "0123456789abcdef",
    "jupyterhub_storage_class": "local-path",
    "jupyterhub_home_capacity": "2Gi",
}


def merge(base: Any, over: Any) -> Any:
    """Lay values over others as the roles do: maps are merged, lists appended."""
    if isinstance(base, dict) and isinstance(over, dict):
        return base | {key: merge(base[key], value) if key in base else value for key, value in over.items()}
    if isinstance(base, list) and isinstance(over, list):
        return base + over
    return over


def render_values(*names: str, **variables: Any) -> Values:
    """Return the files of helm-values/ merged in order, with their expressions evaluated."""
    environment = NativeEnvironment()
    known = VARIABLES | variables

    def evaluate(node: Any) -> Any:
        if isinstance(node, dict):
            return {key: evaluate(value) for key, value in node.items()}
        if isinstance(node, list):
            return [evaluate(value) for value in node]
        if isinstance(node, str) and "{{" in node:
            return environment.from_string(node).render(known)
        return node

    values: Values = {}
    for name in names:
        values = merge(values, evaluate(yaml.safe_load((ROOT / "helm-values" / name).read_text(encoding="utf-8"))))
    return copy.deepcopy(values)


class Rendered(list[Values]):
    """The objects that a chart renders."""

    def one(self, kind: str, name: str) -> Values:
        """Return the only object of this kind and name."""
        found = [item for item in self if (item["kind"], item["metadata"]["name"]) == (kind, name)]
        assert len(found) == 1, f"{len(found)} objects {kind}/{name}"
        return found[0]


def restricted_violations(pod: Values) -> list[str]:
    """Say what Pod Security `restricted` would refuse in a pod's spec."""
    allowed = {
        "configMap",
        "csi",
        "downwardAPI",
        "emptyDir",
        "ephemeral",
        "persistentVolumeClaim",
        "projected",
        "secret",
    }
    outer = pod.get("securityContext", {})
    found = [f"{name} is true" for name in ("hostNetwork", "hostPID", "hostIPC") if pod.get(name)]
    found += [f"volume {item['name']}" for item in pod.get("volumes", []) if not (set(item) - {"name"}) <= allowed]
    for container in pod.get("initContainers", []) + pod["containers"]:
        context = container.get("securityContext", {})
        both = outer | context
        checks = {
            "privileged": not context.get("privileged"),
            "allowPrivilegeEscalation": context.get("allowPrivilegeEscalation") is False,
            "drop ALL": context.get("capabilities", {}).get("drop") == ["ALL"],
            "no added capability": not context.get("capabilities", {}).get("add"),
            "runAsNonRoot": both.get("runAsNonRoot") is True,
            "not uid 0": both.get("runAsUser") != 0,
            "seccomp": both.get("seccompProfile", {}).get("type") in ("RuntimeDefault", "Localhost"),
            "no host port": not any(port.get("hostPort") for port in container.get("ports", [])),
        }
        found += [f"{container['name']}: {name}" for name, good in checks.items() if not good]
    return found
