"""How the payer's staff sign in: with accounts of the portal, or by OpenID Connect of the payer's own directory."""

from __future__ import annotations

from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, field_validator
from pydantic_settings import BaseSettings, NoDecode

LOOPBACK = ("localhost", "127.0.0.1", "::1")


def is_safe_address(url: str) -> bool:
    """Is this https, or plain http that does not leave the machine?"""
    parts = urlsplit(url)
    return bool(parts.hostname) and (parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in LOOPBACK))


class OidcSettings(BaseSettings):
    """The settings of the staff's sign-in."""

    staff_sign_in: Literal["local", "oidc", "both"] = Field(
        "local",
        description="How staff sign in: accounts of the portal, the payer's directory (OpenID Connect), or either.",
    )
    oidc_issuer: str = Field(
        "", description="The directory, as it names itself: https://login.plan.example/realms/staff."
    )
    oidc_client_id: str = ""
    oidc_client_secret: SecretStr = SecretStr("")
    oidc_name: str = Field(
        "the staff directory", max_length=60, description="What staff call the directory: Sign in with …"
    )
    oidc_scopes: str = Field("openid profile email", description="What is asked of the directory, with blanks.")
    oidc_groups_claim: str = Field(
        "groups", description="The claim with somebody's groups; realm_access.roles: inside."
    )
    oidc_roles: Annotated[
        dict[str, str], NoDecode, Field(description="Groups of the directory and what roles they give: group=Role, ….")
    ] = {}
    oidc_acr: Annotated[
        tuple[str, ...], NoDecode, Field(description="How strongly the directory must have signed staff in (acr).")
    ] = ()

    @field_validator("oidc_issuer")
    @classmethod
    def _is_a_directory(cls, value: str) -> str:
        if value and (not is_safe_address(value) or "?" in value or "#" in value or "@" in value):
            raise ValueError(
                "use https://login.plan.example/…, as the directory names itself; http is for this machine"
            )
        return value

    @field_validator("oidc_scopes")
    @classmethod
    def _asks_who_it_is(cls, value: str) -> str:
        if "openid" not in value.split():
            raise ValueError("openid must be among them")
        return value

    @field_validator("oidc_roles", mode="before")
    @classmethod
    def _groups_and_roles(cls, value: object) -> object:
        if not isinstance(value, str):
            return value
        found = {}
        for pair in filter(None, (part.strip() for part in value.split(","))):
            group, _, role = (part.strip() for part in pair.rpartition("="))
            if not (group and role):
                raise ValueError(f"{pair!r} is not group=Role")
            if group in found:
                raise ValueError(f"the group {group!r} stands there twice")
            found[group] = role
        return found

    @field_validator("oidc_acr", mode="before")
    @classmethod
    def _acr_names(cls, value: object) -> object:
        return [name.strip() for name in value.split(",") if name.strip()] if isinstance(value, str) else value

    @property
    def directory_name(self) -> str:
        """What the directory is called where staff sign in with it; empty when they do not."""
        return "" if self.staff_sign_in == "local" else self.oidc_name

    @property
    def missing_of_directory(self) -> list[str]:
        """The settings without which staff cannot sign in as `staff_sign_in` says."""
        if self.staff_sign_in == "local":
            return []
        needed = {
            "HP_PORTAL_OIDC_ISSUER": self.oidc_issuer,
            "HP_PORTAL_OIDC_CLIENT_ID": self.oidc_client_id,
            "HP_PORTAL_OIDC_CLIENT_SECRET": self.oidc_client_secret.get_secret_value(),
            "HP_PORTAL_OIDC_NAME": self.oidc_name.strip(),
            "HP_PORTAL_OIDC_ROLES": self.oidc_roles,
        }
        return [name for name, value in needed.items() if not value]
