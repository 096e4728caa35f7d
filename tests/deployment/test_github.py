"""Signing in with GitHub: who somebody is, when access ends, what a forged sign-in gets, and what an outage does."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import httpx
import pytest
from live.cluster import HUB_NAMESPACE, Cluster
from live.fixtures import SignIn
from live.github import GitHub, invited, renamed, without
from live.people import Person, SpawnError
from live.platform import Platform
from live.polling import until

Arrive = Callable[[str], Person]
NEWCOMER = 4242
RESTART_SECONDS = 120


@pytest.fixture
def github(platform: Platform) -> Iterator[GitHub]:
    """Return the stand-in, for its operator."""
    standin = GitHub(platform)
    yield standin
    standin.close()


@pytest.fixture
def arrive(platform: Platform) -> Iterator[Arrive]:
    """Return a function that makes somebody with a GitHub account and a new browser, who leaves after the test."""
    people: list[Person] = []

    def one(login: str) -> Person:
        people.append(Person(platform, login))
        return people[-1]

    yield one
    for person in people:
        person.leave()


def status_of(person: Person) -> int:
    """Return what the hub answers to the question who one is."""
    return person.api("GET", "/user").status_code


def name_of(person: Person) -> str:
    """Sign in, and return the hub's name for whoever does."""
    answer = person.sign_in()
    assert answer.status_code == 200, f"{answer.status_code} {answer.url}\n{answer.text}"
    name: str = person.api("GET", "/user").json()["name"]
    return name


def claims_of(cluster: Cluster, name: str) -> list[str]:
    """Return the names of the claims of somebody's homes."""
    found = cluster.core.list_namespaced_persistent_volume_claim(HUB_NAMESPACE).items
    return [
        claim.metadata.name
        for claim in found
        if (claim.metadata.annotations or {}).get("hub.jupyter.org/username") == name
    ]


def restart_hub(platform: Platform, cluster: Cluster) -> None:
    """Have a hub that remembers of nobody when GitHub was asked last, so it asks at the next request."""
    old = cluster.pod("component=hub").name
    cluster.core.delete_namespaced_pod(old, HUB_NAMESPACE)
    with platform.http() as anybody:

        def serves() -> bool:
            running = [pod.name for pod in cluster.pods("component=hub")]
            # What is sent while there is no hub may never be answered.
            with suppress(httpx.TransportError):
                answer = anybody.get("/hub/health", timeout=3)
                return bool(running) and old not in running and answer.status_code == 200
            return False

        until("another hub serves", serves, RESTART_SECONDS)


class TestIdentity:
    """A person is the number of a GitHub account; a login can be renamed, and taken by somebody else."""

    def test_a_renamed_account_stays_the_same_person(self, arrive: Arrive, github: GitHub, sign_in: SignIn) -> None:
        sign_in("edwin")
        with github.changed(renamed("edwin", "hubble")):
            assert name_of(arrive("hubble")) == "edwin"
        assert name_of(arrive("edwin")) == "edwin"

    @pytest.mark.timeout(600)
    def test_a_newcomer_with_an_old_login_gets_nothing_of_it(
        self, platform: Platform, arrive: Arrive, cluster: Cluster, github: GitHub, edwin: Person
    ) -> None:
        edwin.start_server()
        homes = claims_of(cluster, "edwin")
        assert homes
        with github.changed(renamed("edwin", "hubble", newcomer=NEWCOMER)):
            # From here on they have the hub's names.
            newcomer, owner = arrive("edwin"), arrive("hubble")
            newcomer.name, owner.name = name_of(newcomer), name_of(owner)
            assert (newcomer.name, owner.name) == (f"edwin.{NEWCOMER}", "edwin")
            with platform.http(newcomer.token()) as theirs, platform.http(owner.token()) as own:
                contents = platform.server("edwin", "api/contents")
                assert theirs.get(contents).status_code == 403
                assert own.get(contents).status_code == 200
            assert newcomer.api("GET", "/users/edwin").status_code == 404
            assert newcomer.api("POST", "/users/edwin/server").status_code == 404
            try:
                newcomer.start_server()
                claims = claims_of(cluster, newcomer.name)
                assert claims
                assert not set(claims) & set(homes)
            finally:
                newcomer.stop_server()
                for claim in claims_of(cluster, newcomer.name):
                    cluster.core.delete_namespaced_persistent_volume_claim(claim, HUB_NAMESPACE)


class TestMembership:
    """Access is membership: at sign-in, and while one is signed in."""

    @pytest.mark.parametrize("change", [without("edwin"), invited("edwin")], ids=["left", "invited"])
    def test_whoever_is_no_member_is_refused(
        self, arrive: Arrive, github: GitHub, change: Callable[[Any], None]
    ) -> None:
        with github.changed(change):
            outsider = arrive("edwin")
            answer = outsider.sign_in()
            assert answer.status_code == 403
            assert "members of space-telescope-demo" in answer.text
            assert status_of(outsider) == 403
        assert name_of(arrive("edwin")) == "edwin"

    def test_a_server_is_not_started_for_a_former_member(self, github: GitHub, edwin: Person) -> None:
        with github.changed(without("edwin")):
            refused = edwin.api("POST", "/users/edwin/server", json={"profile": "minimal"})
            assert refused.status_code == 403
            assert not edwin.server()
        assert edwin.start_server()

    def test_the_session_of_a_former_member_ends(
        self, platform: Platform, arrive: Arrive, cluster: Cluster, github: GitHub, sign_in: SignIn
    ) -> None:
        leaver, stayer = arrive("edwin"), sign_in("grace")
        assert name_of(leaver) == "edwin"
        with platform.http(leaver.token()) as by_token:
            assert by_token.get("/hub/api/user").status_code == 200
            with github.changed(without("edwin")):
                restart_hub(platform, cluster)
                assert status_of(leaver) == 403
                assert by_token.get("/hub/api/user").status_code == 403
                assert status_of(stayer) == 200
            # Back in the organization: what they had is good again, so nothing was lost by a mistake of its owners.
            assert status_of(leaver) == 200

    def test_a_renamed_member_stays_signed_in(
        self, platform: Platform, arrive: Arrive, cluster: Cluster, github: GitHub
    ) -> None:
        person = arrive("edwin")
        assert name_of(person) == "edwin"
        with github.changed(renamed("edwin", "hubble")):
            restart_hub(platform, cluster)
            assert person.api("GET", "/user").json()["name"] == "edwin"


class TestForgedSignIn:
    """The end of a sign-in counts once, in the browser that began it."""

    def refused(self, person: Person, address: str, says: str) -> None:
        """Open what GitHub would have sent a browser to, and see no session."""
        answer = person.http.get(address)
        assert answer.status_code in (400, 403), answer.text
        assert says in answer.text
        assert status_of(person) == 403

    @pytest.mark.parametrize("state", [None, "", "garbage", "bnVsbA==", "W10=", "%C3%A9"])
    def test_a_state_that_is_not_ours(self, arrive: Arrive, state: str | None) -> None:
        person = arrive("edwin")
        code = parse_qs(urlsplit(person.callback()).query)["code"][0]
        query = {"code": code} | ({} if state is None else {"state": state})
        self.refused(person, f"/hub/oauth_callback?{urlencode(query)}", "not begun in this browser")

    def test_a_sign_in_that_another_browser_began(self, arrive: Arrive) -> None:
        attacker, victim = arrive("grace"), arrive("edwin")
        address = attacker.callback()
        self.refused(victim, address, "not begun in this browser")
        # The control: it would have been good where it began.
        assert attacker.http.get(address).status_code == 200
        assert status_of(attacker) == 200

    def test_a_code_counts_once(self, arrive: Arrive) -> None:
        first = arrive("edwin")
        address = first.callback()
        assert first.http.get(address).status_code == 200
        assert status_of(first) == 200
        first.http.get("/hub/logout")
        self.refused(first, address, "not begun in this browser")
        # Not even with a state of now.
        code = parse_qs(urlsplit(address).query)["code"][0]
        begun = first.http.get("/hub/oauth_login", follow_redirects=False).headers["location"]
        state = parse_qs(urlsplit(begun).query)["state"][0]
        query = urlencode({"code": code, "state": state})
        self.refused(first, f"/hub/oauth_callback?{query}", "was used already or took too long")

    def test_whoever_declines_is_told_what_to_do(self, arrive: Arrive) -> None:
        person = arrive("edwin")
        self.refused(person, person.callback(decision="cancel"), "choose Authorize")

    def test_a_link_does_not_speak_for_the_hub(self, platform: Platform) -> None:
        with platform.http() as anybody:
            query = urlencode({"error": "oops", "error_description": "Call 555-0100"})
            answer = anybody.get(f"/hub/oauth_callback?{query}")
            assert answer.status_code == 400
            assert "555-0100" not in answer.text
            assert "start again" in answer.text


class TestBrowser:
    """What other websites, links and people who look over a shoulder can make of a session."""

    @pytest.mark.parametrize(
        "target", ["//evil.test/", "/\\evil.test/", "\t//evil.test/", "https:evil.test", "https://evil.test/"]
    )
    def test_a_sign_in_leads_to_this_hub_only(self, platform: Platform, sign_in: SignIn, target: str) -> None:
        person = sign_in("edwin").http
        answer = person.get("/hub/login", params={"next": target}, follow_redirects=False)
        assert answer.is_redirect
        # A path of this host: neither //host nor /\\host, which browsers take for another host.
        location = answer.headers["location"].removeprefix(platform.url)
        assert re.match(r"/(?![/\\])", location), location
        control = person.get("/hub/login", params={"next": "/hub/token"}, follow_redirects=False)
        assert control.headers["location"].endswith("/hub/token")

    @pytest.mark.parametrize("mode", ["no-cors", "navigate"])
    @pytest.mark.parametrize("path", ["/hub/spawn", "/hub/accept-share?code=x"])
    def test_another_website_starts_nothing(self, edwin: Person, path: str, mode: str) -> None:
        foreign = {"Sec-Fetch-Mode": mode, "Sec-Fetch-Site": "cross-site", "Origin": "https://evil.test"}
        answer = edwin.http.post(path, data={"profile": "minimal"}, headers=foreign)
        assert answer.status_code == 403
        assert not edwin.server()

    def test_the_hub_itself_does(self, edwin: Person) -> None:
        form = {"profile": "minimal", "_xsrf": edwin.xsrf()}
        assert edwin.http.post("/hub/spawn", data=form, follow_redirects=False).is_redirect
        edwin.wait_for_server()
        assert edwin.server()

    def test_a_token_in_an_address_opens_nothing(self, platform: Platform, grace: Person) -> None:
        token, path = grace.token(), platform.server("grace", "api/contents")
        with platform.http() as stranger:
            answer = stranger.get(path, params={"token": token}, follow_redirects=False)
            assert answer.status_code in (302, 403)
        with platform.http(token) as owner:
            assert owner.get(path).status_code == 200

    def test_cookies_are_for_this_hub_over_https_alone(self, platform: Platform, arrive: Arrive) -> None:
        cookies: dict[str, set[str]] = {}

        def note(response: httpx.Response) -> None:
            if str(response.url).startswith(platform.url):
                for header in response.headers.get_list("set-cookie"):
                    (name, value), *attributes = (part.strip().partition("=")[::2] for part in header.split(";"))
                    if value.strip('"'):
                        cookies[name] = {f"{key}={text}".strip("=").lower() for key, text in attributes}

        person = arrive("edwin")
        person.http.event_hooks["response"].append(note)
        assert name_of(person) == "edwin"
        # Where pages of people's servers are of the hub's site, none of them can set this one.
        state = "__Host-oauthenticator-state" if platform.user_domains else "oauthenticator-state"
        assert {"_xsrf", "jupyterhub-session-id", state} < set(cookies)
        for name, attributes in cookies.items():
            assert {"secure", "samesite=lax"} <= attributes, name
            # The hub's own pages read this one, to send it back in a header.
            assert name == "_xsrf" or "httponly" in attributes, name

    @pytest.mark.parametrize("name", ["X-Long", "Cookie"])
    def test_a_huge_header_is_refused(self, platform: Platform, name: str) -> None:
        def outcome(size: int) -> int | str:
            with platform.http() as anybody:
                try:
                    return anybody.get("/hub/health", headers={name: "a=" + "x" * size}).status_code
                except httpx.TransportError:
                    return "dropped"

        assert outcome(1_000_000) in (400, 413, 431, "dropped")
        assert outcome(1_000) == 200

    def test_a_huge_form_is_refused(self, platform: Platform) -> None:
        with platform.http() as anybody:
            answer = anybody.post("/hub/login", data={"username": "x" * 10_000_000, "password": "x"})
            assert 400 <= answer.status_code < 500
            assert anybody.get("/hub/health").status_code == 200


class TestProfiles:
    """The hub starts what its page offers, however it is asked."""

    @pytest.mark.parametrize(
        "made_up",
        [
            {"profile": "no-such"},
            {"profile": "astronomy", "size": "huge"},
            {"profile": "astronomy", "size--unlisted-choice": "huge"},
        ],
    )
    def test_what_is_not_offered_is_not_started(self, cluster: Cluster, edwin: Person, made_up: dict[str, str]) -> None:
        def start() -> None:
            edwin.ask_for_server(**made_up)
            edwin.wait_for_server()

        with pytest.raises(SpawnError, match="is not offered to you"):
            start()
        assert not cluster.pods("component=singleuser-server,hub.jupyter.org/username=edwin")

    def test_what_nobody_asks_about_does_not_count(self, cluster: Cluster, edwin: Person) -> None:
        edwin.ask_for_server("minimal", image="evil.test/image:1", mem_limit="64G")
        edwin.wait_for_server()
        pod = cluster.core.read_namespaced_pod(cluster.server_of("edwin").name, HUB_NAMESPACE)
        (container,) = pod.spec.containers
        assert "/minimal:" in container.image
        assert container.resources.limits["memory"] == str(2**30)


FAULTS = [("5xx", {}), ("rate-limit", {}), ("garbage", {}), ("slow", {"seconds": 30})]


class TestOutage:
    """GitHub can be ill without anybody noticing who is in."""

    @pytest.mark.parametrize(("mode", "options"), FAULTS, ids=[mode for mode, _ in FAULTS])
    def test_whoever_is_in_starts_a_server(
        self, github: GitHub, edwin: Person, mode: str, options: dict[str, int]
    ) -> None:
        # Before each start the hub asks GitHub, whenever it asked last.
        with github.fault(mode, targets=["api"], **options):
            assert edwin.start_server()
            assert status_of(edwin) == 200

    @pytest.mark.parametrize(("mode", "options"), FAULTS, ids=[mode for mode, _ in FAULTS])
    @pytest.mark.parametrize("target", ["api", "token"])
    def test_whoever_comes_is_told_to_wait(
        self, arrive: Arrive, github: GitHub, target: str, mode: str, options: dict[str, int]
    ) -> None:
        with github.fault(mode, targets=[target], **options):
            person = arrive("edwin")
            answer = person.sign_in()
            assert answer.status_code == 503, answer.text
            assert "Your files are safe" in answer.text
            assert status_of(person) == 403
        assert name_of(arrive("edwin")) == "edwin"

    def test_a_restart_of_the_hub_meanwhile_signs_nobody_out(
        self, platform: Platform, arrive: Arrive, cluster: Cluster, github: GitHub
    ) -> None:
        person = arrive("edwin")
        assert name_of(person) == "edwin"
        with github.fault("5xx"):
            restart_hub(platform, cluster)
            assert status_of(person) == 200
            assert person.http.get("/hub/home").status_code == 200
        assert status_of(person) == 200
