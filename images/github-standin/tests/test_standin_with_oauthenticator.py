"""The authenticator class that the hub uses, talking to the service over real HTTPS."""

from __future__ import annotations

import asyncio
import datetime
import socket
import ssl
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import httpx
import pytest
import uvicorn
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from oauthenticator import github, oauth2
from tornado import httpclient, web

from standin_browser import ACCOUNTS, CALLBACK, Browser
from z2jh_github_standin.app import create_app
from z2jh_github_standin.config import Settings


def write_certificate(settings: Settings) -> None:
    """Write a key and a certificate for localhost that is its own authority."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
    now = datetime.datetime.now(datetime.UTC)
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(hours=1))
        .not_valid_after(now + datetime.timedelta(hours=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .sign(key, hashes.SHA256())
    )
    settings.tls_cert.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    settings.tls_key.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )


@pytest.fixture
def server(settings: Settings) -> Iterator[SimpleNamespace]:
    write_certificate(settings)
    listener = socket.create_server(("127.0.0.1", 0))
    url = f"https://localhost:{listener.getsockname()[1]}"
    config = uvicorn.Config(
        create_app(replace(settings, url=url)),
        ssl_certfile=settings.tls_cert,
        ssl_keyfile=settings.tls_key,
        log_level="warning",
        timeout_graceful_shutdown=1,
    )
    process = uvicorn.Server(config)
    thread = threading.Thread(target=process.run, args=([listener],))
    thread.start()
    deadline = time.monotonic() + 20
    while not process.started and time.monotonic() < deadline:
        time.sleep(0.02)
    yield SimpleNamespace(url=url, ca=str(settings.tls_cert))
    process.should_exit = True
    thread.join(20)


@pytest.fixture
def person(server: SimpleNamespace) -> Iterator[Browser]:
    with httpx.Client(base_url=server.url, verify=ssl.create_default_context(cafile=server.ca)) as client:
        yield Browser(client)


def authenticator(server: SimpleNamespace, **changes: Any) -> Any:
    defaults = {
        "client_secret": "hub-secret",
        "scope": ["read:org", "user:email"],
        "allowed_organizations": {"space-telescope-demo"},
        "populate_teams_in_auth_state": True,
    }
    return github.GitHubOAuthenticator(
        github_url=server.url,
        client_id="hub-client",
        oauth_callback_url=CALLBACK,
        http_request_kwargs={"ca_certs": server.ca},
        enable_auth_state=True,
        **defaults | changes,
    )


def sign_in(hub: Any, person: Browser, login: str) -> Any:
    """Take the whole way of a sign-in, PKCE included, and return what the hub would keep."""
    handler = SimpleNamespace()
    verifier, challenge = oauth2.OAuthLoginHandler._generate_pkce_params(handler)
    person.client.cookies.clear()
    answer = person.decide(
        person.choose(
            login,
            client_id=hub.client_id,
            redirect_uri=CALLBACK,
            scope=" ".join(hub.scope),
            response_type="code",
            state="state",
            code_challenge=challenge,
            code_challenge_method="S256",
        )
    )
    handler.get_argument = lambda name, default=None: answer.get(name, default)
    handler.get_state_cookie = lambda: oauth2._serialize_state({"code_verifier": verifier})
    # Authenticator.get_authenticated_user is what the hub calls: it also checks who is allowed.
    return asyncio.run(hub.get_authenticated_user(handler, None))


def test_the_addresses_are_those_of_github_enterprise(server: SimpleNamespace) -> None:
    hub = authenticator(server)
    assert hub.github_api == f"{server.url}/api/v3"
    assert hub.token_url == f"{server.url}/login/oauth/access_token"


def test_a_member_signs_in(server: SimpleNamespace, person: Browser) -> None:
    model = sign_in(authenticator(server), person, "Edwin")
    assert model["name"] == "edwin"
    assert model["auth_state"]["github_user"]["id"] == 1002
    assert [team["slug"] for team in model["auth_state"]["teams"]] == ["astronomers"]


@pytest.mark.parametrize(
    ("login", "allowed", "is_in"),
    [
        ("mallory", {"space-telescope-demo"}, False),
        ("ada", {"space-telescope-demo:instructors"}, True),
        ("edwin", {"space-telescope-demo:instructors"}, False),
        ("edwin", {"elsewhere", "space-telescope-demo:instructors", "space-telescope-demo:astronomers"}, True),
        ("ada", {"unknown-organization"}, False),
        ("ada", set(), False),
    ],
)
def test_organizations_and_teams_decide(
    server: SimpleNamespace, person: Browser, login: str, allowed: set[str], is_in: bool
) -> None:
    model = sign_in(authenticator(server, allowed_organizations=allowed), person, login)
    assert (model is not None) is is_in


def test_without_read_org_private_members_stay_out(server: SimpleNamespace, person: Browser) -> None:
    hub = authenticator(server, scope=[], populate_teams_in_auth_state=False)
    assert sign_in(hub, person, "edwin") is None
    assert sign_in(hub, person, "grace")["name"] == "grace", "her membership is public"


def test_a_wrong_secret_is_refused(server: SimpleNamespace, person: Browser) -> None:
    with pytest.raises(web.HTTPError, match="client_secret"):
        sign_in(authenticator(server, client_secret="guess"), person, "ada")


def test_faults_and_a_rename_as_the_hub_sees_them(server: SimpleNamespace, person: Browser) -> None:
    hub = authenticator(server)
    state = sign_in(hub, person, "edwin")["auth_state"]

    async def stored() -> Any:
        return state

    def refresh() -> Any:
        return asyncio.run(hub.refresh_user(SimpleNamespace(name="edwin", get_auth_state=stored)))

    def switch(method: str, path: str, **body: Any) -> None:
        person.client.request(method, path, headers={"authorization": "Bearer operator"}, **body).raise_for_status()

    assert refresh()["name"] == "edwin"
    switch("PUT", "/_accounts", content=ACCOUNTS.replace("Edwin,", "hubble,").replace("edwin", "hubble"))
    assert (refresh()["name"], refresh()["auth_state"]["github_user"]["id"]) == ("hubble", 1002)
    switch("POST", "/_faults", json={"mode": "5xx"})
    with pytest.raises(httpclient.HTTPClientError):
        refresh()
    switch("POST", "/_faults", json={"mode": "garbage"})
    with pytest.raises(ValueError):
        refresh()
    # The class reads a rate limit as an expired token: the hub package has to do better.
    switch("POST", "/_faults", json={"mode": "rate-limit"})
    assert refresh() is False
    switch("POST", "/_faults", json={"mode": "off"})
    assert refresh()["name"] == "hubble"
