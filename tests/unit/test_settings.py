"""Every bad setting is refused with one sentence that names it and says what to do."""

from __future__ import annotations

from typing import Any

import pytest
import yaml
from loading import CHECKOUT, load

settings = load("plugins/filter/settings.py")

STANDIN = "https://github.z2jh.test:8444"
GOOD: dict[str, Any] = {
    "place": "local",
    "artifact_source": "auto",
    "hub_hostname": "hub.z2jh.test",
    "hub_port": 8443,
    "hub_http_port": 8080,
    "hub_user_domains": True,
    "hub_certificate": "",
    "hub_certificate_key": "",
    "hub_certificate_ca": "",
    "hub_acme_email": "",
    "hub_acme_server": "https://acme-v02.api.letsencrypt.org/directory",
    "github_standin_hostname": "github.z2jh.test",
    "github_standin_port": 8444,
    "github_url": STANDIN,
    "github_client_id": "z2jh-local",
    "github_client_secret": "c0ffee",
    "github_allowed_organizations": ["space-telescope-demo"],
    "github_admin_teams": ["space-telescope-demo:instructors"],
    "hub_profile_teams": {},
    "hub_announcement": "",
    "node_cidr": "10.89.40.0/24",
    "pod_cidr": "10.244.0.0/16",
    "service_cidr": "10.96.0.0/16",
    "closed_networks": [],
    "existing_kubeconfig": "",
    "existing_storage_class": "",
    "existing_access": "LoadBalancer",
    "existing_ingress_class": "",
    "existing_registry": "",
    "existing_registry_username": "",
    "existing_registry_password": "",
    "existing_images": {},
    "jupyterhub_chart": "",
    "dask_gateway_chart": "",
    "cache_dir": "/var/cache/z2jh",
}
GROUPS = ["control_plane", "workers", "cluster", "local", "hosts", "existing"]
ELSEWHERE = {"place": "hosts", "hub_hostname": "hub.example.org", "hub_port": 443, "github_url": "https://github.com"}
WITH_ACME = {**ELSEWHERE, "hub_acme_email": "hub@example.org", "hub_user_domains": "false"}
EXISTING = {
    **ELSEWHERE,
    "place": "existing",
    "hub_http_port": 80,
    "existing_kubeconfig": "/home/admin/.kube/config",
    "existing_registry": "registry.example.org:5000/z2jh",
    "github_client_id": "Iv1.0123456789abcdef",
}
REFERENCES = dict.fromkeys(
    ("hub", "proxy", "dask-gateway", "minimal", "astronomy", "pause"),
    f"registry.example.org/z2jh/image:1@sha256:{'0' * 64}",
)
OAUTH_APP = (
    "create an OAuth app at https://github.com/settings/applications/new with the callback URL "
    "https://hub.example.org/hub/oauth_callback, then give its client ID and a client secret as GITHUB_CLIENT_ID and "
    "GITHUB_CLIENT_SECRET in the environment, or as github_client_id and github_client_secret in a vault "
    "(ansible-vault create group_vars/all/vault.yml)."
)
A_LIST = "github_allowed_organizations must be a list of 'organization' or 'organization:team'"
A_TEAM = "github_admin_teams must be a list of 'organization:team'"
A_NETWORK = "must be an IPv4 network such as 10.244.0.0/16"
AN_ADDRESS = "github_url must be an address such as https://github.com"
A_HOSTNAME = "hub_hostname must be a host name in lower case with a dot, such as hub.example.org"
A_BARE_HOSTNAME = "hub_hostname must be a bare host name such as hub.example.org, without scheme, port or path"

BAD = [
    ({"hub_acme_email": "hub"}, "hub_acme_email must be empty or an email address, not 'hub'."),
    ({"hub_acme_email": "hub@example.org"}, "hub_acme_email is set, which place hosts alone can use: leave it empty."),
    (
        {**ELSEWHERE, "hub_acme_server": "letsencrypt"},
        "hub_acme_server must be the address of a directory, such as https://acme-v02.api.letsencrypt.org/directory, "
        "not 'letsencrypt'.",
    ),
    (
        WITH_ACME,
        "hub_acme_email is set, and Let's Encrypt asks at port 80 and follows to port 443 alone: "
        "set hub_http_port to 80 and hub_port to 443, and send these ports to 30080 and 30443 of the nodes.",
    ),
    (
        {**WITH_ACME, "hub_http_port": 80, "hub_user_domains": True},
        "hub_acme_email is set, and a certificate for *.hub.example.org cannot be had in that way: give one as "
        "hub_certificate, or set hub_user_domains to false (docs/security.md says what that gives up).",
    ),
    (
        {
            **WITH_ACME,
            "hub_http_port": 80,
            "hub_certificate": "/etc/ssl/hub.pem",
            "hub_certificate_key": "/etc/ssl/hub.key",
        },
        "hub_acme_email and hub_certificate are both set: the certificate is given, or asked for.",
    ),
    (
        {"closed_networks": "192.0.2.0/24"},
        "closed_networks must be a list of IPv4 networks such as ['192.0.2.0/24'], not '192.0.2.0/24'.",
    ),
    (
        {"closed_networks": ["192.0.2.1/24"]},
        "closed_networks must be a list of IPv4 networks such as ['192.0.2.0/24']; '192.0.2.1/24' is not one.",
    ),
    (
        {"closed_networks": ["0.0.0.0/0"]},
        "closed_networks holds 0.0.0.0/0, which is every address: name the networks that are to be closed.",
    ),
    (
        {"hub_hostname": "hub.example.org"},
        "hub_hostname hub.example.org is a name of the Internet, and the stand-in for GitHub lets anyone in: "
        "choose one below .test, or set github_url to https://github.com.",
    ),
    (
        {"github_standin_hostname": "github.example.org", "github_url": "https://github.example.org:8444"},
        "github_standin_hostname github.example.org is a name of the Internet, and the stand-in for GitHub lets "
        "anyone in: choose one below .test, or set github_url to https://github.com.",
    ),
    (
        {**EXISTING, "existing_kubeconfig": ""},
        "existing_kubeconfig is empty: name the kubeconfig of the cluster that the platform shall run on.",
    ),
    (
        {**EXISTING, "existing_kubeconfig": "kubeconfig"},
        "existing_kubeconfig must be empty or the path of a file from the root, such as /etc/ssl/hub.pem, "
        "not 'kubeconfig'.",
    ),
    (
        {**EXISTING, "existing_access": "Loadbalancer"},
        "existing_access must be one of LoadBalancer, Ingress, NodePort, not 'Loadbalancer' "
        "(did you mean LoadBalancer?).",
    ),
    (
        {**EXISTING, "hub_port": 8443},
        "hub_port must be 443 with existing_access LoadBalancer, not 8443.",
    ),
    (
        {**EXISTING, "existing_registry": ""},
        "existing_registry says where images are pushed to, existing_images where they are: set one of the two.",
    ),
    (
        {**EXISTING, "existing_images": REFERENCES},
        "existing_registry says where images are pushed to, existing_images where they are: set one of the two.",
    ),
    (
        {**EXISTING, "existing_registry": "https://registry.example.org"},
        "existing_registry must be empty or such as registry.example.org/z2jh, without scheme or tag, "
        "not 'https://registry.example.org'.",
    ),
    (
        {**EXISTING, "existing_registry_username": "robot"},
        "existing_registry_username and existing_registry_password are given both, or neither.",
    ),
    (
        {**EXISTING, "existing_storage_class": "Fast SSD"},
        "existing_storage_class must be empty or a name in the cluster, such as standard, not 'Fast SSD'.",
    ),
    (
        {**EXISTING, "existing_registry": "", "existing_images": {"hub": REFERENCES["hub"]}},
        "existing_images lacks astronomy, dask-gateway, minimal, pause, proxy: "
        "give all of hub, proxy, dask-gateway, minimal, astronomy, pause, or none.",
    ),
    (
        {**EXISTING, "existing_registry": "", "existing_images": {**REFERENCES, "hub": "hub:1"}},
        "existing_images of 'hub' must be repository:tag@sha256:digest, not 'hub:1'.",
    ),
    (
        {**EXISTING, "existing_registry": "", "existing_images": {**REFERENCES, "hst": "hub:1"}},
        "existing_images names 'hst': there are hub, proxy, dask-gateway, minimal, astronomy, pause.",
    ),
    ({"place": "lokal"}, "place must be one of local, hosts, existing, not 'lokal' (did you mean local?)."),
    ({"place": "aws"}, "place must be one of local, hosts, existing, not 'aws'."),
    ({"place": None}, "place has no value: set it in group_vars/all/settings.yml."),
    (
        {"artifact_source": "registry"},
        "artifact_source must be one of auto, upstream, registries, not 'registry' (did you mean registries?).",
    ),
    ({"artifact_source": True}, "artifact_source must be one of auto, upstream, registries, not True."),
    ({"hub_hostname": ""}, "hub_hostname must be a host name such as hub.example.org."),
    ({"hub_hostname": 7}, "hub_hostname must be a host name such as hub.example.org."),
    ({"hub_hostname": "hub"}, f"{A_HOSTNAME}, not 'hub'."),
    ({"hub_hostname": "Hub.Example.org"}, f"{A_HOSTNAME}, not 'Hub.Example.org'."),
    ({"hub_hostname": "hub_1.example.org"}, f"{A_HOSTNAME}, not 'hub_1.example.org'."),
    ({"hub_hostname": "-hub.example.org"}, f"{A_HOSTNAME}, not '-hub.example.org'."),
    ({"hub_hostname": "hub.example.org\n"}, f"{A_HOSTNAME}, not 'hub.example.org\\n'."),
    ({"hub_hostname": "https://hub.example.org"}, f"{A_BARE_HOSTNAME}, not 'https://hub.example.org'."),
    ({"hub_hostname": "hub.example.org:8443"}, f"{A_BARE_HOSTNAME}, not 'hub.example.org:8443'."),
    (
        {"hub_hostname": "192.0.2.7"},
        "hub_hostname must be a host name, not the address 192.0.2.7: sign-in and certificates need a name.",
    ),
    (
        {"hub_hostname": "github.z2jh.test"},
        "hub_hostname and github_standin_hostname are the same: sign-in needs two names.",
    ),
    ({"hub_port": 0}, "hub_port must be a port number from 1 to 65535, not 0."),
    ({"hub_port": 65536}, "hub_port must be a port number from 1 to 65535, not 65536."),
    ({"hub_port": "https"}, "hub_port must be a port number from 1 to 65535, not 'https'."),
    ({"hub_port": True}, "hub_port must be a port number from 1 to 65535, not True."),
    ({"hub_port": 8443.5}, "hub_port must be a port number from 1 to 65535, not 8443.5."),
    ({"hub_port": "²"}, "hub_port must be a port number from 1 to 65535, not '²'."),
    ({"hub_http_port": "http"}, "hub_http_port must be a port number from 1 to 65535, not 'http'."),
    ({"hub_http_port": 8443}, "hub_port and hub_http_port are both 8443: give each its own port."),
    ({"hub_http_port": "8444"}, "hub_http_port and github_standin_port are both 8444: give each its own port."),
    (
        {**ELSEWHERE, "hub_port": 30080},
        "hub_port must not be 30080, which is the nodes' port for http: choose another one.",
    ),
    (
        {**ELSEWHERE, "hub_http_port": 30443},
        "hub_http_port must not be 30443, which is the nodes' port for https: choose another one.",
    ),
    ({"hub_port": 8444}, "hub_port and github_standin_port are both 8444: give each its own port."),
    (
        {"hub_certificate": "hub.pem", "hub_certificate_key": "/etc/ssl/hub.key"},
        "hub_certificate must be empty or the path of a file from the root, such as /etc/ssl/hub.pem, not 'hub.pem'.",
    ),
    (
        {"hub_certificate": "/etc/ssl/hub.pem"},
        "hub_certificate_key is empty: a certificate and its key are given both, or neither.",
    ),
    (
        {"hub_certificate_ca": "/etc/ssl/ca.pem"},
        "hub_certificate_ca is set and hub_certificate is not: give the certificate too, or leave it empty.",
    ),
    (
        {"hub_certificate_key": "/etc/ssl/hub.key"},
        "hub_certificate is empty: a certificate and its key are given both, or neither.",
    ),
    ({"github_standin_port": "-1"}, "github_standin_port must be a port number from 1 to 65535, not '-1'."),
    (
        {"github_url": "http://github.com"},
        "github_url must begin with https://, not 'http://github.com': sign-in over http can be read on the way.",
    ),
    (
        {"github_url": "github.com"},
        "github_url must begin with https://, not 'github.com': sign-in over http can be read on the way.",
    ),
    (
        {"github_url": "https://github.com/"},
        "github_url must be https:// and a host name without a path or a slash at its end, not 'https://github.com/'.",
    ),
    (
        {"github_url": "https://github.com/login"},
        "github_url must be https:// and a host name without a path or a slash at its end, not 'https://github.com/login'.",
    ),
    ({"github_url": "https://me:secret@github.com"}, "github_url must not hold a user name or password."),
    ({"github_url": "https://github.com:x"}, f"{AN_ADDRESS}, not 'https://github.com:x'."),
    ({"github_url": ["https://github.com"]}, f"{AN_ADDRESS}, not ['https://github.com']."),
    (
        {"github_client_id": "Iv1.0123456789abcdef"},
        "github_client_id is set, but sign-in goes to the stand-in: set github_url to https://github.com too.",
    ),
    ({"github_client_id": 12345}, "github_client_id must be a text in quotes."),
    ({"github_client_id": "changeme"}, "github_client_id is still a placeholder: put the real one in its place."),
    (
        {"github_client_secret": "<secret>"},
        "github_client_secret is still a placeholder: put the real one in its place.",
    ),
    ({"github_client_secret": "two words"}, "github_client_secret must not hold blanks or line ends: copy it again."),
    ({"github_client_secret": "c0ffee\n"}, "github_client_secret must not hold blanks or line ends: copy it again."),
    ({"github_allowed_organizations": "spacetelescope"}, f"{A_LIST}, not 'spacetelescope'."),
    (
        {"github_allowed_organizations": []},
        "github_allowed_organizations is empty, so nobody could sign in: name one, as in ['my-organization'].",
    ),
    ({"github_allowed_organizations": [42]}, f"{A_LIST}; 42 is not one."),
    ({"github_allowed_organizations": ["*"]}, f"{A_LIST}; '*' is not one."),
    ({"github_allowed_organizations": ["space--telescope"]}, f"{A_LIST}; 'space--telescope' is not one."),
    ({"github_allowed_organizations": ["org:"]}, f"{A_LIST}; 'org:' is not one."),
    ({"github_allowed_organizations": ["a", "a"]}, "github_allowed_organizations names 'a' twice."),
    ({"github_admin_teams": ["space-telescope-demo"]}, f"{A_TEAM}; 'space-telescope-demo' is not one."),
    ({"github_admin_teams": {"org": "team"}}, f"{A_TEAM}, not {{'org': 'team'}}."),
    ({"github_admin_teams": ["org:Some Team"]}, f"{A_TEAM}; 'org:Some Team' is not one."),
    (
        {"hub_profile_teams": ["astronomy"]},
        "hub_profile_teams must map a profile to a list of 'organization:team', not ['astronomy'].",
    ),
    (
        {"hub_profile_teams": {"astronmy": ["org:team"]}},
        "hub_profile_teams names 'astronmy', which is no profile of helm-values/jupyterhub.yml "
        "(did you mean astronomy?).",
    ),
    (
        {"hub_profile_teams": {"gpu": ["org:team"]}},
        "hub_profile_teams names 'gpu', which is no profile of helm-values/jupyterhub.yml "
        "(there are minimal, astronomy, astronomy/size/standard, astronomy/size/large).",
    ),
    (
        {"hub_profile_teams": {"astronomy": "org:team"}},
        "hub_profile_teams of 'astronomy' must be a list of 'organization:team', not 'org:team'.",
    ),
    (
        {"hub_profile_teams": {"astronomy/size/large": ["org"]}},
        "hub_profile_teams of 'astronomy/size/large' must be a list of 'organization:team'; 'org' is not one.",
    ),
    (
        {"hub_profile_teams": {"astronomy": []}},
        "hub_profile_teams gives 'astronomy' to no team, so nobody could choose it: "
        "name a team, or leave it out for everybody.",
    ),
    ({"hub_user_domains": "maybe"}, "hub_user_domains must be true or false, not 'maybe'."),
    ({"hub_announcement": ["Down"]}, "hub_announcement must be a text in quotes, not ['Down']."),
    ({"hub_announcement": "Down\ntoday"}, "hub_announcement must be one line of plain text."),
    ({"hub_announcement": "x" * 501}, "hub_announcement must be at most 500 characters long, and has 501."),
    ({"pod_cidr": "10.244.0.0"}, f"pod_cidr {A_NETWORK}, not '10.244.0.0'."),
    ({"pod_cidr": "10.244.0.0/33"}, f"pod_cidr {A_NETWORK}, not '10.244.0.0/33'."),
    ({"pod_cidr": "fd00::/64"}, f"pod_cidr {A_NETWORK}, not 'fd00::/64'."),
    (
        {"pod_cidr": "10.244.1.7/16"},
        "pod_cidr must be a network, not an address in one: write 10.244.0.0/16 in place of 10.244.1.7/16.",
    ),
    (
        {"pod_cidr": "8.8.0.0/16"},
        "pod_cidr must be a private network such as 10.244.0.0/16; 8.8.0.0/16 belongs to someone on the Internet.",
    ),
    (
        {"pod_cidr": "10.244.0.0/24"},
        "pod_cidr 10.244.0.0/24 is too small: every node takes a /24 of it, so write a /22 or larger.",
    ),
    (
        {"pod_cidr": "10.96.0.0/12"},
        "pod_cidr 10.96.0.0/12 and service_cidr 10.96.0.0/16 overlap: choose another network for one.",
    ),
    (
        {"service_cidr": "10.89.40.0/24"},
        "node_cidr 10.89.40.0/24 and service_cidr 10.89.40.0/24 overlap: choose another network for one.",
    ),
    ({"service_cidr": "10.96.0.0/28"}, "service_cidr 10.96.0.0/28 must be from a /12 to a /24, such as 10.96.0.0/16."),
    ({"node_cidr": "10.89.40.0/28"}, "node_cidr 10.89.40.0/28 is too small: write a /24, such as 10.89.40.0/24."),
    ({"cache_dir": "cache"}, "cache_dir must be a path from the root, such as /var/cache/z2jh, not 'cache'."),
    ({"cache_dir": "/"}, "cache_dir must be a folder of its own, such as /var/cache/z2jh, not '/'."),
    ({"cache_dir": "/var"}, "cache_dir must be a folder of its own, such as /var/cache/z2jh, not '/var'."),
    (
        {"cache_dir": "/var/cache/../../etc"},
        "cache_dir must be a folder of its own, such as /var/cache/z2jh, not '/var/cache/../../etc'.",
    ),
    (
        {"cache_dir": "/var/my cache"},
        "cache_dir must not hold blanks or colons, as '/var/my cache' does: it is mounted into containers.",
    ),
    (
        {"jupyterhub_chart": "charts/jupyterhub"},
        "jupyterhub_chart must be empty, a path from the root, or a chart repository such as https://helm.dask.org, "
        "not 'charts/jupyterhub'.",
    ),
    (
        {"jupyterhub_chart": "https://example.org/jupyterhub-4.4.0.tgz"},
        "jupyterhub_chart must be empty, a path from the root, or a chart repository such as https://helm.dask.org, "
        "not 'https://example.org/jupyterhub-4.4.0.tgz'.",
    ),
    (
        {"dask_gateway_chart": None},
        "dask_gateway_chart has no value: set it in group_vars/all/settings.yml.",
    ),
    (
        {**ELSEWHERE, "github_client_id": "", "github_client_secret": ""},
        f"github_client_id and github_client_secret are missing: {OAUTH_APP}",
    ),
    ({**ELSEWHERE, "github_client_secret": ""}, f"github_client_secret is missing: {OAUTH_APP}"),
    (
        {**ELSEWHERE, "github_url": STANDIN},
        f"github_url {STANDIN} is the stand-in, which lets anyone in: it is for place local; write https://github.com.",
    ),
    (
        {**ELSEWHERE, "hub_hostname": "hub.z2jh.test"},
        "hub_hostname hub.z2jh.test leads nowhere outside place local: set the name that people open.",
    ),
]


@pytest.mark.parametrize(("change", "sentence"), BAD, ids=[str(change) for change, _ in BAD])
def test_a_bad_setting_is_refused_with_its_sentence(change: dict[str, Any], sentence: str) -> None:
    assert settings.settings_findings(GOOD | change) == [sentence]


@pytest.mark.parametrize(
    "change",
    [
        {},
        ELSEWHERE,
        {**WITH_ACME, "hub_http_port": 80},
        {**WITH_ACME, "hub_acme_server": "https://ca.example.org/acme/directory"},
        EXISTING,
        {**EXISTING, "existing_registry": "", "existing_images": REFERENCES},
        {**EXISTING, "existing_access": "NodePort", "hub_port": 30443, "hub_http_port": 30080},
        {"hub_port": "8443"},
        {"pod_cidr": "10.128.0.0/9"},
        {"hub_profile_teams": {"astronomy": ["org:team"], "astronomy/size/large": ["org:staff", "org:team"]}},
        {"hub_announcement": "Down on 1 December from 9:00 to 10:00 <UTC>"},
    ],
)
def test_good_settings_pass(change: dict[str, Any]) -> None:
    assert settings.settings_findings(GOOD | change, hosts={"cp1": "10.89.40.11"}, groups=GROUPS) == []


def test_a_setting_that_is_missing_is_named() -> None:
    values = {name: value for name, value in GOOD.items() if name != "hub_port"}
    assert settings.settings_findings(values) == ["hub_port has no value: set it in group_vars/all/settings.yml."]


def test_a_value_that_is_not_looked_at_is_not_missed() -> None:
    values = {name: value for name, value in GOOD.items() if name != "github_client_secret"}
    assert settings.settings_findings(values, unread=["github_client_secret"]) == []


def test_a_value_that_cannot_be_worked_out_is_named() -> None:
    findings = settings.settings_findings(GOOD, undefined={"github_url": "'x' is undefined"})
    assert findings == ["github_url cannot be worked out: 'x' is undefined."]


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("hub_prot", "The inventory sets hub_prot, which is unknown: did you mean hub_port?"),
        (
            "github_allowed_organisations",
            "The inventory sets github_allowed_organisations, which is unknown: did you mean "
            "github_allowed_organizations?",
        ),
        (
            "images_debain_date",
            "The inventory sets images_debain_date, which is unknown: did you mean images_debian_date?",
        ),
        (
            "colour",
            "The inventory sets colour, which is unknown: group_vars/all/settings.yml lists the settings there are.",
        ),
    ],
)
def test_an_unknown_setting_is_refused_by_name(name: str, sentence: str) -> None:
    known = ["images_debian_date", "node_ip"]
    names = {
        name: "The inventory",
        "ansible_port": "The inventory",
        "node_ip": "The inventory",
        "place": "The inventory",
    }
    assert settings.settings_findings(GOOD, names=names, known=known) == [sentence]


def test_a_setting_of_some_machines_alone_is_refused() -> None:
    misplaced = {"hub_port": "hosts", "ansible_user": "hosts", "kubernetes_node_kubelet": "workers"}
    assert settings.settings_findings(GOOD, misplaced=misplaced) == [
        "The inventory sets hub_port for hosts alone, and the whole platform has one: write it below [all:vars]."
    ]


@pytest.mark.parametrize(
    ("hosts", "sentence"),
    [
        ({"cp1": ""}, "cp1 has no address: end its name in a number, as in worker2, or set node_ip in the inventory."),
        ({"cp1": "10.89.40.400"}, "node_ip of cp1 must be an IPv4 address, not '10.89.40.400'."),
        (
            {"cp1": "10.89.41.11"},
            "node_ip 10.89.41.11 of cp1 is not free in 10.89.40.0/24: choose one from 10.89.40.2 to 10.89.40.254.",
        ),
        (
            {"cp1": "10.89.40.1"},
            "node_ip 10.89.40.1 of cp1 is not free in 10.89.40.0/24: choose one from 10.89.40.2 to 10.89.40.254.",
        ),
        (
            {"cp1": "10.89.40.11", "worker1": "10.89.40.11"},
            "node_ip 10.89.40.11 is given to both cp1 and worker1: give each node its own.",
        ),
        (
            {"Worker_1": "10.89.40.101"},
            "Worker_1 cannot be the name of a node: use lower-case letters, digits and hyphens, as in worker-1.",
        ),
    ],
)
def test_a_bad_address_of_a_node_is_refused(hosts: dict[str, str], sentence: str) -> None:
    assert settings.settings_findings(GOOD, hosts=hosts) == [sentence]


def test_a_node_may_not_lie_among_the_pods() -> None:
    findings = settings.settings_findings(GOOD | ELSEWHERE, hosts={"cp1": "10.244.0.9"})
    assert findings == ["node_ip 10.244.0.9 of cp1 lies in pod_cidr 10.244.0.0/16: choose another network for one."]


def test_a_machine_of_place_hosts_needs_an_address() -> None:
    findings = settings.settings_findings(GOOD | ELSEWHERE, hosts={"worker1": ""}, groups=GROUPS[:3])
    assert findings == [
        "worker1 has no address: set node_ip=... beside its name in the inventory to its IPv4 address among the nodes.",
        "The inventory has no group hosts, which says how nodes are reached: add it as hosts.ssh.example does.",
    ]


@pytest.mark.parametrize(
    ("groups", "sentence"),
    [
        ([*GROUPS, "worker"], "The inventory has a group worker, which nothing reads: did you mean workers?"),
        (GROUPS[1:], "The inventory has no group control_plane: name at least one host in it, as hosts.example does."),
        (
            ["control_plane"],
            "The inventory has no group local, which says how nodes are reached: add it as hosts.example does.",
        ),
    ],
)
def test_a_bad_group_is_refused(groups: list[str], sentence: str) -> None:
    assert settings.settings_findings(GOOD, groups=groups) == [sentence]


CLUSTER = "kubernetesVersion: v1.34.2\nnetworking:\n  podSubnet: 10.244.0.0/16\n  serviceSubnet: 10.96.0.0/16\n"
MADE = {"resources": [{"data": {"ClusterConfiguration": CLUSTER}}]}


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (
            {"pod_cidr": "10.245.0.0/16"},
            "pod_cidr of a running cluster cannot be changed: it was made with 10.244.0.0/16, not 10.245.0.0/16; put "
            "that back, or take the platform down first (make down), with all homes on it.",
        ),
        (
            {"service_cidr": "10.97.0.0/16"},
            "service_cidr of a running cluster cannot be changed: it was made with 10.96.0.0/16, not 10.97.0.0/16; put "
            "that back, or take the platform down first (make down), with all homes on it.",
        ),
    ],
)
def test_a_running_cluster_keeps_its_networks(change: dict[str, str], sentence: str) -> None:
    assert settings.changed_networks_findings(MADE, GOOD | change, {}) == [sentence]
    assert settings.changed_networks_findings(MADE, GOOD, GOOD | change) == []
    assert settings.changed_networks_findings({"failed": True}, GOOD | change, GOOD) == [sentence]


@pytest.mark.parametrize(
    "answer",
    [
        {"failed": True, "msg": "Timed out after 10 second(s)."},
        {"resources": []},
        {"resources": [{"data": {"ClusterConfiguration": ""}}]},
    ],
)
def test_a_cluster_of_which_nothing_is_known_is_compared_with_nothing(answer: dict[str, Any]) -> None:
    assert settings.changed_networks_findings(answer, GOOD | {"pod_cidr": "10.245.0.0/16"}, {}) == []


WAS = {"place": "hosts", "nodes": {"cp1": "192.0.2.11", "worker1": "192.0.2.12"}}


@pytest.mark.parametrize(
    ("place", "nodes", "sentence"),
    [
        (
            "local",
            {"cp1": "192.0.2.11"},
            "state/ is of a platform in place hosts, and place is local now: put that back, or take that platform down "
            "first (make down, with place as it was).",
        ),
        (
            "hosts",
            {"other1": "192.0.2.21", "other2": "192.0.2.22"},
            "state/ is of the cluster of cp1, worker1, and the inventory names none of them: give that cluster's "
            "inventory (INVENTORY=...), or make a further platform in a checkout of its own.",
        ),
    ],
)
def test_the_keys_of_a_cluster_are_for_that_one(place: str, nodes: dict[str, str], sentence: str) -> None:
    assert settings.other_platform_findings(WAS, place, nodes) == [sentence]
    # Controls: nothing was made, an earlier version noted less, nodes came and went.
    assert settings.other_platform_findings({}, place, nodes) == []
    assert settings.other_platform_findings({"place": place}, place, nodes) == []
    assert settings.other_platform_findings(WAS, "hosts", {"cp1": "192.0.2.99", "worker7": "192.0.2.22"}) == []
    assert settings.other_platform_findings(WAS, "hosts", {"renamed": "192.0.2.12"}) == []


def test_nodes_on_this_machine_keep_their_addresses() -> None:
    (sentence,) = settings.moved_nodes_findings(WAS, {"cp1": "10.89.41.11", "worker9": "10.89.41.109"})
    assert sentence == (
        "cp1 was made with the address 192.0.2.11, not 10.89.41.11: put node_cidr, or its node_ip, back, or take the "
        "platform down first (make down), with all homes on it."
    )
    assert settings.moved_nodes_findings(WAS, {"cp1": "192.0.2.11", "worker9": "192.0.2.109"}) == []
    assert settings.moved_nodes_findings({}, {"cp1": "10.89.41.11"}) == []


def test_no_sentence_tells_a_secret() -> None:
    for secret in ("two words", "hunter2\n", 4711):
        findings = settings.settings_findings(GOOD | {"github_client_secret": secret})
        assert findings
        assert str(secret).strip() not in findings[0]


def test_settings_yml_documents_every_setting_and_no_other() -> None:
    text = (CHECKOUT / "group_vars/all/settings.yml").read_text()
    assert list(yaml.safe_load(text)) == list(settings.NAMES)


def test_preflight_knows_every_file_of_derived_variables() -> None:
    listed = yaml.safe_load((CHECKOUT / "roles/preflight/vars/main.yml").read_text())["__preflight_derived"]
    files = [str(path.relative_to(CHECKOUT)) for path in (CHECKOUT / "group_vars").rglob("*.yml")]
    assert sorted(listed) == sorted(set(files) - {"group_vars/all/settings.yml", "group_vars/all/vault.yml"})
