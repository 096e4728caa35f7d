"""Images that projects publish are copied by digest; other bytes are refused, and nothing of them is used.

Needs buildah, and neither the platform nor upstream: the registry is the test's own.
"""

from __future__ import annotations

import gzip
import io
import json
import os
import subprocess
import tarfile
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from live.platform import ROOT
from live.registry import Registry, sha256

# Where upstream publishes the image in the registry.
UPSTREAM = "upstream/tool"


class Site:
    """A registry that is upstream's and ours at once, and a store of images that is not the machine's."""

    def __init__(self, folder: Path, registry: Registry) -> None:
        self.folder, self.registry = folder, registry
        archive = io.BytesIO()
        with tarfile.open(fileobj=archive, mode="w") as tar:
            file = tarfile.TarInfo("tool")
            file.size = 5
            tar.addfile(file, io.BytesIO(b"whole"))
        layer = archive.getvalue()
        self.digests = registry.publish(UPSTREAM, gzip.compress(layer, mtime=0), sha256(layer))
        self.layer = sha256(layer)
        store = {"driver": "vfs", "graphroot": f"{folder}/store", "runroot": f"{folder}/run"}
        (folder / "storage.conf").write_text("[storage]\n" + "".join(f'{key} = "{store[key]}"\n' for key in store))
        # Of Debian's root file system, copying needs nothing.
        (folder / "mmdebstrap").write_text("#!/bin/sh\n: >new.tar\n")
        (folder / "mmdebstrap").chmod(0o755)
        self.environment = os.environ | {
            "ANSIBLE_NOCOLOR": "1",
            "ANSIBLE_HOME": f"{folder}/home",
            "CONTAINERS_STORAGE_CONF": f"{folder}/storage.conf",
            "PATH": f"{folder}:{os.environ['PATH']}",
            "SSL_CERT_FILE": f"{folder}/ca.crt",
            "no_proxy": "127.0.0.1",
        }

    def reference(self) -> str:
        """Return where upstream publishes the image."""
        return f"{self.registry.address}/{UPSTREAM}@{self.digests['index']}"

    def images(self) -> tuple[int, str]:
        """Run role images."""
        variables = {
            "images_list": [{"name": "tool", "folder": "images/tool", "version": "1"}],
            "images_upstream": [{"name": "tool", "version": "1", "repository": f"{self.registry.address}/{UPSTREAM}"}],
            "images_digests": {"tool": {"1": self.digests["index"]}},
            "images_cache_dir": f"{self.folder}/cache",
            "images_push_registry": self.registry.address,
            "images_push_certificate": "",
            "images_push_key": "",
            "images_ca_file": f"{self.folder}/ca.crt",
        }
        book = self.folder / "play.yml"
        book.write_text(json.dumps([{"hosts": "localhost", "gather_facts": False, "roles": ["images"]}]))
        run = subprocess.run(
            ["ansible-playbook", "-i", "hosts.example", "-e", json.dumps(variables), str(book)],
            cwd=ROOT,
            env=self.environment,
            capture_output=True,
            text=True,
            check=False,
        )
        return run.returncode, run.stdout + run.stderr

    def published(self) -> list[bytes]:
        """Return the manifests that were pushed."""
        return [content for (repository, _), content in self.registry.manifests.items() if repository == "z2jh/tool"]

    def kept(self) -> str:
        """Return the images that this machine holds."""
        return subprocess.check_output(["buildah", "images", "--quiet"], env=self.environment, text=True)


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    request = ["openssl", "req", "-x509", "-nodes", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"]
    names = ["-subj", "/CN=registry", "-addext", "subjectAltName=IP:127.0.0.1"]
    files = ["-keyout", tmp_path / "key", "-out", tmp_path / "ca.crt"]
    subprocess.run([*request, *names, *files], check=True, capture_output=True)
    with Registry(tmp_path / "ca.crt", tmp_path / "key") as registry:
        threading.Thread(target=registry.serve_forever, daemon=True).start()
        yield Site(tmp_path, registry)
        registry.shutdown()


def test_an_image_is_copied_by_its_digest(site: Site) -> None:
    code, said = site.images()
    assert code == 0, said
    assert {name for repository, name in site.registry.manifests if repository == "z2jh/tool"} > {"1"}
    [config] = {json.loads(content)["config"]["digest"] for content in site.published()}
    assert json.loads(site.registry.blobs[config])["rootfs"]["diff_ids"] == [site.layer]


@pytest.mark.parametrize("part", ["index", "manifest", "layer"])
def test_other_bytes_are_refused_with_what_and_where_from(site: Site, part: str) -> None:
    digest = site.digests[part]
    found = site.registry.change(UPSTREAM, digest)
    code, said = site.images()
    assert code == 2, said
    [sentence] = [line for line in said.splitlines() if line.startswith("tool was not copied from ")]
    assert sentence.startswith(f"tool was not copied from {site.reference()} and nothing of it was used: ")
    assert digest in sentence
    # Of a manifest, buildah says which digest it does not match, and not which it has.
    assert (found in sentence) == (part == "layer")
    assert sentence.endswith("run again; if it stays so, ask those who run that registry.")
    assert site.published() == []
    assert site.kept() == ""
