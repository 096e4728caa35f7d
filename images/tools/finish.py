"""Finish a Python image at build time: bytecode for every module, and lists of what is inside under /usr/share/z2jh."""

from __future__ import annotations

import importlib.metadata
import json
import py_compile
import subprocess
import sysconfig
from concurrent.futures import ProcessPoolExecutor
from importlib.util import cache_from_source
from pathlib import Path

SHARE = Path("/usr/share/z2jh")


def compile_module(source: str) -> None:
    """Write a module's bytecode; a file that is no valid Python (a template, say) stays as it is.

    Bytecode that is checked by time would be stale: all files of an image get the same date.
    """
    py_compile.compile(source, quiet=2, invalidation_mode=py_compile.PycInvalidationMode.UNCHECKED_HASH)


def compile_new() -> None:
    """Compile what has no bytecode yet, so that a layer never holds its parent's modules once more."""
    folder = Path(sysconfig.get_path("purelib"))
    sources = [str(path) for path in sorted(folder.rglob("*.py")) if not Path(cache_from_source(str(path))).exists()]
    with ProcessPoolExecutor() as pool:
        list(pool.map(compile_module, sources, chunksize=64))


def python_packages() -> dict[str, str]:
    """Return name and version of every Python package."""
    return {found.name.lower(): found.version for found in importlib.metadata.distributions()}


def debian_packages() -> dict[str, str]:
    """Return name and version of every Debian package."""
    command = ["dpkg-query", "--show", "--showformat", "${Package} ${Version}\n"]
    listed = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    return dict(line.split(" ", 1) for line in listed.splitlines())


def sbom(packages: dict[str, dict[str, str]]) -> str:
    """Return a CycloneDX document; without a date or a serial number, so that equal images have equal ones."""
    components = [
        {"type": "library", "name": name, "version": version, "purl": f"pkg:{kind}/{name}@{version}"}
        for kind, versions in packages.items()
        for name, version in sorted(versions.items())
    ]
    return json.dumps(
        {"bomFormat": "CycloneDX", "specVersion": "1.5", "version": 1, "components": components}, indent=1
    )


def main() -> None:
    """Compile, then describe."""
    compile_new()
    packages = {"pypi": python_packages(), "deb/debian": debian_packages()}
    SHARE.mkdir(parents=True, exist_ok=True)
    (SHARE / "sbom.cdx.json").write_text(sbom(packages))
    for kind, versions in packages.items():
        lines = (f"{name}=={version}\n" for name, version in sorted(versions.items()))
        (SHARE / f"packages-{kind.split('/')[0]}.txt").write_text("".join(lines))


if __name__ == "__main__":
    main()
