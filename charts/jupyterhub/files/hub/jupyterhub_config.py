"""Configuration of JupyterHub from the chart's values.

The order is part of the chart's interface: built-in settings, values, secrets,
``hub.config``, files in ``jupyterhub_config.d``, then ``hub.extraConfig``.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

# JupyterHub runs this file with get_config in its namespace; z2jh has a
# function of that name too, which snippets of hub.extraConfig expect to see.
c: Any = get_config()  # type: ignore[call-arg]

sys.path.insert(0, str(Path(__file__).resolve().parent))

from tornado.httpclient import AsyncHTTPClient  # noqa: E402
from z2jh import (  # noqa: E402
    HERE,
    get_config,
    get_name,
    get_name_env,
    get_secret_value,
    set_config_if_not_none,
)

HUB_PORT = 8081

HUB_TRAITS = {
    "active_server_limit": "activeServerLimit",
    "allow_named_servers": "allowNamedServers",
    "authenticate_prometheus": "authenticatePrometheus",
    "base_url": "baseUrl",
    "concurrent_spawn_limit": "concurrentSpawnLimit",
    "named_server_limit_per_user": "namedServerLimitPerUser",
    "redirect_to_server": "redirectToServer",
    "shutdown_on_logout": "shutdownOnLogout",
    "template_paths": "templatePaths",
    "template_vars": "templateVars",
}

SPAWNER_TRAITS = {
    "allow_privilege_escalation": "allowPrivilegeEscalation",
    "cpu_guarantee": "cpu.guarantee",
    "cpu_limit": "cpu.limit",
    "environment": "extraEnv",
    "events_enabled": "events",
    "extra_annotations": "extraAnnotations",
    "extra_containers": "extraContainers",
    "extra_labels": "extraLabels",
    "extra_pod_config": "extraPodConfig",
    "extra_resource_guarantees": "extraResource.guarantees",
    "extra_resource_limits": "extraResource.limits",
    "fs_gid": "fsGid",
    "image_pull_policy": "image.pullPolicy",
    "init_containers": "initContainers",
    "lifecycle_hooks": "lifecycleHooks",
    "mem_guarantee": "memory.guarantee",
    "mem_limit": "memory.limit",
    "node_selector": "nodeSelector",
    "pod_name_template": "podNameTemplate",
    "profile_list": "profileList",
    "service_account": "serviceAccountName",
    "start_timeout": "startTimeout",
    "storage_extra_labels": "storage.extraLabels",
    "uid": "uid",
}


def configure_hub() -> None:
    """Where the hub listens, where its proxy and database are, and its own values."""
    # One event loop serves everyone: the curl client keeps up where tornado's own does not.
    AsyncHTTPClient.configure("tornado.curl_httpclient.CurlAsyncHTTPClient")
    c.JupyterHub.spawner_class = "kubespawner.KubeSpawner"
    c.JupyterHub.hub_bind_url = f"http://:{HUB_PORT}"
    c.JupyterHub.hub_connect_url = f"http://{get_name('hub')}:{get_name_env('hub', '_SERVICE_PORT')}"
    c.ConfigurableHTTPProxy.api_url = f"http://{get_name('proxy-api')}:{get_name_env('proxy-api', '_SERVICE_PORT')}"
    c.ConfigurableHTTPProxy.should_start = False
    # People's servers outlive the hub, and the hub repairs their routes.
    c.JupyterHub.cleanup_servers = False
    c.JupyterHub.last_activity_interval = 60
    # Show the progress page at once.
    c.JupyterHub.tornado_settings = {"slow_spawn_timeout": 0}
    c.JupyterHub.db_url = "sqlite:///jupyterhub.sqlite"
    for trait, key in HUB_TRAITS.items():
        set_config_if_not_none(c.JupyterHub, trait, f"hub.{key}")
    set_config_if_not_none(c.Spawner, "consecutive_failure_limit", "hub.consecutiveFailureLimit")


def common_labels() -> dict[str, str]:
    """Return the labels that the chart puts on everything, for what the hub creates."""
    name, release = get_config("Chart.Name"), get_config("Release.Name")
    chart = f"{name}-{get_config('Chart.Version').replace('+', '_')}"
    return {
        "app": name,
        "app.kubernetes.io/name": name,
        "release": release,
        "app.kubernetes.io/instance": release,
        "chart": chart,
        "helm.sh/chart": chart,
        "app.kubernetes.io/managed-by": "kubespawner",
    }


def configure_user_pods() -> None:
    """Everything about a user's pod except its volumes."""
    c.KubeSpawner.namespace = os.environ.get("POD_NAMESPACE", "default")
    c.KubeSpawner.common_labels = common_labels()
    for trait, key in SPAWNER_TRAITS.items():
        set_config_if_not_none(c.KubeSpawner, trait, f"singleuser.{key}")
    image = get_config("singleuser.image")
    c.KubeSpawner.image = f"{image['name']}:{image['tag']}"
    pull_secrets = get_config("imagePullSecrets", []) + image.get("pullSecrets", [])
    if pull_secrets:
        c.KubeSpawner.image_pull_secrets = pull_secrets
    c.KubeSpawner.tolerations = get_config("scheduling.userPods.tolerations", []) + get_config(
        "singleuser.extraTolerations", []
    )
    purpose = {
        "matchExpressions": [{"key": "hub.jupyter.org/node-purpose", "operator": "In", "values": ["user"]}],
    }
    match = get_config("scheduling.userPods.nodeAffinity.matchNodePurpose")
    if match == "prefer":
        c.KubeSpawner.node_affinity_preferred = [{"weight": 100, "preference": purpose}]
    elif match == "require":
        c.KubeSpawner.node_affinity_required = [purpose]
    set_config_if_not_none(c.Spawner, "cmd", "singleuser.cmd")
    set_config_if_not_none(c.Spawner, "default_url", "singleuser.defaultUrl")


def _by_name(items: Any, prefix: str = "") -> dict[str, Any]:
    """Return extra volumes or mounts, given as a list or as a map, as a map."""
    if isinstance(items, dict):
        return items
    return {f"{prefix}{index}-{item['name']}": item for index, item in enumerate(items or [])}


def home_volume() -> tuple[dict[str, Any], dict[str, Any]] | None:
    """Return the volume of a home directory and its mount, and say what claim to make for it."""
    storage = get_config("singleuser.storage")
    if storage["type"] == "none":
        return None
    if storage["type"] == "static":
        volume_name, claim = "home", storage["static"]["pvcName"]
        sub_path = storage["static"].get("subPath", "{username}")
    else:
        dynamic = storage["dynamic"]
        volume_name, claim, sub_path = dynamic["volumeNameTemplate"], "{pvc_name}", dynamic.get("subPath")
        c.KubeSpawner.storage_pvc_ensure = True
        for trait, key in {
            "pvc_name_template": "dynamic.pvcNameTemplate",
            "storage_class": "dynamic.storageClass",
            "storage_access_modes": "dynamic.storageAccessModes",
            "storage_capacity": "capacity",
        }.items():
            set_config_if_not_none(c.KubeSpawner, trait, f"singleuser.storage.{key}")
    mount = {"name": volume_name, "mountPath": storage["homeMountPath"]}
    if sub_path:
        mount["subPath"] = sub_path
    return {"name": volume_name, "persistentVolumeClaim": {"claimName": claim}}, mount


def configure_volumes() -> None:
    """Homes, singleuser.extraFiles, and extra volumes: maps, so that hub.config can add to them."""
    volumes: dict[str, Any] = {}
    mounts: dict[str, Any] = {}
    home = home_volume()
    if home:
        volumes["home"], mounts["home"] = home
    files = get_config("singleuser.extraFiles", {})
    if files:
        items = [
            {"key": key, "path": key} | ({"mode": file["mode"]} if "mode" in file else {})
            for key, file in files.items()
        ]
        volumes["files"] = {"name": "files", "secret": {"secretName": get_name("singleuser"), "items": items}}
        for key, file in files.items():
            mounts[f"files-{key}"] = {"name": "files", "mountPath": file["mountPath"], "subPath": key}
    volumes |= _by_name(get_config("singleuser.storage.extraVolumes"))
    mounts |= _by_name(get_config("singleuser.storage.extraVolumeMounts"))
    c.KubeSpawner.volumes = volumes
    c.KubeSpawner.volume_mounts = mounts


def idle_culler() -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the service that stops idle servers, and the role with just what it needs."""
    cull = get_config("cull")
    scopes = ["list:users", "read:users:activity", "read:servers", "delete:servers"]
    api = get_config("hub.baseUrl").rstrip("/") + "/hub/api"
    command = ["python3", "-m", "jupyterhub_idle_culler", f"--url=http://localhost:{HUB_PORT}{api}"]
    for option, key in {"timeout": "timeout", "cull-every": "every", "concurrency": "concurrency"}.items():
        if cull[key]:
            command.append(f"--{option}={cull[key]}")
    if cull["maxAge"]:
        command.append(f"--max-age={cull['maxAge']}")
    if cull["users"]:
        command.append("--cull-users")
        scopes.append("admin:users")
    if not cull["adminUsers"]:
        command.append("--cull-admin-users=false")
    if cull["removeNamedServers"]:
        command.append("--remove-named-servers")
    name = "jupyterhub-idle-culler"
    return {"name": name, "command": command}, {"name": name, "scopes": scopes, "services": [name]}


def configure_services() -> None:
    """The idle culler, hub.services with their tokens, and hub.loadRoles."""
    services: list[dict[str, Any]] = []
    roles: list[dict[str, Any]] = []
    if get_config("cull.enabled"):
        service, role = idle_culler()
        services.append(service)
        roles.append(role)
    for key, service in get_config("hub.services", {}).items():
        service.pop("apiToken", None)
        service["api_token"] = get_secret_value(f"hub.services.{key}.apiToken")
        services.append({"name": key} | service)
    for key, role in get_config("hub.loadRoles", {}).items():
        roles.append({"name": key} | role)
    c.JupyterHub.services = services
    c.JupyterHub.load_roles = roles


def configure_secrets() -> None:
    """What the chart made once. The proxy's token comes by environment."""
    c.JupyterHub.cookie_secret = get_secret_value("hub.config.JupyterHub.cookie_secret")
    c.CryptKeeper.keys = get_secret_value("hub.config.CryptKeeper.keys").split(";")


def configure_traits() -> None:
    """hub.config: traits by class, except the secrets, which are set already."""
    kept = {
        "JupyterHub": {"cookie_secret", "proxy_auth_token", "services"},
        "ConfigurableHTTPProxy": {"auth_token"},
        "CryptKeeper": {"keys"},
    }
    for section, traits in get_config("hub.config", {}).items():
        if not section[:1].isupper():
            sys.exit(f"hub.config.{section} is not a class name: sections are classes, such as JupyterHub")
        c[section].update({key: value for key, value in traits.items() if key not in kept.get(section, set())})


configure_hub()
configure_user_pods()
configure_volumes()
configure_services()
if get_config("debug.enabled"):
    c.JupyterHub.log_level = "DEBUG"
    c.Spawner.debug = True
configure_secrets()
configure_traits()

for _path in sorted((HERE / "jupyterhub_config.d").glob("*.py")):
    load_subconfig(str(_path))  # type: ignore[name-defined]

# The operator's own code, in this namespace as upstream runs it.
for _key, _snippet in sorted(get_config("hub.extraConfig", {}).items()):
    print(f"Loading hub.extraConfig: {_key}")
    exec(compile(_snippet, f"hub.extraConfig.{_key}", "exec"))  # noqa: S102
