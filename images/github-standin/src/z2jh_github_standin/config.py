"""Settings from the environment and mounted files, and the refusal to run where the public could reach it."""

from __future__ import annotations

import ipaddress
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

# Names that public DNS never answers for (RFC 6761, 6762, 8375 and ICANN's "internal").
PRIVATE_SUFFIXES = ("test", "localhost", "example", "invalid", "local", "internal", "home.arpa")


class ConfigurationError(Exception):
    """The service can't start; the message says why in one sentence."""


@dataclass(frozen=True)
class Settings:
    """What the service is told by its deployment."""

    url: str
    callback_url: str
    client_id: str
    client_secret: str
    operator_token: str
    accounts_file: Path
    tls_cert: Path
    tls_key: Path
    port: int = 8444

    def __post_init__(self) -> None:
        """Refuse what would make demonstration accounts usable from outside, and secrets nobody set."""
        # The hub counts as much as this service: whoever reaches a hub that trusts it can sign in as anyone.
        require_private_https("its own address", self.url)
        require_private_https("the hub's callback address", self.callback_url)
        for name in ("client_id", "client_secret", "operator_token"):
            if not getattr(self, name):
                raise ConfigurationError(f"The stand-in for GitHub needs a {name.replace('_', ' ')}, and it is empty.")


def is_private_host(host: str) -> bool:
    """Tell whether no machine on the public internet can have this name or address."""
    host = host.rstrip(".").lower()
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        labels = host.split(".")
        # A name whose last label is a number is an address in disguise (127.1, 0x7f.1), not a name.
        if not all(labels) or labels[-1][0].isdigit():
            return False
        return len(labels) == 1 or any(host.endswith(f".{suffix}") for suffix in PRIVATE_SUFFIXES)
    return address.is_private and not address.is_unspecified


def require_private_https(what: str, url: str) -> None:
    """Raise unless the address is https on a host that the public can't reach."""
    try:
        parts = urlsplit(url)
        host = parts.hostname or ""
        _ = parts.port
    except ValueError:
        host, parts = "", urlsplit("")
    if parts.scheme != "https" or not host or parts.username or parts.fragment:
        raise ConfigurationError(f"The stand-in for GitHub needs an https:// address, and {what} is '{url}'.")
    if not is_private_host(host):
        raise ConfigurationError(
            f"The stand-in for GitHub lets anyone sign in, so it runs under private names only (such as *.test), "
            f"and {what} is '{url}': use GitHub itself there."
        )


def load(environ: Mapping[str, str] = os.environ) -> Settings:
    """Read GITHUB_STANDIN_* variables and the files they name."""
    secrets = Path(environ.get("GITHUB_STANDIN_SECRETS_DIR", "/etc/github-standin/secrets"))
    tls = Path(environ.get("GITHUB_STANDIN_TLS_DIR", "/etc/github-standin/tls"))
    try:
        return Settings(
            url=environ["GITHUB_STANDIN_URL"].rstrip("/"),
            callback_url=environ["GITHUB_STANDIN_CALLBACK_URL"],
            client_id=(secrets / "client-id").read_text().strip(),
            client_secret=(secrets / "client-secret").read_text().strip(),
            operator_token=(secrets / "operator-token").read_text().strip(),
            accounts_file=Path(environ.get("GITHUB_STANDIN_ACCOUNTS", "/etc/github-standin/accounts/accounts.yaml")),
            tls_cert=tls / "tls.crt",
            tls_key=tls / "tls.key",
            port=int(environ.get("GITHUB_STANDIN_PORT", "8444")),
        )
    except KeyError as error:
        raise ConfigurationError(f"Environment variable {error.args[0]} is not set.") from error
    except OSError as error:
        raise ConfigurationError(f"A mounted file can't be read: {error}.") from error
    except ValueError as error:
        raise ConfigurationError(f"GITHUB_STANDIN_PORT is not a number: {error}.") from error
