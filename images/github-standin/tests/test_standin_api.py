from collections.abc import Callable

import pytest
from starlette.testclient import TestClient

from standin_browser import ACCOUNTS, API, Browser

ORG = "/orgs/space-telescope-demo"
OPERATOR = {"authorization": "Bearer operator"}
SignIn = Callable[..., API]


def test_user(api: SignIn) -> None:
    answer = api("edwin")("/user")
    user = answer.json()
    assert (user["login"], user["id"], user["type"], user["email"]) == ("Edwin", 1002, "User", None)
    assert user["html_url"] == "https://github.z2jh.test:8444/Edwin"
    assert {"node_id", "avatar_url", "name", "site_admin", "created_at"} <= user.keys()
    assert answer.headers["x-oauth-scopes"] == "read:org"
    assert answer.headers["x-ratelimit-remaining"] == "4999"


def test_emails_need_their_scope(api: SignIn) -> None:
    emails = api("ada", scope="user:email")("/user/emails").json()
    assert emails[0]["primary"] and emails[0]["verified"]
    assert emails[0]["email"] == "ada@example.test"
    assert api("ada", scope="user")("/user/emails").status_code == 200
    assert api("ada", scope="read:org")("/user/emails").status_code == 404


def test_organizations_and_teams(api: SignIn) -> None:
    ada = api("ada")
    assert [org["login"] for org in ada("/user/orgs").json()] == ["space-telescope-demo"]
    teams = ada("/user/teams").json()
    assert [(team["organization"]["login"], team["slug"]) for team in teams] == [
        ("space-telescope-demo", "instructors"),
        ("space-telescope-demo", "astronomers"),
    ]
    assert api("mallory")("/user/teams").json() == []
    assert api("ada", scope="")("/user/orgs").status_code == 403


def test_paging(api: SignIn) -> None:
    ada = api("ada")
    first = ada("/user/teams", per_page=1)
    assert len(first.json()) == 1
    assert first.links["next"]["url"] == "https://github.z2jh.test:8444/api/v3/user/teams?per_page=1&page=2"
    second = ada("/user/teams", per_page=1, page=2)
    assert "next" not in second.links
    assert first.json() != second.json()
    assert "link" not in ada("/user/teams", per_page=100).headers
    assert ada("/user/teams", per_page="x").status_code == 200
    assert ada("/user/teams", page=9).json() == []


@pytest.mark.parametrize(
    ("caller", "path", "status"),
    [
        ("edwin", f"{ORG}/members/ADA", 204),
        ("edwin", f"{ORG}/members/mallory", 404),
        ("edwin", f"{ORG}/members/nobody", 404),
        ("edwin", "/orgs/elsewhere/members/edwin", 404),
        ("mallory", f"{ORG}/members/mallory", 302),
        ("edwin", f"{ORG}/teams/astronomers/members/edwin", 204),
        ("edwin", f"{ORG}/teams/instructors/members/edwin", 404),
        ("edwin", f"{ORG}/teams/nothing/members/edwin", 404),
        ("mallory", f"{ORG}/teams/astronomers/members/edwin", 404),
        ("edwin", f"{ORG}/teams/astronomers/memberships/edwin", 200),
        ("mallory", f"{ORG}/memberships/edwin", 403),
        ("edwin", f"{ORG}/memberships/mallory", 404),
        ("edwin", f"{ORG}/memberships/nobody", 404),
        ("edwin", "/user/memberships/orgs/space-telescope-demo", 200),
        ("mallory", "/user/memberships/orgs/space-telescope-demo", 404),
        ("mallory", ORG, 200),
        ("mallory", "/users/grace", 200),
        ("mallory", "/users/nobody", 404),
        ("mallory", "/user/1003", 200),
        ("mallory", "/user/9", 404),
        ("mallory", "/gists", 404),
    ],
)
def test_who_learns_what(api: SignIn, caller: str, path: str, status: int) -> None:
    assert api(caller)(path).status_code == status


def test_memberships(api: SignIn) -> None:
    membership = api("edwin")(f"{ORG}/memberships/ada").json()
    assert (membership["state"], membership["role"], membership["user"]["id"]) == ("active", "admin", 1001)


def test_whoever_is_invited_is_no_member(api: SignIn, client: TestClient) -> None:
    ada, edwin = api("ada"), api("edwin")
    membership = "/user/memberships/orgs/space-telescope-demo"
    assert edwin(membership).json()["state"] == "active"
    changed = ACCOUNTS.replace("[ada, edwin, grace]", "[ada, grace]\n    invited: [edwin]")
    changed = changed.replace("[ada, edwin]", "[ada]")
    assert client.put("/_accounts", headers=OPERATOR, content=changed).status_code == 200
    assert edwin(membership).json()["state"] == "pending"
    assert ada(f"{ORG}/memberships/edwin").json()["state"] == "pending"
    assert ada(f"{ORG}/members/edwin").status_code == 404
    assert edwin("/user/orgs").json() == []


def test_without_read_org_only_public_members_are_seen(api: SignIn, client: TestClient) -> None:
    for login, status in (("edwin", 404), ("grace", 204), ("nobody", 404)):
        answer = api("edwin", scope="")(f"{ORG}/members/{login}")
        assert answer.status_code == 302
        assert client.get(answer.headers["location"]).status_code == status
    assert api("edwin", scope="")(f"{ORG}/teams/astronomers/members/edwin").status_code == 404


@pytest.mark.parametrize("value", ["", "Bearer", "Bearer gho_forged", "Bearer é", "Basic eDp5"])
def test_bad_tokens(client: TestClient, value: str) -> None:
    answer = client.get("/api/v3/user", headers={"authorization": value.encode()})
    assert answer.status_code == 401
    assert answer.json()["status"] == "401"


def test_a_sign_in_cookie_is_no_token(browser: Browser) -> None:
    browser.code("ada")
    cookie = next(iter(browser.client.cookies.values()))
    answer = browser.client.get("/api/v3/user", headers={"authorization": f"Bearer gho_{cookie}"})
    assert answer.status_code == 401


def test_token_check_and_revocation(browser: Browser) -> None:
    client = browser.client
    token = browser.exchange(browser.code("ada")["code"])["access_token"]
    path, app, body = "/api/v3/applications/hub-client/token", ("hub-client", "hub-secret"), {"access_token": token}
    assert client.post(path, auth=app, json=body).json()["user"]["id"] == 1001
    assert client.post(path, auth=("hub-client", "guess"), json=body).status_code == 401
    assert client.post(path, json=body).status_code == 401
    assert client.post(path.replace("hub-client", "other"), auth=app, json=body).status_code == 401
    assert client.post(path, auth=app, json={"access_token": "gho_x"}).status_code == 404
    for wrong in (b"", b"[]", b"{}", b"\xff"):
        assert client.post(path, auth=app, content=wrong).status_code == 422
    assert client.request("DELETE", path, auth=app, json=body).status_code == 204
    assert client.post(path, auth=app, json=body).status_code == 404
    assert client.get("/api/v3/user", headers={"authorization": f"Bearer {token}"}).status_code == 401


def test_hourly_limit(api: SignIn, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("z2jh_github_standin.api.HOURLY_LIMIT", 2)
    ada = api("ada")
    assert [ada("/user").status_code for _ in range(3)] == [200, 200, 403]
    assert api("edwin")("/user").status_code == 200


@pytest.mark.parametrize(
    ("mode", "status", "token_status"), [("5xx", 502, 502), ("rate-limit", 403, 403), ("garbage", 200, 200)]
)
def test_faults(api: SignIn, client: TestClient, mode: str, status: int, token_status: int) -> None:
    ada = api("ada")
    assert client.post("/_faults", headers=OPERATOR, json={"mode": mode}).json()["mode"] == mode
    answer = ada("/user")
    assert answer.status_code == status
    assert client.post("/login/oauth/access_token").status_code == token_status
    if mode == "garbage":
        with pytest.raises(ValueError):
            answer.json()
    if mode == "rate-limit":
        assert answer.headers["x-ratelimit-remaining"] == "0"
    assert client.get("/healthz").status_code == 200
    assert mode in client.get("/").text
    client.post("/_faults", headers=OPERATOR, json={"mode": mode, "targets": ["token"]})
    assert ada("/user").status_code == 200
    client.post("/_faults", headers=OPERATOR, json={"mode": "off"})
    assert client.post("/login/oauth/access_token").status_code == 200


def test_slow_answers_late_but_right(api: SignIn, client: TestClient) -> None:
    ada = api("ada")
    client.post("/_faults", headers=OPERATOR, json={"mode": "slow", "seconds": 0.3})
    answer = ada("/user")
    assert answer.json()["login"] == "ada"
    assert answer.elapsed.total_seconds() >= 0.3


@pytest.mark.parametrize("path", ["/_faults", "/_accounts"])
def test_only_the_operator_switches(client: TestClient, path: str) -> None:
    for headers in ({}, {"authorization": "Bearer guess"}, {"authorization": "Basic operator"}):
        assert client.get(path, headers=headers).status_code == 401
    assert client.get(path, headers=OPERATOR).status_code == 200


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b"\xff",
        b'{"mode": "odd"}',
        b'{"mode": []}',
        b'{"mode": "off", "other": 1}',
        b'{"mode": "off", "targets": []}',
        b'{"mode": "off", "targets": ["x"]}',
        b'{"mode": "slow", "seconds": 1e9}',
        b'{"mode": "slow", "seconds": true}',
        b'{"mode": "slow", "seconds": NaN}',
    ],
)
def test_malformed_faults(client: TestClient, body: bytes) -> None:
    assert client.post("/_faults", headers=OPERATOR, content=body).status_code == 422


def test_a_member_leaves_and_a_login_is_renamed_and_taken(api: SignIn, client: TestClient) -> None:
    edwin = api("edwin")
    changed = ACCOUNTS.replace("login: Edwin,", "login: hubble,").replace("login: mallory,", "login: edwin,")
    changed = changed.replace("[ada, edwin, grace]", "[ada, grace]").replace("[ada, edwin]", "[ada]")
    assert client.put("/_accounts", headers=OPERATOR, content=changed).status_code == 200
    assert (edwin("/user").json()["id"], edwin("/user").json()["login"]) == (1002, "hubble")
    assert edwin("/users/edwin").json()["id"] == 1004
    assert edwin(f"{ORG}/members/hubble").status_code == 302
    assert edwin("/user/teams").json() == []
    assert client.put("/_accounts", headers=OPERATOR, content="accounts: [").status_code == 422
    assert client.get("/_accounts", headers=OPERATOR).json()["accounts"][1]["login"] == "hubble"


def test_an_account_that_is_gone_has_no_token(api: SignIn, client: TestClient) -> None:
    ada = api("ada")
    client.put("/_accounts", headers=OPERATOR, content="accounts: [{login: new, id: 9}]")
    assert ada("/user").status_code == 401
