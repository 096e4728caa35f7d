"""The demonstration accounts, organizations and teams."""

from __future__ import annotations

import re
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import yaml

from .config import ConfigurationError

# GitHub's own rule for logins and organization names; team slugs may hold underscores too.
NAME = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9]|-(?=[A-Za-z0-9])){0,38}")
SLUG = re.compile(r"[a-z0-9][a-z0-9_-]{0,99}")


def stable_id(name: str) -> int:
    """Return a number that stays the same as long as the name does."""
    return zlib.crc32(name.lower().encode())


@dataclass(frozen=True)
class Account:
    """A person. The numeric id is the identity; the login can be renamed and be taken by somebody else."""

    id: int
    login: str
    name: str
    email: str
    note: str = ""


@dataclass(frozen=True)
class Team:
    """A team of an organization, with its members' account ids."""

    organization: str
    slug: str
    members: frozenset[int]

    @property
    def id(self) -> int:
        """GitHub's numeric id."""
        return stable_id(f"{self.organization}/{self.slug}")


@dataclass(frozen=True)
class Organization:
    """An organization. As on GitHub, a membership is private unless the member makes it public.

    Whoever is invited is no member until they accept.
    """

    login: str
    name: str
    members: frozenset[int]
    owners: frozenset[int] = frozenset()
    public_members: frozenset[int] = frozenset()
    invited: frozenset[int] = frozenset()
    teams: Mapping[str, Team] = field(default_factory=dict)

    @property
    def id(self) -> int:
        """GitHub's numeric id."""
        return stable_id(self.login)


class Directory:
    """All accounts and organizations; look-ups ignore case, as GitHub's do."""

    def __init__(self, document: object) -> None:
        """Check a document (the parsed accounts file) and take it over."""
        self.document = document
        try:
            self._read(document)
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            detail = f"{error.args[0]!r} is missing" if isinstance(error, KeyError) else str(error)
            raise ConfigurationError(f"The accounts file is not as it must be: {detail}.") from error

    @classmethod
    def parse(cls, text: str | bytes) -> Directory:
        """Read YAML (or JSON, which is YAML)."""
        try:
            return cls(yaml.safe_load(text))
        except yaml.YAMLError as error:
            raise ConfigurationError(f"The accounts file is not YAML: {' '.join(str(error).split())}.") from error

    def _read(self, document: Any) -> None:
        self.accounts: dict[int, Account] = {}
        self._by_login: dict[str, Account] = {}
        self.organizations: dict[str, Organization] = {}
        for entry in document["accounts"]:
            account = Account(**{"name": entry["login"], "email": f"{entry['login']}@example.test", **entry})
            if type(account.id) is not int or account.id < 1 or not NAME.fullmatch(account.login):
                raise ValueError(f"account {account.login!r} needs a positive number as id and a valid login")
            if account.id in self.accounts or account.login.lower() in self._by_login:
                raise ValueError(f"account {account.login!r} has an id or login that another one has")
            self.accounts[account.id] = self._by_login[account.login.lower()] = account
        for entry in document.get("organizations", []):
            organization = self._organization(entry)
            self.organizations[organization.login.lower()] = organization

    def _organization(self, entry: dict[str, Any]) -> Organization:
        login = entry["login"]
        if not NAME.fullmatch(login):
            raise ValueError(f"organization {login!r} has no valid name")
        members = self._ids(entry["members"])
        teams = {slug: Team(login, slug, self._ids(logins)) for slug, logins in entry.get("teams", {}).items()}
        for team in teams.values():
            if not SLUG.fullmatch(team.slug) or not team.members <= members:
                raise ValueError(f"team '{login}:{team.slug}' has no valid name or a member who is not in {login}")
        return Organization(
            login=login,
            name=entry.get("name", login),
            members=members,
            owners=self._ids(entry.get("owners", [])) & members,
            public_members=self._ids(entry.get("public_members", [])) & members,
            invited=self._ids(entry.get("invited", [])) - members,
            teams=teams,
        )

    def _ids(self, logins: list[str]) -> frozenset[int]:
        unknown = [login for login in logins if not self.by_login(login)]
        if unknown:
            raise ValueError(f"{unknown[0]!r} is not the login of an account")
        return frozenset(self._by_login[login.lower()].id for login in logins)

    def by_login(self, login: str) -> Account | None:
        """Find who has this login now."""
        return self._by_login.get(login.lower())

    def organization(self, login: str) -> Organization | None:
        """Find an organization by its name."""
        return self.organizations.get(login.lower())

    def organizations_of(self, account: Account) -> list[Organization]:
        """List the organizations that the account is a member of."""
        return [entry for entry in self.organizations.values() if account.id in entry.members]

    def teams_of(self, account: Account) -> list[tuple[Organization, Team]]:
        """List the teams that the account is in."""
        return [
            (organization, team)
            for organization in self.organizations_of(account)
            for team in organization.teams.values()
            if account.id in team.members
        ]
