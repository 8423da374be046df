"""The field of forms with which files are attached."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from flask_wtf.file import MultipleFileField
from wtforms.validators import StopValidation

from hp_portal.core.attachments.attaching import always_there, attach_files
from hp_portal.core.attachments.kinds import ENDINGS
from hp_portal.core.files.storing import FileOwner
from hp_portal.database import PortalSession


class AttachmentsField(MultipleFileField):  # type: ignore[misc] # Flask-WTF has no types
    """Several files at once. `required`: the message when none was chosen; without it none need be."""

    def __init__(self, label: str = "Files", required: str = "", **options: Any) -> None:
        render = {"accept": ENDINGS, **options.pop("render_kw", {})}
        super().__init__(label, render_kw=render, **options)
        self.required = required

    def pre_validate(self, _form: Any) -> None:
        """Somebody who is asked for files has chosen one."""
        if self.required and not self.data:
            raise StopValidation(self.required)

    def attach(
        self, session: PortalSession, *, owner: FileOwner, about: str, alive: Callable[[], bool] = always_there
    ) -> bool:
        """Attach what was chosen and can be attached; False when something was not, which the field then says.

        Commit in both cases: what could be attached is, and need not be chosen again. `alive` as in `attach_files`.
        """
        problems = attach_files(session, self.data or [], owner=owner, about=about, alive=alive)
        self.errors: list[str] = [*self.errors, *problems]
        return not problems
