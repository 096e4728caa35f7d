"""What charts/jupyterhub renders from our values, and what it refuses."""

from __future__ import annotations

import base64
import copy
import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from rendering import NETWORKS_CLOSED, ROOT, VARIABLES, Rendered, Values, merge, render_values, restricted_violations

CHART = ROOT / "charts" / "jupyterhub"
Helm = Callable[..., subprocess.CompletedProcess[str]]
Template = Callable[..., Rendered]

# Top keys of the schema of the upstream chart, version 4.4.0.
UPSTREAM_TOP = {
    "cull",
    "custom",
    "debug",
    "enabled",
    "fullnameOverride",
    "global",
    "httpRoute",
    "hub",
    "imagePullSecret",
    "imagePullSecrets",
    "ingress",
    "nameOverride",
    "prePuller",
    "proxy",
    "rbac",
    "scheduling",
    "singleuser",
}
ACCESS = "hub.jupyter.org/network-access-"
NAMESPACE = "kubernetes.io/metadata.name"


@pytest.fixture(scope="session")
def values() -> Values:
    """Return our values for place local."""
    return render_values("jupyterhub.yml", "jupyterhub.local.yml")


@pytest.fixture(scope="session")
def objects(template: Template, values: Values) -> Rendered:
    """Render the chart as role jupyterhub does."""
    return template("jupyterhub", values)


def pods(objects: Rendered) -> dict[str, Values]:
    """Return the pod template of each workload by its name."""
    return {o["metadata"]["name"]: o["spec"]["template"] for o in objects if o["kind"] in ("Deployment", "DaemonSet")}


def secret(objects: Rendered) -> dict[str, str]:
    """Return the decoded Secret of the hub."""
    return {key: base64.b64decode(value).decode() for key, value in objects.one("Secret", "hub")["data"].items()}


def selects(selector: Values, labels: Values) -> bool:
    """Say whether matchLabels select labels."""
    return selector.items() <= labels.items()


def test_lint(helm: Helm, values: Values, tmp_path: Path) -> None:
    path = tmp_path / "values.yaml"
    path.write_text(yaml.safe_dump(values), encoding="utf-8")
    result = helm("lint", "--strict", str(CHART), "--values", str(path))
    assert result.returncode == 0, result.stdout + result.stderr


def test_the_objects_of_upstream(objects: Rendered) -> None:
    found = {(o["kind"], o["metadata"]["name"]) for o in objects}
    assert found == {
        ("ConfigMap", "hub"),
        ("DaemonSet", "continuous-image-puller"),
        ("Deployment", "hub"),
        ("Deployment", "proxy"),
        ("NetworkPolicy", "hub"),
        ("NetworkPolicy", "proxy"),
        ("NetworkPolicy", "singleuser"),
        ("PersistentVolumeClaim", "hub-db-dir"),
        ("Role", "hub"),
        ("RoleBinding", "hub"),
        ("Secret", "hub"),
        ("Service", "hub"),
        ("Service", "proxy-api"),
        ("Service", "proxy-public"),
        ("ServiceAccount", "continuous-image-puller"),
        ("ServiceAccount", "hub"),
    }


def test_place_hosts_opens_ports_of_the_nodes_and_has_no_stand_ins(template: Template) -> None:
    values = render_values("jupyterhub.yml", "jupyterhub.hosts.yml", hub_node_port=31000, hub_http_node_port=31001)
    objects = template("jupyterhub", values)
    service = objects.one("Service", "proxy-public")["spec"]
    assert service["type"] == "NodePort"
    assert [port["nodePort"] for port in service["ports"]] == [31000, 31001]
    text = json.dumps(list(objects))
    assert "archive.svc" not in text
    assert "github-standin" not in text


@pytest.mark.parametrize(
    ("access", "service", "ports"),
    [
        ("LoadBalancer", "LoadBalancer", [(443, None), (80, None)]),
        ("NodePort", "NodePort", [(443, 30443), (80, 30080)]),
        ("Ingress", "ClusterIP", [(80, None)]),
    ],
)
def test_ways_to_the_hub_in_place_existing(template: Template, access: str, service: str, ports: list[Any]) -> None:
    files = ("jupyterhub.yml", "jupyterhub.existing.yml")
    objects = template("jupyterhub", render_values(*files, existing_access=access, existing_ingress_class="nginx"))
    spec = objects.one("Service", "proxy-public")["spec"]
    assert (spec["type"], [(port["port"], port.get("nodePort")) for port in spec["ports"]]) == (service, ports)
    assert ("anyone", 6443) in peers(objects.one("NetworkPolicy", "hub"), "egress")
    ingresses = [item["spec"] for item in objects if item["kind"] == "Ingress"]
    assert bool(ingresses) == (access == "Ingress")
    for ingress in ingresses:
        assert ingress["ingressClassName"] == "nginx"
        hosts = ["hub.z2jh.test", "*.hub.z2jh.test"]
        assert ingress["tls"] == [{"hosts": hosts, "secretName": "proxy-tls"}]
        assert [rule["host"] for rule in ingress["rules"]] == hosts
        for rule in ingress["rules"]:
            (path,) = rule["http"]["paths"]
            assert (path["path"], path["pathType"]) == ("/", "Prefix")
            assert path["backend"]["service"] == {"name": "proxy-public", "port": {"name": "http"}}


@pytest.mark.parametrize("host", ["https://hub.z2jh.test:8443", ""])
def test_the_proxy_routes_by_host_name_where_servers_have_their_own(template: Template, host: str) -> None:
    objects = template("jupyterhub", render_values("jupyterhub.yml", "jupyterhub.local.yml", hub_subdomain_host=host))
    (container,) = objects.one("Deployment", "proxy")["spec"]["template"]["spec"]["containers"]
    assert ("--host-routing" in container["command"]) == bool(host)


@pytest.mark.parametrize(
    "name", ["jupyterhub.existing.yml", "jupyterhub.yml", "jupyterhub.local.yml", "jupyterhub.hosts.yml"]
)
def test_values_name_keys_of_upstream_only(name: str) -> None:
    assert set(render_values(name)) <= UPSTREAM_TOP


def test_every_object_has_both_sets_of_labels(objects: Rendered) -> None:
    for item in objects:
        labels = item["metadata"]["labels"]
        assert labels["app"] == labels["app.kubernetes.io/name"] == "jupyterhub"
        assert labels["release"] == labels["app.kubernetes.io/instance"] == "jupyterhub"
        assert labels["component"] == labels["app.kubernetes.io/component"]
        assert labels["chart"] == labels["helm.sh/chart"] == "jupyterhub-4.4.0"
        assert labels["heritage"] == labels["app.kubernetes.io/managed-by"] == "Helm"


def test_services_reach_their_pods(objects: Rendered) -> None:
    templates = pods(objects)
    for name, pod, ports in (
        ("hub", "hub", {8081: "http"}),
        ("proxy-api", "proxy", {8001: "api"}),
        ("proxy-public", "proxy", {443: "https", 80: "http"}),
    ):
        spec = objects.one("Service", name)["spec"]
        assert selects(spec["selector"], templates[pod]["metadata"]["labels"])
        assert {port["port"]: port["targetPort"] for port in spec["ports"]} == ports
        container_ports = {port["name"] for port in templates[pod]["spec"]["containers"][0]["ports"]}
        assert set(ports.values()) <= container_ports
    public = objects.one("Service", "proxy-public")["spec"]
    assert (public["type"], [port["nodePort"] for port in public["ports"]]) == ("NodePort", [30443, 30080])


def test_selectors_match_their_own_pods(objects: Rendered) -> None:
    for item in objects:
        if item["kind"] in ("Deployment", "DaemonSet"):
            labels = item["spec"]["template"]["metadata"]["labels"]
            assert set(item["spec"]["selector"]["matchLabels"]) == {"app", "component", "release"}
            assert selects(item["spec"]["selector"]["matchLabels"], labels)


def test_access_labels(objects: Rendered) -> None:
    have = {
        name: {key.removeprefix(ACCESS) for key in pod["metadata"]["labels"] if key.startswith(ACCESS)}
        for name, pod in pods(objects).items()
    }
    assert have == {
        "hub": {"proxy-api", "proxy-http", "singleuser"},
        "proxy": {"hub", "singleuser"},
        "continuous-image-puller": set(),
    }


def test_pods_pass_pod_security_restricted(objects: Rendered) -> None:
    assert {name: restricted_violations(pod["spec"]) for name, pod in pods(objects).items()} == {
        name: [] for name in pods(objects)
    }


def test_only_the_hub_has_a_token_of_the_api(objects: Rendered) -> None:
    assert pods(objects)["hub"]["spec"]["serviceAccountName"] == "hub"
    for name in ("proxy", "continuous-image-puller"):
        assert pods(objects)[name]["spec"]["automountServiceAccountToken"] is False
    verbs = {verb for rule in objects.one("Role", "hub")["rules"] for verb in rule["verbs"]}
    assert verbs == {"get", "watch", "list", "create", "delete"}


def test_every_image_is_pinned_by_digest(objects: Rendered) -> None:
    for pod in pods(objects).values():
        for container in pod["spec"].get("initContainers", []) + pod["spec"]["containers"]:
            assert "@sha256:" in container["image"]


def test_the_puller_fetches_each_profile_once(objects: Rendered) -> None:
    images = [c["image"] for c in pods(objects)["continuous-image-puller"]["spec"]["initContainers"]]
    assert images == [VARIABLES["images_built"][name]["ref"] for name in ("minimal", "astronomy")]


def test_secrets(objects: Rendered) -> None:
    data = secret(objects)
    assert {key: len(value) for key, value in data.items() if key != "values.yaml"} == {
        "hub.config.ConfigurableHTTPProxy.auth_token": 64,
        "hub.config.CryptKeeper.keys": 64,
        "hub.config.JupyterHub.cookie_secret": 64,
        "hub.services.dask-gateway.apiToken": 64,
    }
    for key in ("hub.config.CryptKeeper.keys", "hub.config.JupyterHub.cookie_secret"):
        bytes.fromhex(data[key])
    inside = yaml.safe_load(data["values.yaml"])
    assert inside["Release"] == {"Name": "jupyterhub", "Namespace": "jupyterhub", "Service": "Helm"}
    assert "madeSecrets" not in inside
    assert "madeSecrets" not in json.dumps(objects.one("ConfigMap", "hub"))


def test_explicit_secrets_win(template: Template, values: Values) -> None:
    given = merge(
        values,
        {
            "hub": {
                "config": {"CryptKeeper": {"keys": ["aa", "bb"]}, "JupyterHub": {"cookie_secret": "cc"}},
                "services": {"dask-gateway": {"apiToken": "dd"}},
            }
        },
    )
    data = secret(template("jupyterhub", given))
    assert data["hub.config.CryptKeeper.keys"] == "aa;bb"
    assert data["hub.config.JupyterHub.cookie_secret"] == "cc"
    assert data["hub.services.dask-gateway.apiToken"] == "dd"


def test_the_client_secret_is_in_the_secret_only(objects: Rendered) -> None:
    for item in objects:
        if item["kind"] != "Secret":
            assert VARIABLES["github_client_secret"] not in json.dumps(item)
    assert VARIABLES["github_client_secret"] in secret(objects)["values.yaml"]


def test_proxy_serves_https_from_the_secret(objects: Rendered) -> None:
    spec = pods(objects)["proxy"]["spec"]
    command = spec["containers"][0]["command"]
    assert {"--port=8443", "--redirect-port=8000", "--ssl-key=/etc/chp/tls/tls.key"} <= set(command)
    assert spec["volumes"] == [{"name": "tls-secret", "secret": {"secretName": "proxy-tls"}}]
    assert spec["containers"][0]["readinessProbe"]["httpGet"]["scheme"] == "HTTPS"
    # The proxy reads its certificate once, so a new one must change its pod.
    assert "z2jh.internal/certificate" in pods(objects)["proxy"]["metadata"]["annotations"]


def test_http_leads_to_the_port_that_people_open(objects: Rendered) -> None:
    command = pods(objects)["proxy"]["spec"]["containers"][0]["command"]
    # Upstream's own flag comes first, and the proxy takes the last.
    assert [flag for flag in command if flag.startswith("--redirect-to=")] == [
        "--redirect-to=443",
        "--redirect-to=8443",
    ]


def test_proxy_without_https(template: Template, values: Values) -> None:
    objects = template("jupyterhub", merge(values, {"proxy": {"https": {"enabled": False}}}))
    assert "--port=8000" in pods(objects)["proxy"]["spec"]["containers"][0]["command"]
    assert [port["port"] for port in objects.one("Service", "proxy-public")["spec"]["ports"]] == [80]


def peers(policy: Values, direction: str) -> set[tuple[Any, ...]]:
    """Flatten a policy's rules to (peer, port), where a peer is labels or a network."""
    found: set[tuple[Any, ...]] = set()
    for rule in policy["spec"][direction]:
        ports = [port["port"] for port in rule.get("ports", [{"port": "any"}])]
        for peer in rule.get("to", rule.get("from", [{}])):
            if "ipBlock" in peer:
                name = peer["ipBlock"]["cidr"]
            else:
                labels = merge(
                    peer.get("namespaceSelector", {}).get("matchLabels", {}),
                    peer.get("podSelector", {}).get("matchLabels", {}),
                )
                name = labels.get("component") or labels.get("app.kubernetes.io/component") or labels.get(NAMESPACE)
                name = name or next(iter(labels), "anyone").removeprefix(ACCESS)
            found |= {(name, port) for port in ports}
    return found


def test_network_of_users(objects: Rendered) -> None:
    policy = objects.one("NetworkPolicy", "singleuser")
    assert policy["spec"]["podSelector"]["matchLabels"]["component"] == "singleuser-server"
    assert peers(policy, "ingress") == {("singleuser", "notebook-port")}
    assert peers(policy, "egress") == {
        ("hub", 8081),
        ("proxy", 8000),
        ("traefik", 8000),
        ("kube-system", 53),
        ("archive", 7070),
        ("archive", 8443),
        ("0.0.0.0/0", "any"),
    }
    public = [rule["to"][0]["ipBlock"] for rule in policy["spec"]["egress"] if "ipBlock" in rule["to"][0]]
    assert [block["except"] for block in public] == [NETWORKS_CLOSED]
    # None of ours is left out there.
    ours = (ROOT / "group_vars/all/main.yml").read_text(encoding="utf-8")
    assert all(f"'{network}'" in ours for network in NETWORKS_CLOSED[:-1])


def test_network_of_hub_and_proxy(objects: Rendered) -> None:
    hub, proxy = objects.one("NetworkPolicy", "hub"), objects.one("NetworkPolicy", "proxy")
    assert peers(hub, "ingress") == {("hub", "http")}
    assert {("proxy", 8001), ("singleuser-server", 8888), ("github-standin", 8444)} <= peers(hub, "egress")
    assert peers(proxy, "ingress") == {
        ("proxy-api", "api"),
        ("proxy-http", "http"),
        ("anyone", "http"),
        ("anyone", "https"),
    }
    assert peers(proxy, "egress") == {("hub", 8081), ("singleuser-server", 8888), ("kube-system", 53)}


def paths(tree: Values, prefix: tuple[str, ...] = ()) -> list[tuple[str, ...]]:
    """Return the path of every map of the schema that is a plain object."""
    found = [prefix]
    for key, child in tree.get("properties", {}).items():
        if child.get("type") == "object" and "properties" in child:
            found += paths(child, (*prefix, key))
    return found


SCHEMA = json.loads((CHART / "values.schema.json").read_text(encoding="utf-8"))


@pytest.mark.parametrize("path", paths(SCHEMA), ids=".".join)
def test_unknown_keys_are_refused(path: tuple[str, ...], values: Values) -> None:
    jsonschema = pytest.importorskip("jsonschema")
    complete = merge(yaml.safe_load((CHART / "values.yaml").read_text(encoding="utf-8")), values)
    validator = jsonschema.Draft7Validator(SCHEMA)
    assert list(validator.iter_errors(complete)) == []
    node = spoilt = copy.deepcopy(complete)
    for key in path:
        node = node.setdefault(key, {})
    node["misspelt"] = True
    assert any("misspelt" in error.message for error in validator.iter_errors(spoilt))


@pytest.mark.parametrize(
    ("over", "words"),
    [
        ({"hub": {"extraConfg": {}}}, "extraConfg"),
        ({"scheduling": {"userScheduler": {"enabled": True}}}, "userScheduler"),
        ({"prePuller": {"hook": {"enabled": True}}}, "hook"),
        ({"singleuser": {"cloudMetadata": {"blockWithIptables": True}}}, "blockWithIptables"),
        ({"proxy": {"https": {"type": "letsencrypt"}}}, "https"),
        ({"hub": {"config": {"loadRoles": {}}}}, "loadRoles"),
        ({"hub": {"image": {"tag": ""}}}, "tag"),
        ({"ingress": {"extraPaths": []}}, "extraPaths"),
    ],
)
def test_helm_refuses_what_the_chart_cannot_do(
    helm: Helm, values: Values, over: Values, words: str, tmp_path: Path
) -> None:
    path = tmp_path / "values.yaml"
    path.write_text(yaml.safe_dump(merge(values, over)), encoding="utf-8")
    result = helm("template", "jupyterhub", str(CHART), "--values", str(path))
    assert result.returncode != 0
    assert words in result.stderr


def test_extra_files_reach_hub_and_users(template: Template, values: Values) -> None:
    files = {"note": {"mountPath": "/etc/note.json", "data": {"a": 1}, "mode": 0o440}}
    objects = template("jupyterhub", merge(values, {"hub": {"extraFiles": files}, "singleuser": {"extraFiles": files}}))
    assert secret(objects)["note"] == '{"a":1}'
    assert base64.b64decode(objects.one("Secret", "singleuser")["data"]["note"]) == b'{"a":1}'
    mounts = pods(objects)["hub"]["spec"]["containers"][0]["volumeMounts"]
    assert {"name": "files", "mountPath": "/etc/note.json", "subPath": "note"} in mounts
