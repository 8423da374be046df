"""No hook without a heading, a signature, and a use in the sample plugin."""

from __future__ import annotations

import inspect
import re
from pathlib import Path

import tests.sample_plugin as sample
from hp_portal import hookspecs

TEXT = (Path(__file__).parents[2] / "docs" / "plugin-hooks.md").read_text(encoding="utf-8")
HOOKS = {name: value for name, value in vars(hookspecs).items() if name.startswith("portal_")}


def test_every_hook_has_a_heading_and_no_heading_lacks_a_hook() -> None:
    assert set(re.findall(r"^## (portal_\w+)$", TEXT, re.MULTILINE)) == HOOKS.keys()


def test_the_documented_signature_is_the_hook_s() -> None:
    for name, function in HOOKS.items():
        arguments = ", ".join(inspect.signature(function).parameters)
        answer = inspect.signature(function).return_annotation
        assert f"\n`{name}({arguments}) -> {answer}`\n" in TEXT


def test_the_sample_plugin_uses_every_hook() -> None:
    assert {name for name in vars(sample) if name.startswith("portal_")} == HOOKS.keys()


def test_events_of_the_portal_are_named() -> None:
    root = Path(__file__).parents[2]
    told = set()
    for folder in ("hp_portal", "plugins"):
        for path in (root / folder).rglob("*.py"):
            told |= set(re.findall(r'PortalEvent\("([\w.-]+)"', path.read_text(encoding="utf-8")))
    assert told
    assert not {key for key in told if f"`{key}`" not in TEXT}
