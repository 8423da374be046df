"""Files that people attach: how large, how many, and what looks for viruses in them."""

from __future__ import annotations

import re
from dataclasses import dataclass

from pydantic import Field, field_validator

from hp_portal.file_store_settings import FileStoreSettings

_TCP = re.compile(r"tcp:(\[[0-9A-Fa-f:.]+\]|[^\s:/\[\]]+):([0-9]{1,5})")


@dataclass(frozen=True)
class Scanner:
    """Where clamd listens: a socket's path, or host and port."""

    path: str = ""
    host: str = ""
    port: int = 0


def read_scanner(text: str) -> Scanner | None:
    """What HP_PORTAL_CLAMD says; None: nothing. Raises ValueError."""
    if not text:
        return None
    if text.startswith("unix:/"):
        return Scanner(path=text.removeprefix("unix:"))
    found = _TCP.fullmatch(text)
    if found and 0 < int(found[2]) < 65536:
        return Scanner(host=found[1].strip("[]"), port=int(found[2]))
    raise ValueError("use unix:/run/clamav/clamd.ctl or tcp:127.0.0.1:3310")


class AttachmentSettings(FileStoreSettings):
    """The settings of attached files; beside those of where files are stored."""

    attachment_mb: int = Field(25, ge=1, le=200, description="How large one attached file may be.")
    attachments_most: int = Field(20, ge=1, le=200, description="How many files may be attached to one thing.")
    clamd: str = Field(
        "", description="The virus scanner: unix:/run/clamav/clamd.ctl or tcp:127.0.0.1:3310. Empty: none."
    )

    @field_validator("clamd")
    @classmethod
    def _is_a_scanner(cls, value: str) -> str:
        read_scanner(value.strip())
        return value.strip()

    @property
    def scanner(self) -> Scanner | None:
        """Where the virus scanner listens; None: there is none."""
        return read_scanner(self.clamd)
