"""T36: whoever listens on the way. Old versions of TLS: deployment/test_hub.py."""

from __future__ import annotations

import ssl

import httpx
import pytest
from live.cluster import Cluster
from live.platform import Platform

HTTP_NODE_PORT = 30080


@pytest.mark.parametrize("path", ["/", "/hub/login?next=%2Fhub%2Fhome", "/user/ada/lab"])
def test_http_leads_to_https_and_says_nothing(platform: Platform, cluster: Cluster, path: str) -> None:
    node = cluster.node_address(control_plane=True)
    name = httpx.URL(platform.url).host
    answer = httpx.get(f"http://{node}:{HTTP_NODE_PORT}{path}", headers={"Host": name}, trust_env=False)
    assert answer.status_code == 301
    assert answer.headers["location"] == platform.url + path
    assert "set-cookie" not in answer.headers
    assert platform.http().get("/hub/login").status_code == 200


@pytest.mark.parametrize("ciphers", ["AES128-SHA", "NULL-SHA256", "ADH-AES128-SHA"])
def test_weak_ciphers_are_refused(platform: Platform, ciphers: str) -> None:
    weak = ssl.create_default_context(cafile=platform.ca)
    weak.maximum_version = ssl.TLSVersion.TLSv1_2
    weak.set_ciphers(f"{ciphers}:@SECLEVEL=0")
    with pytest.raises(httpx.ConnectError, match=r"(?i)handshake.failure|alert"):
        httpx.get(f"{platform.url}/hub/health", verify=weak, trust_env=False)
    strong = ssl.create_default_context(cafile=platform.ca)
    strong.maximum_version = ssl.TLSVersion.TLSv1_2
    assert httpx.get(f"{platform.url}/hub/health", verify=strong, trust_env=False).status_code == 200
