"""The settings of the platform: what each may be, and one sentence for everything that cannot work."""

from __future__ import annotations

import difflib
import ipaddress
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from itertools import combinations
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import yaml

DOCUMENTATION = """
name: settings_findings
short_description: What is wrong with the settings, one sentence each
version_added: "1.0"
author: z2jh
description:
  - Returns a list of sentences; each names a setting, says what is wrong and what to do. Empty when all is well.
  - Values of secrets never appear in a sentence.
options:
  _input:
    description: The value of each setting by its name.
    type: dict
    required: true
  names:
    description: Where each variable that the operator set comes from, by its name.
    type: dict
    default: {}
  undefined:
    description: Why a setting's value cannot be worked out, by its name.
    type: dict
    default: {}
  known:
    description: Names of variables other than settings that may be set, such as those of roles.
    type: list
    elements: str
    default: []
  unread:
    description: Settings whose values are not looked at, because they are made only when they are needed.
    type: list
    elements: str
    default: []
  hosts:
    description: Address of each node by its name.
    type: dict
    default: {}
  misplaced:
    description: To which group or host the inventory gives what this machine does not get, by its name.
    type: dict
    default: {}
  groups:
    description: Names of the groups of the inventory.
    type: list
    elements: str
    default: []
"""

LABEL = r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?"
HOSTNAME = re.compile(rf"{LABEL}(\.{LABEL})+")
NODE_NAME = re.compile(rf"{LABEL}(\.{LABEL})*")
ORGANIZATION = re.compile(r"[A-Za-z0-9](-?[A-Za-z0-9]){0,38}")
TEAM = re.compile(ORGANIZATION.pattern + r":[a-z0-9_-]+")
PLACEHOLDER = re.compile(r"change.?me|xxx+|todo|secret|password|<.*>|your.*", re.IGNORECASE)
GROUPS = ("all", "ungrouped", "local", "hosts", "existing", "cluster", "control_plane", "workers")
OF_ANSIBLE = ("ansible_", "inventory_dir", "inventory_file")
SMALLEST_NODE_BLOCK = 24
REPOSITORY = re.compile(rf"{LABEL}(\.{LABEL})*(:[0-9]+)?(/[a-z0-9]+([._-]+[a-z0-9]+)*)*")
REFERENCE = re.compile(rf"{REPOSITORY.pattern}:[A-Za-z0-9_][A-Za-z0-9_.-]*@sha256:[0-9a-f]{{64}}")
# What the platform runs of ours on a cluster that is there already.
IMAGES = ("hub", "proxy", "dask-gateway", "minimal", "astronomy", "pause")
LETS_ENCRYPT = "https://acme-v02.api.letsencrypt.org/directory"
NODE_PORT, NODE_PORT_HTTP = 30443, 30080
STANDIN_CLIENT_ID = "z2jh-local"
# Names below these lead nowhere on the Internet; the stand-in, which lets anyone in, starts under no other.
PRIVATE_SUFFIXES = ("test", "localhost", "example", "invalid", "local", "internal", "home.arpa")
HELM_VALUES = Path(__file__).resolve().parents[2] / "helm-values" / "jupyterhub.yml"
LONGEST_ANNOUNCEMENT = 500
# What kubeadm calls the networks of a cluster.
MADE_WITH = {"pod_cidr": "podSubnet", "service_cidr": "serviceSubnet"}

Check = Callable[[Any], str | None]


def _is_text(value: Any) -> bool:
    return isinstance(value, str)


def _choice(*options: str) -> Check:
    """Accept one of the options; the nearest one is offered for a misspelt one."""

    def check(value: Any) -> str | None:
        if value in options:
            return None
        near = difflib.get_close_matches(str(value), options, 1)
        hint = f" (did you mean {near[0]}?)" if near else ""
        return f"must be one of {', '.join(options)}, not {value!r}{hint}"

    return check


def _hostname(value: Any) -> str | None:
    if not _is_text(value) or not value:
        return "must be a host name such as hub.example.org"
    try:
        ipaddress.ip_address(value)
    except ValueError:
        pass
    else:
        return f"must be a host name, not the address {value}: sign-in and certificates need a name"
    if len(value) <= 253 and HOSTNAME.fullmatch(value):
        return None
    if "/" in value or ":" in value:
        return f"must be a bare host name such as hub.example.org, without scheme, port or path, not {value!r}"
    return f"must be a host name in lower case with a dot, such as hub.example.org, not {value!r}"


def _yes_or_no(value: Any) -> str | None:
    """Accept what an inventory may write of a truth value."""
    if str(value).lower() in ("true", "false"):
        return None
    return f"must be true or false, not {value!r}"


def _port(value: Any) -> str | None:
    number = int(value) if _is_text(value) and value.isascii() and value.isdigit() else value
    if isinstance(number, int) and not isinstance(number, bool) and 1 <= number <= 65535:
        return None
    return f"must be a port number from 1 to 65535, not {value!r}"


def _https_url(value: Any) -> str | None:
    if not _is_text(value):
        return f"must be an address such as https://github.com, not {value!r}"
    try:
        parts = urlsplit(value)
        wrong_host = parts.port == 0 or _hostname(parts.hostname or "")
    except ValueError:
        return f"must be an address such as https://github.com, not {value!r}"
    if parts.username or parts.password:
        return "must not hold a user name or password"
    if parts.scheme != "https":
        return f"must begin with https://, not {value!r}: sign-in over http can be read on the way"
    if wrong_host or parts.path or parts.query or parts.fragment:
        return f"must be https:// and a host name without a path or a slash at its end, not {value!r}"
    return None


def _list_of(pattern: re.Pattern[str], form: str) -> Check:
    """Accept a list whose entries have the form named, each once."""

    def check(value: Any) -> str | None:
        if not isinstance(value, list):
            return f"must be a list of {form}, not {value!r}"
        for entry in value:
            if not _is_text(entry) or not pattern.fullmatch(entry):
                return f"must be a list of {form}; {entry!r} is not one"
        twice = [entry for entry in value if value.count(entry) > 1]
        return f"names {twice[0]!r} twice" if twice else None

    return check


TEAMS = _list_of(TEAM, "'organization:team'")


@cache
def _profiles() -> list[str]:
    """Return the profiles of our values, and their choices as profile/option/choice, as the hub names them."""
    names = []
    for profile in yaml.safe_load(HELM_VALUES.read_text(encoding="utf-8"))["singleuser"]["profileList"]:
        names.append(profile["slug"])
        for option, content in profile.get("profile_options", {}).items():
            names += [f"{profile['slug']}/{option}/{choice}" for choice in content["choices"]]
    return names


def _profile_teams(value: Any) -> str | None:
    if not isinstance(value, dict):
        return f"must map a profile to a list of 'organization:team', not {value!r}"
    for profile, teams in value.items():
        if profile not in _profiles():
            near = difflib.get_close_matches(str(profile), _profiles(), 1)
            hint = f"did you mean {near[0]}?" if near else f"there are {', '.join(_profiles())}"
            return f"names {profile!r}, which is no profile of helm-values/jupyterhub.yml ({hint})"
        if teams == []:
            return (
                f"gives {profile!r} to no team, so nobody could choose it: name a team, or leave it out for everybody"
            )
        if problem := TEAMS(teams):
            return f"of {profile!r} {problem}"
    return None


def _announcement(value: Any) -> str | None:
    if not _is_text(value):
        return f"must be a text in quotes, not {value!r}"
    if not value.isprintable():
        return "must be one line of plain text"
    if len(value) > LONGEST_ANNOUNCEMENT:
        return f"must be at most {LONGEST_ANNOUNCEMENT} characters long, and has {len(value)}"
    return None


def _cidr(value: Any) -> str | None:
    if not _is_text(value) or "/" not in value:
        return f"must be an IPv4 network such as 10.244.0.0/16, not {value!r}"
    try:
        network = ipaddress.IPv4Network(value, strict=False)
    except ValueError:
        return f"must be an IPv4 network such as 10.244.0.0/16, not {value!r}"
    if value != str(network):
        return f"must be a network, not an address in one: write {network} in place of {value}"
    if not network.is_private:
        return f"must be a private network such as 10.244.0.0/16; {value} belongs to someone on the Internet"
    return None


def _networks_of_others(value: Any) -> str | None:
    if not isinstance(value, list):
        return f"must be a list of IPv4 networks such as ['192.0.2.0/24'], not {value!r}"
    for entry in value:
        try:
            ipaddress.IPv4Network(entry if _is_text(entry) else "")
        except ValueError:
            return f"must be a list of IPv4 networks such as ['192.0.2.0/24']; {entry!r} is not one"
        if ipaddress.IPv4Network(entry).prefixlen == 0:
            return "holds 0.0.0.0/0, which is every address: name the networks that are to be closed"
    return None


def _absolute_path(value: Any) -> str | None:
    if not _is_text(value) or not value.startswith("/"):
        return f"must be a path from the root, such as /var/cache/z2jh, not {value!r}"
    if value.strip("/").count("/") < 1 or ".." in value.split("/"):
        return f"must be a folder of its own, such as /var/cache/z2jh, not {value!r}"
    if re.search(r"\s|:", value):
        return f"must not hold blanks or colons, as {value!r} does: it is mounted into containers"
    return None


def _file(value: Any) -> str | None:
    if _is_text(value) and (value == "" or (value.startswith("/") and not value.endswith("/"))):
        return None
    return f"must be empty or the path of a file from the root, such as /etc/ssl/hub.pem, not {value!r}"


def _credential(value: Any) -> str | None:
    if not _is_text(value):
        return "must be a text in quotes"
    if value != value.strip() or re.search(r"\s", value):
        return "must not hold blanks or line ends: copy it again"
    if PLACEHOLDER.fullmatch(value):
        return "is still a placeholder: put the real one in its place"
    return None


def _chart(value: Any) -> str | None:
    if _is_text(value) and (value == "" or value.startswith("/") or re.fullmatch(r"https://\S+(?<!\.tgz)", value)):
        return None
    return f"must be empty, a path from the root, or a chart repository such as https://helm.dask.org, not {value!r}"


@dataclass(frozen=True)
class Setting:
    """A setting: how its value is checked."""

    name: str
    check: Check


def _email(value: Any) -> str | None:
    if value == "" or (_is_text(value) and re.fullmatch(r"[^@\s]+@[^@\s]+[.][^@\s]+", value)):
        return None
    return f"must be empty or an email address, not {value!r}"


def _address(value: Any) -> str | None:
    if _is_text(value) and re.fullmatch(r"https://[^\s/]+/\S*", value):
        return None
    return f"must be the address of a directory, such as {LETS_ENCRYPT}, not {value!r}"


def _name_or_empty(value: Any) -> str | None:
    if value == "" or (_is_text(value) and NODE_NAME.fullmatch(value)):
        return None
    return f"must be empty or a name in the cluster, such as standard, not {value!r}"


def _registry(value: Any) -> str | None:
    if value == "" or (_is_text(value) and REPOSITORY.fullmatch(value)):
        return None
    return f"must be empty or such as registry.example.org/z2jh, without scheme or tag, not {value!r}"


def _images(value: Any) -> str | None:
    if not isinstance(value, dict):
        return f"must map names of images to references, not {value!r}"
    if value and (lacking := sorted(set(IMAGES) - set(value))):
        return f"lacks {', '.join(lacking)}: give all of {', '.join(IMAGES)}, or none"
    for name, reference in value.items():
        if name not in IMAGES:
            return f"names {name!r}: there are {', '.join(IMAGES)}"
        if not _is_text(reference) or not REFERENCE.fullmatch(reference):
            return f"of {name!r} must be repository:tag@sha256:digest, not {reference!r}"
    return None


SETTINGS = (
    Setting("place", _choice("local", "hosts", "existing")),
    Setting("artifact_source", _choice("auto", "upstream", "registries")),
    Setting("hub_hostname", _hostname),
    Setting("hub_port", _port),
    Setting("hub_http_port", _port),
    Setting("hub_user_domains", _yes_or_no),
    Setting("hub_certificate", _file),
    Setting("hub_certificate_key", _file),
    Setting("hub_certificate_ca", _file),
    Setting("hub_acme_email", _email),
    Setting("hub_acme_server", _address),
    Setting("github_standin_hostname", _hostname),
    Setting("github_standin_port", _port),
    Setting("github_url", _https_url),
    Setting("github_client_id", _credential),
    Setting("github_client_secret", _credential),
    Setting(
        "github_allowed_organizations",
        _list_of(re.compile(f"{ORGANIZATION.pattern}|{TEAM.pattern}"), "'organization' or 'organization:team'"),
    ),
    Setting("github_admin_teams", TEAMS),
    Setting("hub_profile_teams", _profile_teams),
    Setting("hub_announcement", _announcement),
    Setting("node_cidr", _cidr),
    Setting("pod_cidr", _cidr),
    Setting("service_cidr", _cidr),
    Setting("closed_networks", _networks_of_others),
    Setting("existing_kubeconfig", _file),
    Setting("existing_storage_class", _name_or_empty),
    Setting("existing_access", _choice("LoadBalancer", "Ingress", "NodePort")),
    Setting("existing_ingress_class", _name_or_empty),
    Setting("existing_registry", _registry),
    Setting("existing_registry_username", _credential),
    Setting("existing_registry_password", _credential),
    Setting("existing_images", _images),
    Setting("jupyterhub_chart", _chart),
    Setting("dask_gateway_chart", _chart),
    Setting("cache_dir", _absolute_path),
)
NAMES = tuple(setting.name for setting in SETTINGS)


def _unknown(names: Mapping[str, str], known: Iterable[str]) -> Iterator[str]:
    """Name every variable that is set and that nothing reads."""
    candidates = [*NAMES, *known]
    for name, origin in sorted(names.items()):
        if name in candidates or name.startswith(OF_ANSIBLE):
            continue
        near = difflib.get_close_matches(name, candidates, 1, 0.7)
        hint = f"did you mean {near[0]}?" if near else "group_vars/all/settings.yml lists the settings there are."
        yield f"{origin} sets {name}, which is unknown: {hint}"


def _single(
    values: Mapping[str, Any], undefined: Mapping[str, str], unread: Iterable[str]
) -> Iterator[tuple[str, str]]:
    """Check each setting by itself; yields its name and a sentence."""
    for setting in SETTINGS:
        if setting.name in unread:
            continue
        if setting.name in undefined:
            yield setting.name, f"{setting.name} cannot be worked out: {undefined[setting.name].rstrip('.')}."
        elif setting.name not in values or values[setting.name] is None:
            yield setting.name, f"{setting.name} has no value: set it in group_vars/all/settings.yml."
        elif problem := setting.check(values[setting.name]):
            yield setting.name, f"{setting.name} {problem}."


def _networks(values: Mapping[str, Any], hosts: Mapping[str, Any]) -> Iterator[str]:
    """Check the networks against each other and the nodes' addresses against them."""
    names = ("node_cidr", "pod_cidr", "service_cidr") if values["place"] == "local" else ("pod_cidr", "service_cidr")
    networks = {name: ipaddress.IPv4Network(values[name]) for name in names}
    if "node_cidr" in networks and networks["node_cidr"].prefixlen > SMALLEST_NODE_BLOCK:
        yield f"node_cidr {networks['node_cidr']} is too small: write a /{SMALLEST_NODE_BLOCK}, such as 10.89.40.0/24."
    for one, other in combinations(networks, 2):
        if networks[one].overlaps(networks[other]):
            yield f"{one} {networks[one]} and {other} {networks[other]} overlap: choose another network for one."
    if networks["pod_cidr"].prefixlen > SMALLEST_NODE_BLOCK - 2:
        yield (
            f"pod_cidr {networks['pod_cidr']} is too small: every node takes a /{SMALLEST_NODE_BLOCK} of it, "
            f"so write a /{SMALLEST_NODE_BLOCK - 2} or larger."
        )
    if not 12 <= networks["service_cidr"].prefixlen <= 24:
        yield f"service_cidr {networks['service_cidr']} must be from a /12 to a /24, such as 10.96.0.0/16."
    yield from _addresses(hosts, networks, values["place"])


def _addresses(hosts: Mapping[str, Any], networks: Mapping[str, ipaddress.IPv4Network], place: str) -> Iterator[str]:
    """Check the address of each node."""
    taken: dict[Any, str] = {}
    remedy = (
        "end its name in a number, as in worker2, or set node_ip in the inventory"
        if place == "local"
        else "set node_ip=... beside its name in the inventory to its IPv4 address among the nodes"
    )
    for host, value in sorted(hosts.items()):
        if not NODE_NAME.fullmatch(host):
            yield f"{host} cannot be the name of a node: use lower-case letters, digits and hyphens, as in worker-1."
        if not value:
            yield f"{host} has no address: {remedy}."
            continue
        try:
            address = ipaddress.IPv4Address(str(value))
        except ValueError:
            yield f"node_ip of {host} must be an IPv4 address, not {value!r}."
            continue
        if address in taken:
            yield f"node_ip {address} is given to both {taken[address]} and {host}: give each node its own."
        taken[address] = host
        local = networks.get("node_cidr")
        if local and address not in list(local.hosts())[1:]:
            yield f"node_ip {address} of {host} is not free in {local}: choose one from {local[2]} to {local[-2]}."
        for name in ("pod_cidr", "service_cidr"):
            if address in networks[name]:
                yield f"node_ip {address} of {host} lies in {name} {networks[name]}: choose another network for one."


def _credentials(values: Mapping[str, Any]) -> Iterator[str]:
    """Ask for the credentials of a real GitHub, and say how to get them."""
    missing = [name for name in ("github_client_id", "github_client_secret") if not values[name]]
    if missing:
        callback = f"https://{values['hub_hostname']}" + (
            "" if int(values["hub_port"]) == 443 else f":{values['hub_port']}"
        )
        yield (
            f"{' and '.join(missing)} {'is' if len(missing) == 1 else 'are'} missing: create an OAuth app at "
            f"{values['github_url']}/settings/applications/new with the callback URL {callback}/hub/oauth_callback, "
            "then give its client ID and a client secret as GITHUB_CLIENT_ID and GITHUB_CLIENT_SECRET in the "
            "environment, or as github_client_id and github_client_secret in a vault "
            "(ansible-vault create group_vars/all/vault.yml)."
        )


def _together(values: Mapping[str, Any]) -> Iterator[str]:
    """Check the settings that depend on each other."""
    standin = f"https://{values['github_standin_hostname']}:{values['github_standin_port']}"
    local = values["place"] == "local"
    if not (local and values["github_url"] == standin):
        yield from _credentials(values)
    elif values["github_client_id"] != STANDIN_CLIENT_ID:
        yield ("github_client_id is set, but sign-in goes to the stand-in: set github_url to https://github.com too.")
    if local and values["github_url"] == standin:
        for name in ("hub_hostname", "github_standin_hostname"):
            if not values[name].endswith(tuple(f".{suffix}" for suffix in PRIVATE_SUFFIXES)):
                yield (
                    f"{name} {values[name]} is a name of the Internet, and the stand-in for GitHub lets anyone in: "
                    "choose one below .test, or set github_url to https://github.com."
                )
    if not local and values["github_url"] == standin:
        yield f"github_url {standin} is the stand-in, which lets anyone in: it is for place local; write https://github.com."
    if not local and values["hub_hostname"].endswith(".test"):
        yield f"hub_hostname {values['hub_hostname']} leads nowhere outside place local: set the name that people open."
    if bool(values["hub_certificate"]) != bool(values["hub_certificate_key"]):
        lacking = "hub_certificate_key" if values["hub_certificate"] else "hub_certificate"
        yield f"{lacking} is empty: a certificate and its key are given both, or neither."
    if values["hub_acme_email"]:
        yield from _acme(values)
    if values["place"] == "existing":
        yield from _of_existing(values)
    if values["hub_certificate_ca"] and not (values["hub_certificate"] or values["hub_acme_email"]):
        yield "hub_certificate_ca is set and hub_certificate is not: give the certificate too, or leave it empty."
    if not values["github_allowed_organizations"]:
        yield "github_allowed_organizations is empty, so nobody could sign in: name one, as in ['my-organization']."
    if local and values["hub_hostname"] == values["github_standin_hostname"]:
        yield "hub_hostname and github_standin_hostname are the same: sign-in needs two names."
    for one, other in combinations(("hub_port", "hub_http_port", "github_standin_port")[: 3 if local else 2], 2):
        if int(values[one]) == int(values[other]):
            yield f"{one} and {other} are both {values[one]}: give each its own port."
    if not local and int(values["hub_port"]) == NODE_PORT_HTTP:
        yield f"hub_port must not be {NODE_PORT_HTTP}, which is the nodes' port for http: choose another one."
    if not local and int(values["hub_http_port"]) == NODE_PORT:
        yield f"hub_http_port must not be {NODE_PORT}, which is the nodes' port for https: choose another one."


def _acme(values: Mapping[str, Any]) -> Iterator[str]:
    """Check what an ACME server needs."""
    if values["place"] != "hosts":
        yield "hub_acme_email is set, which place hosts alone can use: leave it empty."
        return
    if str(values["hub_user_domains"]).lower() == "true":
        yield (
            f"hub_acme_email is set, and a certificate for *.{values['hub_hostname']} cannot be had in that way: give "
            "one as hub_certificate, or set hub_user_domains to false (docs/security.md says what that gives up)."
        )
    if values["hub_certificate"]:
        yield "hub_acme_email and hub_certificate are both set: the certificate is given, or asked for."
    if values["hub_acme_server"] == LETS_ENCRYPT and (int(values["hub_http_port"]), int(values["hub_port"])) != (
        80,
        443,
    ):
        yield (
            "hub_acme_email is set, and Let's Encrypt asks at port 80 and follows to port 443 alone: "
            "set hub_http_port to 80 and hub_port to 443, and send these ports to 30080 and 30443 of the nodes."
        )


def _of_existing(values: Mapping[str, Any]) -> Iterator[str]:
    """Check what place existing needs."""
    if not values["existing_kubeconfig"]:
        yield "existing_kubeconfig is empty: name the kubeconfig of the cluster that the platform shall run on."
    if bool(values["existing_registry"]) == bool(values["existing_images"]):
        yield "existing_registry says where images are pushed to, existing_images where they are: set one of the two."
    if bool(values["existing_registry_username"]) != bool(values["existing_registry_password"]):
        yield "existing_registry_username and existing_registry_password are given both, or neither."
    if values["existing_access"] != "NodePort" and int(values["hub_port"]) != 443:
        yield f"hub_port must be 443 with existing_access {values['existing_access']}, not {values['hub_port']}."


def _grouped(groups: Iterable[str], place: str) -> Iterator[str]:
    """Check the groups of the inventory."""
    groups = list(groups)
    if place == "existing" and place not in groups:
        yield "The inventory has no group existing: write localhost in it, as hosts.existing.example does."
    if place not in ("local", "hosts"):
        return
    for group in sorted(groups):
        near = difflib.get_close_matches(group, GROUPS, 1, 0.7)
        if group not in GROUPS and near:
            yield f"The inventory has a group {group}, which nothing reads: did you mean {near[0]}?"
    if "control_plane" not in groups:
        yield "The inventory has no group control_plane: name at least one host in it, as hosts.example does."
    if place not in groups:
        example = "hosts.example" if place == "local" else "hosts.ssh.example"
        yield f"The inventory has no group {place}, which says how nodes are reached: add it as {example} does."


def settings_findings(
    values: Mapping[str, Any],
    names: Mapping[str, str] | None = None,
    known: Iterable[str] = (),
    undefined: Mapping[str, str] | None = None,
    unread: Iterable[str] = (),
    hosts: Mapping[str, Any] | None = None,
    groups: Iterable[str] | None = None,
    misplaced: Mapping[str, str] | None = None,
) -> list[str]:
    """Say what is wrong with the settings, one sentence each; see DOCUMENTATION."""
    findings = list(_unknown(names or {}, known))
    findings += [
        f"The inventory sets {name} for {entity} alone, and the whole platform has one: write it below [all:vars]."
        for name, entity in sorted((misplaced or {}).items())
        if name in NAMES
    ]
    wrong = dict(_single(values, undefined or {}, unread))
    findings += wrong.values()
    if not wrong:
        findings += [*_together(values), *_networks(values, hosts or {})]
    if groups is not None and "place" not in wrong:
        findings += _grouped(groups, values["place"])
    return findings


def changed_networks_findings(
    answer: Mapping[str, Any], networks: Mapping[str, str], noted: Mapping[str, Any]
) -> list[str]:
    """Say which networks the cluster was not made with.

    The answer is what kubernetes.core.k8s_info says of kubeadm's ConfigMap. If it tells nothing, what the last whole
    run has noted counts; a cluster of which neither is known passes.
    """
    made: dict[str, Any] = {}
    for found in answer.get("resources") or []:
        told = (yaml.safe_load(found["data"]["ClusterConfiguration"]) or {}).get("networking") or {}
        made = {setting: told.get(field) for setting, field in MADE_WITH.items()}
    findings = []
    for setting in MADE_WITH:
        before = made.get(setting) or noted.get(setting)
        if before and before != networks[setting]:
            findings.append(
                f"{setting} of a running cluster cannot be changed: it was made with {before}, not "
                f"{networks[setting]}; put that back, or take the platform down first (make down), with all homes "
                "on it."
            )
    return findings


def other_platform_findings(noted: Mapping[str, Any], place: str, nodes: Mapping[str, str]) -> list[str]:
    """Say if the platform that the last whole run has noted is another one than place and inventory name.

    What of it the keys in state/ belong to would be lost. `nodes` and what was noted of them are addresses by name.
    """
    former, made = noted.get("place", place), noted.get("nodes") or {}
    if former != place:
        return [
            f"state/ is of a platform in place {former}, and place is {place} now: put that back, or take that "
            "platform down first (make down, with place as it was)."
        ]
    if made and not set(made) & set(nodes) and not set(made.values()) & set(nodes.values()):
        return [
            f"state/ is of the cluster of {', '.join(made)}, and the inventory names none of them: give that cluster's "
            "inventory (INVENTORY=...), or make a further platform in a checkout of its own."
        ]
    return []


def moved_nodes_findings(noted: Mapping[str, Any], nodes: Mapping[str, str]) -> list[str]:
    """Say which nodes of place local, addresses by name, were made with another address than they have now."""
    return [
        f"{name} was made with the address {former}, not {nodes[name]}: put node_cidr, or its node_ip, back, or take "
        "the platform down first (make down), with all homes on it."
        for name, former in (noted.get("nodes") or {}).items()
        if nodes.get(name, former) != former
    ]


class FilterModule:
    """Ansible's entry point."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Name the filters of this file."""
        return {
            "settings_findings": settings_findings,
            "changed_networks_findings": changed_networks_findings,
            "other_platform_findings": other_platform_findings,
            "moved_nodes_findings": moved_nodes_findings,
        }
