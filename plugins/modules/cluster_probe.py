#!/usr/bin/python
"""What a Kubernetes cluster that is there already has and allows for the platform to run on it."""

from __future__ import annotations

import traceback
from collections.abc import Iterable
from typing import Any

from ansible.module_utils.basic import AnsibleModule, missing_required_lib

try:
    import kubernetes
    from kubernetes.client.exceptions import ApiException

    MISSING = None
except ImportError:
    MISSING = traceback.format_exc()

DOCUMENTATION = """
module: cluster_probe
short_description: What a cluster has for the platform to run on it
version_added: "1.0"
author: z2jh
description:
  - Asks the API server that the current context of a kubeconfig names; changes nothing.
options:
  kubeconfig:
    description: The kubeconfig.
    type: path
    required: true
  rights:
    description: What the account has to be allowed, each as C(VERB GROUP/RESOURCE) or C(VERB GROUP/RESOURCE NAMESPACE).
    type: list
    elements: str
    default: []
attributes:
  check_mode: {support: full, description: It only reads.}
"""

RETURN = """
problem:
  description: Why the cluster cannot be asked; empty if it can.
  type: str
  returned: always
server:
  description: Address of the API server.
  type: str
  returned: when it answers
context:
  description: Name of the current context.
  type: str
  returned: when it answers
version:
  description: Version of Kubernetes.
  type: str
  returned: when it answers
denied:
  description: Rights that the account lacks.
  type: list
  returned: when it answers
api_server_ports:
  description: Ports on which API servers listen, after the Service's address is translated.
  type: list
  returned: when it answers
architectures:
  description: Architectures of the nodes on which pods may be placed.
  type: list
  returned: when it answers
storage_classes:
  description: Whether each StorageClass is the default one, by name.
  type: dict
  returned: when it answers
ingress_classes:
  description: Whether each IngressClass is the default one, by name.
  type: dict
  returned: when it answers
namespaces:
  description: Labels of each namespace, by name.
  type: dict
  returned: when it answers
cluster_roles:
  description: The namespace of the Helm release that each ClusterRole belongs to, by name, if it belongs to one.
  type: dict
  returned: when it answers
daemon_sets:
  description: Names of all DaemonSets, which network plugins are.
  type: list
  returned: when it answers
"""

IS_DEFAULT = ("storageclass.kubernetes.io/is-default-class", "ingressclass.kubernetes.io/is-default-class")
OF_RELEASE = "meta.helm.sh/release-namespace"
TIMEOUT = 20


def classes(items: Iterable[Any]) -> dict[str, bool]:
    """Say of each class whether it is the default one, by name."""
    return {
        item.metadata.name: any((item.metadata.annotations or {}).get(key) == "true" for key in IS_DEFAULT)
        for item in items
    }


def attributes(right: str) -> dict[str, str]:
    """Return a right as the API asks for it."""
    verb, kind, *namespace = right.split()
    group, _, resource = kind.rpartition("/")
    return {"verb": verb, "group": group, "resource": resource} | ({"namespace": namespace[0]} if namespace else {})


def denied(client: Any, rights: Iterable[str]) -> list[str]:
    """Return the rights that the account of the kubeconfig does not have."""
    api = kubernetes.client.AuthorizationV1Api(client)
    lacking = []
    for right in rights:
        review = {"spec": {"resourceAttributes": attributes(right)}}
        if not api.create_self_subject_access_review(review, _request_timeout=TIMEOUT).status.allowed:
            lacking.append(right)
    return lacking


def schedulable_architectures(nodes: Iterable[Any]) -> list[str]:
    """Return the architectures of the nodes on which pods without tolerations may be placed."""
    return sorted(
        {
            node.status.node_info.architecture
            for node in nodes
            if not any(taint.effect in ("NoSchedule", "NoExecute") for taint in node.spec.taints or [])
        }
    )


def probe(client: Any, rights: Iterable[str]) -> dict[str, Any]:
    """Ask the cluster; what the account may not list is empty, and what it lacks is said by `denied`."""
    core, apps = kubernetes.client.CoreV1Api(client), kubernetes.client.AppsV1Api(client)
    networking, rbac = kubernetes.client.NetworkingV1Api(client), kubernetes.client.RbacAuthorizationV1Api(client)
    storage, discovery = kubernetes.client.StorageV1Api(client), kubernetes.client.DiscoveryV1Api(client)

    def items(ask: Any, *arguments: Any, **options: Any) -> list[Any]:
        try:
            return list(ask(*arguments, _request_timeout=TIMEOUT, **options).items)
        except ApiException as error:
            if error.status in (401, 403, 404):
                return []
            raise

    api_server = "kubernetes.io/service-name=kubernetes"
    slices = items(discovery.list_namespaced_endpoint_slice, "default", label_selector=api_server)
    roles = {role.metadata.name: role.metadata.annotations or {} for role in items(rbac.list_cluster_role)}
    return {
        "version": kubernetes.client.VersionApi(client)
        .get_code(_request_timeout=TIMEOUT)
        .git_version.removeprefix("v"),
        "denied": denied(client, rights),
        "api_server_ports": sorted({port.port for found in slices for port in found.ports or []}),
        "architectures": schedulable_architectures(items(core.list_node)),
        "storage_classes": classes(items(storage.list_storage_class)),
        "ingress_classes": classes(items(networking.list_ingress_class)),
        "namespaces": {item.metadata.name: item.metadata.labels or {} for item in items(core.list_namespace)},
        "cluster_roles": {name: notes[OF_RELEASE] for name, notes in roles.items() if OF_RELEASE in notes},
        "daemon_sets": sorted({item.metadata.name for item in items(apps.list_daemon_set_for_all_namespaces)}),
    }


def main() -> None:
    """Answer Ansible."""
    module = AnsibleModule(
        argument_spec={
            "kubeconfig": {"type": "path", "required": True},
            "rights": {"type": "list", "elements": "str", "default": []},
        },
        supports_check_mode=True,
    )
    if MISSING:
        module.fail_json(msg=missing_required_lib("kubernetes"), exception=MISSING)
    path: str = module.params["kubeconfig"]
    try:
        context = kubernetes.config.list_kube_config_contexts(path)[1]["name"]
        client = kubernetes.config.new_client_from_config(path)
        # One question that is not answered is enough.
        client.configuration.retries = False
        answer = probe(client, module.params["rights"])
    except ApiException as error:
        module.exit_json(changed=False, problem=f"it answered {error.status} {error.reason}")
    except Exception as error:  # A kubeconfig can be wrong in many ways, and each is a finding.
        module.exit_json(changed=False, problem=str(error).splitlines()[0] if str(error) else type(error).__name__)
    module.exit_json(changed=False, problem="", server=client.configuration.host, context=context, **answer)


if __name__ == "__main__":
    main()
