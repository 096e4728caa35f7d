"""The chart of Dask Gateway with our values: what it renders, what it refuses, and whether the gateway takes it."""

from __future__ import annotations

import copy
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import pytest
import yaml
from rendering import ROOT, VARIABLES, Rendered, Values, render_values, restricted_violations

CHART = ROOT / "charts" / "dask-gateway"
SETTINGS: Values = {
    "dask_gateway_images": [VARIABLES["images_built"][name]["ref"] for name in ("minimal", "astronomy")],
    "dask_gateway_max_clusters_per_user": 2,
    "dask_gateway_worker_cores_max": 2,
    "dask_gateway_worker_memory_max": 4,
    "dask_gateway_cluster_max_workers": 8,
    "dask_gateway_idle_timeout": 1800,
}
DEPLOYMENTS = ["api-dask-gateway", "controller-dask-gateway", "traefik-dask-gateway"]


@pytest.fixture(scope="module", params=[[], ["dask-gateway.local.yml"]], ids=["everywhere", "local"])
def values(request: pytest.FixtureRequest) -> Values:
    """Our values, of every place and of place local."""
    return render_values("dask-gateway.yml", *request.param, **SETTINGS)


@pytest.fixture(scope="module")
def rendered(template: Callable[..., Rendered], values: Values) -> Rendered:
    """Render the chart with our values."""
    return template("dask-gateway", values)


def change(values: Values, path: str, value: Any) -> Values:
    """Return the values with one of them set."""
    changed = copy.deepcopy(values)
    *parents, last = path.split(".")
    node = changed
    for key in parents:
        node = node.setdefault(key, {})
    node[last] = value
    return changed


def pod_of(rendered: Rendered, name: str) -> Values:
    pod: Values = rendered.one("Deployment", name)["spec"]["template"]["spec"]
    return pod


def config_of(rendered: Rendered, name: str) -> str:
    text: str = rendered.one("ConfigMap", name)["data"]["dask_gateway_config.py"]
    return text


def test_lint(helm: Callable[..., subprocess.CompletedProcess[str]], values: Values, tmp_path: Any) -> None:
    path = tmp_path / "values.yaml"
    path.write_text(yaml.safe_dump(values))
    result = helm("lint", "--strict", str(CHART), "--values", str(path))
    assert result.returncode == 0, result.stdout


def test_names_are_those_of_the_upstream_chart(rendered: Rendered) -> None:
    names = {(item["kind"], item["metadata"]["name"]) for item in rendered}
    assert names >= {(kind, name) for kind in ("Deployment", "ConfigMap", "ServiceAccount") for name in DEPLOYMENTS}
    assert {name for kind, name in names if kind == "Service"} == {"api-dask-gateway", "traefik-dask-gateway"}


def test_services_lead_to_pods(rendered: Rendered) -> None:
    for name, port in (("api-dask-gateway", 8000), ("traefik-dask-gateway", 80)):
        service = rendered.one("Service", name)["spec"]
        assert service["type"] == "ClusterIP"
        assert [(item["port"], item["targetPort"]) for item in service["ports"]] == [(port, 8000)]
        labels = rendered.one("Deployment", name)["spec"]["template"]["metadata"]["labels"]
        assert service["selector"].items() <= labels.items()


def test_labels_that_policies_select_by(rendered: Rendered) -> None:
    for name, component in zip(DEPLOYMENTS, ("gateway", "controller", "traefik"), strict=True):
        labels = rendered.one("Deployment", name)["spec"]["template"]["metadata"]["labels"]
        expected = {
            "app.kubernetes.io/name": "dask-gateway",
            "app.kubernetes.io/component": component,
            "gateway.dask.org/instance": "dask-gateway",
        }
        assert expected.items() <= labels.items()
        assert ("hub.jupyter.org/network-access-hub" in labels) == (component == "gateway")


@pytest.mark.parametrize("name", DEPLOYMENTS)
def test_pods_meet_restricted(rendered: Rendered, name: str) -> None:
    pod = pod_of(rendered, name)
    assert restricted_violations(pod) == []
    for container in pod["containers"]:
        assert container["securityContext"]["readOnlyRootFilesystem"] is True
        assert container["resources"]["limits"]["memory"]
        assert "@sha256:" in container["image"]


def test_idle_pods_ask_for_little(rendered: Rendered) -> None:
    containers = [container for name in DEPLOYMENTS for container in pod_of(rendered, name)["containers"]]
    assert sum(int(item["resources"]["requests"]["cpu"].removesuffix("m")) for item in containers) <= 80


def test_only_the_feed_of_the_proxy_has_a_token(rendered: Rendered) -> None:
    pod = pod_of(rendered, "traefik-dask-gateway")
    assert pod["automountServiceAccountToken"] is False
    mounts = {item["name"]: {mount["name"] for mount in item["volumeMounts"]} for item in pod["containers"]}
    assert mounts == {"traefik": {"configmap"}, "routes": {"token"}}


def test_proxy_outlives_its_process(rendered: Rendered) -> None:
    pod = pod_of(rendered, "traefik-dask-gateway")
    (feed,) = [item for item in pod["containers"] if item["name"] == "routes"]
    assert 0 < feed["lifecycle"]["preStop"]["sleep"]["seconds"] < pod["terminationGracePeriodSeconds"]


def rights(rendered: Rendered, kind: str, part: str) -> set[tuple[str, str]]:
    found = [item for item in rendered if (item["kind"], item["metadata"]["name"]) == (kind, f"{part}-dask-gateway")]
    return {
        (resource, verb)
        for item in found
        for rule in item["rules"]
        for resource in rule["resources"]
        for verb in rule["verbs"]
    }


def test_rights_over_the_whole_cluster_are_to_look_only(rendered: Rendered) -> None:
    looking = {"list", "watch"}
    for part, resources in (("api", {"daskclusters"}), ("controller", {"daskclusters", "pods", "endpoints"})):
        assert rights(rendered, "ClusterRole", part) == {(name, verb) for name in resources for verb in looking}
    assert rights(rendered, "ClusterRole", "traefik") == set()


def test_rights_in_the_namespace(rendered: Rendered) -> None:
    assert rights(rendered, "Role", "api") == {
        ("daskclusters", "create"),
        ("daskclusters", "patch"),
        ("secrets", "get"),
    }
    assert rights(rendered, "Role", "controller") == {
        ("daskclusters", "delete"),
        ("daskclusters/status", "patch"),
        ("pods", "create"),
        ("pods", "delete"),
        ("secrets", "create"),
        ("secrets", "delete"),
        ("services", "create"),
        ("ingressroutes", "create"),
        ("ingressroutetcps", "create"),
    }
    routes = ("ingressroutes", "ingressroutetcps")
    assert rights(rendered, "Role", "traefik") == {(name, verb) for name in routes for verb in ("list", "watch")}


def test_roles_follow_the_namespace_of_the_clusters(template: Callable[..., Rendered], values: Values) -> None:
    rendered = template("dask-gateway", change(values, "gateway.backend.namespace", "dask"))
    assert {item["metadata"]["namespace"] for item in rendered if item["kind"] in ("Role", "RoleBinding")} == {"dask"}
    assert "--namespace=dask" in pod_of(rendered, "traefik-dask-gateway")["containers"][1]["args"]


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("gateway.backend.worker.extraPodLabels", {}),
        ("gateway.auth.type", "simple"),
        ("gateway.auth.jupyterhub.jupyterhubServiceName", None),
        ("gateway.nodeSelector", {}),
        ("controller.enabled", False),
        ("traefik.image.tag", "3.3.5"),
        ("traefik.service.ports.tcp.port", 8786),
        ("traefik.dashboard", True),
        ("rbac.enabled", False),
        ("unknown", 1),
    ],
)
def test_refuses_what_it_does_not_implement(
    helm: Callable[..., subprocess.CompletedProcess[str]], tmp_path: Any, path: str, value: Any
) -> None:
    file = tmp_path / "values.yaml"
    file.write_text(yaml.safe_dump(change(render_values("dask-gateway.yml", **SETTINGS), path, value)))
    result = helm("template", "x", str(CHART), "--values", str(file))
    assert result.returncode != 0
    assert "don't meet the specifications of the schema" in result.stderr


def test_definitions_are_installed() -> None:
    found = [item for file in sorted((CHART / "crds").iterdir()) for item in yaml.safe_load_all(file.read_text())]
    names = {item["metadata"]["name"]: item["spec"]["versions"][0] for item in found}
    assert set(names) == {"daskclusters.gateway.dask.org", "ingressroutes.traefik.io", "ingressroutetcps.traefik.io"}
    assert names["daskclusters.gateway.dask.org"]["subresources"] == {"status": {}}
    assert all(version["name"] == "v1alpha1" for version in names.values())


def test_pods_of_a_chart_without_security_contexts_are_made_to_meet_restricted(rendered: Rendered) -> None:
    before = copy.deepcopy(list(rendered))
    for item in before:
        if item["kind"] == "Deployment":
            pod = item["spec"]["template"]["spec"]
            pod.pop("securityContext")
            pod["containers"][0]["securityContext"] = {"runAsUser": 1000}
    script = ROOT / "roles" / "dask_gateway" / "files" / "meet_restricted.py"
    result = subprocess.run(
        [sys.executable, str(script)], input=yaml.safe_dump_all(before), capture_output=True, text=True, check=True
    )
    after = Rendered(yaml.safe_load_all(result.stdout))
    assert [item for item in after if item["kind"] != "Deployment"] == [
        item for item in before if item["kind"] != "Deployment"
    ]
    for name in DEPLOYMENTS:
        assert restricted_violations(pod_of(after, name)) == []
        assert pod_of(after, name)["containers"][0]["securityContext"]["runAsUser"] == 1000


class TestConfiguration:
    """The gateway's own classes, configured by what the chart renders."""

    @pytest.fixture
    def made(self, rendered: Rendered, tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
        pytest.importorskip("dask_gateway_server")
        monkeypatch.syspath_prepend(str(ROOT / "images" / "dask-gateway" / "src"))
        from dask_gateway_server.app import DaskGateway

        path = tmp_path / "dask_gateway_config.py"
        path.write_text(config_of(rendered, "api-dask-gateway"))
        gateway = DaskGateway()
        gateway.load_config_file(str(path))
        return gateway.backend_class(parent=gateway, log=gateway.log)

    def test_backend(self, made: Any) -> None:
        assert type(made).__name__ == "PlatformBackend"
        assert made.api_url == "http://api-dask-gateway.jupyterhub:8000/api"
        assert made.gateway_instance == "dask-gateway"
        assert made.images == SETTINGS["dask_gateway_images"]
        assert made.max_clusters_per_user == 2

    def test_clusters(self, made: Any, values: Values) -> None:
        config = made.cluster_config_class(parent=made)
        assert config.image == SETTINGS["dask_gateway_images"][0]
        assert config.namespace == "jupyterhub"
        assert config.scheduler_cmd == ["dask", "scheduler"]
        assert config.worker_cmd[:3] == ["dask", "worker", "--no-nanny"]
        assert (config.cluster_max_workers, config.idle_timeout) == (8, 1800)
        assert (config.scheduler_cores, config.scheduler_cores_limit, config.worker_cores) == (0.1, 1, 0.2)
        assert config.environment == values["gateway"]["backend"]["environment"]

    @pytest.mark.parametrize("worker", [False, True])
    def test_pods_of_clusters_meet_restricted(self, rendered: Rendered, made: Any, tmp_path: Any, worker: bool) -> None:
        from dask_gateway_server.backends.kubernetes.controller import KubeController

        path = tmp_path / "controller.py"
        path.write_text(config_of(rendered, "controller-dask-gateway"))
        controller = KubeController()
        controller.load_config_file(str(path))
        pod = controller.make_pod("jupyterhub", "f" * 32, made.cluster_config_class(parent=made), is_worker=worker)
        assert restricted_violations(pod["spec"]) == []
        assert pod["spec"]["automountServiceAccountToken"] is False
        (container,) = pod["spec"]["containers"]
        assert {mount["mountPath"] for mount in container["volumeMounts"]} >= {"/tmp", "/etc/dask-credentials/"}
        if not worker:
            assert container["readinessProbe"]["periodSeconds"] == 1
            assert container["readinessProbe"]["httpGet"]["port"] == 8788

    def test_routes_of_the_controller_are_those_that_the_feed_takes(
        self, rendered: Rendered, tmp_path: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        pytest.importorskip("dask_gateway_server")
        monkeypatch.syspath_prepend(str(ROOT / "images" / "dask-gateway" / "src"))
        from dask_gateway_server.backends.kubernetes.controller import KubeController
        from z2jh_dask_gateway.feed import arguments
        from z2jh_dask_gateway.routes import route_of

        path = tmp_path / "controller.py"
        path.write_text(config_of(rendered, "controller-dask-gateway"))
        controller = KubeController()
        controller.load_config_file(str(path))
        options = arguments(pod_of(rendered, "traefik-dask-gateway")["containers"][1]["args"][1:])
        for made in (controller.make_ingressroute, controller.make_ingressroutetcp):
            item = made("f" * 32, options.namespace)
            item["metadata"]["namespace"] = options.namespace
            assert route_of(item, item["kind"], options.namespace, options.prefix)
            assert item["metadata"]["labels"]["gateway.dask.org/instance"] == options.instance
