"""The boxes that are ticked to accept agreements."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from flask_wtf import FlaskForm
from wtforms import BooleanField
from wtforms.validators import ValidationError

from hp_portal.core.agreements.accepting import Agreement

NOT_TICKED = "Check the box to accept: {title}. You cannot continue without it."
CHANGED = "The {title} changed while this page was open. Read the text as it is now, then check the box."


class VersionTick(BooleanField):  # type: ignore[misc] # WTForms has no types
    """A box whose value is the version beside it: the tick at another version's text accepts nothing."""

    def __init__(self, agreement: Agreement, **options: Any) -> None:
        super().__init__(agreement.label, **options)
        self.agreement = agreement
        self.sent = ""
        self.type = "BooleanField"  # templates draw it as one

    def process_formdata(self, valuelist: list[str]) -> None:
        self.sent = valuelist[0] if valuelist else ""
        self.data = self.sent == self.agreement.version

    def _value(self) -> str:
        return self.agreement.version

    def pre_validate(self, form: Any) -> None:  # noqa: ARG002 - WTForms passes it
        title = self.agreement.title
        if self.sent and not self.data:
            raise ValidationError(CHANGED.format(title=title.lower()))
        if not self.data:
            raise ValidationError(NOT_TICKED.format(title=title))


def field_name(agreement: Agreement) -> str:
    """What an agreement's box is called in the form."""
    return agreement.key.replace("-", "_")


def agreements_form(
    agreements: Sequence[Agreement], base: type[FlaskForm] = FlaskForm, *arguments: Any, **given: Any
) -> Any:
    """A form of the class `base` with a box for each of these agreements; the template `agreements/ticks.html` shows them.

    `given` goes to the form as it is made.
    """
    fields = {field_name(one): VersionTick(one) for one in agreements}
    form = type("AgreementsForm", (base,), fields)(*arguments, **given)
    form.agreements = [(one, form[field_name(one)]) for one in agreements]
    return form
