import pytest
from starlette.testclient import TestClient

from standin_browser import Browser

QUERY = "client_id=hub-client&state=x"


def test_accounts_are_offered_and_escaped(client: TestClient) -> None:
    page = client.get(f"/login/oauth/authorize?{QUERY}").text
    assert "demonstration accounts only" in page
    for login in ("ada", "Edwin", "grace", "mallory"):
        assert f'name="login" value="{login}"' in page
    assert "teaches &lt;the&gt; class" in page
    assert "instructors, astronomers" in page
    assert "in no organization" in page


def test_the_query_cannot_break_out_of_the_page(browser: Browser) -> None:
    page = browser.choose("ada", client_id="hub-client", state='"><script>alert(1)</script>')
    assert "<script" not in page.text
    assert browser.decide(page)["state"] == '"><script>alert(1)</script>'


def test_headers(client: TestClient) -> None:
    headers = client.get(f"/login/oauth/authorize?{QUERY}").headers
    assert "frame-ancestors 'none'" in headers["content-security-policy"]
    policy = headers["content-security-policy"]
    assert policy.endswith("form-action 'self' https://hub.z2jh.test:8443 https://*.hub.z2jh.test:8443")
    assert headers["x-content-type-options"] == "nosniff"
    cookie = headers["set-cookie"]
    assert cookie.startswith("__Host-")
    assert all(word in cookie.lower() for word in ("secure", "httponly", "samesite=lax"))


@pytest.mark.parametrize("form", ["", "guess", "é"])
def test_forms_from_elsewhere_are_refused(client: TestClient, form: str) -> None:
    client.get(f"/login/oauth/authorize?{QUERY}")
    assert client.post("/session", data={"form": form, "login": "ada", "query": QUERY}).status_code == 403
    answer = client.post(f"/login/oauth/authorize?{QUERY}", data={"form": form, "decision": "authorize"})
    assert answer.status_code == 403


def test_a_form_without_its_cookie_is_refused(client: TestClient) -> None:
    fields = Browser.fields(client.get(f"/login/oauth/authorize?{QUERY}").text)
    client.cookies.clear()
    assert client.post("/session", data={**fields, "login": "ada"}).status_code == 403


def test_authorizing_needs_a_chosen_account(client: TestClient) -> None:
    fields = Browser.fields(client.get(f"/login/oauth/authorize?{QUERY}").text)
    answer = client.post(f"/login/oauth/authorize?{QUERY}", data={**fields, "decision": "authorize"})
    assert answer.status_code == 403


def test_the_form_value_changes_with_sign_in(browser: Browser) -> None:
    before = browser.fields(browser.client.get(f"/login/oauth/authorize?{QUERY}").text)
    page = browser.choose("ada", client_id="hub-client", state="x")
    assert browser.fields(page.text)["form"] != before["form"]


def test_another_account_can_be_chosen(browser: Browser) -> None:
    page = browser.choose("ada", client_id="hub-client", state="x")
    assert "Authorize as ada" in page.text
    answer = browser.client.post("/session", data=browser.fields(page.text))
    assert "Sign in as" in browser.client.get(answer.headers["location"]).text


def test_sign_in_leads_to_this_service_only(browser: Browser) -> None:
    page = browser.client.get(f"/login/oauth/authorize?{QUERY}")
    fields = browser.fields(page.text) | {"login": "ada", "query": "\r\nx: y//evil.test"}
    location = browser.client.post("/session", data=fields).headers["location"]
    assert location.startswith("/login/oauth/authorize?")
    assert "\n" not in location


def test_other_pages(client: TestClient) -> None:
    assert "Demonstration accounts" in client.get("/").text
    assert client.get("/ADA").headers["location"] == "/#ada"
    assert client.get("/nobody").status_code == 404
    assert client.get("/static/style.css").status_code == 200
    assert ">AL</text>" in client.get("/avatars/u/1001").text
    assert client.get("/avatars/u/7").headers["content-type"] == "image/svg+xml"
    assert client.get("/healthz").text == "ok\n"
