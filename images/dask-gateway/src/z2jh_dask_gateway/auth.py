"""Who asks the gateway, by their token of the hub.

`c.DaskGateway.authenticator_class = "z2jh_dask_gateway.auth.HubAuthenticator"`, beside the chart's own settings of
JupyterHubAuthenticator.
"""

# The gateway's server has no types.
# mypy: disable-error-code="import-not-found, import-untyped, misc"

from __future__ import annotations

from typing import Any

from aiohttp import web
from dask_gateway_server.auth import JupyterHubAuthenticator, unauthorized


class HubAuthenticator(JupyterHubAuthenticator):
    """Tells whoever has no good token so; Dask Gateway's own class calls that a failure of the gateway."""

    def get_token(self, request: web.Request) -> str | None:
        """Return the token of a request, or None where its header is of another form."""
        kind, _, token = request.headers.get("Authorization", "").partition(" ")
        return token if kind == "jupyterhub" and token else None

    async def authenticate(self, request: web.Request) -> Any:
        """Return whose token it is; raise HTTPUnauthorized unless the hub knows it, HTTPBadGateway if that fails."""
        try:
            return await super().authenticate(request)
        except web.HTTPInternalServerError as refused:
            # Raised for every status of the hub from 400 on but 404, which it answers already, and those from 500 on.
            raise unauthorized("jupyterhub") from refused
