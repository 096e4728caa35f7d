#!/usr/bin/python3
"""Keep snapshots of etcd, and forget the oldest ones.

Usage: NODE FOLDER COUNT, at least 1. A snapshot that cannot be read back is an error, and nothing is forgotten then.
Secrets in it are encrypted, as they are in etcd; all else is readable, so the folder is root's alone.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

DATA = Path("/var/lib/etcd")
CERTIFICATES = Path("/etc/kubernetes/pki/etcd")
NAME = "etcd-{:%Y%m%dT%H%M%SZ}.db"


def in_etcd(node: str, *command: str) -> None:
    """Run a command in this node's etcd pod, which has etcd's own tools."""
    subprocess.run(
        [
            *("kubectl", "--kubeconfig=/etc/kubernetes/admin.conf", "--namespace=kube-system"),
            *("exec", f"etcd-{node}", "--", *command),
        ],
        check=True,
        stdout=subprocess.DEVNULL,
    )


def save(node: str, folder: Path) -> Path:
    """Save a snapshot; it has its name only once it is whole."""
    part = DATA / "z2jh-snapshot.part"
    # A move between file systems copies: one that was cut off has left its part in the folder.
    for stale in (part, *folder.glob("etcd-*.part")):
        stale.unlink(missing_ok=True)
    tls = [f"--cacert={CERTIFICATES}/ca.crt", f"--cert={CERTIFICATES}/server.crt", f"--key={CERTIFICATES}/server.key"]
    in_etcd(node, "etcdctl", "--endpoints=https://127.0.0.1:2379", *tls, "snapshot", "save", str(part))
    in_etcd(node, "etcdutl", "snapshot", "status", str(part))
    target = folder / NAME.format(datetime.now(tz=UTC))
    moved = target.with_suffix(".part")
    shutil.move(part, moved)
    moved.chmod(0o600)
    return moved.rename(target)


def forget(folder: Path, count: int) -> None:
    """Remove all snapshots but the newest ones; their names tell their age."""
    for old in sorted(folder.glob("etcd-*.db"))[:-count]:
        old.unlink()


def main() -> None:
    """Save one and forget the oldest."""
    node, folder, count = sys.argv[1], Path(sys.argv[2]), int(sys.argv[3])
    if count < 1:
        sys.exit(f"To keep {count} snapshots in {folder} would not keep the one that is taken: ask for at least 1.")
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    folder.chmod(0o700)
    print(f"Saved {save(node, folder)}.")
    forget(folder, count)


if __name__ == "__main__":
    main()
