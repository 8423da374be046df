"""Rules: what a view says about who may open it. Every view carries exactly one; the gate enforces it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal, TypeVar

View = TypeVar("View", bound=Callable[..., Any])
DELEGATE = "delegate"
"""Stands for a permission where what is asked for is that somebody is a delegate, as for documents of theirs."""
SIGNED_IN = "signed_in"
"""Stands for a permission where everybody who has signed in may ask, and what is asked for is looked at more closely then."""
Kind = Literal["public", "signed_in", "requires", "delegate", "staff"]


@dataclass(frozen=True)
class Rule:
    """Who may open a view.

    `permission` belongs to `requires` (a person of an organization, through an application) and `staff`. `before_terms` opens
    the view to somebody who has not accepted the terms of use yet, or must set up a second factor.
    `passive` views, such as a progress display that asks
    by itself, do not count as activity for the idle time-out. `member_data`: the page shows what belongs to patients, so
    the person says why first, once per session (see reasons.py).
    """

    kind: Kind
    permission: str = ""
    before_terms: bool = False
    passive: bool = False
    member_data: bool = False

    def __str__(self) -> str:
        flags = [name for name in ("before_terms", "passive", "member_data") if getattr(self, name)]
        return " ".join([f"{self.kind}({self.permission})" if self.permission else self.kind, *flags])


def _mark(rule: Rule) -> Callable[[View], View]:
    def decorate(view: View) -> View:
        if hasattr(view, "access_rule"):
            raise TypeError(f"{view.__name__} has two access rules")
        view.access_rule = rule  # type: ignore[attr-defined] # functions have no such type; rule_of reads it
        return view

    return decorate


def public(view: View) -> View:
    """Anybody, signed in or not."""
    return _mark(Rule("public"))(view)


def signed_in(view: View) -> View:
    """Anybody who has signed in and accepted the terms of use."""
    return _mark(Rule("signed_in"))(view)


def signed_in_passive(view: View) -> View:
    """The same, for a page that asks by itself and is no activity of the person's."""
    return _mark(Rule("signed_in", passive=True))(view)


def before_terms(view: View) -> View:
    """Anybody who has signed in, the terms of use accepted and a second factor set up or not."""
    return _mark(Rule("signed_in", before_terms=True))(view)


def requires(permission: str, *, member_data: bool = False, passive: bool = False) -> Callable[[View], View]:
    """A person whose organization has the application enabled, and who was given it.

    `member_data`: the page shows what belongs to patients; before it opens, the person has said why, as the payer wishes.
    `passive`: the page asks for it by itself, as for files that are being checked, which is no activity of the person's.
    """
    return _mark(Rule("requires", permission, member_data=member_data, passive=passive))


def delegate(view: View) -> View:
    """A delegate of an organization."""
    return _mark(Rule("delegate"))(view)


def staff(permission: str, *, passive: bool = False) -> Callable[[View], View]:
    """A member of the payer's staff with a role that has the permission."""
    return _mark(Rule("staff", permission, passive=passive))


def rule_of(view: Callable[..., Any] | None) -> Rule | None:
    """The rule a view carries, or None."""
    rule: Rule | None = getattr(view, "access_rule", None)
    return rule
