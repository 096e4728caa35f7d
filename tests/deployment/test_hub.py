"""Signing in, who is kept out, what a token may do, and homes that stay."""

from __future__ import annotations

import secrets
import ssl

import httpx
import pytest
from live.cluster import HUB_NAMESPACE, Cluster, Pod
from live.fixtures import SignIn
from live.people import Person
from live.platform import Platform

HUB_API = "http://hub:8081/hub/api"

# Run in the hub's pod: asks its database, read-only, how many users have a name.
COUNT_USERS = """
import sqlite3, sys
rows = sqlite3.connect("file:jupyterhub.sqlite?mode=ro", uri=True).execute(
    "select count(*) from users where name = ?", (sys.argv[1],)
)
print(rows.fetchone()[0])
"""


class TestSignIn:
    """Members come in; everybody else is told why not and leaves no trace."""

    def test_a_member_comes_in(self, sign_in: SignIn) -> None:
        person = sign_in("edwin")
        answer = person.api("GET", "/user")
        assert answer.status_code == 200
        assert answer.json()["name"] == "edwin"
        assert not answer.json()["admin"]

    def test_somebody_else_is_refused(
        self, platform: Platform, cluster: Cluster, hub_pod: Pod, sign_in: SignIn
    ) -> None:
        mallory = Person(platform, "mallory")
        answer = mallory.sign_in()
        assert answer.status_code == 403
        assert str(answer.url).startswith(platform.url)
        assert "members of space-telescope-demo" in answer.text
        assert mallory.api("GET", "/user").status_code == 403

        assert hub_pod.python(COUNT_USERS, "mallory").strip() == "0"
        sign_in("edwin")
        assert hub_pod.python(COUNT_USERS, "edwin").strip() == "1"
        claims = cluster.core.list_namespaced_persistent_volume_claim(HUB_NAMESPACE).items
        assert not [claim.metadata.name for claim in claims if "mallory" in claim.metadata.name]

    def test_signing_out_ends_the_session_and_every_copy_of_its_cookie(self, platform: Platform) -> None:
        person, elsewhere, thief = (Person(platform, "edwin") for _ in range(3))
        for browser in (person, elsewhere):
            assert browser.sign_in().status_code == 200
        thief.http.cookies.update(person.http.cookies)
        assert all(browser.is_signed_in() for browser in (person, elsewhere, thief))
        person.http.get("/hub/logout")
        assert not any(browser.is_signed_in() for browser in (person, elsewhere, thief))

    def test_a_state_of_somebody_else_is_refused(self, platform: Platform) -> None:
        with platform.http() as stranger:
            answer = stranger.get("/hub/oauth_callback", params={"code": "stolen", "state": "foreign"})
            assert answer.status_code in (400, 403)
            assert stranger.get("/hub/api/user").status_code == 403


class TestTls:
    """What a browser meets first."""

    def test_our_ca_is_what_makes_it_trusted(self, platform: Platform) -> None:
        assert platform.http().get("/hub/health").status_code == 200
        if platform.ca:
            with pytest.raises(httpx.ConnectError, match="certificate verify failed"):
                httpx.get(f"{platform.url}/hub/health", trust_env=False)

    def test_http_leads_to_https(self, platform: Platform, cluster: Cluster) -> None:
        service = cluster.core.read_namespaced_service("proxy-public", HUB_NAMESPACE)
        port = next(port.node_port for port in service.spec.ports if port.name == "http")
        node = cluster.node_address(control_plane=True)
        hub = httpx.URL(platform.url)
        answer = httpx.get(
            f"http://{node}:{port}/hub/login?next=%2Flab", headers={"Host": f"{hub.host}:8080"}, trust_env=False
        )
        assert answer.status_code in (301, 308)
        assert answer.headers["location"] == f"{platform.url}/hub/login?next=%2Flab"

    @pytest.mark.filterwarnings("ignore:ssl.TLSVersion:DeprecationWarning")
    def test_old_tls_is_refused(self, platform: Platform) -> None:
        old = ssl.create_default_context(cafile=platform.ca)
        old.set_ciphers("ALL:@SECLEVEL=0")
        old.minimum_version = ssl.TLSVersion.TLSv1
        old.maximum_version = ssl.TLSVersion.TLSv1_1
        with pytest.raises(httpx.ConnectError, match=r"(?i)protocol.version|alert"):
            httpx.get(f"{platform.url}/hub/health", verify=old, trust_env=False)


class TestTokens:
    """The hub's API from within a user's pod, with the token that every server holds, and with others."""

    @pytest.fixture
    def server_token(self, grace_pod: Pod) -> dict[str, str]:
        token = grace_pod.python("import os; print(os.environ['JUPYTERHUB_API_TOKEN'])").strip()
        return {"Authorization": f"token {token}"}

    def test_without_a_token(self, grace_pod: Pod) -> None:
        assert grace_pod.request(f"{HUB_API}/users").status == 403
        control = grace_pod.request(f"{HUB_API}/")
        assert (control.status, set(control.json())) == (200, {"version"})

    def test_a_server_knows_its_owner_only(self, grace_pod: Pod, server_token: dict[str, str]) -> None:
        assert grace_pod.request(f"{HUB_API}/users", headers=server_token).status == 403
        control = grace_pod.request(f"{HUB_API}/user", headers=server_token)
        assert control.status == 200
        assert control.json()["name"] == "grace"
        assert not control.json()["admin"]
        assert not control.json().get("auth_state")
        assert set(control.json()["scopes"]) == {
            "access:servers!server=grace/",
            "access:services!service=dask-gateway",
            "read:users:activity!user=grace",
            "read:users:groups!user=grace",
            "read:users:name!user=grace",
            "users:activity!user=grace",
        }

    def test_no_server_of_another_person(self, platform: Platform, grace: Person, sign_in: SignIn) -> None:
        edwin = sign_in("edwin")
        before = edwin.server()
        with platform.http(grace.token()) as hub:
            existing, absent = hub.get("/hub/api/users/edwin"), hub.get("/hub/api/users/nobody")
            assert (existing.status_code, absent.status_code) == (404, 404)
            assert existing.json()["message"] == absent.json()["message"]
            assert hub.post("/hub/api/users/edwin/server").status_code == 404
            assert hub.get("/hub/api/users/grace").status_code == 200
        assert bool(edwin.server()) == bool(before)

    def test_no_token_of_more_than_one_may(self, grace: Person) -> None:
        def notes() -> int:
            return len(grace.api("GET", "/users/grace/tokens").json()["api_tokens"])

        before = notes()
        answer = grace.api("POST", "/users/grace/tokens", json={"scopes": ["admin:users"], "expires_in": 60})
        assert answer.status_code in (400, 403)
        assert notes() == before

    def test_nobody_enters_the_server_of_another(self, platform: Platform, grace: Person, ada: Person) -> None:
        path = platform.server("ada", "api/contents")
        with platform.http(grace.token()) as by_token, platform.http(ada.token()) as owner:
            assert by_token.get(path).status_code == 403
            assert owner.get(path).status_code == 200
        assert grace.http.get(path).status_code == 403


def test_an_administrator_reads_nobodys_files(platform: Platform, ada: Person, grace: Person) -> None:
    with platform.http(ada.token()) as hub:
        assert {user["name"] for user in hub.get("/hub/api/users").json()} >= {"ada", "grace"}
        assert hub.get("/hub/api/users/grace").json()["servers"][""]["ready"]
        assert hub.get(platform.server("grace", "api/contents")).status_code == 403
        for path in ("/hub/api/users/grace/tokens", "/hub/api/users/grace/shares"):
            assert hub.post(path, json={}).status_code in (403, 404)
        assert hub.patch("/hub/api/users/ada", json={"admin": True}).status_code in (403, 404)
    with platform.http(grace.token()) as hub:
        assert hub.get("/hub/api/users").status_code == 403


class TestHome:
    """What is saved stays."""

    def test_a_file_is_there_after_a_restart(self, platform: Platform, edwin: Person) -> None:
        name, word = f"tests-{secrets.token_hex(4)}.txt", secrets.token_hex(16)
        path = platform.server("edwin", f"api/contents/{name}")
        with platform.http(edwin.token()) as server:
            edwin.start_server()
            saved = server.put(path, json={"type": "file", "format": "text", "content": word})
            assert saved.status_code == 201, saved.text
            edwin.stop_server()
            edwin.start_server("astronomy")
            found = server.get(path)
            assert server.delete(path).status_code == 204
        assert found.status_code == 200, found.text
        assert found.json()["content"] == word

    def test_the_tutorials_are_there_to_read(self, platform: Platform, grace: Person) -> None:
        contents = platform.server("grace", "api/contents")
        name, text = f"tests-{secrets.token_hex(4)}.txt", {"type": "file", "format": "text", "content": "x"}
        with platform.http(grace.token()) as server:
            assert server.get(f"{contents}/tutorials").json()["content"]
            assert server.put(f"{contents}/tutorials/{name}", json=text).status_code in (403, 500)
            assert server.get(f"{contents}/tutorials/{name}").status_code == 404
            # The control: what is written beside them is kept.
            assert server.put(f"{contents}/{name}", json=text).status_code == 201
            assert server.delete(f"{contents}/{name}").status_code == 204
