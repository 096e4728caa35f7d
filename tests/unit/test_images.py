"""The list of images says all that their Containerfiles take, and their package locks agree."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

CHECKOUT = Path(__file__).parents[2]
LIST: list[dict[str, Any]] = yaml.safe_load((CHECKOUT / "group_vars/all/images.yml").read_text())["images_list"]


def containerfile(image: dict[str, Any]) -> str:
    """Text of an image's Containerfile, one instruction a line."""
    path: Path = CHECKOUT / image["folder"] / "Containerfile"
    return path.read_text().replace("\\\n", " ")


@pytest.mark.parametrize("image", LIST, ids=lambda image: image["name"])
def test_what_a_containerfile_takes_makes_its_tag(image: dict[str, Any]) -> None:
    """Else a change would build nothing."""
    text = containerfile(image)
    # Paths of the checkout that it copies, and the tools it runs, with what these read.
    taken = {path.rstrip("/") for path in re.findall(r"^COPY (?!--from)(\S+) ", text, re.MULTILINE)}
    taken |= {f"images/proxy/{name}" for name in re.findall(r"/run/images/proxy/(\S+)", text)}
    if "tools/apt-install" in text and "tools/python-env" not in text:
        taken.add("images/tools/apt-install")
    for name in re.findall(r"tools/python-env (\S+)", text):
        taken |= {"images/tools", f"images/requirements/{name}.txt"}
        if (CHECKOUT / "images" / name / "pyproject.toml").exists():
            taken |= {"images/requirements/build.txt", f"images/{name}/pyproject.toml", f"images/{name}/src"}
    assert set(image.get("inputs", [])) == taken


@pytest.mark.parametrize("image", LIST, ids=lambda image: image["name"])
def test_programs_and_parents_are_those_of_the_containerfile(image: dict[str, Any]) -> None:
    """Contexts are known to a build only by the list."""
    text = containerfile(image)
    stages = set(re.findall(r" AS (\S+)", text))
    named = set(re.findall(r"COPY --from=(\S+)", text)) - stages - {"programs"}
    programs = " ".join(re.findall(r"^COPY --from=programs (.+) /\S+$", text, re.MULTILINE)).split()
    assert named == set(image.get("contexts", {}))
    assert programs == image.get("programs", [])
    assert ("${PARENT}" in text) == ("parent" in image)


def locked(path: Path) -> dict[str, str]:
    """Name and version of every package of a lock."""
    return dict(re.findall(r"^(\S+)==(\S+) \\$", path.read_text(), re.MULTILINE))


def test_all_locks_are_one_resolution() -> None:
    """A kernel, its workers and the hub must not disagree about a package."""
    versions: dict[str, set[str]] = {}
    for path in (CHECKOUT / "images/requirements").glob("*.txt"):
        assert locked(path), path
        for name, version in locked(path).items():
            versions.setdefault(name, set()).add(version)
    assert {name: found for name, found in versions.items() if len(found) > 1} == {}


def test_locks_name_no_registry() -> None:
    """Where packages come from is the machine's own setting."""
    for path in (CHECKOUT / "images/requirements").glob("*.txt"):
        assert "://" not in path.read_text(), path
    packages = json.loads((CHECKOUT / "images/proxy/package-lock.json").read_text())["packages"]
    for name, package in packages.items():
        assert "resolved" not in package, name
        assert "integrity" in package or not name, name
