"""One sentence for everything that keeps the platform from running on a cluster that is there already."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

DOCUMENTATION = """
name: cluster_findings
short_description: What keeps the platform from running on a cluster, one sentence each
version_added: "1.0"
author: z2jh
description:
  - Compares what the module cluster_probe found with what is needed. Empty when all is well.
options:
  _input:
    description: What cluster_probe returned.
    type: dict
    required: true
  wanted:
    description:
      - What the platform needs - C(kubeconfig), C(minor) (the oldest minor version of Kubernetes), C(architecture),
        C(namespaces), C(cluster_roles), C(storage_class), C(access) and C(ingress_class).
    type: dict
    required: true
"""

OURS = ("app.kubernetes.io/part-of", "z2jh")
# DaemonSets of network plugins that enforce NetworkPolicies; some clouds run them under these names.
ENFORCERS = {
    "cilium": "Cilium",
    "anetd": "Cilium (GKE)",
    "calico-node": "Calico",
    "canal": "Calico (Canal)",
    "antrea-agent": "Antrea",
    "kube-router": "kube-router",
    "weave-net": "Weave Net",
    "azure-npm": "Azure Network Policy Manager",
}
OWN_AGENT = {"aws-node": "Amazon's VPC CNI, if its network policy agent is on", "ovnkube-node": "OVN-Kubernetes"}


def _architecture(machine: str) -> str:
    return {"x86_64": "amd64", "aarch64": "arm64"}.get(machine, machine)


def _class(kind: str, setting: str, name: str, classes: Mapping[str, bool]) -> Iterator[str]:
    """Check that a class is there, or that there is one default where none is named."""
    there = ", ".join(sorted(classes)) or "none"
    if name and name not in classes:
        yield f"{setting} {name} does not exist in the cluster: choose one of its {kind}es ({there})."
    if not name and sum(classes.values()) != 1:
        yield f"The cluster has no {kind} that is the one default: set {setting} to one of {there}."


def cluster_findings(probe: Mapping[str, Any], wanted: Mapping[str, Any]) -> list[str]:
    """Say what keeps the platform from running on the cluster; see DOCUMENTATION."""
    if probe["problem"]:
        return [
            f"The cluster of {wanted['kubeconfig']} cannot be asked ({probe['problem']}): "
            "existing_kubeconfig has to be a kubeconfig whose current context leads to it from this machine."
        ]
    findings = []
    where = f"The cluster {probe['context']} ({probe['server']})"
    if int(re.findall(r"[0-9]+", probe["version"])[1]) < wanted["minor"]:
        findings.append(f"{where} runs Kubernetes {probe['version']}, and 1.{wanted['minor']} is needed: upgrade it.")
    if probe["denied"]:
        findings.append(
            f"The account of {wanted['kubeconfig']} may not: {'; '.join(probe['denied'])}. "
            "Give it these rights, or use one that is bound to cluster-admin."
        )
    # What may not be listed is not there for us; the right to list it is among those above.
    if any(right.startswith("list ") for right in probe["denied"]):
        return findings
    machine = _architecture(wanted["architecture"])
    if machine and machine not in probe["architectures"]:
        nodes = ", ".join(probe["architectures"]) or "no node that takes pods"
        findings.append(f"{where} has {nodes}, and this machine builds for {machine}: set existing_images.")
    for name in wanted["namespaces"]:
        labels = probe["namespaces"].get(name)
        if labels is not None and labels.get(OURS[0]) != OURS[1]:
            findings.append(
                f"{where} has a namespace {name} that is not this platform's: it would be mixed with what runs there, "
                "so use another cluster, or remove that namespace if nobody needs it."
            )
    for name, namespace in probe["cluster_roles"].items():
        if name in wanted["cluster_roles"] and namespace not in wanted["namespaces"]:
            findings.append(
                f"{where} has a ClusterRole {name} of a release in namespace {namespace}, which ours would need: "
                "Dask Gateway runs there already, so use another cluster."
            )
    findings += _class("StorageClass", "existing_storage_class", wanted["storage_class"], probe["storage_classes"])
    if wanted["access"] == "Ingress":
        findings += _class("IngressClass", "existing_ingress_class", wanted["ingress_class"], probe["ingress_classes"])
    return findings


def default_class(classes: Mapping[str, bool], name: str = "") -> str:
    """Return the class that is named, else the default one."""
    return name or next((one for one, default in classes.items() if default), "")


def policy_enforcement(daemon_sets: list[str]) -> str:
    """Say in one sentence who enforces NetworkPolicies, as far as it can be seen."""
    for name in daemon_sets:
        if name in ENFORCERS or name in OWN_AGENT:
            return f"NetworkPolicies are enforced by {ENFORCERS.get(name) or OWN_AGENT[name]}."
    return (
        "No network plugin that is known to enforce NetworkPolicies was found: "
        "unless yours does, people's servers reach each other, the API server and all else in the cluster's network."
    )


class FilterModule:
    """Ansible's entry point."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Name the filters of this file."""
        return {
            "cluster_findings": cluster_findings,
            "default_class": default_class,
            "policy_enforcement": policy_enforcement,
        }
