"""Our pages, made of JupyterHub's own as the hub makes them."""

from __future__ import annotations

from copy import deepcopy
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from jinja2 import ChoiceLoader, Environment, FileSystemLoader, PrefixLoader
from jupyterhub._data import DATA_FILES_PATH
from traitlets.config import Config

from z2jh_hub.configuration import TEMPLATES, configure
from z2jh_hub.profiles import Profiles
from z2jh_hub.spawner import EventSpawner

EDWIN = {"name": "edwin", "spawner": {}}


def page(name: str, **values: Any) -> str:
    theirs = str(Path(DATA_FILES_PATH) / "templates")
    loader = ChoiceLoader(
        [PrefixLoader({"templates": FileSystemLoader([theirs])}, "/"), FileSystemLoader([str(TEMPLATES), theirs])]
    )
    known = {
        "base_url": "/hub/",
        "static_url": lambda path, **_: path,
        "login_service": "GitHub",
        "parsed_scopes": [],
        "endings": {},
    }
    return Environment(loader=loader, autoescape=True).get_template(name).render(known | values)


def test_the_sign_in_page() -> None:
    shown = page("login.html", authenticator_login_url="/hub/oauth_login?next=")
    assert "href='/hub/oauth_login?next='>Sign in with GitHub</a>" in shown
    assert "keeps your password to itself" in shown


@pytest.mark.parametrize("name", ["login.html", "error.html", "spawn.html", "404.html", "not_running.html"])
def test_an_announcement_is_text_on_every_page(name: str) -> None:
    values = {"user": EDWIN, "status_code": 404, "announcement": "Maintenance <script>alert(1)</script>"}
    shown = page(name, **values)
    assert "Maintenance &lt;script&gt;" in shown
    assert "<script>alert" not in shown
    assert "announcement" not in page(name, **values | {"announcement": ""})


@pytest.mark.parametrize(
    ("status", "says"),
    [(403, "You have no access"), (503, "Not available just now"), (500, "Something went wrong"), (418, "went wrong")],
)
def test_an_error_says_what_happened_and_leads_back(status: int, says: str) -> None:
    shown = page("error.html", status_code=status, status_message="Status", message="In <plain> words.")
    assert says in shown
    assert str(status) in shown
    assert "In &lt;plain&gt; words." in shown
    assert 'href="/hub/home">Back to the hub</a>' in shown


def test_a_page_that_is_not_there_says_no_more_than_that() -> None:
    shown = page("404.html", status_code=404, status_message="Not Found")
    assert "There is no such page" in shown
    assert "moons" not in shown


def test_of_anothers_server_it_says_that_it_may_be_one_and_to_whom() -> None:
    said = "No access to resources or resources not found"
    shown = page("error.html", user=EDWIN, status_code=404, message=said, logout_url="/hub/logout")
    assert "somebody else's server, which is theirs alone" in shown
    assert said not in shown
    assert "/hub/logout" in shown
    # Control: other words are shown, and to nobody else but who is signed in.
    shown = page("error.html", user=None, status_code=404, message="Please go on.", logout_url="/hub/logout")
    assert "Please go on." in shown
    assert "/hub/logout" not in shown


def test_a_failed_start() -> None:
    shown = page("not_running.html", failed=True, failed_message="No <room>.", spawn_url="/hub/spawn/edwin")
    assert "did not start" in shown
    assert "No &lt;room&gt;." in shown
    assert "Your files are safe" in shown


def test_a_server_that_is_gone(monkeypatch: pytest.MonkeyPatch) -> None:
    values = {"user": EDWIN, "spawn_url": "/hub/spawn/edwin", "server_name": ""}
    shown = page("not_running.html", **values)
    assert "does not run" in shown
    assert "nobody used it for a while" in shown
    # As the hub does with its configuration: it is copied.
    config = Config()
    configure(config, lambda _, default: default)
    endings = deepcopy(config.JupyterHub.template_vars).get_value({})["endings"]
    monkeypatch.setitem(EventSpawner.endings, ("edwin", ""), "It wrote <too> much.")
    assert endings(None) == endings(SimpleNamespace(name="grace")) == {}
    shown = page("not_running.html", **values, endings=endings(SimpleNamespace(name="edwin")))
    assert "It wrote &lt;too&gt; much." in shown
    assert "nobody used it" not in shown


@pytest.mark.parametrize("before", [None, ["/operator"]])
def test_pages_of_the_operator_come_first(before: list[str] | None) -> None:
    config = Config()
    if before:
        config.JupyterHub.template_paths = list(before)
    configure(config, lambda _, default: default)
    paths = config.JupyterHub.template_paths
    assert (paths if before else paths.get_value([])) == [*(before or []), str(TEMPLATES)]
    assert isinstance(config.KubeSpawner.profile_list, Profiles)


def test_cookies_and_what_the_chart_sets() -> None:
    config = Config()
    config.JupyterHub.tornado_settings = {"slow_spawn_timeout": 0}
    configure(config, lambda _, default: default)
    cookies = {"secure": True, "samesite": "Lax"}
    assert config.JupyterHub.tornado_settings == {"slow_spawn_timeout": 0, "cookie_options": cookies}


def test_cookies_are_as_the_operator_wants_them() -> None:
    config = Config()
    config.JupyterHub.tornado_settings = {"cookie_options": {"samesite": "Strict", "domain": "hub.test"}}
    configure(config, lambda _, default: default)
    cookies = {"secure": True, "samesite": "Strict", "domain": "hub.test"}
    assert config.JupyterHub.tornado_settings["cookie_options"] == cookies


@pytest.mark.parametrize(
    ("url", "below", "headers"),
    [
        ("https://hub.example.org/", "", {"Strict-Transport-Security": "max-age=31536000"}),
        ("https://hub.example.org:443/", "", {"Strict-Transport-Security": "max-age=31536000"}),
        (
            "https://hub.example.org/",
            "https://hub.example.org",
            {"Strict-Transport-Security": "max-age=31536000; includeSubDomains"},
        ),
        ("https://hub.example.org:8443/", "", {}),
        ("http://hub.example.org/", "", {}),
    ],
)
def test_browsers_ask_a_hub_at_its_own_port_by_https_alone(url: str, below: str, headers: dict[str, str]) -> None:
    config = Config()
    config.JupyterHub.public_url = url
    config.JupyterHub.subdomain_host = below
    config.JupyterHub.tornado_settings = {"slow_spawn_timeout": 0}
    configure(config, lambda _, default: default)
    assert config.JupyterHub.tornado_settings.get("headers", {}) == headers
