"""The settings of Provider Data Profiles."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, Field, field_validator

from .record.fields import FIELDS, STATES, Subject

_SUBJECTS: tuple[Subject, ...] = ("location", "affiliation", "practitioner")


class ProfilesSettings(BaseModel):
    """`HP_PORTAL_PROFILES__…`, or the table `[profiles]`."""

    master: Literal["portal", "payer"] = Field(
        default="portal",
        description="What decides: this portal’s record, or the payer’s claims system. With `payer`, changes that staff accept "
        "wait in a delta file, and are recorded once the claims system has taken them.",
    )
    at_once: str = Field(
        default="location.phone, location.fax, location.hours, affiliation.accepting",
        description="The fields whose changes apply at once, with commas between them; empty: none.",
    )
    attest_days: int = Field(default=90, ge=7, le=366, description="How many days an attestation holds.")
    hidden_after_days: int = Field(
        default=30,
        ge=0,
        le=366,
        description="Days after the notice that an attestation is overdue until it hides; 0: never.",
    )
    directory_search: bool = Field(
        default=False, description="Whether members can search the directory without an account."
    )
    directory_json: bool = Field(
        default=False, description="Whether programs can read the directory without an account."
    )
    directory_pages_per_minute: int = Field(
        default=120, ge=1, description="Pages of the directory that one network address may read in a minute."
    )

    license_numbers: str = Field(
        default="",
        description="How license numbers look, by state: `MN: 99999, A999999; WI: 99999-99`. 9 is a digit, A a letter. A number "
        "that looks otherwise is pointed out in forms, never refused; empty: nothing is.",
    )

    @field_validator("license_numbers")
    @classmethod
    def known_states(cls, text: str) -> str:
        """Each is a state with the looks of a number or more."""
        _shapes_in(text)
        return text

    @property
    def license_shapes(self) -> dict[str, list[str]]:
        """How license numbers look, by state."""
        return _shapes_in(self.license_numbers)

    @field_validator("at_once")
    @classmethod
    def known_fields(cls, text: str) -> str:
        """Each is a field of the record, and one that can be said without anybody’s decision."""
        for subject, name in _fields_in(text):
            if (subject, name) not in FIELDS or FIELDS[subject, name].sealed or name == "standing":
                raise ValueError(
                    f"{subject}.{name} is no field whose changes can apply at once, such as location.phone"
                )
        return text

    @property
    def low_risk(self) -> frozenset[tuple[Subject, str]]:
        """The fields whose changes apply at once, by what they are said of."""
        return frozenset(_fields_in(self.at_once))


def _shapes_in(text: str) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for part in filter(None, (one.strip() for one in text.split(";"))):
        state, _, shapes = part.partition(":")
        looks = [one.strip() for one in shapes.split(",") if one.strip()]
        if state.strip().upper() not in STATES or not looks:
            raise ValueError(f"write {part!r} as a state and how its numbers look, such as MN: 99999")
        found[state.strip().upper()] = looks
    return found


def _fields_in(text: str) -> list[tuple[Subject, str]]:
    found: list[tuple[Subject, str]] = []
    for part in filter(None, (one.strip() for one in text.split(","))):
        subject, _, name = part.partition(".")
        known = next((one for one in _SUBJECTS if one == subject), None)
        if known is None or not name:
            raise ValueError(f"write {part!r} as location.phone or affiliation.accepting")
        found.append((known, name))
    return found
