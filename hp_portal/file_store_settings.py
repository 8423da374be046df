"""Where the contents of stored files are: in the database, or in an S3-compatible store."""

from __future__ import annotations

from pydantic import Field, SecretStr, field_validator, model_validator

from hp_portal.access_settings import AccessSettings
from hp_portal.oidc_settings import is_safe_address


class FileStoreSettings(AccessSettings):
    """The settings of the store; beside those of requests for access."""

    files_bucket: str = Field(
        "", description="A bucket of an S3-compatible store for the contents of files. Empty: they are in the database."
    )
    files_endpoint: str = Field("", description="The store's address, such as https://s3.example. Empty: Amazon S3.")
    files_region: str = Field("us-east-1", description="The store's region.")
    files_prefix: str = Field("hp-portal/", description="How the names of this portal's objects begin.")
    files_key_id: str = Field(
        "", description="The access key's id. Empty: the client finds one, such as a machine's role."
    )
    files_secret: SecretStr = Field(SecretStr(""), description="The access key's secret.")
    files_kept_days: int = Field(
        30, ge=1, le=3650, description="Days for which the store keeps what no file of the database needs any more."
    )

    @field_validator("files_endpoint")
    @classmethod
    def _is_an_address(cls, value: str) -> str:
        if value and not is_safe_address(value):
            raise ValueError("use an address that begins with https://")
        return value.rstrip("/")

    @field_validator("files_prefix")
    @classmethod
    def _is_a_prefix(cls, value: str) -> str:
        if not value.strip("/"):
            raise ValueError("name a prefix, such as hp-portal/, that no other portal uses in this bucket")
        return value.strip("/") + "/"

    @model_validator(mode="after")
    def _has_both_or_none(self) -> FileStoreSettings:
        if bool(self.files_key_id) != bool(self.files_secret.get_secret_value()):
            raise ValueError("files_key_id and files_secret go together")
        return self
