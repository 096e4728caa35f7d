"""An upgrade of the hub: people work on; one that cannot succeed is undone and says why (F27)."""

from __future__ import annotations

import os
import signal
import subprocess
from pathlib import Path

import pytest
from live.cluster import HUB_NAMESPACE, Cluster
from live.faults import HUB
from live.platform import ROOT, Platform
from live.polling import until
from live.runs import repair, up
from live.work import Work

pytestmark = [pytest.mark.life, pytest.mark.timeout(1800)]

ANNOUNCEMENT = "The tests are upgrading this hub."


def inventory(folder: Path, **settings: str) -> Path:
    """Write the platform's inventory with further settings."""
    path = folder / "hosts"
    lines = [f"{name}={value}" for name, value in settings.items()]
    path.write_text("\n".join([(ROOT / "hosts").read_text(), "[all:vars]", *lines, ""]))
    return path


def test_people_work_on(platform: Platform, cluster: Cluster, work: Work, tmp_path: Path) -> None:
    hub = cluster.pod(HUB).name
    try:
        repair(inventory(tmp_path, hub_announcement=f'"{ANNOUNCEMENT}"'))
        # Control: it is another hub, with the new configuration.
        assert cluster.pod(HUB).name != hub
        with platform.http() as anybody:
            assert ANNOUNCEMENT in anybody.get("/hub/login").text
        until("the server is known", lambda: work.person.server(), 60)
        work.is_as_before()
    finally:
        repair()


def test_one_that_fails_is_undone_and_says_why(
    platform: Platform, cluster: Cluster, work: Work, tmp_path: Path
) -> None:
    broken = '{"hub": {"extraConfig": {"broken": "raise SystemExit(\'no such star\')"}}}'
    run = up(inventory(tmp_path, jupyterhub_values=broken, jupyterhub_timeout="60"))
    assert run.code != 0
    said = " ".join(run.tasks("failed"))
    assert "no such star" in said, said
    with platform.http() as anybody:
        assert anybody.get("/hub/health").status_code == 200
    until("the server is known", lambda: work.person.server(), 60)
    work.is_as_before()
    # Control: without it the next run finds nothing to do.
    assert repair().sums()["changed"] == 0


def operations(cluster: Cluster) -> dict[int, str]:
    """Return the state of each operation that helm has noted, by its revision."""
    noted = cluster.core.list_namespaced_secret(HUB_NAMESPACE, label_selector="owner=helm,name=jupyterhub").items
    return {int(secret.metadata.labels["version"]): secret.metadata.labels["status"] for secret in noted}


def test_one_that_a_signal_cut_off_is_done_by_the_next_run(
    platform: Platform, cluster: Cluster, work: Work, tmp_path: Path
) -> None:
    wanted = inventory(tmp_path, hub_announcement=f'"{ANNOUNCEMENT}"')
    newest = max(operations(cluster))
    begun = subprocess.Popen(
        [ROOT / "scripts" / "up.sh"],
        env={**os.environ, "INVENTORY": str(wanted)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        until("helm has begun", lambda: max(operations(cluster)) > newest, 300, every=0.02)
        os.killpg(begun.pid, signal.SIGINT)
        assert begun.wait(60) != 0
        # Control: it was cut off, not done.
        assert operations(cluster)[newest + 1] in ("failed", "pending-upgrade")
        repair(wanted)
        with platform.http() as anybody:
            assert ANNOUNCEMENT in anybody.get("/hub/login").text
        until("the server is known", lambda: work.person.server(), 60)
        work.is_as_before()
    finally:
        if begun.poll() is None:
            os.killpg(begun.pid, signal.SIGKILL)
        repair()
