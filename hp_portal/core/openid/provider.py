"""The payer's directory as an OpenID provider: where it is, what its keys are, and what it says of somebody."""

from __future__ import annotations

import datetime as dt
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, cast

import structlog
from authlib.oidc.core import CodeIDToken
from flask import current_app
from flask.sansio.app import App
from joserfc import jwt
from joserfc.errors import InvalidKeyIdError, JoseError
from joserfc.jwk import KeySet
from joserfc.jws import JWSRegistry

from hp_portal import clock
from hp_portal.core.openid.calling import BoundedSession, get_json, redeem
from hp_portal.core.openid.refusals import Refused
from hp_portal.oidc_settings import is_safe_address
from hp_portal.settings import Settings

log = structlog.get_logger(__name__)
# Signed with a key that the directory alone has: none is no signature, and HS… would be signed with the client's secret.
ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512")
KEPT = dt.timedelta(hours=1)  # how long the directory's document and keys are believed
# How long one that does not answer is not asked again, so that it does not take every thread of the portal.
PAUSE = dt.timedelta(seconds=10)
LEEWAY = 60  # seconds that the clocks may differ


@dataclass(frozen=True)
class Told:
    """What the directory says of somebody. `signed_in_at` is when they last showed it who they are, None: it does not say."""

    subject: str
    username: str
    name: str
    email: str
    groups: frozenset[str]
    signed_in_at: dt.datetime | None


@dataclass(frozen=True)
class Asked:
    """What a sign-in was begun with, and its answer has to fit."""

    redirect_uri: str
    nonce: str
    verifier: str


class Provider:
    """The directory of the settings. One of a process, used by all of its threads."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self._lock = threading.Lock()
        self._kept: dict[str, tuple[dt.datetime, dict[str, Any]]] = {}
        self._silent_since: dt.datetime | None = None

    def _document(self, url: str, *, newer_than: dt.timedelta = KEPT) -> dict[str, Any]:
        with self._lock:
            now = clock.now()
            kept = self._kept.get(url)
            if kept is not None and now - kept[0] < newer_than:
                return kept[1]
            if self._silent_since is not None and now - self._silent_since < PAUSE:
                raise Refused("silent")
            try:
                told = get_json(url)
            except Refused:
                self._silent_since = now
                raise
            self._silent_since = None
            self._kept[url] = now, told
            return told

    def metadata(self) -> dict[str, Any]:
        """The directory's own description. Raises Refused."""
        issuer = self.settings.oidc_issuer
        told = self._document(f"{issuer.removesuffix('/')}/.well-known/openid-configuration")
        if told.get("issuer") != issuer:
            log.error("openid.other-issuer", setting=issuer, told=str(told.get("issuer"))[:200])
            raise Refused("settings")
        for name in ("authorization_endpoint", "token_endpoint", "jwks_uri"):
            if not is_safe_address(str(told.get(name, ""))):
                log.error("openid.unusable-endpoint", endpoint=name, told=str(told.get(name))[:200])
                raise Refused("settings")
        return told

    def _keys(self, **how: dt.timedelta) -> KeySet:
        try:
            return KeySet.import_key_set(cast(Any, self._document(self.metadata()["jwks_uri"], **how)))
        except (JoseError, ValueError, KeyError, TypeError) as error:
            log.error("openid.unusable-keys", error=str(error)[:200])
            raise Refused("settings") from error

    def check(self) -> int:
        """Read the description and the keys; how many keys there are. Raises Refused."""
        return len(self._keys().keys)

    def _client(self, redirect_uri: str) -> BoundedSession:
        ways = self.metadata().get("token_endpoint_auth_methods_supported") or ["client_secret_basic"]
        way = "client_secret_post" if "client_secret_basic" not in ways else "client_secret_basic"
        return BoundedSession(
            client_id=self.settings.oidc_client_id,
            client_secret=self.settings.oidc_client_secret.get_secret_value(),
            token_endpoint_auth_method=way,
            scope=self.settings.oidc_scopes,
            redirect_uri=redirect_uri,
            code_challenge_method="S256",
        )

    def address(self, asked: Asked, state: str, *, again: bool) -> str:
        """Where the browser is sent. `again`: the directory has to ask who it is, whatever it knows. Raises Refused."""
        more = {"prompt": "login", "max_age": "0"} if again else {}
        if self.settings.oidc_acr:
            more["acr_values"] = " ".join(self.settings.oidc_acr)
        address, _ = self._client(asked.redirect_uri).create_authorization_url(
            self.metadata()["authorization_endpoint"],
            state=state,
            nonce=asked.nonce,
            code_verifier=asked.verifier,
            **more,
        )
        return str(address)

    def told(self, asked: Asked, code: str) -> Told:
        """Whom the directory has signed in, by the code it gave. Raises Refused."""
        with self._client(asked.redirect_uri) as client:
            token = redeem(client, self.metadata()["token_endpoint"], code, asked.verifier)
        claims = self._claims(token, asked.nonce)
        told = _told(claims, self.settings.oidc_groups_claim)
        if self.settings.oidc_acr and claims.get("acr") not in self.settings.oidc_acr:
            raise Refused("acr", told.username, told.subject)
        return told

    def _claims(self, token: Mapping[str, Any], nonce: str) -> Mapping[str, Any]:
        try:
            text = str(token["id_token"])
            try:
                signed = _open(text, self._keys())
            except InvalidKeyIdError:  # the directory has a new key
                signed = _open(text, self._keys(newer_than=PAUSE))
            options = {
                "iss": {"essential": True, "value": self.settings.oidc_issuer},
                "aud": {"essential": True, "value": self.settings.oidc_client_id},
                "sub": {"essential": True},
            }
            known = {
                "nonce": nonce,
                "client_id": self.settings.oidc_client_id,
                "access_token": token.get("access_token"),
            }
            claims = CodeIDToken(signed.claims, signed.header, options, known)
            claims.validate(now=int(clock.now().timestamp()), leeway=LEEWAY)
        except (JoseError, ValueError, KeyError, TypeError) as error:
            log.warning("openid.token-refused", error=f"{type(error).__name__}: {error}"[:200])
            raise Refused("token") from error
        if not (isinstance(claims["sub"], str) and 0 < len(claims["sub"]) <= 255):
            raise Refused("token")
        return cast("Mapping[str, Any]", claims)


def _open(text: str, keys: KeySet) -> jwt.Token:
    return jwt.decode(text, keys, registry=JWSRegistry(algorithms=ALGORITHMS, strict_check_header=False))


def _told(claims: Mapping[str, Any], groups_claim: str) -> Told:
    def text(name: str, most: int) -> str:
        value = claims.get(name)
        return " ".join(value.split())[:most] if isinstance(value, str) else ""

    # Some directories leave out whether they have confirmed it; one that says no is believed.
    email = "" if claims.get("email_verified") in (False, "false") else text("email", 255).lower()
    at = claims.get("auth_time")
    return Told(
        subject=claims["sub"],
        username=text("preferred_username", 80).lower(),
        name=text("name", 200),
        email=email,
        groups=_groups(claims, groups_claim),
        signed_in_at=dt.datetime.fromtimestamp(at, dt.UTC) if isinstance(at, int | float) and at > 0 else None,
    )


def _groups(claims: Mapping[str, Any], name: str) -> frozenset[str]:
    """The groups in a claim, or in one inside of others: `realm_access.roles`."""
    found: Any = claims.get(name)
    if found is None:
        found = claims
        for part in name.split("."):
            found = found.get(part) if isinstance(found, Mapping) else None
    found = [found] if isinstance(found, str) else found
    return frozenset(one for one in found if isinstance(one, str)) if isinstance(found, list) else frozenset()


def install(app: App, settings: Settings) -> None:
    """Give the app its provider."""
    app.extensions["hp_portal.openid"] = Provider(settings)


def provider() -> Provider | None:
    """The running app's; there is none where staff sign in locally."""
    return cast("Provider | None", current_app.extensions.get("hp_portal.openid"))
