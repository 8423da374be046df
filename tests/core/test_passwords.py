"""What makes a password acceptable: not stolen before, not made of what anybody knows of its owner, not easy to guess."""

from __future__ import annotations

import pytest

from hp_portal.core.identity.known_words import without_known, words_of
from hp_portal.core.identity.passwords import WeakPassword, check_acceptable, is_breached

ABOUT = (
    "mina.keeper",
    "mina.keeper@aspenclinic.example",
    "Mina Lee Keeper",
    "Aspen Family Clinic",
    "Northern Star Health",
)


def refusal(password: str, *, min_length: int = 12) -> str:
    """What is said about a password; nothing when it is accepted."""
    try:
        check_acceptable(password, min_length=min_length, about=ABOUT)
    except WeakPassword as error:
        return str(error)
    return ""


@pytest.mark.parametrize("password", ["password12345", "iloveyou12345", "1q2w3e4r5t6y7u", "PASSWORD12345"])
def test_stolen_passwords_are_refused(password: str) -> None:
    assert "stolen elsewhere" in refusal(password)


def test_capitals_make_a_stolen_password_no_better() -> None:
    mixed = "iLoVeYoU12345"
    assert not is_breached(mixed)
    assert is_breached(mixed.lower())
    assert "stolen elsewhere" in refusal(mixed)


def test_the_list_begins_at_ten_characters() -> None:
    """What is shorter, where a payer allows it, is judged by how easy it is to guess."""
    assert not is_breached("qwertyuio")
    assert "easy to guess" in refusal("qwertyui", min_length=8)
    assert refusal("vK3#xq9Lw", min_length=8) == ""


@pytest.mark.parametrize(
    "password",
    [
        "minakeeper!!xy",
        "Keeper-Mina-Lee",
        "Aspen.Clinic.Family",
        "4sp3n-Cl1n1c-99",
        "NorthernStar#77",
        "northern-star-2026",
        "ProviderPortal1!",
        "Remittance2026!",
        "Summer-2026-Claims",
        "mina 03/02/1984 x",
        "19840302-keeper",
        "keeper 1984-03-02",
        "aspen03021984mina",
    ],
)
def test_what_is_made_of_known_words_and_dates_is_refused(password: str) -> None:
    assert "Names, words of this portal, and dates" in refusal(password)


@pytest.mark.parametrize(
    "password",
    [
        "purple-anchor-window-2031",
        "seven-quiet-harbors-59",
        "violet lantern carries seawater",
        "aspen violet lantern seawater",
        "Mina: tram Zebra copper 41!",
        "wq8#Lm2$vZp0Tk",
    ],
)
def test_unrelated_words_are_enough(password: str) -> None:
    """A known word or a date among them takes nothing away."""
    assert refusal(password) == ""


@pytest.mark.parametrize(
    ("password", "rest"),
    [
        ("violet-lantern", "violet-lantern"),
        ("MinaViolet1984", "Violet"),
        ("v10let-m1n4-x", "v10let--x"),
        ("Clinic/2026", "/"),
        ("x-12/31/1999-y", "x--y"),
        ("x 20261231 y", "x  y"),
        ("x-31129-y", "x-31129-y"),
        ("x-311299-y", "x--y"),
        ("12345678901234", "12345678901234"),
        ("İMina", "İ"),
        ("mina/mina/mina", "//"),
    ],
)
def test_only_known_words_and_dates_are_left_out(password: str, rest: str) -> None:
    assert without_known(password, ABOUT) == rest


def test_names_are_split_into_words_and_short_ones_left_out() -> None:
    assert words_of(["Al O'Hara-Keeper", "al@office.example", "St. Ann_Clinic"]) == {
        "hara",
        "keeper",
        "office",
        "example",
        "ann",
        "clinic",
    }


def test_the_refusal_says_what_to_do() -> None:
    for password in ("short", "x" * 201):
        assert "Use at" in refusal(password)
    for password in ("password12345", "aaaaaaaaaaaaaaa", "minakeeper!!xy"):
        assert "Use a few unrelated words" in refusal(password)
    assert refusal("aaaaaaaaaaaaaaaz").startswith("This password is easy to guess.")
