"""Upstream's releases and images are pinned for the versions of versions.yml; one without a sum is refused."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from loading import CHECKOUT, load

plugin = load("plugins/filter/content_hash.py")

VERSIONS = yaml.safe_load((CHECKOUT / "group_vars/all/versions.yml").read_text())
UPSTREAM = yaml.safe_load((CHECKOUT / "group_vars/all/upstream.yml").read_text())
IMAGES = yaml.safe_load((CHECKOUT / "group_vars/all/images.yml").read_text())["images_list"]


def version(template: str) -> str:
    """Work out a version that is given as the name of a variable of versions.yml."""
    name = re.fullmatch(r"\{\{ (\w+) \}\}", template)
    assert name
    return str(VERSIONS[name[1]])


# No public table has their sums, so that they are refused; see upstream.yml.
WITHOUT_SUM = ["jupyterhub"]
RELEASES = UPSTREAM["upstream_charts"] + UPSTREAM["upstream_releases"]


@pytest.mark.parametrize("architecture", ["amd64", "arm64"])
def test_every_release_has_a_sum_or_is_known_to_have_none(architecture: str) -> None:
    releases = [it | {"version": version(it["version"])} for it in RELEASES]
    files = plugin.release_files(releases, UPSTREAM["upstream_checksums"], architecture, "/none")
    assert [file["name"] for file in files if not file["sha256"]] == WITHOUT_SUM
    assert all(re.fullmatch("[0-9a-f]{64}|", file["sha256"]) for file in files)


@pytest.mark.parametrize("image", UPSTREAM["upstream_images"], ids=lambda image: image["name"])
def test_every_image_has_a_digest_and_is_one_of_ours(image: dict[str, Any]) -> None:
    assert re.fullmatch("sha256:[0-9a-f]{64}", UPSTREAM["upstream_digests"][image["name"]][version(image["version"])])
    assert image["name"] in [ours["name"] for ours in IMAGES]


def test_no_sum_is_kept_for_what_is_not_taken() -> None:
    names = {release["name"] for release in RELEASES}
    assert set(UPSTREAM["upstream_checksums"]) == names - set(WITHOUT_SUM)
    assert set(UPSTREAM["upstream_digests"]) == {image["name"] for image in UPSTREAM["upstream_images"]}


def test_upstream_makes_every_program_that_is_used_outside_images() -> None:
    """What is left to build is in images that upstream publishes, or in none of them."""
    copied = {image["name"] for image in UPSTREAM["upstream_images"]}
    built = {program for image in IMAGES if image["name"] not in copied for program in image.get("programs", [])}
    assert {"kubeadm", "kubectl", "kubelet", "helm", *built} <= {it["name"] for it in UPSTREAM["upstream_releases"]}


def test_a_release_of_another_version_has_no_sum(tmp_path: Path) -> None:
    release = {"name": "tool", "version": "2", "url": "https://example.org/tool", "link": "bin/tool"}
    checksums = {"tool": {"1": {"amd64": "a" * 64}}}
    [file] = plugin.release_files([release], checksums, "amd64", str(tmp_path))
    assert file["sha256"] == ""
    assert not file["present"]
    [file] = plugin.release_files([release | {"version": "1"}], checksums, "amd64", str(tmp_path))
    assert file["path"] == f"{tmp_path}/upstream/tool-{'a' * 20}/tool"
    [file] = plugin.release_files([release | {"version": "1"}], checksums, "riscv64", str(tmp_path))
    assert file["sha256"] == ""


def test_a_release_is_present_once_its_plain_name_leads_to_it(tmp_path: Path) -> None:
    release = {"name": "tool", "version": "1", "url": "https://x/tool.tgz", "member": "in/tool", "link": "bin/tool"}
    checksums = {"tool": {"1": {"amd64": "a" * 64}}}
    path = tmp_path / "upstream" / f"tool-{'a' * 20}" / "in" / "tool"
    path.parent.mkdir(parents=True)
    path.write_text("tool")
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin/tool").write_text("another")
    [file] = plugin.release_files([release], checksums, "amd64", str(tmp_path))
    assert not file["present"]
    (tmp_path / "bin/tool").unlink()
    (tmp_path / "bin/tool").symlink_to(path)
    [file] = plugin.release_files([release], checksums, "amd64", str(tmp_path))
    assert file["present"]


def test_an_image_is_copied_by_its_digest_or_built() -> None:
    images = [
        {"name": "pause", "folder": "images/pause", "parent": "debian", "version": "3"},
        {"name": "hub", "folder": "images/hub"},
    ]
    upstream = [{"name": "pause", "version": "3", "repository": "example.org/pause"}]
    references = plugin.image_references(upstream, {"pause": {"3": "sha256:" + "b" * 64}})
    copied, built = plugin.image_sources(images, references)
    assert copied == {"name": "pause", "version": "3", "upstream": f"example.org/pause@sha256:{'b' * 64}"}
    assert built == images[1]
    assert plugin.image_references(upstream, {"pause": {"2": "sha256:" + "b" * 64}}) == {"pause": ""}
    assert plugin.image_tags([copied], "/none", "/none") != plugin.image_tags(
        [copied | {"upstream": "example.org/pause@sha256:" + "c" * 64}], "/none", "/none"
    )


def test_a_place_needs_what_names_it_or_none() -> None:
    entries = [{"name": "a"}, {"name": "b", "place": "local"}]
    assert plugin.of_place(entries, "local") == [{"name": "a"}, {"name": "b"}]
    assert plugin.of_place(entries, "hosts") == [{"name": "a"}]
    assert plugin.of_place([{"name": "a", "place": ["local", "hosts"]}], "hosts") == [{"name": "a"}]
    assert plugin.of_place([{"name": "a", "place": ["local", "hosts"]}], "existing") == []
    assert plugin.of_place([{"name": "a", "needed": False}, {"name": "b", "needed": True}], "hosts") == [{"name": "b"}]
