#!/usr/bin/python3
"""Renew the control plane's certificates when one of them ends soon, and restart what has read them.

Usage: DAYS. Nothing happens unless a certificate that kubeadm manages ends within so many days.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable

CONFIG = "--config=/etc/kubernetes/kubeadm.yaml"
CTR = ("ctr", "--namespace=k8s.io")
PODS = ("etcd", "kube-apiserver", "kube-controller-manager", "kube-scheduler")
READY = ("kubectl", "--kubeconfig=/etc/kubernetes/admin.conf", "--request-timeout=5s", "get", "--raw=/readyz")
SECONDS = 180
DAY = 86400


def output(*command: str) -> str:
    """Return what a command prints; fail if it fails."""
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout


def ending(days: float) -> list[str]:
    """Name the certificates that end within so many days; those that someone else manages are left out."""
    report = json.loads(output("kubeadm", "certs", "check-expiration", CONFIG, "--output=json"))
    return [
        certificate["name"]
        for certificate in report["certificates"]
        if not certificate["externallyManaged"]
        and not certificate["missing"]
        and certificate["residualTime"] < days * DAY
    ]


def running(pod: str) -> set[str]:
    """Return the running containers of a static pod."""
    known = output(*CTR, "containers", "list", "--quiet", f'labels."io.kubernetes.container.name"=={pod}').split()
    return set(known) & set(output(*CTR, "tasks", "list", "--quiet").split())


def restart(pod: str) -> None:
    """End a static pod's container and wait until the kubelet has started another."""
    ended = running(pod)
    for container in ended:
        output(*CTR, "tasks", "kill", "--signal=SIGTERM", container)
    wait(f"{pod} runs again", lambda: bool(running(pod) - ended))


def wait(condition: str, check: Callable[[], bool]) -> None:
    """Wait until a condition is true."""
    end = time.monotonic() + SECONDS
    while not check():
        if time.monotonic() > end:
            sys.exit(f"Not within {SECONDS} s: {condition}.")
        time.sleep(1)


def main() -> None:
    """Renew what ends soon."""
    names = ending(float(sys.argv[1]))
    if not names:
        return
    print(f"Renewing, as these end soon: {', '.join(names)}.")
    output("kubeadm", "certs", "renew", "all", CONFIG)
    for pod in PODS:
        restart(pod)
    wait("the API server is ready", lambda: subprocess.run(READY, check=False, capture_output=True).returncode == 0)
    print("All certificates are renewed, and the control plane has restarted with them.")


if __name__ == "__main__":
    main()
