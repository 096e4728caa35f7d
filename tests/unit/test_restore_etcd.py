"""What is refused before a cluster goes back to a snapshot of etcd."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest
from loading import load

restore = load("roles/control_plane_timers/files/restore_etcd.py")


@pytest.fixture
def node(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the folder of a node that has one control plane, a snapshot, and nothing that runs."""
    for name in ("manifests", "stopped"):
        (tmp_path / name).mkdir()
    (tmp_path / "members.json").write_text(json.dumps({"cp1": "10.0.0.11"}))
    (tmp_path / "manifests/etcd.yaml").write_text("    image: registry/etcd:1\n")
    (tmp_path / "etcd.db").touch()
    monkeypatch.setattr(restore, "MEMBERS", tmp_path / "members.json")
    monkeypatch.setattr(restore, "MANIFESTS", tmp_path / "manifests")
    monkeypatch.setattr(restore, "STOPPED", tmp_path / "stopped")
    monkeypatch.setattr(restore, "DATA", tmp_path / "data")
    monkeypatch.setattr(restore, "CTR", ("false",))
    monkeypatch.setattr(restore, "NODES", ("false",))
    monkeypatch.setattr(restore, "succeeds", lambda *_: True)
    return tmp_path


def refusal(snapshot: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """Ask for a restore and return why there is none."""
    monkeypatch.setattr(sys, "argv", ["z2jh-restore-etcd", str(snapshot)])
    with pytest.raises(SystemExit) as refused:
        restore.main()
    return str(refused.value)


def test_a_missing_snapshot_is_named(node: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert f"There is no snapshot {node / 'other.db'}" in refusal(node / "other.db", monkeypatch)


def test_more_than_one_control_plane_is_refused(node: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (node / "members.json").write_text(json.dumps({"cp1": "10.0.0.11", "cp2": "10.0.0.12"}))
    assert "has the control planes cp1, cp2" in refusal(node / "etcd.db", monkeypatch)


def test_what_the_cluster_has_besides_the_inventory_is_refused(node: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A run that was to remove the others was cut off."""
    monkeypatch.setattr(restore, "NODES", ("echo", "cp1 cp3"))
    assert "has the control planes cp1, cp3" in refusal(node / "etcd.db", monkeypatch)


def test_without_a_kubelet_nothing_would_stop(node: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(restore, "succeeds", lambda *_: False)
    assert "The kubelet does not run" in refusal(node / "etcd.db", monkeypatch)


def test_a_snapshot_that_cannot_be_read_stops_nothing(node: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (node / "data/member").mkdir(parents=True)
    assert f"etcdutl cannot restore {node / 'etcd.db'}" in refusal(node / "etcd.db", monkeypatch)
    assert (node / "manifests/etcd.yaml").exists()
    assert (node / "data/member").exists()


def test_what_was_cut_off_runs_again_with_the_data_of_before(node: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A run that was killed has left the manifests where nothing starts them, and the next one fails, too."""
    (node / "data/member").mkdir(parents=True)
    (node / "manifests/etcd.yaml").rename(node / "stopped/etcd.yaml")
    assert "etcdutl cannot restore" in refusal(node / "etcd.db", monkeypatch)
    assert (node / "manifests/etcd.yaml").exists()


def test_etcd_does_not_start_with_nothing(node: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It would make an empty cluster, and the kubelet would end all pods."""
    (node / "manifests/etcd.yaml").rename(node / "stopped/etcd.yaml")
    assert "etcdutl cannot restore" in refusal(node / "etcd.db", monkeypatch)
    assert (node / "stopped/etcd.yaml").exists()
