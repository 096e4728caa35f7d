"""The GitHub stand-in as its operator sees it: accounts that change, and faults."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit

import httpx

from live.platform import ROOT, Platform

OPERATOR_TOKEN = ROOT / "state" / "secrets" / "github-standin-operator"
Document = dict[str, Any]


class GitHub:
    """The stand-in that the hub sends people to."""

    def __init__(self, platform: Platform) -> None:
        with platform.http() as hub:
            target = urlsplit(hub.get("/hub/oauth_login", follow_redirects=False).headers["location"])
        self._http = httpx.Client(
            base_url=f"{target.scheme}://{target.netloc}",
            headers={"Authorization": f"Bearer {OPERATOR_TOKEN.read_text().strip()}"},
            verify=platform.tls,
            trust_env=False,
            timeout=30,
        )
        self._accounts: Document = self._http.get("/_accounts").raise_for_status().json()

    @contextmanager
    def changed(self, change: Callable[[Document], None]) -> Iterator[None]:
        """Have other accounts, teams or members for a while."""
        document = copy.deepcopy(self._accounts)
        change(document)
        self._http.put("/_accounts", json=document).raise_for_status()
        try:
            yield
        finally:
            self._http.put("/_accounts", json=self._accounts).raise_for_status()

    @contextmanager
    def fault(self, mode: str, **options: Any) -> Iterator[None]:
        """Have a fault for a while: 5xx, slow, rate-limit or garbage."""
        self._http.post("/_faults", json={"mode": mode, **options}).raise_for_status()
        try:
            yield
        finally:
            self._http.post("/_faults", json={"mode": "off"}).raise_for_status()

    def close(self) -> None:
        """Close the connections."""
        self._http.close()


def without(login: str) -> Callable[[Document], None]:
    """Return the change by which somebody leaves every organization and team."""

    def change(document: Document) -> None:
        for organization in document["organizations"]:
            for names in (organization["members"], organization.get("owners", []), *organization["teams"].values()):
                if login in names:
                    names.remove(login)

    return change


def invited(login: str) -> Callable[[Document], None]:
    """Return the change by which a member becomes somebody who was invited and has not accepted."""

    def change(document: Document) -> None:
        for organization in document["organizations"]:
            if login in organization["members"]:
                organization["invited"] = [login]
        without(login)(document)

    return change


def renamed(old: str, new: str, newcomer: int | None = None) -> Callable[[Document], None]:
    """Return the change by which an account has another login, and maybe a newcomer of that number the old one."""

    def change(document: Document) -> None:
        (account,) = (account for account in document["accounts"] if account["login"] == old)
        account["login"] = new
        if newcomer:
            document["accounts"].append({"login": old, "id": newcomer, "name": "Newcomer"})
        for organization in document["organizations"]:
            for names in (organization["members"], organization.get("owners", []), *organization["teams"].values()):
                if old in names:
                    names[names.index(old)] = new
            if newcomer and new in organization["members"]:
                organization["members"].append(old)

    return change
