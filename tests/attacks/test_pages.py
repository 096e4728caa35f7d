"""The hub's pages within another website's. What other sites may send: deployment/test_github.py."""

from __future__ import annotations

import pytest
from live.fixtures import SignIn


@pytest.mark.parametrize("path", ["/hub/login", "/hub/home", "/hub/spawn", "/hub/token", "/hub/no/such/page"])
def test_no_other_website_frames_a_page(sign_in: SignIn, path: str) -> None:
    # Without this header a browser shows any page in any frame.
    policy = sign_in("edwin").http.get(path).headers["content-security-policy"]
    assert "frame-ancestors 'none'" in policy
