"""Machines of the tests' own: containers that run Debian or Ubuntu, systemd and sshd, and are reached by SSH alone.

Podman is what switches them on and off; nothing on them, and no role, knows of it.
"""

from __future__ import annotations

import hashlib
import shlex
import subprocess
from dataclasses import dataclass, field
from pathlib import Path

from live.nodes import podman
from live.polling import until

SYSTEM = Path(__file__).parents[1] / "machines" / "system"
PACKAGES = "apt,ca-certificates,dbus,iproute2,kmod,openssh-server,procps,python3,sudo,systemd,systemd-sysv"
USER = "admin"
DEBIAN_12, UBUNTU_24_04 = "bookworm", "noble"


def image(folder: Path, suite: str, keyring: Path | None) -> str:
    """Return the image of a plain system of this suite; it is made when there is none (70 s)."""
    content = b"".join(path.read_bytes() for path in sorted(SYSTEM.iterdir())) + PACKAGES.encode() + suite.encode()
    name = f"localhost/z2jh-test-machine:{hashlib.sha256(content).hexdigest()[:12]}"
    if subprocess.run(["podman", "image", "exists", name], check=False).returncode == 0:
        return name
    root = folder / "root.tar"
    hooks = [
        f"copy-in {SYSTEM}/machine-mounts.service /etc/systemd/system",
        'mkdir -p "$1/etc/systemd/system/ssh.service.d"',
        f"copy-in {SYSTEM}/host-keys.conf /etc/systemd/system/ssh.service.d",
        f'{SYSTEM}/customize.sh "$1"',
    ]
    # mmdebstrap knows where each distribution is, and has Debian's keys.
    subprocess.run(
        ["mmdebstrap", "--variant=minbase", "--components=main,universe" if keyring else "--components=main"]
        + ([f"--keyring={keyring}"] if keyring else [])
        + [f"--include={PACKAGES}"]
        + [f"--customize-hook={hook}" for hook in hooks]
        + [suite, root],
        check=True,
        capture_output=True,
    )
    podman("import", '--change=CMD ["/sbin/init"]', "--change=ENV container=podman", str(root), name)
    root.unlink()
    return name


@dataclass
class Machines:
    """Machines on a network of their own, opened by one key."""

    folder: Path
    network: str = "z2jh-test-machines"
    subnet: str = "10.89.60"
    gib: int = 3
    addresses: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.key, self.known_hosts = self.folder / "key", self.folder / "known_hosts"
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", self.key], check=True)
        podman("network", "create", f"--subnet={self.subnet}.0/24", "--disable-dns", self.network)

    def add(self, name: str, number: int, suite: str = DEBIAN_12, keyring: Path | None = None) -> None:
        """Switch a new machine on, and log in once, as an operator does, so that its host key is known."""
        self.addresses[name] = f"{self.subnet}.{number}"
        # /var is a real file system, as containerd's overlayfs needs; runc and the limits are what the control groups
        # of version 1 and a machine without CAP_SYS_RESOURCE allow.
        podman(
            *("run", "--detach", "--runtime=runc", "--privileged", "--systemd=always", "--cgroupns=private"),
            *("--ulimit=nofile=20000:20000", "--ulimit=nproc=32768:32768", f"--memory={self.gib}g"),
            *(f"--name={name}", f"--hostname={name}", f"--network={self.network}", f"--ip={self.addresses[name]}"),
            *(f"--volume={name}-var:/var", f"--volume={self.key}.pub:/home/{USER}/.ssh/authorized_keys:ro"),
            image(self.folder, suite, keyring),
        )
        self._booted(name)

    def _booted(self, name: str) -> None:
        """Wait until a machine lets its user in.

        With cgroup v1 all containers share one tree of control groups of systemd, and one that shuts down, of another
        container too, removes what is empty in it: the place of this one, unless a process is in it.
        """
        podman("exec", "--detach", name, "sleep", "infinity")
        until(f"{name} lets its user in", lambda: self._ssh(name, "true").returncode == 0, 60)

    def _ssh(self, name: str, *command: str) -> subprocess.CompletedProcess[str]:
        options = (f"UserKnownHostsFile={self.known_hosts}", "StrictHostKeyChecking=accept-new", "BatchMode=yes")
        target = f"{USER}@{self.addresses[name]}"
        words = [word for option in options for word in ("-o", option)]
        return subprocess.run(
            ["ssh", "-i", self.key, *words, "-o", "LogLevel=ERROR", target, *command],
            capture_output=True,
            text=True,
            check=False,
        )

    def run(self, name: str, command: str) -> str:
        """Run a shell command as root on a machine and return what it printed; fail with what it complained of."""
        done = self._ssh(name, "sudo sh -c " + shlex.quote(command))
        assert done.returncode == 0, f"{command} on {name} ended with {done.returncode}\n{done.stdout}{done.stderr}"
        return done.stdout

    def cut_off(self, name: str) -> None:
        """Take a machine its power. Never `podman stop`: see `_booted`."""
        podman("kill", name)

    def switch_on(self, name: str) -> None:
        """Give a machine its power back."""
        podman("start", name)
        self._booted(name)

    def remove(self) -> None:
        """Remove all machines with their disks."""
        for name in self.addresses:
            subprocess.run(["podman", "kill", name], capture_output=True, check=False)
            podman("rm", "--force", name)
            podman("volume", "rm", "--force", f"{name}-var")
        podman("network", "rm", self.network)
