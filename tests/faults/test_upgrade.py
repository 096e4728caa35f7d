"""An upgrade of the hub: people work on; one that cannot succeed is undone and says why (F27)."""

from __future__ import annotations

from pathlib import Path

import pytest
from live.cluster import Cluster
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
