"""Hanging the pages of a long form on the blueprint of its application."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from flask import Blueprint
from flask.typing import ResponseReturnValue

from hp_portal.core.access import rules as access
from hp_portal.core.web.bodies import takes_files
from hp_portal.core.wizard.declaring import Wizard
from hp_portal.core.wizard.pages import WizardPages
from hp_portal.core.wizard.walking import takes_any_files

_ONE = "/<id:draft_id>"
_STEP = f"{_ONE}/steps/<step>"


def mount_wizard(blueprint: Blueprint, wizard: Wizard, path: str) -> None:
    """Hang the pages of a long form below `path` on the application's blueprint, each behind the form's permission.

    The first page, where one begins, is `path` itself: `url_for(wizard.endpoint("start"))`.
    """
    pages = WizardPages(wizard)
    views: tuple[tuple[str, str, str, Callable[..., ResponseReturnValue]], ...] = (
        ("start", "GET", "/", pages.start),
        ("begin", "POST", "/begin", pages.begin),
        ("go_on", "GET", f"{_ONE}/", pages.go_on),
        ("step", "GET", _STEP, pages.step),
        ("save", "POST", f"{_STEP}/save", pages.save),
        ("keep", "POST", f"{_STEP}/keep", pages.keep),
        ("check", "POST", f"{_STEP}/check", pages.check),
        ("review", "GET", f"{_ONE}/review", pages.review),
        ("send", "POST", f"{_ONE}/send", pages.send),
    )
    with_files: tuple[tuple[str, str, str, Callable[..., ResponseReturnValue]], ...] = (
        ("files", "GET", f"{_STEP}/files", pages.files),
        ("download", "GET", f"{_STEP}/files/<id:attached_id>", pages.download),
        ("remove_file", "POST", f"{_STEP}/files/<id:attached_id>/remove", pages.remove_file),
    )
    files = takes_any_files(wizard)
    for deed, method, rule, act in (*views, *(with_files if files else ())):
        view = _view(act, f"{wizard.name}_{deed}")
        if deed == "save" and files:
            view = takes_files()(view)
        view = access.requires(wizard.permission, passive=deed == "files")(view)
        blueprint.add_url_rule(f"{path}{rule}", f"{wizard.name}_{deed}", view, methods=[method])


def _view(act: Callable[..., ResponseReturnValue], name: str) -> Callable[..., ResponseReturnValue]:
    """A function of its own, which carries a rule; `review` has an argument that no address gives."""

    def view(**values: Any) -> ResponseReturnValue:
        return act(**values)

    view.__name__ = name
    view.__doc__ = act.__doc__
    view.__wrapped__ = act  # type: ignore[attr-defined] # inspect.unwrap looks for it, and no type has it
    return view
