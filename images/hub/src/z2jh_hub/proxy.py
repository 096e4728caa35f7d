"""The proxy runs in a pod of its own and forgets all routes when it restarts; the hub notices and gives them again."""

from __future__ import annotations

from typing import Any

from jupyterhub.proxy import ConfigurableHTTPProxy
from jupyterhub.utils import url_path_join
from tornado.httpclient import AsyncHTTPClient, HTTPError
from tornado.ioloop import PeriodicCallback
from traitlets import Float


class RestoringProxy(ConfigurableHTTPProxy):  # type: ignore[misc, unused-ignore]
    """configurable-http-proxy whose routes are back within seconds.

    JupyterHub compares all routes once in `last_activity_interval`, a minute, so long nobody would reach their server.
    Here one route is asked for each second, which costs the same with one user as with a thousand.
    """

    watch_seconds = Float(1, min=0.1, help="How often to look whether the proxy still knows its routes.").tag(
        config=True
    )
    _watch: PeriodicCallback | None = None

    async def check_routes(self, user_dict: Any, service_dict: Any, routes: Any = None) -> None:
        """Compare all routes; from the first time on, which is when the hub starts, watch too."""
        await super().check_routes(user_dict, service_dict, routes)
        if self._watch is None:
            self._watch = PeriodicCallback(self._look, 1000 * self.watch_seconds)
            self._watch.start()

    async def _look(self) -> None:
        """Compare all routes if the proxy does not know one that it must."""
        spawners = (spawner for user in self.app.users.values() for spawner in user.spawners.values())
        ready = next((spawner for spawner in spawners if spawner.ready), None)
        if ready and not await self._knows(ready.proxy_spec):
            self.log.warning("The proxy has forgotten a route: giving it all of them")
            await self.check_routes(self.app.users, self.app._service_map)

    async def _knows(self, routespec: str) -> bool:
        """Say whether the proxy knows a route; one that does not answer has not forgotten yet."""
        url = url_path_join(self.api_url, "api/routes", self._routespec_to_chp_path(routespec))
        headers = {"Authorization": f"token {self.auth_token}"}
        try:
            await AsyncHTTPClient().fetch(url, headers=headers, connect_timeout=1, request_timeout=5)
        except HTTPError as error:
            return bool(error.code != 404)
        except OSError:
            return True
        return True
