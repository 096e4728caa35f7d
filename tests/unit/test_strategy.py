"""A run needs Mitogen for its speed only."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
from ansible.plugins.strategy.linear import StrategyModule as Linear
from loading import CHECKOUT, load

INTERPRETER = f"-eansible_python_interpreter={sys.executable}"


def _strategy() -> type:
    strategy: type = load("plugins/strategy/mitogen_linear.py").StrategyModule
    return strategy


def test_mitogen_carries_tasks_out_in_ansibles_order() -> None:
    assert _strategy() is not Linear
    assert issubclass(_strategy(), Linear)


def test_without_mitogen_it_is_linear(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "mitogen.parent", None)
    assert _strategy() is Linear


def test_a_directory_too_deep_for_a_socket_is_linear(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / ("d" * 100)))
    assert _strategy() is Linear


@pytest.mark.parametrize("name", ["short", "d" * 100])
def test_a_run_ends_whatever_the_length_of_its_temporary_directory(tmp_path: Path, name: str) -> None:
    """With Mitogen's own socket in the longer one the run would wait for ever."""
    with tempfile.TemporaryDirectory(prefix="z") as short:
        directory = Path(short) / name
        directory.mkdir()
        run = subprocess.run(
            ["ansible", "-i", "localhost,", "-c", "local", "localhost", "-m", "ansible.builtin.ping", INTERPRETER],
            cwd=CHECKOUT,
            env=os.environ | {"ANSIBLE_NOCOLOR": "1", "ANSIBLE_HOME": str(tmp_path), "TMPDIR": str(directory)},
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
    assert run.returncode == 0, run.stdout + run.stderr
    assert "ping: pong" in run.stdout
