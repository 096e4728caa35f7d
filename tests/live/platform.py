"""Where the platform is: the lines that `make status` prints."""

from __future__ import annotations

import ssl
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import yaml

ROOT = Path(__file__).parents[2]
STATUS = ROOT / "state" / "status.yml"


@dataclass(frozen=True)
class Platform:
    """Addresses of a running platform."""

    place: str
    url: str
    user_domains: bool
    ca: Path | None
    kubeconfig: Path
    tls: ssl.SSLContext = field(repr=False)

    @classmethod
    def read(cls, file: Path = STATUS) -> Platform:
        """Read what the last `make up` wrote."""
        status = yaml.safe_load(file.read_text())
        ca = Path(status["ca"]) if status["ca"] else None
        # With a CA of our own nothing else is trusted, so that a test cannot pass by another one's signature.
        tls = ssl.create_default_context(cafile=ca)
        return cls(status["place"], status["url"], status["user_domains"], ca, Path(status["kubeconfig"]), tls)

    def http(self, token: str | None = None) -> httpx.Client:
        """Return a client of the hub's public address, with a token of the hub or without.

        With a token it asks APIs, and follows nothing: it would be led to a sign-in page, which looks like an answer.
        """
        headers = {"Authorization": f"token {token}"} if token else {}
        return httpx.Client(
            base_url=self.url, headers=headers, verify=self.tls, trust_env=False, follow_redirects=not token, timeout=60
        )

    def server(self, name: str, path: str = "") -> str:
        """Return the address of something on a person's default server; host names can have the name as it is."""
        url = httpx.URL(self.url)
        if self.user_domains:
            url = url.copy_with(host=f"{name}.{url.host}")
        return str(url.join(f"/user/{name}/{path}"))
