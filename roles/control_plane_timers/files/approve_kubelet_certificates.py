#!/usr/bin/python3
"""Approve the certificates that kubelets ask to serve with, if they are for the node that asks and its address.

Kubernetes signs such requests but leaves it to the cluster's owner to approve them: a node could ask for the name of
another.
Usage: NODES, a JSON file with the address of each node by its name. What is not approved is named, and left to expire.
"""

from __future__ import annotations

import base64
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.x509.oid import NameOID

KUBECTL = ("kubectl", "--kubeconfig=/etc/kubernetes/admin.conf", "--request-timeout=10s")
SIGNER = "kubernetes.io/kubelet-serving"
USAGES = {"digital signature", "key encipherment", "server auth"}


def refusal(request: dict[str, Any], nodes: dict[str, str]) -> str | None:
    """Say why a request is not approved; nothing if it is a node's own."""
    spec = request["spec"]
    node = spec["username"].removeprefix("system:node:")
    if spec["signerName"] != SIGNER or "server auth" not in spec["usages"] or not USAGES.issuperset(spec["usages"]):
        return "it is not for serving"
    if spec["username"] != f"system:node:{node}" or "system:nodes" not in spec["groups"]:
        return f"{spec['username']} is no node"
    if node not in nodes:
        return f"{node} is not in the inventory"
    wanted = x509.load_pem_x509_csr(base64.b64decode(spec["request"]))
    if not wanted.is_signature_valid:
        return "its signature is not valid"
    subject = {(part.oid, part.value) for part in wanted.subject}
    if subject != {(NameOID.COMMON_NAME, spec["username"]), (NameOID.ORGANIZATION_NAME, "system:nodes")}:
        return f"its subject is {wanted.subject.rfc4514_string()}"
    try:
        names = wanted.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return "it names no host"
    found = {(type(name), str(name.value)) for name in names}
    strange = found - {(x509.DNSName, node), (x509.IPAddress, nodes[node])}
    return f"it is for {', '.join(sorted(value for _, value in strange))} too" if strange else None


def main() -> None:
    """Look at what waits for approval."""
    nodes = json.loads(Path(sys.argv[1]).read_text())
    selector = f"--field-selector=spec.signerName={SIGNER}"
    listed = subprocess.run(
        [*KUBECTL, "get", "certificatesigningrequests", selector, "--output=json"], check=True, capture_output=True
    )
    for request in json.loads(listed.stdout)["items"]:
        name, user = request["metadata"]["name"], request["spec"]["username"]
        if request.get("status", {}).get("conditions"):
            continue
        if reason := refusal(request, nodes):
            print(f"Not approved: {name} of {user}, as {reason}.")
        else:
            subprocess.run([*KUBECTL, "certificate", "approve", name], check=True)


if __name__ == "__main__":
    main()
