#!/usr/bin/python3
"""Go back to a snapshot of etcd, on the only control plane of a cluster.

Usage: FILE. What was written since is lost to the cluster; the data of until now is kept in etcd's folder. Nothing is
stopped before the snapshot was restored to its end, and what was cut off is finished by running it again.
The order is that of "Restoring a cluster" in etcd's documentation. Revisions go on at a number that no client has seen,
so that nobody takes what it remembers for newer than what is there.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

CTR = ("ctr", "--namespace=k8s.io")
CONTAINER = "z2jh-restore-etcd"
KUBECTL = ("kubectl", "--kubeconfig=/etc/kubernetes/admin.conf", "--request-timeout=5s")
READY = (*KUBECTL, "get", "--raw=/readyz")
NODES = (
    *(*KUBECTL, "get", "nodes", "--selector=node-role.kubernetes.io/control-plane"),
    "--output=jsonpath={.items[*].metadata.name}",
)
DATA = Path("/var/lib/etcd")
MANIFESTS = Path("/etc/kubernetes/manifests")
# The control planes of the inventory, each with its address, and where manifests are while nothing may run.
MEMBERS = Path("/etc/kubernetes/z2jh/control-planes.json")
STOPPED = Path("/etc/kubernetes/z2jh/stopped")
BEFORE = "before-{:%Y%m%dT%H%M%SZ}"
# As etcd's documentation proposes: more than a cluster writes between two snapshots.
REVISIONS = 1_000_000_000
SECONDS = 300


def output(*command: str) -> str:
    """Return what a command prints; fail if it fails."""
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout


def succeeds(*command: str) -> bool:
    """Say whether a command ends well."""
    return subprocess.run(command, check=False, capture_output=True).returncode == 0


def ended(pod: str) -> bool:
    """Say whether the kubelet has ended a static pod: nothing of it runs, nor what holds its network."""
    known = output(*CTR, "containers", "list", "--quiet", f'labels."io.kubernetes.pod.name"=={pod}').split()
    tasks = [line.split() for line in output(*CTR, "tasks", "list").splitlines()[1:]]
    return not any(name in known and status == "RUNNING" for name, _, status in tasks)


def wait(condition: str, check: Callable[[], bool]) -> None:
    """Wait until a condition is true."""
    end = time.monotonic() + SECONDS
    while not check():
        if time.monotonic() > end:
            sys.exit(f"Not within {SECONDS} s: {condition}.")
        time.sleep(1)


def only_member() -> tuple[str, str]:
    """Return the name and the address of this control plane, which has to be the only one.

    The inventory says so, and the cluster too if it answers: a run that adds or removes others may have been cut off.
    """
    members: dict[str, str] = json.loads(MEMBERS.read_text())
    nodes = subprocess.run(NODES, check=False, capture_output=True, text=True)
    names = {*members, *(nodes.stdout.split() if nodes.returncode == 0 else [])}
    if len(names) != 1:
        sys.exit(f"The cluster has the control planes {', '.join(sorted(names))}: this goes back with one alone.")
    ((name, address),) = members.items()
    return name, address


def manifest(name: str) -> Path:
    """Return where a manifest is: with the kubelet, or with what is stopped."""
    return next(folder / f"{name}.yaml" for folder in (MANIFESTS, STOPPED) if (folder / f"{name}.yaml").exists())


def restore(snapshot: Path, node: str, address: str, target: Path) -> None:
    """Make the data of a snapshot in a folder, with the tools of etcd's own image, as nodes have none."""
    image = re.search(r"(?m)^\s*image: (\S+)$", manifest("etcd").read_text())
    if not image:
        sys.exit(f"{manifest('etcd')} names no image.")
    # What was cut off has left them.
    succeeds(*CTR, "tasks", "delete", "--force", CONTAINER)
    succeeds(*CTR, "containers", "delete", CONTAINER)
    shutil.rmtree(target, ignore_errors=True)
    peer = f"https://{address}:2380"
    subprocess.run(
        [
            *(*CTR, "run", "--rm"),
            f"--mount=type=bind,src={snapshot.parent},dst=/snapshots,options=rbind:ro",
            f"--mount=type=bind,src={target.parent},dst={target.parent},options=rbind:rw",
            *(image[1], CONTAINER, "etcdutl", "snapshot", "restore", f"/snapshots/{snapshot.name}"),
            *(f"--data-dir={target}", f"--name={node}", f"--initial-cluster={node}={peer}"),
            *(f"--initial-advertise-peer-urls={peer}", f"--bump-revision={REVISIONS}", "--mark-compacted"),
        ],
        check=True,
    )


def stop(node: str) -> None:
    """Take the manifests away, and wait until the kubelet has ended what they ask for."""
    STOPPED.mkdir(mode=0o700, exist_ok=True)
    for path in MANIFESTS.glob("*.yaml"):
        path.rename(STOPPED / path.name)
    for pod in ("kube-apiserver", "etcd"):
        wait(f"{pod} has ended", partial(ended, f"{pod}-{node}"))


def start() -> None:
    """Give the manifests back, unless etcd would make an empty cluster of its own."""
    if not (DATA / "member").exists():
        return
    for path in STOPPED.glob("*.yaml"):
        path.rename(MANIFESTS / path.name)


def main() -> None:
    """Check, read the snapshot, stop the control plane, change its data, and start it."""
    if len(sys.argv) != 2:
        sys.exit("Usage: z2jh-restore-etcd FILE, a snapshot such as those in /var/backups/etcd.")
    snapshot = Path(sys.argv[1]).resolve()
    if not snapshot.is_file():
        sys.exit(f"There is no snapshot {snapshot}: they are in /var/backups/etcd.")
    node, address = only_member()
    if not succeeds("systemctl", "is-active", "--quiet", "kubelet"):
        sys.exit("The kubelet does not run, which stops and starts the control plane: systemctl start kubelet.")
    restored = DATA / "restored"
    try:
        try:
            restore(snapshot, node, address, restored)
        except subprocess.CalledProcessError:
            sys.exit(f"etcdutl cannot restore {snapshot}, as the lines above say: the data is as it was.")
        print("Stopping the control plane.", flush=True)
        stop(node)
        if (DATA / "member").exists():
            kept = DATA / BEFORE.format(datetime.now(tz=UTC))
            (DATA / "member").rename(kept)
            print(f"The data of until now is in {kept}.", flush=True)
        (restored / "member").rename(DATA / "member")
    finally:
        shutil.rmtree(restored, ignore_errors=True)
        start()
    wait("the API server is ready", lambda: succeeds(*READY))
    print(f"The control plane runs with what {snapshot} holds.")


if __name__ == "__main__":
    main()
