"""Who of an office does something."""

from __future__ import annotations

from typing import Protocol


class Colleague(Protocol):
    """Somebody of an organization, such as the Actor of a page. A delegate looks after the organization's accounts."""

    @property
    def person_id(self) -> int: ...

    @property
    def organization_id(self) -> int | None: ...

    @property
    def is_delegate(self) -> bool: ...
