"""The forms of registration as they were typed, right or wrong, sent or left by *Back*: nothing is typed twice.

Passwords are never kept.
"""

from __future__ import annotations

from typing import Any

from flask_wtf import FlaskForm
from werkzeug.datastructures import MultiDict
from wtforms import HiddenField, PasswordField

from hp_portal.core.registration.drafts import Typed

# Of a field at most, whatever was sent.
LONGEST = 2000


def keep_as_typed(typed: Typed, key: str, form: FlaskForm) -> None:
    """Keep the fields of a form that was sent."""
    typed.as_typed[key] = {
        field.name: str(field.raw_data[0])[:LONGEST]
        for field in form
        if field.raw_data and not isinstance(field, HiddenField | PasswordField)
    }


def fill_in(typed: Typed, key: str, **answers: Any) -> dict[str, Any]:
    """What a form is made with when its page is opened: what was typed there last, or else these answers."""
    kept = typed.as_typed.get(key)
    return {"formdata": MultiDict(kept)} if kept is not None else answers
