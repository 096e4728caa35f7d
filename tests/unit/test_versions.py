"""The versions of group_vars/all/versions.yml are those that the locks beside the builds pin."""

from __future__ import annotations

import itertools
import json
import re
from pathlib import Path

import pytest
import yaml

CHECKOUT = Path(__file__).parents[2]
VERSIONS = yaml.safe_load((CHECKOUT / "group_vars/all/versions.yml").read_text())
MODULES = CHECKOUT / "roles/artifacts/files/go"

# Those that are built with Kubernetes' libraries.
SHARING = sorted(path.parent.name for path in MODULES.glob("*/go.mod") if "k8s.io/client-go " in path.read_text())


@pytest.mark.parametrize(
    ("folder", "module", "version"),
    [
        ("kubernetes", "k8s.io/kubernetes", "kubernetes_version"),
        ("etcd", "go.etcd.io/etcd/server/v3", "kubeadm_etcd_tag"),
        ("etcd", "go.etcd.io/etcd/etcdctl/v3", "kubeadm_etcd_tag"),
        ("etcd", "go.etcd.io/etcd/etcdutl/v3", "kubeadm_etcd_tag"),
        ("coredns", "github.com/coredns/coredns", "coredns_version"),
        ("cilium", "github.com/cilium/cilium", "cilium_version"),
        ("helm", "helm.sh/helm/v3", "helm_version"),
        ("local-path-provisioner", "github.com/rancher/local-path-provisioner", "local_path_provisioner_version"),
        ("metrics-server", "sigs.k8s.io/metrics-server", "metrics_server_version"),
        ("versitygw", "github.com/versity/versitygw", "versitygw_version"),
    ],
)
def test_go_module_is_of_the_version(folder: str, module: str, version: str) -> None:
    pinned = re.search(rf"^(?:require )?\s*{re.escape(module)} v(\S+)", (MODULES / folder / "go.mod").read_text(), re.M)
    assert pinned is not None
    assert pinned[1] == VERSIONS[version].split("-")[0]


@pytest.mark.parametrize("folder", SHARING)
def test_libraries_of_kubernetes_are_of_its_version(folder: str) -> None:
    """Kubernetes 1.36.3 publishes its libraries as v0.36.3."""
    replaced = re.findall(r"^\s*(k8s\.io/\S+) => \1 v0\.(\S+)$", (MODULES / folder / "go.mod").read_text(), re.M)
    assert len(replaced) > (20 if folder == "kubernetes" else 2)
    assert {version for _, version in replaced} == {VERSIONS["kubernetes_version"].removeprefix("1.")}


def used(folder: str) -> dict[str, tuple[str, str]]:
    """Return of each module that ours is built with the version that is asked for, and what is taken in its place."""
    text = (MODULES / folder / "go.mod").read_text()
    replaced: dict[str, str] = dict(re.findall(r"^(?:replace )?\s*(\S+/\S+).* => (.+)$", text, re.M))
    required = re.findall(r"^(?:require )?\s*(\S+/\S+) (v\S+)(?: //.*)?$", text, re.M)
    return {module: (version, replaced.get(module, version)) for module, version in required}


@pytest.mark.parametrize(("folder", "other"), list(itertools.combinations(SHARING, 2)))
def test_what_programs_share_is_compiled_once(folder: str, other: str) -> None:
    """Go keeps what it has compiled by both versions, and much of each of these is Kubernetes' client."""
    first, second = used(folder), used(other)
    assert len(shared := first.keys() & second.keys()) > 30
    assert {module: first[module] for module in shared} == {module: second[module] for module in shared}


def test_every_module_folder_is_built() -> None:
    assert {program["module"] for program in VERSIONS["go_programs"]} == {folder.name for folder in MODULES.iterdir()}


def test_proxy_lock_names_no_registry() -> None:
    lock = json.loads((CHECKOUT / "images/proxy/package-lock.json").read_text())
    assert lock["packages"]
    assert not [name for name, package in lock["packages"].items() if "resolved" in package]
