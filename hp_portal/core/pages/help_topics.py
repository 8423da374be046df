"""Help topics: Markdown files `help/<topic>.md` of the core and of every plugin, the first line the title.

Those in `help/staff/` are for the payer's staff: nobody else is shown or finds them.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from flask import Flask, current_app
from markupsafe import Markup

from hp_portal.core.pages.help_search import HelpIndex, Hit, Section
from hp_portal.core.web.markdown import plain_text, render_markdown, slug
from hp_portal.plugins import Plugins
from hp_portal.settings import ConfigurationError


@dataclass(frozen=True)
class Topic:
    """One help page. `application` is its application's label, empty for the core's."""

    key: str
    title: str
    body: Markup
    application: str
    for_staff: bool
    sections: tuple[Section, ...]


@dataclass(frozen=True)
class Help:
    """Every topic by key, and the index over those that everybody may read, and over all."""

    topics: dict[str, Topic]
    index: HelpIndex
    staff_index: HelpIndex


def _read(folder: Path, application: str, *, for_staff: bool) -> Iterator[Topic]:
    for path in sorted(folder.glob("*.md")):
        first, _, rest = path.read_text(encoding="utf-8").partition("\n")
        if not first.startswith("# "):
            raise ConfigurationError(f"Help topic {path.name} must start with a line '# Title'.")
        yield _topic(path.stem, first[2:].strip(), rest, application, for_staff)


@lru_cache(maxsize=500)
def _topic(key: str, title: str, text: str, application: str, for_staff: bool) -> Topic:
    """A topic from its text; the same text is rendered once in a process, however many apps it makes."""
    sections = tuple(_sections(key, title, text, for_staff))
    return Topic(key, title, render_markdown(text), application, for_staff, sections)


def _sections(key: str, title: str, text: str, for_staff: bool) -> Iterator[Section]:
    beginning, *rest = f"\n{text}".split("\n## ")
    if beginning.strip():
        yield Section(key, title, "", "", plain_text(beginning), for_staff)
    for part in rest:
        heading, _, body = part.partition("\n")
        yield Section(key, title, plain_text(heading), slug(plain_text(heading)), plain_text(body), for_staff)


def install(app: Flask, plugins: Plugins) -> None:
    """Read every topic at start. Raises ConfigurationError when two have one name."""
    folders = [(Path(__file__).parent / "help", "")]
    for state in plugins.states.values():
        if state.loaded and state.folder and state.application:
            folders.append((state.folder / "help", state.application.label))
    by_key: dict[str, Topic] = {}
    for folder, application in folders:
        for for_staff in (False, True):
            for topic in _read(folder / "staff" if for_staff else folder, application, for_staff=for_staff):
                if topic.key in by_key:
                    raise ConfigurationError(f"Two help topics are called {topic.key!r}.")
                by_key[topic.key] = topic
    sections = [section for topic in by_key.values() for section in topic.sections]
    everybodys = [section for section in sections if not section.for_staff]
    app.extensions["hp_portal.help"] = Help(by_key, HelpIndex(everybodys), HelpIndex(sections))


def _help() -> Help:
    found: Help = current_app.extensions["hp_portal.help"]
    return found


def topics(*, for_staff: bool) -> list[Topic]:
    """Every topic, the core's first; staff's topics for staff alone."""
    return [topic for topic in _help().topics.values() if for_staff or not topic.for_staff]


def find_topic(key: str, *, for_staff: bool) -> Topic | None:
    """A topic that one may read, or None."""
    found = _help().topics.get(key)
    return found if found is not None and (for_staff or not found.for_staff) else None


def search_topics(query: str, *, for_staff: bool) -> list[Hit]:
    """The sections that answer a question best, one of each topic."""
    found = _help()
    return (found.staff_index if for_staff else found.index).search(query)
