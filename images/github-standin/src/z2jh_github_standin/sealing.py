"""Authenticated encryption for what leaves the process and comes back: tokens and sign-in cookies.

Sealed values need no memory here, so neither a restart nor an upgrade of this service signs anyone out of the hub.
"""

from __future__ import annotations

import base64
import json
from typing import Any

from cryptography.fernet import Fernet, InvalidToken
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF


class Seal:
    """Seals small documents for one purpose; another purpose's seal, or another secret's, can't open them."""

    def __init__(self, secret: str, purpose: str) -> None:
        """Derive the key of this purpose from the service's secret."""
        key = HKDF(algorithm=SHA256(), length=32, salt=None, info=f"github-standin {purpose}".encode())
        self._fernet = Fernet(base64.urlsafe_b64encode(key.derive(secret.encode())))

    def close(self, document: dict[str, Any]) -> str:
        """Return a random-looking text, different each time, that only `open` can read."""
        return self._fernet.encrypt(json.dumps(document).encode()).decode()

    def open(self, text: str, seconds: int | None = None) -> dict[str, Any] | None:
        """Return the document, or None if it was forged, changed or sealed more than `seconds` ago."""
        try:
            document: dict[str, Any] = json.loads(self._fernet.decrypt(text.encode("ascii", "replace"), seconds))
        except InvalidToken:
            return None
        return document
