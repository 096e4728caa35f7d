"""How GitHub's REST API writes accounts, organizations and teams."""

from __future__ import annotations

import base64
from typing import Any

from .directory import Account, Organization, Team

SINCE = "2026-01-01T00:00:00Z"


def node_id(kind: str, number: int) -> str:
    """Return the global id of an object."""
    return base64.b64encode(f"{len(str(number)):02}:{kind}{number}".encode()).decode()


class Shapes:
    """Writes objects with addresses under one base URL."""

    def __init__(self, url: str) -> None:
        """Take the service's address."""
        self.url = url
        self.api = f"{url}/api/v3"

    def user(self, account: Account) -> dict[str, Any]:
        """Write a user in short, as in lists."""
        api = f"{self.api}/users/{account.login}"
        return {
            "login": account.login,
            "id": account.id,
            "node_id": node_id("User", account.id),
            "avatar_url": f"{self.url}/avatars/u/{account.id}?v=4",
            "gravatar_id": "",
            "url": api,
            "html_url": f"{self.url}/{account.login}",
            "organizations_url": f"{api}/orgs",
            "type": "User",
            "user_view_type": "public",
            "site_admin": False,
        }

    def full_user(self, account: Account) -> dict[str, Any]:
        """Write a user in full. `email` is the public one, which no demonstration account has."""
        return self.user(account) | {
            "name": account.name,
            "company": None,
            "blog": "",
            "location": None,
            "email": None,
            "hireable": None,
            "bio": account.note or None,
            "twitter_username": None,
            "public_repos": 0,
            "public_gists": 0,
            "followers": 0,
            "following": 0,
            "created_at": SINCE,
            "updated_at": SINCE,
        }

    def emails(self, account: Account) -> list[dict[str, Any]]:
        """Write the account's addresses."""
        return [{"email": account.email, "primary": True, "verified": True, "visibility": "private"}]

    def organization(self, organization: Organization) -> dict[str, Any]:
        """Write an organization in short."""
        api = f"{self.api}/orgs/{organization.login}"
        return {
            "login": organization.login,
            "id": organization.id,
            "node_id": node_id("Organization", organization.id),
            "url": api,
            "members_url": f"{api}/members{{/member}}",
            "public_members_url": f"{api}/public_members{{/member}}",
            "avatar_url": f"{self.url}/avatars/u/{organization.id}?v=4",
            "description": organization.name,
        }

    def full_organization(self, organization: Organization) -> dict[str, Any]:
        """Write an organization in full."""
        return self.organization(organization) | {
            "name": organization.name,
            "html_url": f"{self.url}/{organization.login}",
            "created_at": SINCE,
            "updated_at": SINCE,
            "type": "Organization",
        }

    def team(self, organization: Organization, team: Team) -> dict[str, Any]:
        """Write a team as /user/teams does."""
        api = f"{self.api}/organizations/{organization.id}/team/{team.id}"
        return {
            "name": team.slug,
            "id": team.id,
            "node_id": node_id("Team", team.id),
            "slug": team.slug,
            "description": "",
            "privacy": "closed",
            "notification_setting": "notifications_enabled",
            "permission": "pull",
            "url": api,
            "html_url": f"{self.url}/orgs/{organization.login}/teams/{team.slug}",
            "members_url": f"{api}/members{{/member}}",
            "repositories_url": f"{api}/repos",
            "parent": None,
            "created_at": SINCE,
            "updated_at": SINCE,
            "members_count": len(team.members),
            "repos_count": 0,
            "organization": self.full_organization(organization),
        }

    def membership(self, organization: Organization, account: Account) -> dict[str, Any]:
        """Write an organization membership."""
        return {
            "url": f"{self.api}/orgs/{organization.login}/memberships/{account.login}",
            "state": "pending" if account.id in organization.invited else "active",
            "role": "admin" if account.id in organization.owners else "member",
            "organization_url": f"{self.api}/orgs/{organization.login}",
            "organization": self.organization(organization),
            "user": self.user(account),
        }

    def authorization(self, account: Account, client_id: str, token: str, scopes: frozenset[str]) -> dict[str, Any]:
        """Write what the token check answers."""
        return {
            "id": account.id,
            "url": f"{self.api}/authorizations/{account.id}",
            "app": {"client_id": client_id, "name": "Science platform", "url": self.url},
            "token": token,
            "hashed_token": None,
            "token_last_eight": token[-8:],
            "note": None,
            "scopes": sorted(scopes),
            "created_at": SINCE,
            "updated_at": SINCE,
            "expires_at": None,
            "user": self.user(account),
        }
