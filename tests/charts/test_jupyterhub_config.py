"""What the hub makes of the chart's values: its configuration, and the pod of a user."""

from __future__ import annotations

import asyncio
import base64
import json
import shutil
import sys
from collections.abc import Callable, Iterator
from functools import lru_cache
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from rendering import DIGEST, ROOT, Rendered, Values, merge, render_values, restricted_violations

httpclient = pytest.importorskip("tornado.httpclient")
traitlets_config = pytest.importorskip("traitlets.config")

Load = Callable[..., Any]


@pytest.fixture(scope="session")
def render(template: Callable[..., Rendered]) -> Callable[[str], Rendered]:
    """Render the chart once for each set of values that is laid over ours."""

    @lru_cache
    def run(over: str) -> Rendered:
        values = render_values("jupyterhub.yml", "jupyterhub.local.yml")
        return template("jupyterhub", merge(values, json.loads(over)))

    return run


@pytest.fixture
def load(render: Callable[[str], Rendered], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Load]:
    """Run the hub's configuration on what the chart renders, laid out as the pod mounts it."""
    monkeypatch.setattr(httpclient.AsyncHTTPClient, "configure", lambda *_: None)
    monkeypatch.setattr(sys, "path", [str(ROOT / "images" / "hub" / "src"), *sys.path])
    monkeypatch.setenv("HUB_SERVICE_PORT", "8081")
    monkeypatch.setenv("PROXY_API_SERVICE_PORT", "8001")
    monkeypatch.setenv("POD_NAMESPACE", "jupyterhub")

    def run(over: Values | None = None) -> Any:
        sys.modules.pop("z2jh", None)
        objects = render(json.dumps(over or {}))
        here = tmp_path / "jupyterhub"
        for folder in ("config", "secret", "jupyterhub_config.d"):
            (here / folder).mkdir(parents=True, exist_ok=True)
        for key, text in objects.one("ConfigMap", "hub")["data"].items():
            (here / "config" / key).write_text(text, encoding="utf-8")
        for key, text in objects.one("Secret", "hub")["data"].items():
            (here / "secret" / key).write_bytes(base64.b64decode(text))
        for file in (ROOT / "charts" / "jupyterhub" / "files" / "hub").glob("*.py"):
            shutil.copy(file, here)
        (here / "jupyterhub_config.d" / "10.py").write_text("c.Test.order = ['file']\n", encoding="utf-8")
        config = traitlets_config.Config()

        def load_subconfig(path: str) -> None:
            exec(Path(path).read_text(encoding="utf-8"), names)  # noqa: S102

        path = here / "jupyterhub_config.py"
        names: dict[str, Any] = {
            "__file__": str(path),
            "get_config": lambda: config,
            "load_subconfig": load_subconfig,
        }
        exec(compile(path.read_text(encoding="utf-8"), str(path), "exec"), names)  # noqa: S102
        return config

    yield run
    sys.modules.pop("z2jh", None)


def test_hub_settings(load: Load) -> None:
    hub = load().JupyterHub
    assert hub.hub_connect_url == "http://hub:8081"
    assert hub.authenticator_class == "z2jh_hub.github.GitHubAuthenticator"
    assert hub.allow_named_servers is True
    assert hub.cleanup_servers is False
    assert len(hub.cookie_secret) == 64


def test_nothing_lets_everybody_in(load: Load) -> None:
    config = load()
    for section in ("Authenticator", "OAuthenticator", "GitHubOAuthenticator"):
        assert not {"allow_all", "allow_existing_users", "any_allow_config"} & set(config[section])
    assert config.GitHubOAuthenticator.allowed_organizations == ["space-telescope-demo"]
    assert config.Authenticator.enable_auth_state is True
    assert len(config.CryptKeeper["keys"]) == 1


def test_services_and_roles(load: Load) -> None:
    hub = load().JupyterHub
    services = {service["name"]: service for service in hub.services}
    assert set(services) == {"jupyterhub-idle-culler", "dask-gateway"}
    assert len(services["dask-gateway"]["api_token"]) == 64
    assert "--timeout=3600" in services["jupyterhub-idle-culler"]["command"]
    roles = {role["name"]: role["scopes"] for role in hub.load_roles}
    assert roles["user"] == ["self", "access:services!service=dask-gateway"]
    assert "admin:users" not in roles["jupyterhub-idle-culler"]


def test_administrators_do_not_read_files(load: Load) -> None:
    config = load()
    (role,) = (role for role in config.JupyterHub.load_roles if role["name"] == "administrator")
    assert role["groups"] == ["space-telescope-demo:operators"]
    assert "servers" in role["scopes"]
    assert not {"access:servers", "tokens", "users", "admin:users"} & set(role["scopes"])
    # The hub's own role admin has all of these.
    assert "admin_groups" not in config.GitHubOAuthenticator


def test_our_spawner_takes_the_place_of_the_charts(load: Load) -> None:
    assert load().JupyterHub.spawner_class == "z2jh_hub.spawner.EventSpawner"
    stock = {"hub": {"config": {"JupyterHub": {"spawner_class": "kubespawner.KubeSpawner"}}}}
    assert load(stock).JupyterHub.spawner_class == "kubespawner.KubeSpawner"


def test_order_of_configuration(load: Load) -> None:
    snippets = {"b": "c.Test.order = c.Test.order + ['b']", "a": "c.Test.order = c.Test.order + ['a']"}
    over = {"hub": {"config": {"JupyterHub": {"concurrent_spawn_limit": 7}}, "extraConfig": snippets}}
    config = load(over)
    assert config.Test.order == ["file", "a", "b"]
    assert config.JupyterHub.concurrent_spawn_limit == 7


def test_snippets_read_values(load: Load) -> None:
    snippet = "from z2jh import get_config\nc.Test.seen = get_config('custom.greeting', 'none')"
    over = {"custom": {"greeting": "hello"}, "hub": {"extraConfig": {"a": snippet}}}
    assert load(over).Test.seen == "hello"


def test_profiles_are_offered_by_team(load: Load) -> None:
    def sizes(*teams: str) -> set[str]:
        user = SimpleNamespace(groups=[SimpleNamespace(name=team) for team in teams])
        spawner = SimpleNamespace(user=user, user_options={}, pending=False)
        _, astronomy = config.KubeSpawner.profile_list(spawner)
        return set(astronomy["profile_options"]["size"]["choices"])

    config = load()
    assert sizes() == {"standard"}
    assert sizes("space-telescope-demo:operators") == {"standard", "large"}


def test_our_pages_stand_below_those_of_the_operator(load: Load) -> None:
    hub = load({"hub": {"templatePaths": ["/operator"]}}).JupyterHub
    assert [Path(path).name for path in hub.template_paths] == ["operator", "templates"]
    assert (Path(hub.template_paths[1]) / "login.html").exists()
    assert set(hub.template_vars) == {"announcement", "endings"}
    assert hub.template_vars["announcement"] == "Down on Sunday"
    # JupyterHub calls it with whoever sees a page.
    assert hub.template_vars["endings"](None) == {}


def test_the_pod_of_a_user(load: Load, monkeypatch: pytest.MonkeyPatch) -> None:
    module = pytest.importorskip("kubespawner.spawner")
    monkeypatch.setattr(module, "load_config", lambda *_, **__: None)
    monkeypatch.setattr(module, "shared_client", lambda *_, **__: None)
    user = SimpleNamespace(
        name="Edwin-Hubble",
        id=1,
        url="/user/edwin-hubble/",
        settings={},
        escaped_name="edwin-hubble",
        orm_user=None,
        groups=[],
    )
    hub = SimpleNamespace(
        public_host="https://hub.z2jh.test:8443", url="http://hub", base_url="/hub/", api_url="http://hub:8081/hub/api"
    )
    spawner = module.KubeSpawner(config=load(), user=user, hub=hub, _mock=True, api_token="token")
    spawner.server = SimpleNamespace(base_url="/user/edwin-hubble/", ip="", port=8888)
    spawner.get_env = lambda: {  # what the hub adds needs a database
        "JUPYTERHUB_SERVICE_PREFIX": "/user/edwin-hubble/",
        "JUPYTER_IMAGE_SPEC": spawner.image,
        **spawner._expand_env(spawner.environment),
    }
    asyncio.run(spawner.load_user_options())
    pod = asyncio.run(spawner.get_pod_manifest())
    manifest = _serialize(pod)
    assert restricted_violations(manifest["spec"]) == []
    assert manifest["spec"]["automountServiceAccountToken"] is False
    labels = manifest["metadata"]["labels"]
    assert labels["component"] == labels["app.kubernetes.io/component"] == "singleuser-server"
    assert labels["hub.jupyter.org/network-access-hub"] == "true"
    assert (labels["app"], labels["release"]) == ("jupyterhub", "jupyterhub")
    container = manifest["spec"]["containers"][0]
    assert container["image"].endswith(f"/minimal:0123456789ab@{DIGEST}")
    assert container["resources"]["limits"] == {"cpu": 1.0, "memory": 2**30, "ephemeral-storage": "4G"}
    names = [entry["name"] for entry in container["env"]]
    for user_of, needed in (
        ("DASK_GATEWAY__CLUSTER__OPTIONS__IMAGE", "JUPYTER_IMAGE_SPEC"),
        ("DASK_GATEWAY__PUBLIC_ADDRESS", "JUPYTERHUB_SERVICE_PREFIX"),
    ):
        # Kubernetes fills in $(...) from variables that stand before.
        assert names.index(needed) < names.index(user_of)
    mounts = {mount["mountPath"]: mount["name"] for mount in container["volumeMounts"]}
    assert set(mounts) == {"/home/jovyan", "/etc/z2jh"}
    assert mounts["/etc/z2jh"] == "ca-bundle"
    # A home is found by its claim, whatever the volume is called.
    assert "claimName" in str(manifest["spec"]["volumes"])


def _serialize(item: Any) -> Any:
    """Turn a model of the Kubernetes client into what it sends."""
    if isinstance(item, list):
        return [_serialize(entry) for entry in item]
    if isinstance(item, dict):
        return {key: _serialize(value) for key, value in item.items() if value is not None}
    if hasattr(item, "attribute_map"):
        pairs = {name: getattr(item, attribute) for attribute, name in item.attribute_map.items()}
        return {name: _serialize(value) for name, value in pairs.items() if value is not None}
    return item
