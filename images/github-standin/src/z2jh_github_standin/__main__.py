"""Run the service: `python -m z2jh_github_standin`."""

from __future__ import annotations

import sys

import uvicorn

from .app import create_app
from .config import ConfigurationError, load


def main() -> None:
    """Serve over TLS, or say in one sentence why not."""
    try:
        settings = load()
        app = create_app(settings)
    except ConfigurationError as error:
        sys.exit(str(error))
    uvicorn.run(
        app,
        host="0.0.0.0",
        port=settings.port,
        ssl_certfile=settings.tls_cert,
        ssl_keyfile=settings.tls_key,
        server_header=False,
        # Queries of the sign-in pages hold states and codes: they belong in no log.
        access_log=False,
        # An answer that a switched fault holds back must not hold back a restart.
        timeout_graceful_shutdown=3,
    )


if __name__ == "__main__":
    main()
