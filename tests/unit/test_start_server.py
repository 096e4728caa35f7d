"""How a person's server starts: what it does not import, and what it loads later."""

from __future__ import annotations

import gc
import importlib
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
from loading import CHECKOUT, load
from tornado.httputil import HTTPHeaders, HTTPServerRequest, RequestStartLine
from tornado.web import Application, RequestHandler

STEPS = ("add", "link", "load", "start")


@pytest.fixture
def start(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """Return the script as a module; what other tests imported of its stand-ins' originals comes back."""
    module = load("images/user/start_server.py")
    for name in module.STAND_INS:
        monkeypatch.delitem(sys.modules, name, raising=False)
    return module


class Manager:
    """Notes what is done with extensions; what is loaded gets a page of its name."""

    def __init__(self, app: Application) -> None:
        self.done: list[str] = []
        self._app = app

    def add_extension(self, name: str, enabled: bool) -> None:
        assert enabled
        self.done.append(f"add {name}")

    def link_extension(self, name: str) -> None:
        self.done.append(f"link {name}")

    def load_extension(self, name: str) -> None:
        self.done.append(f"load {name}")
        self._app.add_handlers(".*$", [(f"/user/ada/(?:dask/)?{name}", RequestHandler)])

    def start_extension(self, name: str) -> None:
        self.done.append(f"start {name}")


class FakeServer:
    """As much of Jupyter's server as has to do with extensions."""

    base_url = "/user/ada/"

    def __init__(self, extensions: dict[str, bool]) -> None:
        self.jpserver_extensions = extensions
        self.web_app = Application([("/user/ada/api", RequestHandler)])
        self.extension_manager = Manager(self.web_app)
        self.io_loop = SimpleNamespace(add_callback=lambda callback, name: callback(name))

    def init_server_extensions(self) -> None:
        self.imported = {name for name, is_on in self.jpserver_extensions.items() if is_on}

    def load_server_extensions(self) -> None:
        """Load them."""


Make = Callable[[dict[str, bool]], Any]


@pytest.fixture
def make(start: ModuleType) -> Iterator[Make]:
    """Return how a server comes to the point where it answers."""

    def made(extensions: dict[str, bool]) -> Any:
        server = start.putting_off(FakeServer)(extensions)
        server.init_server_extensions()
        server.load_server_extensions()
        return server

    yield made
    gc.unfreeze()


def answers(server: Any, path: str, method: str = "GET", **headers: str) -> bool:
    """Say whether a server has a page for such a request."""
    connection: Any = SimpleNamespace(set_close_callback=lambda _: None, context=None)
    line = RequestStartLine(method, path, "HTTP/1.0")
    request = HTTPServerRequest(connection=connection, start_line=line, headers=HTTPHeaders(headers))
    found = server.web_app.find_handler(request)
    return found.handler_class is RequestHandler


def test_extensions_come_with_the_first_request_that_may_be_theirs(make: Make) -> None:
    server = make({"jupyter_lsp": True, "dask_labextension": True, "jupyterlab": True})
    assert server.imported == {"jupyterlab"}
    # notebook_shim would switch on those that are not even known.
    assert set(server.jpserver_extensions) == {"jupyter_lsp", "dask_labextension", "jupyterlab"}
    assert answers(server, "/user/ada/api")
    assert server.extension_manager.done == []
    # The very request that brings an extension is answered by it.
    assert answers(server, "/user/ada/jupyter_lsp")
    assert server.extension_manager.done == [f"{step} jupyter_lsp" for step in STEPS]
    assert answers(server, "/user/ada/dask/dask_labextension")
    done = [f"{step} {name}" for name in ("jupyter_lsp", "dask_labextension") for step in STEPS]
    assert server.extension_manager.done == done
    assert not answers(server, "/user/ada/other")
    assert server.extension_manager.done == done


@pytest.mark.parametrize(
    ("method", "headers", "is_let"),
    [
        ("POST", {}, True),
        ("POST", {"Sec-Fetch-Site": "none"}, True),
        ("POST", {"Sec-Fetch-Site": "same-origin", "Sec-Fetch-Mode": "cors", "Sec-Fetch-Dest": "empty"}, True),
        ("GET", {"Sec-Fetch-Site": "same-site", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document"}, True),
        ("GET", {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document"}, True),
        ("GET", {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "websocket"}, True),
        ("POST", {"Sec-Fetch-Site": "same-site", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document"}, False),
        ("POST", {"Sec-Fetch-Site": "same-site", "Sec-Fetch-Mode": "no-cors", "Sec-Fetch-Dest": "empty"}, False),
        ("GET", {"Sec-Fetch-Site": "same-site", "Sec-Fetch-Mode": "no-cors", "Sec-Fetch-Dest": "image"}, False),
        ("GET", {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "iframe"}, False),
        ("GET", {"Sec-Fetch-Site": "same-site"}, False),
    ],
)
def test_a_page_of_another_origin_can_only_link(make: Make, method: str, headers: dict[str, str], is_let: bool) -> None:
    server = make({})
    assert answers(server, "/user/ada/api", method, Cookie="a=b", **headers) is is_let
    # A page that she gave a token to sends no cookies.
    assert answers(server, "/user/ada/api", method, **headers)


def test_garbage_is_collected_once_the_server_answers(make: Make) -> None:
    gc.disable()
    try:
        make({})
        assert gc.isenabled()
    finally:
        gc.enable()


def test_an_extension_that_is_switched_off_stays_off(make: Make) -> None:
    server = make({"jupyter_lsp": False, "jupyterlab": True})
    assert not answers(server, "/user/ada/jupyter_lsp")
    assert server.extension_manager.done == []


def test_stand_ins_are_there_only_meanwhile(start: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    real = ModuleType("rfc3987_syntax")
    real.is_valid_syntax = lambda term, value: (term, value)  # type: ignore[attr-defined]
    with start.stand_ins():
        stand_in = importlib.import_module("rfc3987_syntax")
        from alembic.script import ScriptDirectory

        assert ScriptDirectory is None
    assert not set(start.STAND_INS) & set(sys.modules)
    monkeypatch.setitem(sys.modules, "rfc3987_syntax", real)
    assert stand_in is not real
    assert stand_in.is_valid_syntax("iri", "x:y") == ("iri", "x:y")


def test_a_stand_in_has_later_what_the_real_module_has(
    start: ModuleType, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "heavy.py").write_text("def answer():\n    return 42\n")
    (tmp_path / "user.py").write_text("import heavy as h\n\n\ndef ask():\n    return h.answer()\n")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setitem(start.STAND_INS, "heavy", {})
    with start.stand_ins():
        user = importlib.import_module("user")
        with pytest.raises(AttributeError, match="imported later"):
            user.ask()
    assert "heavy" not in sys.modules
    assert user.ask() == 42
    with pytest.raises(AttributeError):
        user.h.question  # noqa: B018


def test_what_the_hub_allows_is_worked_out_as_ever() -> None:
    """In a process of its own, as it is in a server: the tests have imported the hub's modules."""
    script = CHECKOUT / "images/user/start_server.py"
    code = f"""
import importlib.machinery, importlib.util, sys
spec = importlib.util.spec_from_loader("start", importlib.machinery.SourceFileLoader("start", {str(script)!r}))
start = importlib.util.module_from_spec(spec)
spec.loader.exec_module(start)
with start.stand_ins():
    from jupyterhub.services.auth import HubAuth
    from jupyterhub.scopes import _intersect_expanded_scopes as intersect
assert "sqlalchemy" not in sys.modules and "jupyterhub.orm" not in sys.modules
assert intersect({{"access:servers!user=ada"}}, {{"access:servers"}}) == {{"access:servers!user=ada"}}
auth = HubAuth(access_scopes={{"access:servers!server=ada/"}}, api_token="x")
assert auth.check_scopes(auth.access_scopes, {{"scopes": ["access:servers!user=ada"]}})
assert not auth.check_scopes(auth.access_scopes, {{"scopes": ["access:servers!user=grace"]}})
from jupyterhub import orm, scopes
assert scopes.orm.User is orm.User and scopes.sa.inspect
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_stand_ins_go_when_an_import_fails(start: ModuleType) -> None:
    with pytest.raises(ImportError), start.stand_ins():
        from alembic import something_new  # noqa: F401
    assert not set(start.STAND_INS) & set(sys.modules)


def test_our_start_is_the_one_that_the_chart_calls() -> None:
    lines = (CHECKOUT / "images/user/Containerfile").read_text().splitlines()
    assert "COPY images/user/start_server.py /opt/z2jh/bin/jupyterhub-singleuser" in lines
    assert "ENV PATH=/opt/z2jh/bin:$PATH:/home/jovyan/.local/bin" in lines
    assert 'CMD ["jupyterhub-singleuser"]' in lines
    assert os.access(CHECKOUT / "images/user/start_server.py", os.X_OK)
