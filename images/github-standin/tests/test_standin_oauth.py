import base64
import hashlib
from types import SimpleNamespace
from urllib.parse import parse_qs

import pytest
from starlette.testclient import TestClient

from standin_browser import CALLBACK, Browser
from z2jh_github_standin import oauth
from z2jh_github_standin.app import create_app
from z2jh_github_standin.config import Settings

VERIFIER = "v" * 50
CHALLENGE = base64.urlsafe_b64encode(hashlib.sha256(VERIFIER.encode()).digest()).decode().rstrip("=")


def test_whole_flow(browser: Browser) -> None:
    answer = browser.code("ada", scope="read:org user:email nonsense")
    assert answer["state"] == "s t&te=é"
    token = browser.exchange(answer["code"])
    assert token.keys() == {"access_token", "token_type", "scope"}
    assert (token["token_type"], token["scope"]) == ("bearer", "read:org,user:email")
    user = browser.client.get("/api/v3/user", headers={"authorization": f"token {token['access_token']}"}).json()
    assert (user["login"], user["id"]) == ("ada", 1001)


def test_only_the_parameters_github_needs(browser: Browser) -> None:
    answer = browser.decide(browser.choose("ada", client_id="hub-client"))
    assert answer.keys() == {"code"}
    assert "access_token" in browser.exchange(answer["code"])


def test_a_code_works_once(browser: Browser) -> None:
    code = browser.code("ada")["code"]
    assert "access_token" in browser.exchange(code)
    assert browser.exchange(code)["error"] == "bad_verification_code"


def test_a_code_is_spent_by_a_failed_exchange(browser: Browser) -> None:
    code = browser.code("ada")["code"]
    assert browser.exchange(code, redirect_uri="https://evil.test/")["error"] == "redirect_uri_mismatch"
    assert browser.exchange(code)["error"] == "bad_verification_code"


def test_a_code_expires(browser: Browser, monkeypatch: pytest.MonkeyPatch) -> None:
    late = [0.0]
    real = oauth.time.monotonic
    monkeypatch.setattr(oauth, "time", SimpleNamespace(monotonic=lambda: real() + late[0]))
    code, second = browser.code("ada")["code"], browser.code("ada")["code"]
    late[0] = 59
    assert "access_token" in browser.exchange(code)
    late[0] = 61
    assert browser.exchange(second)["error"] == "bad_verification_code"


def test_wrong_secret_and_unknown_client(browser: Browser) -> None:
    code = browser.code("ada")["code"]
    assert browser.exchange(code, client_secret="guess")["error"] == "incorrect_client_credentials"
    assert browser.exchange(code, client_secret="")["error"] == "incorrect_client_credentials"
    assert browser.exchange(code, client_id="other")["error"] == "incorrect_client_credentials"
    assert "access_token" in browser.exchange(code), "who has no secret can't spend a code"


@pytest.mark.parametrize("form", [{}, {"grant_type": "password"}, {"grant_type": "é\x00"}])
def test_malformed_exchange(client: TestClient, form: dict[str, str]) -> None:
    answer = client.post("/login/oauth/access_token", data=form, headers={"accept": "application/json"})
    assert answer.status_code == 200
    assert {"error", "error_description"} <= answer.json().keys()


def test_form_encoded_answer_when_json_is_not_asked_for(client: TestClient) -> None:
    answer = client.post("/login/oauth/access_token", content=b"\xff\xfe")
    assert parse_qs(answer.text)["error"] == ["incorrect_client_credentials"]


def test_pkce(browser: Browser) -> None:
    def code() -> str:
        return browser.code("ada", code_challenge=CHALLENGE, code_challenge_method="S256")["code"]

    assert "access_token" in browser.exchange(code(), code_verifier=VERIFIER)
    assert browser.exchange(code(), code_verifier="w" * 50)["error"] == "bad_verification_code"
    assert "error" in browser.exchange(code())
    assert "error" in browser.exchange(browser.code("ada")["code"], code_verifier=VERIFIER)


@pytest.mark.parametrize(
    ("query", "says"),
    [
        ({"redirect_uri": "https://evil.test/"}, "callback address does not match"),
        ({"redirect_uri": CALLBACK + "/.."}, "callback address does not match"),
        ({"redirect_uri": "https://hub.z2jh.test:8443é/"}, "callback address does not match"),
        ({"client_id": "unknown"}, "not registered"),
        ({"response_type": "token"}, "not complete"),
        ({"response_type": "é"}, "not complete"),
        ({"code_challenge": CHALLENGE, "code_challenge_method": "plain"}, "not complete"),
    ],
)
def test_refused_requests_never_redirect(client: TestClient, query: dict[str, str], says: str) -> None:
    answer = client.get("/login/oauth/authorize", params={"client_id": "hub-client", **query})
    assert answer.status_code in (400, 404)
    assert says in answer.text
    assert "location" not in answer.headers


def test_a_parameter_given_twice_is_refused(client: TestClient) -> None:
    assert client.get("/login/oauth/authorize?client_id=hub-client&state=a&state=b").status_code == 400


def test_declined(browser: Browser) -> None:
    page = browser.choose("ada", client_id="hub-client", state="x")
    answer = browser.decide(page, "cancel")
    assert (answer["error"], answer["state"]) == ("access_denied", "x")


def test_tokens_and_sign_in_outlive_a_restart_and_end_with_the_secret(settings: Settings, browser: Browser) -> None:
    token = browser.exchange(browser.code("ada")["code"])["access_token"]
    headers = {"authorization": f"Bearer {token}"}
    restarted = TestClient(create_app(settings), base_url=settings.url, cookies=browser.client.cookies)
    assert restarted.get("/api/v3/user", headers=headers).status_code == 200
    assert "Authorize as ada" in restarted.get("/login/oauth/authorize?client_id=hub-client").text
    changed = Settings(**{**settings.__dict__, "client_secret": "another"})
    answer = TestClient(create_app(changed), base_url=settings.url).get("/api/v3/user", headers=headers)
    assert answer.status_code == 401
