"""Help topics: Markdown files `help/<topic>.md` of the core and of every plugin, the first line the title."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from flask import Flask, current_app
from markupsafe import Markup

from hp_portal.core.web.markdown import render_markdown
from hp_portal.plugins import Plugins
from hp_portal.settings import ConfigurationError


@dataclass(frozen=True)
class Topic:
    """One help page. `application` is its application's label, empty for the core's."""

    key: str
    title: str
    body: Markup
    application: str


def _read(folder: Path, application: str) -> list[Topic]:
    found = []
    for path in sorted(folder.glob("*.md")):
        first, _, rest = path.read_text(encoding="utf-8").partition("\n")
        if not first.startswith("# "):
            raise ConfigurationError(f"Help topic {path.name} must start with a line '# Title'.")
        found.append(Topic(path.stem, first[2:].strip(), render_markdown(rest), application))
    return found


def install(app: Flask, plugins: Plugins) -> None:
    """Read every topic at start. Raises ConfigurationError when two have one name."""
    found = _read(Path(__file__).parents[1] / "pages" / "help", "")
    for state in plugins.states.values():
        if state.loaded and state.folder and state.application:
            found += _read(state.folder / "help", state.application.label)
    by_key: dict[str, Topic] = {}
    for topic in found:
        if topic.key in by_key:
            raise ConfigurationError(f"Two help topics are called {topic.key!r}.")
        by_key[topic.key] = topic
    app.extensions["hp_portal.help"] = by_key


def topics() -> list[Topic]:
    """Every topic, the core's first."""
    found: dict[str, Topic] = current_app.extensions["hp_portal.help"]
    return list(found.values())


def find_topic(key: str) -> Topic | None:
    found: dict[str, Topic] = current_app.extensions["hp_portal.help"]
    return found.get(key)
