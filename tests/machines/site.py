"""A site of somebody's own: machines, a name, a certificate, and a checkout with a state/ of its own."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from live.cluster import Cluster
from live.machines import Machines
from live.platform import ROOT, Platform
from live.runs import Run, up

EXAMPLE = ROOT / "hosts.ssh.example"
HUB = "hub.example.org"
CLIENT_ID = "Iv1.0123456789abcdef"
KUBELET = {
    "evictionHard": {"nodefs.available": "1Gi", "imagefs.available": "1Gi", "memory.available": "100Mi"},
    "imageGCHighThresholdPercent": 100,
    "imageGCLowThresholdPercent": 99,
}
ETC_HOSTS = Path("/etc/hosts")


def copy_of_checkout(target: Path) -> None:
    """Copy what git knows of this checkout, as it is now."""
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, check=True, capture_output=True, text=True)
    for name in listed.stdout.rstrip("\0").split("\0"):
        (target / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(ROOT / name, target / name, follow_symlinks=False)


def make_certificate(folder: Path) -> None:
    """Make a CA of the site (ca.crt), and the hub's certificate (hub.crt, hub.key)."""
    new = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "90"]
    ca = ["-keyout", "ca.key", "-out", "ca.crt", "-subj", "/CN=CA of the site"]
    signed = ["-CA", "ca.crt", "-CAkey", "ca.key", "-addext", "basicConstraints=critical,CA:FALSE"]
    hub = [
        "-keyout",
        "hub.key",
        "-out",
        "hub.crt",
        "-subj",
        "/CN=hub",
        "-addext",
        f"subjectAltName=DNS:{HUB},DNS:*.{HUB}",
    ]
    for options in (ca, [*signed, *hub]):
        subprocess.run([*new, *options], cwd=folder, check=True, capture_output=True)


@dataclass
class Site:
    """Machines, and how the playbook is run on them."""

    folder: Path
    machines: Machines

    def __post_init__(self) -> None:
        self.checkout = self.folder / "checkout"
        copy_of_checkout(self.checkout)
        make_certificate(self.folder)

    def lead_name_to(self, machine: str) -> None:
        """Have the hub's name lead to a machine, as the site's DNS would; nothing takes the name out again."""
        names = f" {HUB} anyone.{HUB}"
        lines = [line for line in ETC_HOSTS.read_text().splitlines() if not line.endswith(names)]
        address = self.machines.addresses.get(machine)
        ETC_HOSTS.write_text("\n".join([*lines, *([f"{address}{names}"] if address else [])]) + "\n")

    def write_inventory(self, control_planes: Iterable[str], workers: Iterable[str], **settings: str | Path) -> Path:
        """Write the example's inventory with these machines, its key, and its certificate or these settings."""
        text = EXAMPLE.read_text()
        for group, names in (("control_plane", control_planes), ("workers", workers)):
            lines = "".join(f"{name} ansible_host={self.machines.addresses[name]}\n" for name in names)
            text = re.sub(rf"(?m)^\[{group}\]\n(.+\n)+", f"[{group}]\n{lines}", text)
        ssh = [
            f"ansible_ssh_private_key_file={self.machines.key}",
            f'ansible_ssh_common_args="-o UserKnownHostsFile={self.machines.known_hosts}"',
        ]
        text = text.replace("ansible_user=admin\n", "\n".join(["ansible_user=admin", *ssh, ""]))
        files = {"hub_certificate": "hub.crt", "hub_certificate_key": "hub.key", "hub_certificate_ca": "ca.crt"}
        given = settings or {name: self.folder / file for name, file in files.items()}
        text += "".join(f"{name}={value}\n" for name, value in given.items())
        # The disk is shared with the machine of the tests: what is free on it is not the kubelets' to judge.
        text += f"kubernetes_node_kubelet={json.dumps(KUBELET)}\n"
        path = self.checkout / "hosts"
        path.write_text(text)
        return path

    def up(self, *options: str) -> Run:
        """Run the playbook on the machines of the inventory."""
        return up(self.checkout / "hosts", *options, checkout=self.checkout)

    def down(self, *, refused: bool = False) -> str:
        """Take the cluster off the machines, or see that this is refused; return what was said."""
        done = subprocess.run(
            [self.checkout / "scripts" / "down.sh", "--yes"], capture_output=True, text=True, check=False
        )
        said = done.stdout + done.stderr
        assert (done.returncode != 0) == refused, said
        return said

    @property
    def platform(self) -> Platform:
        """Return where the platform is."""
        return Platform.read(self.checkout / "state" / "status.yml")

    @property
    def cluster(self) -> Cluster:
        """Return its cluster."""
        return Cluster(self.platform.kubeconfig)
