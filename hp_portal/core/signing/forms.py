"""The part of a form that signs what stands above it."""

from __future__ import annotations

from typing import Any

from flask_wtf import FlaskForm
from wtforms import BooleanField, HiddenField, StringField
from wtforms.validators import DataRequired, InputRequired, Length, ValidationError

from hp_portal.core.signing.names import same_name
from hp_portal.core.signing.signing import Agreement, signing_agreement
from hp_portal.core.web.cleaning import one_line
from hp_portal.printed import PrintedForm

CHANGED = "What you sign, or the agreement, has changed since the page was shown. Read it again, then sign."


class SignedForm(FlaskForm):  # type: ignore[misc] # Flask-WTF has no types
    """A form with a signature: the box to agree, and the typed name. `ui.signature_fields` shows them with the agreement.

    The view calls `to_sign` before it validates or shows the form: only what the page has shown can be signed.
    """

    form_errors: list[str]
    agreement: Agreement
    signer = ""
    agree = BooleanField(
        "I have read the agreement, and sign electronically",
        [InputRequired("Check the box to sign electronically, or ask us for the form on paper.")],
    )
    signature = StringField(
        "Your name, as a signature",
        [DataRequired("Type your name as a signature."), Length(max=200)],
        filters=[one_line],
        render_kw={"autocomplete": "off"},
    )
    signing = HiddenField()

    def to_sign(self, form: PrintedForm | None, name: str) -> None:
        """What is signed and who signs it: the name of the account, or the one that a stranger has given. `form` is None where
        what is typed beside the signature is what is signed."""
        self.agreement, self.signer = signing_agreement(), name
        self._shown = f"{self.agreement.version}:{form.digest() if form else ''}"
        if not self.is_submitted():
            self.signing.data = self._shown

    def validate_signature(self, field: Any) -> None:
        """The name is that of who signs."""
        if not same_name(field.data or "", self.signer):
            raise ValidationError(f"Type your name as it stands here: {self.signer}.")

    def validate(self, extra_validators: Any = None) -> bool:
        """Nothing is wrong, and what was shown is what is signed."""
        fine = bool(super().validate(extra_validators))
        if self.signing.data != self._shown:
            self.form_errors = [*self.form_errors, CHANGED]
            self.signing.data, self.agree.data = self._shown, False
            return False
        return fine
