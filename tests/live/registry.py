"""A registry of the tests' own, as small as the protocol allows: it keeps what it is given, and gives it as it is."""

from __future__ import annotations

import hashlib
import http.server
import json
import os
import re
import ssl
from pathlib import Path
from typing import Any

TYPE = "application/vnd.oci.image.{}"


def sha256(content: bytes) -> str:
    """Return the digest of a content as registries write it."""
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


class Registry(http.server.ThreadingHTTPServer):
    """What is there: blobs by digest, and manifests by repository and digest or tag. Asked by https."""

    def __init__(self, certificate: Path, key: Path) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.address = f"127.0.0.1:{self.server_port}"
        self.blobs: dict[str, bytes] = {}
        self.manifests: dict[tuple[str, str], bytes] = {}
        tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        tls.load_cert_chain(certificate, key)
        self.socket = tls.wrap_socket(self.socket, server_side=True)

    def publish(self, repository: str, layer: bytes, diff_id: str) -> dict[str, str]:
        """Put an image of one layer there, under an index as projects do; return the digest of each part."""
        architecture = {"x86_64": "amd64", "aarch64": "arm64"}[os.uname().machine]
        platform = {"architecture": architecture, "os": "linux"}
        config = {**platform, "config": {}, "rootfs": {"type": "layers", "diff_ids": [diff_id]}}
        parts = {"layer": layer, "config": json.dumps(config).encode()}

        def described(part: str, kind: str) -> dict[str, Any]:
            return {"mediaType": TYPE.format(kind), "digest": sha256(parts[part]), "size": len(parts[part])}

        manifest = {
            "schemaVersion": 2,
            "mediaType": TYPE.format("manifest.v1+json"),
            "config": described("config", "config.v1+json"),
            "layers": [described("layer", "layer.v1.tar+gzip")],
        }
        parts["manifest"] = json.dumps(manifest).encode()
        entry = described("manifest", "manifest.v1+json") | {"platform": platform}
        index = {"schemaVersion": 2, "mediaType": TYPE.format("index.v1+json"), "manifests": [entry]}
        parts["index"] = json.dumps(index).encode()
        self.blobs |= {sha256(parts[part]): parts[part] for part in ("layer", "config")}
        self.manifests |= {(repository, sha256(parts[part])): parts[part] for part in ("manifest", "index")}
        return {part: sha256(content) for part, content in parts.items()}

    def change(self, repository: str, digest: str) -> str:
        """Change what lies under a digest, but not its length and form; return the digest that it has then."""
        content = self.blobs.get(digest) or self.manifests[repository, digest]
        # The date of gzip, or white space of JSON.
        other = content.replace(b": ", b":\t", 1) if content.startswith(b"{") else content[:4] + b"\1" + content[5:]
        if digest in self.blobs:
            self.blobs[digest] = other
        else:
            self.manifests[repository, digest] = other
        return sha256(other)


class Handler(http.server.BaseHTTPRequestHandler):
    """One connection."""

    server: Registry
    protocol_version = "HTTP/1.1"

    def log_message(self, *_: Any) -> None:
        """Say nothing."""

    def _asked(self) -> tuple[str, str, str]:
        """Return the repository, the kind and the name that are asked for."""
        found = re.match(r"/v2/(.+)/(manifests|blobs)/(.+)", self.path)
        return (found[1], found[2], found[3]) if found else ("", "", "")

    def _answer(self, code: int, content: bytes = b"", **headers: str) -> None:
        self.send_response(code)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)

    def _read(self) -> bytes:
        """Return what is sent, by its length or in chunks."""
        if "chunked" not in self.headers.get("Transfer-Encoding", ""):
            return self.rfile.read(int(self.headers.get("Content-Length", 0)))
        content = b""
        while size := int(self.rfile.readline(), 16):
            content += self.rfile.read(size)
            self.rfile.readline()
        self.rfile.readline()
        return content

    def do_GET(self) -> None:
        """Give a manifest or a blob."""
        repository, kind, name = self._asked()
        if kind == "manifests" and (content := self.server.manifests.get((repository, name))):
            media = json.loads(content)["mediaType"]
            self._answer(200, content, Content_Type=media, Docker_Content_Digest=sha256(content))
        elif kind == "blobs" and name in self.server.blobs:
            self._answer(200, self.server.blobs[name])
        else:
            self._answer(200 if self.path == "/v2/" else 404)

    def do_HEAD(self) -> None:
        """Say whether it is there."""
        self.do_GET()

    def do_POST(self) -> None:
        """Begin to take a blob."""
        self._read()
        self._answer(202, Location=f"{self.path.rstrip('/')}/one")

    def do_PATCH(self) -> None:
        """Take a blob; its digest is said afterwards."""
        content = self._read()
        self.server.blobs[sha256(content)] = content
        self._answer(202, Location=self.path)

    def do_PUT(self) -> None:
        """Take a manifest, or end a blob."""
        content = self._read()
        repository, kind, name = self._asked()
        if kind == "manifests":
            self.server.manifests |= {(repository, name): content, (repository, sha256(content)): content}
        self._answer(201, Docker_Content_Digest=sha256(content))
