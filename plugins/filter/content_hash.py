"""Names for built things that follow from what they are made of."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import groupby
from pathlib import Path
from typing import Any

from ansible.errors import AnsibleFilterError

DOCUMENTATION = """
name: content_hash
short_description: Hash of files, folders and a text
version_added: "1.0"
author: z2jh
description:
  - Says in 20 hexadecimal digits what the given files and folders contain, whatever folder the checkout lies in.
  - File names, contents and executable bits count; owners, times and caches of Python tools do not.
options:
  _input:
    description: A path, or a list of paths whose order counts.
    type: raw
    required: true
  extra:
    description: More that the result is made of, such as a version or a command line.
    type: str
    default: ""
"""

CACHES = frozenset({"__pycache__", ".mypy_cache", ".pytest_cache", ".ruff_cache", ".ipynb_checkpoints"})
DIGITS = 20
# Keys of a program or an image that say nothing of what it is made of.
WHERE_AND_WHEN = frozenset({"place", "needed", "later"})
# The end of the path of a Go module's second and later major versions.
MAJOR_VERSION = re.compile(r"/v([2-9]|[1-9][0-9]+)$")


def _files(path: Path) -> Iterator[tuple[str, Path]]:
    """Yield every file under a path with the name it is hashed under, in a fixed order."""
    if not path.exists():
        raise AnsibleFilterError(f"content_hash: {path} does not exist")
    if path.is_file():
        yield path.name, path
        return
    for file in sorted(path.rglob("*")):
        inside = file.relative_to(path)
        if CACHES.isdisjoint(inside.parts) and not file.name.endswith(".egg-info") and file.is_file():
            yield inside.as_posix(), file


def content_hash(paths: str | Iterable[str], extra: str = "") -> str:
    """Return 20 hexadecimal digits that say what files and folders contain.

    Links are followed, so a linked program counts with its content.
    """
    digest = hashlib.sha256(extra.encode())
    for path in [paths] if isinstance(paths, str) else paths:
        digest.update(b"\0path")
        for name, file in _files(Path(path)):
            executable = "x" if file.stat().st_mode & 0o100 else "-"
            digest.update(f"\0{name}\0{executable}\0{file_sha256(str(file))}".encode())
    return digest.hexdigest()[:DIGITS]


def of_place(entries: Iterable[Mapping[str, Any]], place: str) -> list[dict[str, Any]]:
    """Return the entries that name no `place` or this one, by itself or in a list, and are not said not to be `needed`.

    What is returned is without those keys.
    """

    def here(named: str | list[str]) -> bool:
        return place == named if isinstance(named, str) else place in named

    return [
        {key: value for key, value in entry.items() if key not in WHERE_AND_WHEN}
        for entry in entries
        if here(entry.get("place", place)) and entry.get("needed", True)
    ]


def file_sha256(path: str) -> str:
    """Return the SHA-256 of a file in hexadecimal digits, as Ansible's modules give it of a file on a host."""
    with Path(path).open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def program_files(
    programs: Iterable[Mapping[str, Any]], modules: str, cache: str, recipe: str = ""
) -> list[dict[str, Any]]:
    """Return every program with the path of its file, the link under its plain name, and whether both are there.

    `built` says of the file alone whether it is there, `present` that the link leads to it.

    The file is named by a hash of the program's module folder under `modules`, of how it is built, and of the recipe.
    """
    files = []
    for program in programs:
        built_from = content_hash(f"{modules}/{program['module']}", recipe + json.dumps(program, sort_keys=True))
        path = Path(cache, "go/programs", f"{program['program']}-{built_from}")
        link = Path(cache, "bin", program["program"])
        built = path.exists()
        present = built and link.exists() and link.samefile(path)
        files.append({**program, "path": str(path), "link": str(link), "built": built, "present": present})
    return files


def go_builds(programs: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return the runs of `go build` that make these programs: one for those of a module that have the same tags.

    Each has `module`, `tags`, `packages`, and `ldflags`, an option a program, as Go takes them by package; `programs`,
    each with the name of its `output`, which Go takes from the package's path without the version at its end; and
    `which` of all these programs they are, for people.
    """
    builds: list[dict[str, Any]] = []
    for (module, tags), alike in groupby(programs, key=lambda program: (program["module"], program.get("tags", ""))):
        made = [{**one, "output": Path(MAJOR_VERSION.sub("", one["package"])).name} for one in alike]
        if len({one["output"] for one in made}) < len(made):
            raise AnsibleFilterError(f"go_builds: Go gives two programs of {module} the same name, so build them apart")
        first = 1 + sum(len(build["programs"]) for build in builds)
        numbers = f"programs {first} to {first + len(made) - 1}" if len(made) > 1 else f"program {first}"
        builds.append(
            {
                "module": module,
                "tags": tags,
                "packages": [one["package"] for one in made],
                "ldflags": [f"-ldflags={one['package']}=-s -w {one.get('ldflags', '')}".rstrip() for one in made],
                "programs": made,
                "which": f"{numbers} of {len(programs)}, {', '.join(one['program'] for one in made)}",
            }
        )
    return builds


def release_files(
    releases: Iterable[Mapping[str, Any]], checksums: Mapping[str, Any], architecture: str, cache: str
) -> list[dict[str, Any]]:
    """Return every release with its sha256 (empty when none is known) and where its file is in the cache.

    A sum is that of the architecture, or of `any`.

    `folder` is named by the checksum and appears in one step, `path` is the file in it, `link` its plain name, and
    `present` says whether that leads there.
    """
    files = []
    for release in releases:
        sums = checksums.get(release["name"], {}).get(release["version"], {})
        sha256 = sums.get(architecture) or sums.get("any", "")
        folder = Path(cache, "upstream", f"{release['name']}-{sha256[:DIGITS]}")
        path = folder / release.get("member", release["url"].rpartition("/")[2])
        link = Path(cache, release["link"])
        present = bool(sha256) and path.exists() and link.exists() and link.samefile(path)
        places = {"folder": str(folder), "path": str(path), "link": str(link)}
        files.append({**release, **places, "sha256": sha256, "present": present})
    return files


def image_references(images: Iterable[Mapping[str, Any]], digests: Mapping[str, Any]) -> dict[str, str]:
    """Return where each image is published, by digest; empty if its version has no known digest."""
    found = {image["name"]: digests.get(image["name"], {}).get(image["version"]) for image in images}
    return {
        image["name"]: f"{image['repository']}@{found[image['name']]}" if found[image["name"]] else ""
        for image in images
    }


def image_sources(images: Iterable[Mapping[str, Any]], references: Mapping[str, str]) -> list[dict[str, Any]]:
    """Return the images; those that have a reference are taken from there, by `upstream`, in place of being built."""
    return [
        {key: image[key] for key in ("name", "version") if key in image} | {"upstream": references[image["name"]]}
        if image["name"] in references
        else dict(image)
        for image in images
    ]


def _made_of(program: Path) -> str:
    """Return what a finished program's link leads to in the cache, a path with the hash of what it was made of."""
    if not program.exists():
        raise AnsibleFilterError(f"image_tags: {program} does not exist")
    if not program.is_symlink():
        raise AnsibleFilterError(f"image_tags: {program} is no link to what was made")
    return program.resolve().relative_to(program.parent.parent.resolve()).as_posix()


def image_tags(images: Iterable[Mapping[str, Any]], checkout: str, programs: str, recipe: str = "") -> dict[str, str]:
    """Return the tag of every image: a hash of its folder, inputs and programs, of its parent's tag and of the recipe.

    The tag of an image that is taken from upstream follows from its reference alone.
    Images stand in build order; `programs` is the folder of finished programs, by links to files whose names say what
    they were made of. Those names count: there is a gigabyte in the files.
    """
    tags: dict[str, str] = {}
    for image in images:
        if "upstream" in image:
            tags[image["name"]] = content_hash([], image["upstream"])
            continue
        parent = image.get("parent", "")
        if parent and parent not in tags:
            raise AnsibleFilterError(f"image_tags: {image['name']} comes before its parent {parent}")
        paths = [f"{checkout}/{image['folder']}/Containerfile"]
        paths += [f"{checkout}/{path}" for path in image.get("inputs", [])]
        made_of = [_made_of(Path(programs, program)) for program in image.get("programs", [])]
        tags[image["name"]] = content_hash(paths, "\0".join([recipe, tags.get(parent, ""), *made_of]))
    return tags


def given_images(references: Mapping[str, str]) -> dict[str, dict[str, str]]:
    """Return what role images says of each image, from references as repository:tag@digest."""
    images = {}
    for name, reference in references.items():
        tagged, _, digest = reference.partition("@")
        repository, _, tag = tagged.rpartition(":")
        images[name] = {
            "repository": repository,
            "tag": tag,
            "digest": digest,
            "tag_digest": f"{tag}@{digest}",
            "ref": reference,
        }
    return images


class FilterModule:
    """Filters of this file."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Return the filters by name."""
        return {
            "content_hash": content_hash,
            "file_sha256": file_sha256,
            "given_images": given_images,
            "go_builds": go_builds,
            "image_references": image_references,
            "image_sources": image_sources,
            "image_tags": image_tags,
            "of_place": of_place,
            "program_files": program_files,
            "release_files": release_files,
        }
