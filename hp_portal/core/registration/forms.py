"""The forms of registration, one question at a time."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from flask_wtf import FlaskForm
from wtforms import BooleanField, PasswordField, RadioField, SelectChoice, SelectField, StringField, TextAreaField
from wtforms.validators import DataRequired, EqualTo, InputRequired, Length, Optional, Regexp, ValidationError

from hp_portal.audience import PROVIDER_TYPES
from hp_portal.core.people.accounts import USERNAME
from hp_portal.core.people.forms import a_name, an_email
from hp_portal.core.registration.doubts import DOCTOR, MAILBOX, NAME
from hp_portal.core.registration.drafts import Typed
from hp_portal.core.registration.models import BILLING, CHECK, JOIN, LEFT, MAIL, NEW, NOTICE, UNLISTED
from hp_portal.core.registration.proving import NOTICE_PREFIX
from hp_portal.core.registration.telling import LEFT_REASONS, OURS, ROUTES
from hp_portal.core.web.cleaning import one_line, several_lines
from hp_portal.core.web.fields import AmountField, DayField, EmailField, NpiField, TinField, without_tax_ids

OFF = {"autocomplete": "off"}
ANOTHER = "another"
PATHS = {
    CHECK: "I have a check or EFT from this health plan",
    NOTICE: "I have a non-payment notice: its number starts with NP",
    MAIL: "I have neither, or am not sure which Tax ID it belongs to",
    UNLISTED: "This health plan has never paid our provider",
    BILLING: "We bill for providers and have our own Tax ID",
}


class StartForm(FlaskForm):  # type: ignore[misc] # Flask-WTF has no types
    path = RadioField(
        "What do you have?",
        choices=[SelectChoice(*one) for one in PATHS.items()],
        validate_choice=False,
        filters=[lambda value: value or None],
    )

    def validate_path(self, field: Any) -> None:
        if field.data not in PATHS:
            raise ValidationError("Choose what fits best.")


def _work_email() -> StringField:
    return EmailField(
        "Your work e-mail",
        [DataRequired("Enter your own work e-mail address."), Length(max=254), an_email],
    )


class AddressForm(FlaskForm):  # type: ignore[misc] # Flask-WTF has no types
    """The address of somebody who has an account and has not confirmed one."""

    email = _work_email()


class PersonForm(FlaskForm):  # type: ignore[misc] # Flask-WTF has no types
    name = StringField(
        "Your first and last name",
        [
            DataRequired("Enter your own first and last name."),
            Length(2, 80, "Use 2 to 80 characters."),
            a_name,
        ],
        filters=[one_line],
        render_kw={"autocomplete": "name"},
    )
    sure_name = BooleanField("Yes, this is my own name")
    email = _work_email()
    sure_mailbox = BooleanField("Yes, only I read this mailbox")
    telephone = StringField(
        "Your telephone at work",
        [
            DataRequired("Enter a telephone number where we can reach you."),
            Length(max=40),
            Regexp(r"(?:.*\d){10}", message="Enter the number with its area code, such as 218-555-0142."),
        ],
        filters=[one_line],
        render_kw={"autocomplete": "tel", "inputmode": "tel"},
    )
    job = StringField(
        "Your job",
        [DataRequired("Enter what you do, such as biller or office manager."), Length(max=100)],
        filters=[one_line],
        render_kw={"autocomplete": "organization-title"},
    )

    @property
    def sure(self) -> list[str]:
        """The doubts that the person has answered."""
        return [NAME] * bool(self.sure_name.data) + [MAILBOX] * bool(self.sure_mailbox.data)


class ConfirmForm(FlaskForm):  # type: ignore[misc] # Flask-WTF has no types
    """A button alone."""


class CodeForm(FlaskForm):  # type: ignore[misc] # Flask-WTF has no types
    code = StringField(
        "Code from the other browser",
        [DataRequired("Enter the code that the other browser shows."), Length(max=40)],
        filters=[one_line],
        render_kw={"autocomplete": "one-time-code", "autocapitalize": "characters", "spellcheck": "false"},
    )


class _ProofForm(FlaskForm):  # type: ignore[misc] # Flask-WTF has no types
    def fill(self, typed: Typed) -> None:
        """Put what was typed into the draft; what belongs to another path is emptied."""
        for name in ("tin", "npi", "number", "vendor_number", "organization", "audience", "address", "answers", "note"):
            field = self._fields.get(name)
            setattr(typed, name, (field.data or "") if field is not None else "")
        typed.amount = self.amount.data if "amount" in self._fields else None
        paid_on = self.paid_on.data if "paid_on" in self._fields else None
        typed.paid_on = paid_on.isoformat() if paid_on else ""


class CheckForm(_ProofForm):
    number = StringField(
        "Check or EFT number",
        [DataRequired("Enter the number of the check or EFT."), Length(max=60)],
        filters=[one_line],
        render_kw=OFF,
    )
    tin = TinField("Tax ID (TIN)")
    vendor_number = StringField("Vendor number", [Optional(), Length(max=40)], filters=[one_line], render_kw=OFF)
    npi = NpiField("NPI")
    amount = AmountField("Amount of the payment", render_kw=OFF)
    paid_on = DayField("Date of the payment")

    def validate_number(self, field: Any) -> None:
        if (field.data or "").upper().startswith(NOTICE_PREFIX):
            raise ValidationError(
                "This is the number of a non-payment notice. Go back and choose the notice, or enter a check or EFT number."
            )

    def validate(self, extra_validators: Any = None) -> bool:
        """Tax ID and vendor number, or the NPI."""
        right = bool(super().validate(extra_validators))
        if self.npi.errors or self.tin.errors or self.npi.data or (self.tin.data and self.vendor_number.data):
            return right
        if self.tin.data:
            self.vendor_number.errors = ["Enter the vendor number as well, or the NPI instead."]
        else:
            self.tin.errors = ["Enter the Tax ID and the vendor number, or the NPI below."]
        return False


class NoticeForm(_ProofForm):
    number = StringField(
        "Number of the non-payment notice",
        [
            DataRequired("Enter the number of the notice, with NP in front."),
            Length(max=60),
            Regexp(
                r"(?i)\s*NP", message="The number of a non-payment notice starts with NP. Enter it with these letters."
            ),
        ],
        filters=[one_line],
        render_kw=OFF,
    )
    tin = TinField("Tax ID (TIN)", required="Enter the Tax ID that the notice names.")
    npi = NpiField("NPI", required="Enter the NPI that the notice names.")


class MailForm(_ProofForm):
    tin = TinField("Tax ID (TIN)", required="Enter the Tax ID of the office.")
    npi = NpiField("NPI")


def _letterhead(of: str) -> StringField:
    return StringField(
        f"Name of the {of}, as on its letterhead",
        [DataRequired(f"Enter the name of the {of}."), Length(max=200)],
        filters=[one_line],
        render_kw={"autocomplete": "organization"},
    )


def _mailing_address(of: str) -> TextAreaField:
    return TextAreaField(
        "Mailing address",
        [DataRequired(f"Enter the address of the {of}."), Length(max=400)],
        filters=[several_lines],
        render_kw={"rows": 3, "autocomplete": "street-address"},
    )


class UnlistedForm(_ProofForm):
    organization = _letterhead("provider")
    audience = SelectField(
        "Kind of provider",
        choices=[SelectChoice("", "Choose …"), *(SelectChoice(str(one), one.label) for one in PROVIDER_TYPES)],
        coerce=str.strip,
        validators=[DataRequired("Choose what kind of provider it is.")],
    )
    tin = TinField("Tax ID (TIN)", required="Enter the Tax ID of the provider.")
    npi = NpiField("NPI")
    address = _mailing_address("provider")
    note = TextAreaField(
        "Anything else we should know",
        [Optional(), Length(max=1000)],
        filters=[several_lines],
        render_kw={"rows": 3},
    )


class BillingForm(_ProofForm):
    organization = _letterhead("billing organization")
    tin = TinField("Tax ID (TIN) of the billing organization", required="Enter the billing organization's own Tax ID.")
    address = _mailing_address("billing organization")
    answers = StringField(
        "Who answers for the billing organization",
        [DataRequired("Enter the name of the owner or manager who answers for it."), Length(max=200)],
        filters=[one_line],
        render_kw=OFF,
    )


PROOF_FORMS: dict[str, type[_ProofForm]] = {
    CHECK: CheckForm,
    NOTICE: NoticeForm,
    MAIL: MailForm,
    UNLISTED: UnlistedForm,
    BILLING: BillingForm,
}


class OrganizationForm(FlaskForm):  # type: ignore[misc] # Flask-WTF has no types
    route = RadioField("How do you want to continue?", choices=[], validate_choice=False)
    organization = RadioField("Which organization is yours?", choices=[], validate_choice=False)
    left_reason = RadioField(
        "Why can nobody who is registered help you?",
        choices=[SelectChoice(*one) for one in LEFT_REASONS.items()],
        validate_choice=False,
    )

    def offer(self, *, left: bool, new: bool, billing: bool = False) -> None:
        """The ways that are open; to somebody of a billing organization in other words."""
        ways = [JOIN, *[LEFT] * left, *[NEW] * new]
        self.route.choices = [SelectChoice(way, OURS if billing and way == LEFT else ROUTES[way]) for way in ways]

    def choose_among(self, organizations: dict[int, str]) -> None:
        """Of several organizations, by id and name, one is chosen; of one or none there is nothing to choose."""
        several = organizations if len(organizations) > 1 else {}
        self.organization.choices = [SelectChoice(str(key), name) for key, name in several.items()]

    def chosen_among(self, organizations: Iterable[int]) -> int | None:
        """Which one was chosen; None when the choice was not offered, or it is another office."""
        if self.route.data == NEW or not self.organization.choices:
            return None
        return next((one for one in organizations if str(one) == self.organization.data), None)

    def validate_route(self, field: Any) -> None:
        if field.data not in {choice.value for choice in self.route.choices}:
            raise ValidationError("Choose how you want to continue.")

    def validate_organization(self, field: Any) -> None:
        offered = {choice.value for choice in field.choices}
        if offered and self.route.data != NEW and field.data not in offered:
            raise ValidationError("Choose the organization that is yours.")

    def validate_left_reason(self, field: Any) -> None:
        if self.route.data == LEFT and field.data not in LEFT_REASONS:
            raise ValidationError("Say why the person cannot help you.")


class FollowForm(FlaskForm):  # type: ignore[misc] # Flask-WTF has no types
    """In which of several organizations somebody follows a person who has left."""

    organization = RadioField("Which organization is yours?", choices=[], validate_choice=False)

    def offer(self, organizations: dict[int, str]) -> None:
        """The organizations, by id and name."""
        self.organization.choices = [SelectChoice(str(key), name) for key, name in organizations.items()]

    def validate_organization(self, field: Any) -> None:
        if field.data not in {choice.value for choice in field.choices}:
            raise ValidationError("Choose the organization that is yours.")


class FinishForm(FlaskForm):  # type: ignore[misc] # Flask-WTF has no types
    """The last step. The boxes of agreements are the view's: there may be one or two."""

    sure_doctor = BooleanField("Yes, I am this practitioner and look after the account myself")
    username = StringField(
        "User name",
        [Optional(), Length(max=80)],
        filters=[one_line],
        render_kw={"autocomplete": "username", "autocapitalize": "none", "spellcheck": "false"},
    )
    new = PasswordField("Password", [InputRequired("Enter a password.")], render_kw={"autocomplete": "new-password"})
    again = PasswordField(
        "Password again",
        [InputRequired("Enter the password once more."), EqualTo("new", "The two passwords differ.")],
        render_kw={"autocomplete": "new-password"},
    )

    reason = SelectField("Why you look at patient information", choices=[], validate_choice=False, coerce=str.strip)

    @property
    def sure(self) -> list[str]:
        """The doubts that the person has answered."""
        return [DOCTOR] * bool(self.sure_doctor.data)

    def offer(self, reasons: tuple[str, ...]) -> None:
        """The reasons to choose from; none: it is not asked here."""
        if not reasons:
            del self.reason
            return
        known = [SelectChoice(one, one) for one in reasons]
        self.reason.choices = [
            SelectChoice("", "Choose …"),
            *known,
            SelectChoice(ANOTHER, "Another reason: ask me next"),
        ]

    @property
    def given_reason(self) -> str:
        """The reason that was chosen; empty where it is asked later, or not at all."""
        chosen = self.reason.data if self.reason else ""
        return "" if chosen == ANOTHER else chosen

    def validate_reason(self, field: Any) -> None:
        if not field.data or field.data not in {choice.value for choice in field.choices}:
            raise ValidationError("Choose why you look at patient information.")

    def validate_username(self, field: Any) -> None:
        if field.data and not USERNAME.fullmatch(field.data.lower()):
            raise ValidationError("Use 3 to 80 letters, digits, periods, hyphens or underscores, such as first.last.")


class PinForm(FlaskForm):  # type: ignore[misc] # Flask-WTF has no types
    pin = StringField(
        "PIN from the letter",
        [DataRequired("Enter the 8 letters and digits of the PIN."), Length(max=40)],
        filters=[one_line],
        render_kw={"autocomplete": "one-time-code", "autocapitalize": "characters", "spellcheck": "false"},
    )


class WordsForm(FlaskForm):  # type: ignore[misc] # Flask-WTF has no types
    """Words for the other side: why not, or what to do."""

    answer = StringField(
        "What should the person be told?",
        [
            DataRequired("Write a sentence for the person."),
            Length(3, 300, "Use 3 to 300 characters."),
            without_tax_ids,
        ],
        filters=[one_line],
        render_kw=OFF,
    )
