"""A payer's directory for tests: an OpenID provider on a port of this machine, made of Authlib's server side.

It checks the client's secret, PKCE and the address to come back to, and gives each code once. What it says can be spoiled, so
that it answers as no honest directory would.
"""

from __future__ import annotations

import base64
import json
import secrets
import threading
import time
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import flask
from authlib.integrations.flask_oauth2 import AuthorizationServer
from authlib.oauth2 import OAuth2Error
from authlib.oauth2.rfc6749 import ClientMixin
from authlib.oauth2.rfc6749.grants import AuthorizationCodeGrant
from authlib.oauth2.rfc7636 import CodeChallenge
from authlib.oidc.core.grants import OpenIDCode
from authlib.oidc.core.util import create_half_hash
from joserfc import jwt
from joserfc.jwk import ECKey, KeySet, OctKey, RSAKey
from werkzeug.serving import make_server

from tests.support.processes import PATIENCE

CLIENT, SECRET = "portal", "a-secret-of-client-and-directory"


class Client(ClientMixin):  # type: ignore[misc] # Authlib has no types
    """The portal, as the directory knows it."""

    def __init__(self, redirect_uri: str, methods: list[str]) -> None:
        self.redirect_uri = redirect_uri
        self.methods = methods

    def get_client_id(self) -> str:
        return CLIENT

    def get_default_redirect_uri(self) -> str:
        return self.redirect_uri

    def get_allowed_scope(self, scope: str) -> str:
        return scope

    def check_redirect_uri(self, redirect_uri: str) -> bool:
        return redirect_uri == self.redirect_uri

    def check_client_secret(self, client_secret: str) -> bool:
        return client_secret == SECRET

    def check_endpoint_auth_method(self, method: str, endpoint: str) -> bool:
        return method in self.methods

    def check_response_type(self, response_type: str) -> bool:
        return response_type == "code"

    def check_grant_type(self, grant_type: str) -> bool:
        return grant_type == "authorization_code"


@dataclass
class Code:
    """A code that was given, and not redeemed yet."""

    code: str
    user: str
    redirect_uri: str
    scope: str
    nonce: str
    code_challenge: str
    code_challenge_method: str
    auth_time: int

    def get_redirect_uri(self) -> str:
        return self.redirect_uri

    def get_scope(self) -> str:
        return self.scope


@dataclass
class Spoiled:
    """What is wrong with the directory's answers. `claims` replace those of the token; None takes one away."""

    claims: dict[str, Any] = field(default_factory=dict)
    signed_with: str = ""  # other, none, HS256
    metadata: dict[str, Any] = field(default_factory=dict)
    status: int = 0
    ignores_prompt: bool = False
    access_token: str = ""


class StaffDirectory:
    """Serves on a free port until it is stopped. `people` are claims by what they are called; `asked` are the last parameters."""

    def __init__(self, redirect_uri: str) -> None:
        self.people: dict[str, dict[str, Any]]
        self.codes: dict[str, Code]
        self.asked: dict[str, str]
        self.requests: list[str]
        self.spoiled: Spoiled
        self.methods: list[str]
        self.key: Any
        self.first_key = RSAKey.generate_key(2048, {"kid": "first", "use": "sig"})
        self.begin_anew()
        self.redirect_uri = redirect_uri
        self.server = make_server("127.0.0.1", 0, _application(self), threaded=True)
        self.issuer = f"http://127.0.0.1:{self.server.server_port}/realms/staff"
        self.thread = threading.Thread(target=self.server.serve_forever, daemon=True)
        self.thread.start()

    def begin_anew(self) -> None:
        """Know nobody, and be honest."""
        self.people, self.codes, self.asked, self.requests = {}, {}, {}, []
        self.spoiled, self.methods, self.key = Spoiled(), ["client_secret_basic"], self.first_key

    def stop(self) -> None:
        self.server.shutdown()
        self.thread.join(PATIENCE)
        self.server.server_close()

    def add(self, name: str, *groups: str, **claims: Any) -> None:
        """Somebody whom the directory knows; their subject is not their name."""
        self.people[name] = {
            "sub": f"subject-of-{name}",
            "preferred_username": name,
            "name": f"Staff {name.replace('.', ' ').title()}",
            "email": f"{name}@plan.example",
            "email_verified": True,
            "groups": list(groups),
            **claims,
        }

    def new_key(self, kid: str, *, elliptic: bool = False) -> None:
        """Sign with another key from now on; the one before is no longer told."""
        more: Any = {"kid": kid, "use": "sig"}
        self.key = ECKey.generate_key("P-256", more) if elliptic else RSAKey.generate_key(2048, more)

    @property
    def algorithm(self) -> str:
        return "ES256" if isinstance(self.key, ECKey) else "RS256"

    def metadata(self) -> dict[str, Any]:
        described = {
            "issuer": self.issuer,
            "authorization_endpoint": f"{self.issuer}/authorize",
            "token_endpoint": f"{self.issuer}/token",
            "jwks_uri": f"{self.issuer}/keys",
            "token_endpoint_auth_methods_supported": self.methods,
            # A client that believed this would take anything.
            "id_token_signing_alg_values_supported": ["none", "HS256", "RS256", "ES256"],
        }
        return {**described, **self.spoiled.metadata}

    def id_token(self, header: dict[str, Any], claims: dict[str, Any]) -> str:
        """The token of these claims, or what it is spoiled to."""
        said = {name: value for name, value in {**claims, **self.spoiled.claims}.items() if value is not None}
        if self.spoiled.signed_with == "none":
            parts = ({**header, "alg": "none"}, said)
            return (
                ".".join(base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=") for part in parts)
                + "."
            )
        if self.spoiled.signed_with == "HS256":
            return jwt.encode({**header, "alg": "HS256"}, said, OctKey.import_key(SECRET), ["HS256"])
        key = RSAKey.generate_key(2048) if self.spoiled.signed_with == "other" else self.key
        return jwt.encode(header, said, key, [self.algorithm])


def _grant(directory: StaffDirectory) -> type[AuthorizationCodeGrant]:
    class Grant(AuthorizationCodeGrant):  # type: ignore[misc] # Authlib has no types
        @property
        def TOKEN_ENDPOINT_AUTH_METHODS(self) -> list[str]:
            return directory.methods

        def save_authorization_code(self, code: str, request: Any) -> None:
            data = request.payload.data
            directory.codes[code] = Code(
                code,
                request.user["name"],
                request.payload.redirect_uri,
                request.scope,
                data.get("nonce", ""),
                data.get("code_challenge", ""),
                data.get("code_challenge_method", ""),
                request.user["at"],
            )

        def query_authorization_code(self, code: str, client: Client) -> Code | None:
            return directory.codes.get(code)

        def delete_authorization_code(self, authorization_code: Code) -> None:
            del directory.codes[authorization_code.code]

        def authenticate_user(self, authorization_code: Code) -> dict[str, Any]:
            return directory.people[authorization_code.user]

    return Grant


def _openid(directory: StaffDirectory) -> OpenIDCode:
    class Tokens(OpenIDCode):  # type: ignore[misc] # Authlib has no types
        def exists_nonce(self, nonce: str, request: Any) -> bool:
            return False

        def encode_id_token(self, token: dict[str, Any], request: Any) -> str:
            now, code = int(time.time()), request.authorization_code
            at_hash = create_half_hash(token["access_token"], directory.algorithm).decode()
            if directory.spoiled.access_token:
                token["access_token"] = directory.spoiled.access_token
            claims = {
                "iss": directory.issuer,
                "aud": CLIENT,
                "iat": now,
                "exp": now + 300,
                "nonce": code.nonce,
                "auth_time": code.auth_time,
                "at_hash": at_hash,
                **request.user,
            }
            return directory.id_token({"alg": directory.algorithm, "kid": directory.key.kid}, claims)

    return Tokens(require_nonce=True)


def _application(directory: StaffDirectory) -> flask.Flask:
    app = flask.Flask(__name__)
    app.secret_key = secrets.token_hex()
    server = AuthorizationServer(
        app,
        query_client=lambda name: Client(directory.redirect_uri, directory.methods) if name == CLIENT else None,
        save_token=lambda token, request: None,
    )
    server.register_grant(_grant(directory), [_openid(directory), CodeChallenge(required=True)])

    @app.before_request
    def spoiled() -> Any:
        directory.requests.append(flask.request.path.rpartition("/")[2])
        return ("", directory.spoiled.status) if directory.spoiled.status else None

    @app.get("/realms/staff/.well-known/openid-configuration")
    def metadata() -> Any:
        return directory.metadata()

    @app.get("/realms/staff/keys")
    def keys() -> Any:
        return KeySet([directory.key]).as_dict(private=False)

    @app.route("/realms/staff/authorize", methods=["GET", "POST"])
    def authorize() -> Any:
        directory.asked = flask.request.args.to_dict()
        try:
            grant = server.get_consent_grant(end_user=None)
        except OAuth2Error as error:
            return {"error": error.error, "told": error.description}, 400
        asks = flask.request.args.get("prompt") == "login" and not directory.spoiled.ignores_prompt
        if flask.request.method == "POST":
            if flask.request.form["name"] == "nobody":
                back = f"{directory.redirect_uri}?error=access_denied&state={flask.request.args['state']}"
                return flask.redirect(back)
            flask.session["user"] = {"name": flask.request.form["name"], "at": int(time.time())}
        elif asks or "user" not in flask.session:
            buttons = "".join(f'<button name="name" value="{name}">{name}</button>' for name in directory.people)
            return f'<!doctype html><title>Directory</title><h1>Who are you?</h1><form method="post">{buttons}</form>'
        return server.create_authorization_response(grant=grant, grant_user=flask.session["user"])

    @app.post("/realms/staff/token")
    def token() -> Any:
        return server.create_token_response()

    return app


def parameters(url: str) -> dict[str, str]:
    return dict(parse_qsl(urlsplit(url).query))
