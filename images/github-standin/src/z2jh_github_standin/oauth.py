"""The OAuth server: Authlib's authorization-code grant, an adapter for Starlette, and GitHub's way to say errors."""

# Authlib has no type hints.
# mypy: disable-error-code="import-untyped", disallow-subclassing-any=False, disallow-untyped-decorators=False

from __future__ import annotations

import hashlib
import hmac
import json
import secrets
import time
from collections import defaultdict
from dataclasses import dataclass
from typing import Any, ClassVar
from urllib.parse import parse_qsl, urlencode

from authlib.oauth2 import OAuth2Error
from authlib.oauth2.rfc6749 import (
    AuthorizationServer,
    InvalidClientError,
    InvalidGrantError,
    InvalidRequestError,
    OAuth2Payload,
    OAuth2Request,
)
from authlib.oauth2.rfc6749.grants import AuthorizationCodeGrant
from authlib.oauth2.rfc6749.models import AuthorizationCodeMixin, ClientMixin
from authlib.oauth2.rfc7636 import CodeChallenge
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from .config import Settings
from .directory import Account
from .sealing import Seal

SCOPES = frozenset({"user", "read:user", "user:email", "user:follow", "read:org", "write:org", "admin:org"})
CODE_SECONDS = 60
# More than any class signs in within a minute; the oldest codes go first.
CODES_KEPT = 1000
TOKEN_ERRORS = "https://docs.github.com/apps/oauth-apps/maintaining-oauth-apps/troubleshooting-oauth-app-access-token-request-errors"

__all__ = ["InvalidClientError", "OAuth2Error", "OAuthServer", "same"]


def digest(text: str) -> str:
    """Return what is kept of a secret that was given away."""
    return hashlib.sha256(text.encode()).hexdigest()


def same(given: str, expected: str) -> bool:
    """Compare two secrets in constant time."""
    return hmac.compare_digest(given.encode(), expected.encode())


class Client(ClientMixin):
    """The one OAuth app that is registered: the hub."""

    def __init__(self, settings: Settings) -> None:
        """Take the app's id, secret and callback from the settings."""
        self._settings = settings
        self.client_id = settings.client_id

    def get_client_id(self) -> str:
        """Return the app's id."""
        return self.client_id

    def get_default_redirect_uri(self) -> str:
        """Return the registered callback."""
        return self._settings.callback_url

    def get_allowed_scope(self, scope: str | None) -> str:
        """Drop scopes that don't exist, silently, as GitHub does."""
        wanted = (scope or "").replace(",", " ").split()
        return " ".join(dict.fromkeys(entry for entry in wanted if entry in SCOPES))

    def check_redirect_uri(self, redirect_uri: str) -> bool:
        """Accept the registered callback and nothing else (GitHub would take paths below it too)."""
        return redirect_uri == self._settings.callback_url

    def check_client_secret(self, client_secret: str) -> bool:
        """Compare the secret in constant time."""
        return same(client_secret, self._settings.client_secret)

    def check_endpoint_auth_method(self, method: str, endpoint: str) -> bool:
        """Refuse clients without a secret."""
        return method in ("client_secret_post", "client_secret_basic")

    def check_response_type(self, response_type: str) -> bool:
        """Allow the code flow."""
        return response_type == "code"

    def check_grant_type(self, grant_type: str) -> bool:
        """Allow the code flow."""
        return grant_type == "authorization_code"


@dataclass(frozen=True)
class Code(AuthorizationCodeMixin):
    """An authorization code that was handed out."""

    client_id: str
    account_id: int
    redirect_uri: str
    scope: str
    code_challenge: str | None
    code_challenge_method: str | None
    expires: float

    def get_redirect_uri(self) -> str:
        """Return the callback that the code was asked for with."""
        return self.redirect_uri

    def get_scope(self) -> str:
        """Return the granted scopes."""
        return self.scope


class _Payload(OAuth2Payload):
    """The request's parameters, with those that GitHub lets a client leave out filled in."""

    DEFAULTS: ClassVar = {"response_type": "code", "grant_type": "authorization_code"}

    def __init__(self, pairs: list[tuple[str, str]]) -> None:
        self._datalist: defaultdict[str, list[Any]] = defaultdict(list)
        for key, value in pairs:
            self._datalist[key].append(value)
        self._data = self.DEFAULTS | {key: values[0] for key, values in self._datalist.items()}

    @property
    def data(self) -> dict[str, str]:
        return self._data

    @property
    def datalist(self) -> defaultdict[str, list[Any]]:
        return self._datalist


class _Request(OAuth2Request):
    """A Starlette request as Authlib wants to see it; the form was read before, as only that is asynchronous."""

    def __init__(self, request: Request, form: list[tuple[str, str]] | None = None) -> None:
        super().__init__(request.method, str(request.url), headers=request.headers)
        self.payload = _Payload(request.query_params.multi_items() if form is None else form)

    @property
    def args(self) -> dict[str, str]:
        return self.payload.data

    @property
    def form(self) -> dict[str, str]:
        return self.payload.data


class _S256(CodeChallenge):
    """PKCE for clients that send it; like GitHub, S256 only."""

    DEFAULT_CODE_CHALLENGE_METHOD = "S256"
    SUPPORTED_CODE_CHALLENGE_METHOD: ClassVar = ["S256"]


class _CodeGrant(AuthorizationCodeGrant):
    """The code flow, with codes in memory."""

    TOKEN_ENDPOINT_AUTH_METHODS: ClassVar = ["client_secret_post", "client_secret_basic"]
    server: OAuthServer

    def save_authorization_code(self, code: str, request: Any) -> None:
        self.server.codes.add(
            code,
            Code(
                client_id=request.client.client_id,
                account_id=request.user.id,
                redirect_uri=request.payload.redirect_uri or "",
                scope=request.scope,
                code_challenge=request.payload.data.get("code_challenge"),
                code_challenge_method=request.payload.data.get("code_challenge_method"),
                expires=time.monotonic() + CODE_SECONDS,
            ),
        )

    def query_authorization_code(self, code: str, client: Any) -> Code | None:
        return self.server.codes.spend(code, client.client_id)

    def delete_authorization_code(self, authorization_code: Code) -> None:
        """Do nothing: `query_authorization_code` spent it, so that no failure after it leaves it usable."""

    def authenticate_user(self, authorization_code: Code) -> int:
        return authorization_code.account_id


class Codes:
    """The codes that are waiting to be exchanged."""

    def __init__(self) -> None:
        """Start with none."""
        self._codes: dict[str, Code] = {}

    def add(self, code: str, entry: Code) -> None:
        """Keep a code, and forget what expired."""
        now = time.monotonic()
        self._codes = {key: value for key, value in self._codes.items() if value.expires > now}
        while len(self._codes) >= CODES_KEPT:
            self._codes.pop(next(iter(self._codes)))
        self._codes[digest(code)] = entry

    def spend(self, code: str, client_id: str) -> Code | None:
        """Return what the code stands for, once."""
        entry = self._codes.pop(digest(code), None)
        return entry if entry and entry.expires > time.monotonic() and entry.client_id == client_id else None


class OAuthServer(AuthorizationServer):
    """Authlib's server under Starlette, with tokens that need no memory."""

    def __init__(self, settings: Settings) -> None:
        """Register the hub as the client, and the code flow with PKCE."""
        super().__init__()
        self.settings = settings
        self.codes = Codes()
        self._client = Client(settings)
        self._tokens = Seal(settings.client_secret, "token")
        self._revoked: set[str] = set()
        self.register_token_generator("default", self._generate_token)
        self.register_grant(_CodeGrant, [_S256(required=False)])

    def query_client(self, client_id: str) -> Client | None:
        """Find the client by its id."""
        return self._client if same(client_id, self.settings.client_id) else None

    def is_client(self, client_id: str, client_secret: str) -> bool:
        """Check an app's own credentials."""
        client = self.query_client(client_id)
        return client is not None and client.check_client_secret(client_secret)

    def save_token(self, token: Any, request: Any) -> None:
        """Do nothing: a token carries what it stands for, sealed."""

    def send_signal(self, name: str, *args: Any, **kwargs: Any) -> None:
        """Do nothing: nobody listens."""

    def create_oauth2_request(self, request: Request | _Request) -> _Request:
        """Adapt a request."""
        return request if isinstance(request, _Request) else _Request(request)

    def handle_response(self, status: int, body: Any, headers: Any) -> Response:
        """Adapt a response."""
        if isinstance(body, dict):
            return JSONResponse(body, status, dict(headers))
        return Response(body, status, dict(headers))

    def _generate_token(self, *, user: int, scope: str, **_: Any) -> dict[str, str]:
        token = "gho_" + self._tokens.close({"id": user, "scope": scope, "nonce": secrets.token_hex(4)})
        # GitHub separates scopes by commas here, and by spaces nowhere but in the request.
        return {"access_token": token, "token_type": "bearer", "scope": scope.replace(" ", ",")}

    def read_token(self, token: str) -> tuple[int, frozenset[str]] | None:
        """Return whose token it is and its scopes, or None if it is forged or revoked."""
        if not token.startswith("gho_") or digest(token) in self._revoked:
            return None
        content = self._tokens.open(token.removeprefix("gho_"))
        return (content["id"], frozenset(content["scope"].split())) if content else None

    def revoke(self, token: str) -> None:
        """Make a token worthless (until this service restarts)."""
        self._revoked.add(digest(token))

    def check_authorization(self, request: Request) -> Any:
        """Validate what the hub sent the browser with; raises OAuth2Error."""
        try:
            return self.get_consent_grant(_Request(request))
        except ValueError as error:
            # Authlib can't put a parameter with such characters into its message.
            raise InvalidRequestError("A parameter holds characters that it can not have.") from error

    def authorize(self, request: Request, account: Account | None) -> Response:
        """Send the browser back to the hub with a code, or with access_denied if there is no account."""
        grant = self.check_authorization(request)
        response: Response = self.create_authorization_response(grant.request, account, grant)
        return response

    async def token(self, request: Request) -> Response:
        """Exchange a code for a token. Errors are GitHub's: status 200 and an `error` in the body."""
        try:
            form = parse_qsl((await request.body()).decode(), keep_blank_values=True, max_num_fields=50)
        except ValueError:
            form = []
        response: Response = self.create_token_response(_Request(request, form))
        if "json" not in request.headers.get("accept", ""):
            response = Response(
                urlencode(json.loads(bytes(response.body))), media_type="application/x-www-form-urlencoded"
            )
        response.headers["cache-control"] = "no-store"
        return response

    def handle_error_response(self, request: Any, error: OAuth2Error) -> Response:
        """Say a token error in GitHub's words, and an authorization error as the standard has it."""
        if request.method != "POST" or error.redirect_uri:
            response: Response = super().handle_error_response(request, error)
            return response
        if isinstance(error, InvalidClientError):
            body = ("incorrect_client_credentials", "The client_id and/or client_secret passed are incorrect.")
        elif isinstance(error, InvalidGrantError) and "redirect_uri" in (error.description or ""):
            body = ("redirect_uri_mismatch", "The redirect_uri is not the callback registered for this application.")
        elif isinstance(error, InvalidGrantError):
            body = ("bad_verification_code", "The code passed is incorrect or expired.")
        else:
            body = (error.error or "invalid_request", error.get_error_description())
        return JSONResponse({"error": body[0], "error_description": body[1], "error_uri": TOKEN_ERRORS})
