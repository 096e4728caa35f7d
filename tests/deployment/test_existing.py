"""Place existing: what is asked of a cluster before the platform is put on it, and what is removed from it again.

The platform's own cluster is the one that is there already; nothing is put on it.
"""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from kubernetes import client
from live.cluster import Cluster
from live.platform import ROOT, Platform
from live.polling import until

OURS = {"app.kubernetes.io/part-of": "z2jh"}
INVENTORY = """
[existing]
localhost
[all:vars]
place=existing
existing_kubeconfig={kubeconfig}
existing_registry=registry.example.org/z2jh
hub_hostname=hub.example.org
hub_port=443
hub_http_port=80
github_client_id=sample
github_client_secret=c0ffee
github_allowed_organizations=['my-organization']
"""


def play(folder: Path, kubeconfig: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run a playbook in place existing, with a state of its own."""
    (folder / "hosts").write_text(INVENTORY.format(kubeconfig=kubeconfig))
    return subprocess.run(
        ["ansible-playbook", "-i", str(folder / "hosts"), "-e", f"state_dir={folder}/state", *arguments],
        cwd=ROOT,
        env=os.environ | {"ANSIBLE_HOME": str(folder / "home")},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture
def stranger(platform: Platform, cluster: Cluster, tmp_path: Path) -> Path:
    """Return a kubeconfig of an account without rights."""
    request = client.AuthenticationV1TokenRequest(spec=client.V1TokenRequestSpec(audiences=[], expiration_seconds=600))
    token = cluster.core.create_namespaced_service_account_token("default", "default", request).status.token
    config: dict[str, Any] = yaml.safe_load(platform.kubeconfig.read_text())
    config["users"] = [{"name": user["name"], "user": {"token": token}} for user in config["users"]]
    path = tmp_path / "stranger"
    path.write_text(yaml.safe_dump(config))
    return path


@pytest.fixture
def namespaces(cluster: Cluster) -> Iterator[dict[str, bool]]:
    """Make two namespaces, and say of each whether it is marked as the platform's."""
    made = {"removal-test-ours": True, "removal-test-theirs": False}
    for name, ours in made.items():
        metadata = client.V1ObjectMeta(name=name, labels=OURS if ours else None)
        cluster.core.create_namespace(client.V1Namespace(metadata=metadata))
    yield made
    there = {item.metadata.name for item in cluster.core.list_namespace().items}
    for name in made.keys() & there:
        cluster.core.delete_namespace(name)
    until("the namespaces of the test are gone", lambda: not made.keys() & names(cluster), 60)


def names(cluster: Cluster) -> set[str]:
    """Return the names of all namespaces."""
    return {item.metadata.name for item in cluster.core.list_namespace().items}


def definitions(cluster: Cluster) -> set[str]:
    """Return the names of all definitions of custom resources."""
    api = client.ApiextensionsV1Api(cluster.core.api_client)
    return {item.metadata.name for item in api.list_custom_resource_definition().items}


def test_a_cluster_that_can_be_used(platform: Platform, tmp_path: Path) -> None:
    run = play(tmp_path, platform.kubeconfig, "z2jh.yml", "--check")
    assert run.returncode == 0, run.stdout + run.stderr
    assert "NetworkPolicies are enforced by Cilium." in run.stdout
    assert "Nothing is deployed yet." in run.stdout


def test_an_account_without_rights_is_refused(stranger: Path, tmp_path: Path) -> None:
    run = play(tmp_path, stranger, "z2jh.yml", "--check")
    assert run.returncode != 0
    assert f"The account of {stranger} may not: list /nodes; " in run.stdout
    assert "Nothing is deployed yet." not in run.stdout


def test_what_is_not_the_platforms_is_not_removed(
    platform: Platform, cluster: Cluster, namespaces: dict[str, bool], tmp_path: Path
) -> None:
    before, defined = names(cluster), definitions(cluster)
    book = tmp_path / "remove.yml"
    book.write_text(json.dumps([{"name": "Remove", "hosts": "localhost", "roles": ["platform_removal"]}]))
    (tmp_path / "group_vars").symlink_to(ROOT / "group_vars")
    wanted = json.dumps({"platform_removal_namespaces": list(namespaces)})
    run = play(tmp_path, platform.kubeconfig, str(book), "-e", wanted)
    assert run.returncode == 0, run.stdout + run.stderr
    assert before - names(cluster) == {name for name, ours in namespaces.items() if ours}
    assert definitions(cluster) == defined
