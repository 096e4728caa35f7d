"""Of two runs at once the second is refused, and a run that was killed leaves nothing locked."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from loading import CHECKOUT, load

# No run but those of this session of tests claims it.
ADDRESS = f"test-{os.getpid()}"
# The worker that waits outlives ansible-playbook when that is killed.
WAITING = """
- name: Wait until the test is over
  hosts: localhost
  gather_facts: false
  tasks:
    - {name: Say so, ansible.builtin.file: {path: "{{ started }}", state: touch, mode: "0600"}}
    - {name: Wait, ansible.builtin.wait_for: {path: "{{ ended }}", timeout: 60, sleep: 1}}
"""


def make_checkout(root: Path) -> Path:
    """Make a checkout of its own, so that no real run is in the way of the test."""
    (root / "playbooks").mkdir(parents=True)
    for kind in ("callback", "strategy"):
        shutil.copytree(CHECKOUT / "plugins" / kind, root / "plugins" / kind)
    for name in ("ansible.cfg", "hosts.example"):
        shutil.copy(CHECKOUT / name, root)
    (root / "z2jh.yml").write_text(WAITING)
    for name in ("playbooks/teardown.yml", "playbooks/charts.yml", "playbooks/elsewhere/other.yml"):
        (root / name).parent.mkdir(exist_ok=True)
        (root / name).write_text("- {name: Nothing, hosts: localhost, gather_facts: false, tasks: []}\n")
    return root


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    return make_checkout(tmp_path / "checkout")


def command(root: Path, book: str, address: str = "") -> list[str]:
    """Return the command line of a run; it claims the control plane at this address, or the checkout alone."""
    files = [f"-estarted={root}/started", f"-eended={root}/ended"]
    place = ["-eplace=hosts", f"-eansible_host={address}"] if address else ["-eplace=existing"]
    return ["ansible-playbook", "-i", "hosts.example", *place, *files, str(root / book)]


def run(root: Path, book: str, address: str = "") -> subprocess.CompletedProcess[str]:
    """Run a playbook to its end."""
    return subprocess.run(
        command(root, book, address), cwd=root, env=environment(root), capture_output=True, text=True, check=False
    )


def environment(root: Path) -> dict[str, str]:
    """Return what a run gets."""
    return os.environ | {"ANSIBLE_NOCOLOR": "1", "ANSIBLE_HOME": str(root / "home")}


@pytest.fixture
def first(checkout: Path) -> Iterator[subprocess.Popen[bytes]]:
    """Start a run that is at work until the test is over."""
    with subprocess.Popen(
        command(checkout, "z2jh.yml", ADDRESS),
        cwd=checkout,
        env=environment(checkout),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    ) as process:
        subprocess.run(
            ["timeout", "30", "sh", "-c", f"until [ -e {checkout}/started ]; do sleep 0.1; done"], check=True
        )
        yield process
        (checkout / "ended").touch()
        process.kill()
    for file in load("plugins/callback/run_lock.py").SHARED.glob(f"z2jh-{ADDRESS}*"):
        file.unlink()


def test_the_second_of_two_is_refused(checkout: Path, first: subprocess.Popen[bytes]) -> None:
    second = run(checkout, "playbooks/teardown.yml")
    assert second.returncode == 1
    assert second.stdout == ""
    assert second.stderr.splitlines() == [
        f"Another run is at work on this checkout, {checkout} (process {first.pid}): "
        "wait until it has ended, then run again."
    ]


def test_what_touches_no_platform_is_not_refused(checkout: Path, first: subprocess.Popen[bytes]) -> None:
    assert first.poll() is None
    assert run(checkout, "playbooks/charts.yml").returncode == 0
    assert run(checkout, "playbooks/elsewhere/other.yml").returncode == 0


def test_a_run_that_was_killed_locks_nothing(checkout: Path, first: subprocess.Popen[bytes]) -> None:
    first.send_signal(signal.SIGKILL)
    first.wait()
    assert run(checkout, "playbooks/teardown.yml").returncode == 0


def test_one_after_the_other_is_not_refused(checkout: Path) -> None:
    assert run(checkout, "playbooks/teardown.yml").returncode == 0
    assert run(checkout, "playbooks/teardown.yml").returncode == 0


def test_a_second_checkout_is_refused_on_the_same_control_plane(
    checkout: Path, first: subprocess.Popen[bytes], tmp_path: Path
) -> None:
    other = make_checkout(tmp_path / "other")
    refused = run(other, "playbooks/teardown.yml", ADDRESS)
    assert refused.returncode == 1
    assert f"Another run is at work on z2jh-cp1 ({ADDRESS}) (process {first.pid}): " in refused.stderr
    assert run(other, "playbooks/teardown.yml", f"{ADDRESS}-2").returncode == 0
