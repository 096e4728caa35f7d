"""The program by which nodes make volumes, beside programs that say that they mounted."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

PROGRAM = Path(__file__).parents[2] / "roles/volumes/files/z2jh-volume.sh"
SIZE = 1 << 20

# What the program calls. A mounted folder has a file beside it; what is called is logged.
STAND_INS = {
    "flock": "",
    "losetup": "echo {here}/loop0",
    "mknod": "",
    "mkfs.ext4": 'shift 3; [ -s "$1" ] && echo made > "$1"',
    "mountpoint": '[ -e "$2.mounted" ]',
    "mount": 'shift 2; ! grep -q broken "$1" && touch "$2.mounted"',
    "umount": 'rm "$1.mounted"',
}


class Node:
    """A folder of volumes, and the program that keeps it."""

    def __init__(self, here: Path) -> None:
        self.volumes, self.log, programs = here / "volumes", here / "log", here / "programs"
        programs.mkdir()
        for name, does in STAND_INS.items():
            stand_in = programs / name
            stand_in.write_text(f'#!/bin/sh\necho "{name} $*" >> {self.log}\n{does.format(here=here)}\n')
            stand_in.chmod(0o755)
        self.program = here / "z2jh-volume"
        control = here / "loop-control"
        control.touch()
        text = PROGRAM.read_text().replace("/dev/loop-control", str(control))
        self.program.write_text(text.replace("/run/lock/z2jh-volume", str(here / "lock")))
        self.path, self.control = f"{programs}:/usr/bin:/bin", control

    def __call__(self, *command: str) -> int:
        """Run the program, and return how it ended."""
        return subprocess.run(["sh", str(self.program), *command], env={"PATH": self.path}, check=False).returncode

    def mounted(self) -> set[str]:
        """Return the names of the volumes that are attached."""
        return {path.stem for path in self.volumes.glob("*.mounted")}

    def lose_mounts(self) -> None:
        """Do what a restart of the node does."""
        for path in self.volumes.glob("*.mounted"):
            path.unlink()


@pytest.fixture
def node(tmp_path: Path) -> Node:
    """Return a node without volumes."""
    return Node(tmp_path)


def test_a_volume_is_a_file_system_of_its_size(node: Node) -> None:
    assert node("make", f"{node.volumes}/home", str(SIZE)) == 0
    assert node.mounted() == {"home"}
    assert (node.volumes / "home").stat().st_mode & 0o777 == 0o777
    # Nobody but root reads what is in it on the node.
    assert (node.volumes / "home.img").stat().st_mode & 0o777 == 0o600
    assert f"mount -o loop,nosuid,nodev,discard {node.volumes}/home.img {node.volumes}/home" in node.log.read_text()


def test_to_make_it_again_keeps_what_is_in_it(node: Node) -> None:
    for _ in range(2):
        assert node("make", f"{node.volumes}/home", str(SIZE)) == 0
    assert node.log.read_text().count("mkfs.ext4 ") == 1


def test_what_an_interruption_left_is_made_anew(node: Node) -> None:
    node.volumes.mkdir()
    (node.volumes / "home.new").write_text("half a file system")
    assert node("make", f"{node.volumes}/home", str(SIZE)) == 0
    assert not (node.volumes / "home.new").exists()
    assert (node.volumes / "home.img").read_text() == "made\n"


def test_a_home_of_before_stays_a_folder(node: Node) -> None:
    (node.volumes / "home").mkdir(parents=True)
    (node.volumes / "home/notes").touch()
    assert node("make", f"{node.volumes}/home", str(SIZE)) == 0
    assert node.mounted() == set()
    assert (node.volumes / "home/notes").exists()


def test_without_loop_devices_it_is_a_folder(node: Node) -> None:
    node.control.unlink()
    assert node("make", f"{node.volumes}/home", str(SIZE)) == 0
    assert node.mounted() == set()
    assert (node.volumes / "home").stat().st_mode & 0o777 == 0o777


def test_a_restarted_node_attaches_all_but_what_is_broken_and_says_so(node: Node) -> None:
    for name in ("ada", "grace"):
        node("make", f"{node.volumes}/{name}", str(SIZE))
    node.lose_mounts()
    assert node("attach", str(node.volumes)) == 0
    assert node.mounted() == {"ada", "grace"}
    node.lose_mounts()
    (node.volumes / "broken.img").write_text("broken")
    assert node("attach", str(node.volumes)) != 0
    assert node.mounted() == {"ada", "grace"}


def test_a_folder_of_no_volumes_has_nothing_to_attach(node: Node) -> None:
    assert node("attach", str(node.volumes)) == 0


def test_nothing_is_left_of_a_removed_one(node: Node) -> None:
    node("make", f"{node.volumes}/home", str(SIZE))
    assert node("remove", f"{node.volumes}/home") == 0
    assert list(node.volumes.iterdir()) == []
    assert node("remove", f"{node.volumes}/home") == 0


def test_one_that_cannot_be_detached_keeps_its_files(node: Node, tmp_path: Path) -> None:
    node("make", f"{node.volumes}/home", str(SIZE))
    (node.volumes / "home/notes").touch()
    (tmp_path / "programs/umount").write_text("#!/bin/sh\nexit 32\n")
    assert node("remove", f"{node.volumes}/home") != 0
    assert (node.volumes / "home/notes").exists()


def test_another_command_is_refused(node: Node) -> None:
    assert node("grow", str(node.volumes)) == 2
