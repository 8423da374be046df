"""The home page: a box to find something by its number, and what is new since the last visit. Applications bring both."""

from __future__ import annotations

import datetime as dt
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass

from flask import url_for

from hp_portal.core.applications.menu import open_applications, plugins
from hp_portal.core.identity.actor import Actor
from hp_portal.core.identity.visits import last_visit
from hp_portal.database import PortalSession, is_postgresql
from hp_portal.hookspecs import Application, HomeSearch, News
from hp_portal.plugins import confined
from hp_portal.scopes import OrganizationScope, set_scope


@dataclass(frozen=True)
class SearchBox:
    """A box of the home page, where it leads, and the pages below it as pairs of label and address."""

    search: HomeSearch
    url: str
    links: list[tuple[str, str]]

    @classmethod
    def of(cls, search: HomeSearch) -> SearchBox:
        links = [(label, url_for(endpoint)) for label, endpoint in search.links]
        return cls(search, url_for(search.endpoint), links)


@dataclass(frozen=True)
class Home:
    """What the home page shows besides the menu. `last_visit` is None for somebody who has never signed in before."""

    boxes: list[SearchBox]
    news: list[News]
    last_visit: dt.datetime | None


def home_of(session: PortalSession, actor: Actor) -> Home:
    """The boxes and news of the applications that somebody of an organization can open, in the order of the menu."""
    applications = open_applications(actor)
    boxes = [SearchBox.of(one.home_search) for one in applications if one.home_search]
    last = last_visit(session, actor)
    if last is None or actor.organization_id is None:
        return Home(boxes, [], last)
    # The home page is public, so the gate has set no scope.
    set_scope(session, OrganizationScope(actor.organization_id))
    return Home(boxes, [one for application in applications for one in _news(session, application, last)], last)


def _news(session: PortalSession, application: Application, since: dt.datetime) -> list[News]:
    """An application's news; a failure is its own, and leaves the home page as it is."""
    if application.news is None:
        return []
    name = next(name for name, state in plugins().states.items() if state.application is application)
    # A statement that fails ends the transaction on PostgreSQL; on SQLite a savepoint would lock the database for writing.
    savepoint: AbstractContextManager[object] = session.begin_nested() if is_postgresql(session) else nullcontext()
    try:
        with confined(), savepoint:
            news = list(application.news(session, since))
    except Exception as error:
        plugins().failed(name, "news", error)
        return []
    plugins().succeeded(name, "news")
    return news
