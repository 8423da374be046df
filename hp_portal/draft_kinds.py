"""Kinds of drafts: long forms that are kept while they are typed, as an application declares them."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class DraftKind:
    """A form that is kept while it is typed; `key` is `<application>.<what>`, `label` what one such form is called, such as
    `Add a practitioner`.

    `permission` is the application's that somebody needs to see such drafts of their organization and to go on with them;
    `endpoint` is the page where one goes on, which takes `draft_id`.
    """

    key: str
    label: str
    permission: str
    endpoint: str
