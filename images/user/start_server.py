#!/opt/python/bin/python -s
"""Start a person's server as jupyterhub-singleuser does, but sooner.

More than half of the time until a server answers used to go into modules that it never uses, and into extensions
whose pages nobody has asked for yet. Everything is still there: what is put off comes when it is first used. What a
person has installed in their home is for kernels and terminals (-s): the server could not start with all of it.

What pages of other origins send is refused here too (`OfAnotherPage`), as nothing else sees every request.
"""

from __future__ import annotations

import gc
import importlib
import site
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import ModuleType
from typing import Any

from tornado.httputil import HTTPServerRequest
from tornado.routing import Matcher, Rule
from tornado.web import ErrorHandler

# Extensions that wait for the first request with this in its path, unless it is the hub's question whether the server
# is up. All but Dask's have a part in the server's own pages, or pages of any name.
LATER = {"dask_labextension": "/dask/", "jupyter_lsp": "/", "jupyter_resource_usage": "/", "jupyter_server_proxy": "/"}


def is_valid_syntax(term: str, value: str) -> Any:
    """Check an IRI. The module makes its grammar for a second when it is imported; jsonschema does so, just in case."""
    return importlib.import_module("rfc3987_syntax").is_valid_syntax(term, value)


class Later(ModuleType):
    """Stands where a module is not used yet: once it stands there alone no more, it has what the real one has."""

    def __getattr__(self, name: str) -> Any:
        """Import the module that has this, unless that would only find this one."""
        if sys.modules.get(self.__name__) is self:
            raise AttributeError(f"module {self.__name__!r} is imported later and has no attribute {name!r} yet")
        return getattr(importlib.import_module(self.__name__), name)


# What the modules of the server import from modules that it has no use for: the hub's pages, which its log tells from
# others, the hub's tools for its database, and the database itself, which functions that only the hub calls ask.
STAND_INS: dict[str, dict[str, Any]] = {
    "alembic": {},
    "alembic.command": {},
    "alembic.config": {},
    "alembic.script": {"ScriptDirectory": None},
    "jupyterhub.handlers": {},
    "jupyterhub.handlers.pages": {"HealthCheckHandler": type("HealthCheckHandler", (), {})},
    "jupyterhub.orm": {},
    "jupyterhub.roles": {},
    "rfc3987_syntax": {"is_valid_syntax": is_valid_syntax},
    "sqlalchemy": {},
    "sqlalchemy.exc": {"SQLAlchemyError": type("SQLAlchemyError", (Exception,), {})},
}


@contextmanager
def stand_ins() -> Iterator[None]:
    """Let modules be others while the server is imported; whoever imports one of them later gets the real one."""
    for name, content in STAND_INS.items():
        sys.modules[name] = Later(name)
        vars(sys.modules[name]).update(content)
    try:
        yield
    finally:
        for name in STAND_INS:
            del sys.modules[name]


class FirstUse(Matcher):
    """Matches nothing, but has the extensions loaded before the first request that may be meant for them."""

    def __init__(self, server: Any) -> None:
        self._server = server

    def match(self, request: HTTPServerRequest) -> None:
        """Look at a request before any rule does."""
        if self._server.later and request.path != f"{self._server.base_url}api":
            self._server.load_later(request.path)


class OfAnotherPage(Matcher):
    """Matches what a page of another origin sends with the person's cookies, but no link that the person follows.

    Browsers say so (W3C Fetch Metadata). What people run in their pod, and see by way of the server, asks for no word
    against forged requests as the server's own pages do. The origin of websockets the server looks at itself.
    """

    def match(self, request: HTTPServerRequest) -> dict[str, Any] | None:
        """Look at a request before any rule does."""
        headers = request.headers
        # A page that a person gave a token to sends no cookies.
        if headers.get("Sec-Fetch-Site", "none") in ("same-origin", "none") or "Cookie" not in headers:
            return None
        if headers.get("Sec-Fetch-Mode") == "websocket":
            return None
        is_link = headers.get("Sec-Fetch-Dest") == "document" and request.method == "GET"
        return None if is_link else {}


def putting_off(server_app: type[Any]) -> type[Any]:
    """Return a server that puts some of its extensions off, as far as they are switched on."""

    class Server(server_app):  # type: ignore[misc]
        """Jupyter's server, whose extensions come when they are used."""

        jpserver_extensions: dict[str, bool]
        later: tuple[str, ...] = ()

        def init_server_extensions(self) -> None:
            """Import the extensions, but not those that are put off."""
            enabled = self.jpserver_extensions
            self.later = tuple(sorted(name for name in LATER if enabled.get(name)))
            # Switched off, not left out: notebook_shim switches on what it finds in old settings and nowhere else.
            self.jpserver_extensions = {**enabled, **dict.fromkeys(self.later, False)}
            super().init_server_extensions()

        def load_server_extensions(self) -> None:
            """Load the extensions, look out for the first use of the others, and refuse what other pages send."""
            super().load_server_extensions()
            refused = Rule(OfAnotherPage(), ErrorHandler, {"status_code": 403})
            self.web_app.default_router.rules[:0] = [refused, Rule(FirstUse(self), None)]
            # All there is now stays, so nobody need look through it for garbage; what comes is looked through as ever.
            gc.freeze()
            gc.enable()

        def load_later(self, path: str) -> None:
            """Load what was put off until a request for such a path, once."""
            due = [name for name in self.later if LATER[name] in path]
            self.later = tuple(name for name in self.later if name not in due)
            for name in due:
                self.extension_manager.add_extension(name, enabled=True)
                self.extension_manager.link_extension(name)
                self.extension_manager.load_extension(name)
                self.io_loop.add_callback(self.extension_manager.start_extension, name)

    return Server


def make_user_site() -> None:
    """Make the folder for packages of one's own: a kernel that starts before it is there would not look in it later."""
    with suppress(OSError):
        Path(site.getusersitepackages()).mkdir(parents=True, exist_ok=True)


def main() -> None:
    """Start."""
    make_user_site()
    # Imports leave next to no garbage, and looking for it takes a tenth of their time.
    gc.disable()
    with stand_ins():
        from jupyter_server.serverapp import ServerApp
        from jupyterhub.singleuser.extension import JupyterHubSingleUser
    JupyterHubSingleUser.serverapp_class = putting_off(ServerApp)
    JupyterHubSingleUser.launch_instance()


if __name__ == "__main__":
    main()
