"""Numbers, clocks and declarations of cases, each by itself."""

from __future__ import annotations

import dataclasses
import datetime as dt
from pathlib import Path

import hypothesis
import pytest
from flask import Blueprint, Flask
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from hp_portal import clock
from hp_portal.business_days import add_days, counting, days_between, is_business_day
from hp_portal.case_kinds import CaseKind, CaseState, CaseStep
from hp_portal.case_settings import CaseSettings
from hp_portal.core.access import rules as access
from hp_portal.core.applications.mounting import check_cases
from hp_portal.core.cases.clocks import turn_clock
from hp_portal.core.cases.models import Case
from hp_portal.core.cases.numbers import BadCaseNumber, draw_number, read_number, show_number
from hp_portal.core.tax_ids.cases import CASE
from hp_portal.hookspecs import Application, Permission, hookimpl
from hp_portal.settings import ConfigurationError, Payer, Settings
from tests.conftest import MakeApp
from tests.support.databases import Databases
from tests.support.plugins import plugins_of

DAYS = st.dates(dt.date(2020, 1, 1), dt.date(2035, 12, 31))
SETTINGS = Settings.model_construct(
    holidays_state="MN", closed_on=(dt.date(2026, 11, 27),), open_on=(dt.date(2026, 11, 11),)
)


@given(st.integers(0, 7), st.integers(1, 9), st.integers(0, 6))
def test_a_number_that_was_misheard_is_no_number(place: int, more: int, swapped: int) -> None:
    number = draw_number()
    assert read_number(f"case {show_number(number)}") == number
    wrong = f"{number[:place]}{(int(number[place]) + more) % 10}{number[place + 1 :]}"
    with pytest.raises(BadCaseNumber):
        read_number(wrong)
    first, second = number[swapped], number[swapped + 1]
    if first != second:
        with pytest.raises(BadCaseNumber):
            read_number(f"{number[:swapped]}{second}{first}{number[swapped + 2 :]}")
    with pytest.raises(BadCaseNumber):
        read_number(number[1:])


@hypothesis.settings(deadline=None)  # the first day of a year loads its holidays
@given(DAYS, st.integers(-60, 60), st.booleans())
def test_days_that_are_added_are_counted_again(start: dt.date, days: int, business: bool) -> None:
    counts = counting(SETTINGS, business=business)
    end = add_days(start, days, counts)
    assert days_between(start, end, counts) == days
    if days:
        assert counts(end), "the last day is one that counts"


def test_the_payer_says_on_which_days_it_is_closed() -> None:
    closed = [dt.date(2026, 11, 26), dt.date(2026, 11, 27), dt.date(2026, 11, 28), dt.date(2026, 12, 25)]
    assert not any(is_business_day(SETTINGS, day) for day in closed)
    assert is_business_day(SETTINGS, dt.date(2026, 11, 11)), "a public holiday on which the payer is open"
    assert is_business_day(SETTINGS, dt.date(2026, 11, 30))
    with pytest.raises(OverflowError):
        days_between(dt.date(2, 1, 1), dt.date(2026, 1, 1), counting(SETTINGS, business=False))


def changed(**values: object) -> CaseKind:
    return dataclasses.replace(CASE, **values)  # type: ignore[arg-type] # a mistake each, by name


A, B = CaseState("a", "A", "A", ""), CaseState("b", "B", "B", "", ended=True)
STEP = CaseStep("go", "Go", ("a",), "b", "Went")
MISTAKES = {
    "two states are called 'a'": changed(states=(A, A, B), steps=(STEP,)),
    "two steps are called 'go'": changed(states=(A, B), steps=(STEP, STEP)),
    "speaks of the state 'c'": changed(states=(A, B), steps=(dataclasses.replace(STEP, target="c"),)),
    "starts in 'b', which is an end": changed(states=(B,), steps=()),
    "no step leads to the state 'b'": changed(states=(A, B), steps=()),
    "no step leads out of the state 'a'": changed(states=(A,), steps=()),
    "waits for the provider, who has no step out of it": changed(
        states=(dataclasses.replace(A, waits=True), B), steps=(STEP,)
    ),
    "waits and has ended": changed(states=(A, dataclasses.replace(B, waits=True)), steps=(STEP,)),
    "has a page, which is for one case and for staff": changed(
        states=(A, B), steps=(dataclasses.replace(STEP, page="x.y", many=True),)
    ),
    "it has no states": changed(states=(), steps=()),
    "it has a template and nothing to show in it": changed(details=None),
    "or something to show and no template": changed(template=""),
    "'odd.key' is no key": changed(states=(A, dataclasses.replace(B, key="odd.key")), steps=()),
    "its application does not declare": changed(permission="remittance:payment:read"),
    "nobody declares 'staff:no:such'": changed(staff_permission="staff:no:such"),
    "its key must start with": changed(key="other.kind"),
}


def test_a_wrong_declaration_is_named(sqlite_app: Flask) -> None:
    directory = sqlite_app.extensions["hp_portal.directory"]
    own = next(one for one in plugins_of(sqlite_app).applications if one.key == "tax-id-npi-access")
    for mistake, kind in MISTAKES.items():
        with pytest.raises(ConfigurationError, match=mistake):
            check_cases(directory, dataclasses.replace(own, case_kinds=(kind,)), "test")


def test_a_wrong_declaration_stops_the_start(databases: Databases, tmp_path: Path, make_app: MakeApp) -> None:
    pages = Blueprint("trial", __name__)
    pages.get("/", endpoint="index")(access.requires("trial:thing:read")(lambda: ""))

    class Trial:
        @hookimpl
        def portal_application(self) -> Application:
            may = (Permission("trial:thing:read", "Read"),)
            kinds = (changed(key="trial.kind", permission="trial:thing:read", steps=()),)
            return Application("trial", "Trial", "", 50, pages, "trial.index", permissions=may, case_kinds=kinds)

    with pytest.raises(ConfigurationError, match=r"'trial\.kind': no step leads"):
        make_app(databases.new_sqlite(tmp_path / "portal.sqlite"), extra_plugins={"trial": Trial()})


def test_a_state_of_unknown_holidays_stops_the_start() -> None:
    with pytest.raises(ValidationError, match="'ZZ' is no state"):
        CaseSettings.model_validate({"holidays_state": "ZZ"})
    assert CaseSettings.model_validate({"holidays_state": "MN"}).holidays_state == "MN"


def test_nothing_is_due_on_a_day_on_which_the_payer_is_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    saturday = dt.datetime(2026, 12, 5, 18, tzinfo=dt.UTC)
    monkeypatch.setattr(clock, "_read", lambda: saturday)
    settings = Settings.model_construct(holidays_state="", closed_on=(), open_on=(), payer=Payer())
    case = Case(counts="business", days_left=0, due_on=None, ended_at=None)
    turn_clock(settings, case, CASE, CASE.first)
    assert case.due_on == dt.date(2026, 12, 7)
    late = Case(counts="business", days_left=-2, due_on=None, ended_at=None)
    turn_clock(settings, late, CASE, CASE.first)
    assert late.due_on == dt.date(2026, 12, 3)
