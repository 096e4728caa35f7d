"""Nobody's pod or home has the name of somebody else's, whatever people and their servers are called."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from kubespawner import spawner as kubespawner

PEOPLE_AND_SERVERS = [
    ("foo-bar", ""),
    ("foo", "bar"),
    ("foo--bar", ""),
    ("foo", "-bar"),
    ("edwin", ""),
    ("edwin", "8"),
    ("edwin-8", ""),
    ("edwin.8", ""),
    ("edwin_8", ""),
    ("e" * 39, "server"),
    ("e" * 38, "eserver"),
]


def test_names_of_pods_and_homes_are_distinct(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kubespawner, "load_config", lambda *_, **__: None)
    monkeypatch.setattr(kubespawner, "shared_client", lambda *_, **__: None)
    pods, homes = set(), set()
    for number, (name, server) in enumerate(PEOPLE_AND_SERVERS):
        user = SimpleNamespace(name=name, id=number, escaped_name=name, url=f"/user/{name}/")
        spawner = kubespawner.KubeSpawner(
            _mock=True, user=user, orm_spawner=SimpleNamespace(name=server, state={}, server=None)
        )
        pods.add(spawner.pod_name)
        homes.add(spawner.pvc_name)
    assert len(pods) == len(homes) == len(PEOPLE_AND_SERVERS)
