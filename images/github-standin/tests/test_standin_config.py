import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from z2jh_github_standin.config import ConfigurationError, Settings, is_private_host, load
from z2jh_github_standin.directory import Directory


@pytest.mark.parametrize(
    "host",
    ["github.z2jh.test", "localhost", "127.0.0.1", "::1", "10.1.2.3", "github-standin", "a.b.svc.cluster.local"],
)
def test_private_hosts(host: str) -> None:
    assert is_private_host(host)
    assert is_private_host(host.upper() + ("." if host[-1].isalpha() else ""))


@pytest.mark.parametrize(
    "host",
    ["github.com", "test.example.org", "evil.test.com", "8.8.8.8", "8.8.8.8.", "2001:4860:4860::8888", "0.0.0.0"],
)
def test_public_hosts(host: str) -> None:
    assert not is_private_host(host)


@pytest.mark.parametrize("host", ["134744072", "0x8080808", "127.1", "a..test", ".test", ""])
def test_hosts_in_disguise(host: str) -> None:
    assert not is_private_host(host)


@pytest.mark.parametrize("field", ["url", "callback_url"])
@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("https://hub.example.org/", "private names only"),
        ("https://8.8.8.8/", "private names only"),
        ("http://hub.z2jh.test/", "https://"),
        ("https://hub.z2jh.test@github.com/", "https://"),
        ("https://hub.z2jh.test:port/", "https://"),
        ("", "https://"),
    ],
)
def test_public_addresses_are_refused(settings: Settings, field: str, url: str, says: str) -> None:
    with pytest.raises(ConfigurationError, match=says):
        replace(settings, **{field: url})


@pytest.mark.parametrize("field", ["client_id", "client_secret", "operator_token"])
def test_empty_secrets_are_refused(settings: Settings, field: str) -> None:
    with pytest.raises(ConfigurationError, match=field.replace("_", " ")):
        replace(settings, **{field: ""})


def test_load(tmp_path: Path) -> None:
    environ = {
        "GITHUB_STANDIN_URL": "https://github.z2jh.test:8444/",
        "GITHUB_STANDIN_CALLBACK_URL": "https://hub.z2jh.test:8443/hub/oauth_callback",
        "GITHUB_STANDIN_SECRETS_DIR": str(tmp_path),
    }
    with pytest.raises(ConfigurationError, match="can't be read"):
        load(environ)
    for name in ("client-id", "client-secret", "operator-token"):
        (tmp_path / name).write_text(f"{name}\n")
    assert load(environ).client_secret == "client-secret"
    assert load(environ).url == "https://github.z2jh.test:8444"
    with pytest.raises(ConfigurationError, match="not a number"):
        load({**environ, "GITHUB_STANDIN_PORT": "x"})
    with pytest.raises(ConfigurationError, match="GITHUB_STANDIN_URL is not set"):
        load({})


def test_a_refusal_is_one_sentence_without_traceback() -> None:
    source = Path(__file__).parents[1] / "src"
    run = subprocess.run(
        [sys.executable, "-m", "z2jh_github_standin"], env={"PYTHONPATH": str(source)}, capture_output=True, text=True
    )
    assert run.returncode == 1
    assert run.stderr == "Environment variable GITHUB_STANDIN_URL is not set.\n"


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("[", "not YAML"),
        ("", "not as it must be"),
        ("{}", "'accounts' is missing"),
        ("accounts: [{id: 1}]", "'login' is missing"),
        ("accounts: [{login: a}]", "id"),
        ("accounts: [{login: a, id: '1'}]", "positive number"),
        ("accounts: [{login: a, id: true}]", "positive number"),
        ("accounts: [{login: -a, id: 1}]", "valid login"),
        ("accounts: [{login: a, id: 1}, {login: A, id: 2}]", "another one has"),
        ("accounts: [{login: a, id: 1, odd: 1}]", "odd"),
        ("{accounts: [{login: a, id: 1}], organizations: [{login: o}]}", "'members' is missing"),
        ("{accounts: [{login: a, id: 1}], organizations: [{login: o, members: [b]}]}", "'b' is not the login"),
        ("{accounts: [{login: a, id: 1}], organizations: [{login: o, members: [], teams: {t: [a]}}]}", "team 'o:t'"),
    ],
)
def test_malformed_accounts(text: str, says: str) -> None:
    with pytest.raises(ConfigurationError, match=says):
        Directory.parse(text)
