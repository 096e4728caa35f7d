#!/usr/bin/python3
"""Hooks of certbot: the hub answers the question of an ACME server, and its proxy serves the new certificate."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

NAMESPACE = "jupyterhub"
KUBECTL = ("kubectl", "--kubeconfig=/etc/kubernetes/admin.conf", f"--namespace={NAMESPACE}")
# A Secret that the hub mounts, and where; it serves what is in it below /hub/.well-known/acme-challenge/.
CHALLENGE, FOLDER = "acme-challenge", "/etc/z2jh-acme"
CERTIFICATE = "proxy-tls"
PATIENCE = 180.0


def kubectl(*arguments: str, given: Any = None) -> None:
    """Run kubectl, with an object on its standard input if one is given."""
    text = None if given is None else json.dumps(given)
    subprocess.run([*KUBECTL, *arguments], input=text, text=True, check=True)


def secret(name: str, kind: str, data: dict[str, bytes]) -> dict[str, Any]:
    """Return a Secret."""
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": name, "namespace": NAMESPACE},
        "type": kind,
        "data": {key: base64.b64encode(value).decode() for key, value in data.items()},
    }


def annotations(**values: str) -> dict[str, Any]:
    """Return metadata with annotations of ours."""
    return {"metadata": {"annotations": {f"z2jh.internal/{key}": value for key, value in values.items()}}}


def show(token: str, answer: str) -> None:
    """Have the hub answer, and wait until its pod has the file."""
    kubectl("apply", "--filename=-", given=secret(CHALLENGE, "Opaque", {token: answer.encode()}))
    end = time.monotonic() + PATIENCE
    # A kubelet brings the volumes of a pod that changes up to date at once, of others in a minute or so.
    kubectl("annotate", "--overwrite", "pods", "--selector=component=hub", f"z2jh.internal/acme={token[:20]}")
    while subprocess.run(
        [*KUBECTL, "exec", "deploy/hub", "--", "test", "-e", f"{FOLDER}/{token}"], check=False
    ).returncode:
        if time.monotonic() > end:
            sys.exit("The hub did not get the answer for the ACME server in time.")
        time.sleep(1)


def hide() -> None:
    """Take the answer away again."""
    kubectl("delete", "--ignore-not-found", f"secret/{CHALLENGE}")


def install(lineage: str) -> None:
    """Give the proxy the certificate of a folder of certbot, and restart it, as it reads it once."""
    chain, key = Path(lineage, "fullchain.pem").read_bytes(), Path(lineage, "privkey.pem").read_bytes()
    kubectl("apply", "--filename=-", given=secret(CERTIFICATE, "kubernetes.io/tls", {"tls.crt": chain, "tls.key": key}))
    # The hash that role jupyterhub writes there, which so restarts nothing once more.
    template = annotations(certificate=hashlib.sha256(chain.rstrip(b"\n")).hexdigest())
    kubectl("patch", "deployment/proxy", f"--patch={json.dumps({'spec': {'template': template}})}")


def main() -> None:
    """Do what certbot asks for; it says the rest in the environment."""
    match sys.argv[1:]:
        case ["show"]:
            show(os.environ["CERTBOT_TOKEN"], os.environ["CERTBOT_VALIDATION"])
        case ["hide"]:
            hide()
        case ["install"]:
            install(os.environ["RENEWED_LINEAGE"])
        case _:
            sys.exit("Usage: z2jh-acme-hook show|hide|install, by certbot")


if __name__ == "__main__":
    main()
