"""auto goes on with what made the cache, and takes upstream only if all of it answers and can be checked."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest
from loading import CHECKOUT, load

plugin = load("plugins/filter/source.py")

ANSWERS = [
    {"item": "https://dl.example.org/kubeadm", "status": 200},
    {"item": "https://example.org/v2/", "status": 401},
]
SILENT = {"item": "https://charts.example.org/a.tgz", "status": -1, "msg": "no route"}
REFUSED = {"item": "https://charts.example.org/a.tgz", "status": 403}


@pytest.mark.parametrize(
    ("cached", "unpinned", "answers", "source", "reason"),
    [
        ("", [], ANSWERS, "upstream", "all its releases and registries answer"),
        ("", [], [*ANSWERS, SILENT], "registries", "https://charts.example.org/a.tgz does not answer"),
        ("", [], [*ANSWERS, REFUSED], "registries", "https://charts.example.org/a.tgz does not answer"),
        ("", ["a.tgz"], [], "registries", "upstream has no checksum of a.tgz"),
        ("upstream", [], [], "upstream", "the programs in the cache are from there"),
        ("registries", ["a.tgz"], [], "registries", "the programs in the cache are from there"),
    ],
)
def test_auto_chooses_and_says_why(
    cached: str, unpinned: list[str], answers: list[dict[str, object]], source: str, reason: str
) -> None:
    assert plugin.source_choice(cached, unpinned, answers) == {"source": source, "reason": reason}


@pytest.mark.parametrize(
    ("made", "source"),
    [("upstream/kubeadm-0123/kubeadm", "upstream"), ("go/programs/kubeadm-0123", "registries"), ("other/kubeadm", "")],
)
def test_the_cache_tells_what_made_it(tmp_path: Path, made: str, source: str) -> None:
    (tmp_path / made).parent.mkdir(parents=True)
    (tmp_path / made).touch()
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin/kubeadm").symlink_to(tmp_path / made)
    assert plugin.cached_source(str(tmp_path / "bin/kubeadm"), str(tmp_path)) == source


def test_an_empty_cache_tells_nothing(tmp_path: Path) -> None:
    assert plugin.cached_source(str(tmp_path / "bin/kubeadm"), str(tmp_path)) == ""


NO_SUM = "There is no checksum of jupyterhub-4.4.0.tgz for "


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({}, "artifact_source auto: registries, because upstream has no checksum of jupyterhub-4.4.0.tgz."),
        ({"artifact_source": "upstream"}, NO_SUM),
        ({"artifact_source": "upstream", "jupyterhub_chart": ""}, ""),
        ({"artifact_source": "registries", "jupyterhub_chart": "https://example.org/charts/"}, NO_SUM),
        ({"artifact_source": "registries", "dask_gateway_chart": "https://example.org/charts"}, ""),
    ],
)
def test_nothing_is_taken_without_a_sum(tmp_path: Path, settings: dict[str, str], sentence: str) -> None:
    role = {"name": "preflight", "tasks_from": "source"}
    book = tmp_path / "play.yml"
    book.write_text(json.dumps([{"hosts": "localhost", "tasks": [{"ansible.builtin.include_role": role}]}]))
    (tmp_path / "group_vars").symlink_to(CHECKOUT / "group_vars")
    variables = settings | {"cache_dir": str(tmp_path / "cache")}
    run = subprocess.run(
        ["ansible-playbook", "-i", "hosts.example", "-e", json.dumps(variables), str(book)],
        cwd=CHECKOUT,
        env=os.environ | {"ANSIBLE_NOCOLOR": "1", "ANSIBLE_HOME": str(tmp_path / "home")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == (2 if sentence == NO_SUM else 0), run.stdout
    assert sentence in run.stdout


def test_auto_asks_registries_at_their_addresses(tmp_path: Path) -> None:
    tasks = [
        {"ansible.builtin.include_vars": str(CHECKOUT / "roles/preflight/vars/main.yml")},
        {"ansible.builtin.debug": {"msg": "{{ __preflight_published }}"}},
    ]
    (tmp_path / "play.yml").write_text(json.dumps([{"hosts": "localhost", "gather_facts": False, "tasks": tasks}]))
    variables = {
        "artifact_source_used": "upstream",
        "__preflight_releases": [],
        "upstream_kubernetes_registry": "docker.io/k8s",
    }
    run = subprocess.run(
        ["ansible-playbook", "-i", "hosts.example", "-e", json.dumps(variables), str(tmp_path / "play.yml")],
        cwd=CHECKOUT,
        env=os.environ | {"ANSIBLE_STDOUT_CALLBACK": "ansible.posix.json", "ANSIBLE_HOME": str(tmp_path / "home")},
        capture_output=True,
        text=True,
        check=True,
    )
    report = json.loads(run.stdout[run.stdout.index("{") :])
    asked = report["plays"][0]["tasks"][-1]["hosts"]["localhost"]["msg"]
    assert len(asked) == 3
    assert asked[0] == "https://registry-1.docker.io/v2/"
