#!/usr/bin/python3
"""Renew the control plane's certificates when one of them ends soon, and restart what began before they were written.

Usage: DAYS. Certificates are renewed if one that kubeadm manages ends within so many days. The files tell what is to be
restarted, so a renewal that was cut off is finished by the next run.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

CONFIG = "--config=/etc/kubernetes/kubeadm.yaml"
CTR = ("ctr", "--namespace=k8s.io")
PODS = ("etcd", "kube-apiserver", "kube-controller-manager", "kube-scheduler")
READY = ("kubectl", "--kubeconfig=/etc/kubernetes/admin.conf", "--request-timeout=5s", "get", "--raw=/readyz")
SECONDS = 180
DAY = 86400
# What static pods read of what kubeadm renews.
FOLDER = Path("/etc/kubernetes")
READ = ("pki/*.crt", "pki/etcd/*.crt", "controller-manager.conf", "scheduler.conf")


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


def running(pod: str) -> dict[str, int]:
    """Return the running containers of a static pod, each with the number of its process."""
    known = output(*CTR, "containers", "list", "--quiet", f'labels."io.kubernetes.container.name"=={pod}').split()
    tasks = [line.split() for line in output(*CTR, "tasks", "list").splitlines()[1:]]
    return {name: int(process) for name, process, status in tasks if name in known and status == "RUNNING"}


def began(process: int) -> float:
    """Return when a process began, in seconds since 1970, up to a second too early (proc_pid_stat(5), field 22)."""
    boot = next(line for line in Path("/proc/stat").read_text().splitlines() if line.startswith("btime"))
    ticks = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[19]
    return int(boot.split()[1]) + int(ticks) / os.sysconf("SC_CLK_TCK")


def written() -> float:
    """Return when the last of the files that static pods read was written, in seconds since 1970."""
    return max(path.stat().st_mtime for pattern in READ for path in FOLDER.glob(pattern))


def restart(pod: str) -> None:
    """End a static pod's container and wait until the kubelet has started another."""
    ended = running(pod)
    for container in ended:
        output(*CTR, "tasks", "kill", "--signal=SIGTERM", container)
    wait(f"{pod} runs again", lambda: bool(running(pod).keys() - ended.keys()))


def wait(condition: str, check: Callable[[], bool]) -> None:
    """Wait until a condition is true."""
    end = time.monotonic() + SECONDS
    while not check():
        if time.monotonic() > end:
            sys.exit(f"Not within {SECONDS} s: {condition}.")
        time.sleep(1)


def main() -> None:
    """Renew what ends soon, and restart what has not read it."""
    if names := ending(float(sys.argv[1])):
        print(f"Renewing, as these end soon: {', '.join(names)}.")
        output("kubeadm", "certs", "renew", "all", CONFIG)
    since = written()
    stale = [pod for pod in PODS if any(began(process) < since for process in running(pod).values())]
    for pod in stale:
        print(f"Restarting {pod}, which began before its certificates were written.")
        restart(pod)
    if stale:
        wait("the API server is ready", lambda: subprocess.run(READY, check=False, capture_output=True).returncode == 0)
        print("The control plane runs with the certificates that are there.")


if __name__ == "__main__":
    main()
