"""What is published: editions of the directory, their rows and search terms, and what is not shown and why.

A build of everything writes an edition of its own in short transactions; nobody reads it before the last one. Later builds
change the rows of that edition, each in one transaction. The newest build that is finished says which edition is read.
"""

from __future__ import annotations

import datetime as dt

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from hp_portal import api

LONGEST_TERM = 90
LONGEST_PLACE = 100
PUBLISHED = "what the directory publishes to everybody"


class DirectoryBuild(api.Base, api.Shared):
    """A build that has changed the directory. `change_id` is the newest change of the record that is in it, `specialties` a
    digest of the words for codes, `digest` one of all rows. Without `finished_at` it is being written, or was interrupted."""

    __tablename__ = "profiles_directory_build"
    __shared__ = "says when the published directory was built, and how many rows it has"
    __table_args__ = (sa.Index("ix_profiles_directory_build_newest", "finished_at", "edition"),)

    id: Mapped[api.key]
    edition: Mapped[int] = mapped_column(api.BigId)
    as_of: Mapped[dt.date]
    started_at: Mapped[dt.datetime]
    finished_at: Mapped[dt.datetime | None]
    checked_at: Mapped[dt.datetime]
    change_id: Mapped[int] = mapped_column(api.BigId)
    specialties: Mapped[str] = mapped_column(sa.String(64))
    digest: Mapped[str] = mapped_column(sa.String(64))
    rows: Mapped[int]
    hidden: Mapped[int]
    added: Mapped[int]
    changed: Mapped[int]
    removed: Mapped[int]


class DirectoryRow(api.Base, api.Shared):
    """A practitioner at a location, as members see it. `contents` is JSON, `place` where it stands in the order of names."""

    __tablename__ = "profiles_directory_row"
    __shared__ = PUBLISHED
    __table_args__ = (sa.UniqueConstraint("edition", "place"),)

    edition: Mapped[int] = mapped_column(api.BigId, primary_key=True, autoincrement=False)
    affiliation_id: Mapped[int] = mapped_column(api.BigId, primary_key=True, autoincrement=False)
    place: Mapped[str] = mapped_column(sa.String(LONGEST_PLACE))
    contents: Mapped[str] = mapped_column(sa.Text)
    digest: Mapped[str] = mapped_column(sa.String(64))


class DirectoryTerm(api.Base, api.Shared):
    """Something by which a row is found: the beginning of a name or city, a ZIP code, a specialty."""

    __tablename__ = "profiles_directory_term"
    __shared__ = PUBLISHED
    __table_args__ = ({"sqlite_with_rowid": False},)

    edition: Mapped[int] = mapped_column(api.BigId, primary_key=True, autoincrement=False)
    term: Mapped[str] = mapped_column(sa.String(LONGEST_TERM), primary_key=True)
    place: Mapped[str] = mapped_column(sa.String(LONGEST_PLACE), primary_key=True)


class DirectoryCount(api.Base, api.Shared):
    """How many rows have a term, so that a search begins with the rarest. `kind` is the first letter of the term."""

    __tablename__ = "profiles_directory_count"
    __shared__ = PUBLISHED
    __table_args__ = (sa.Index("ix_profiles_directory_count_kind", "edition", "kind"),)

    edition: Mapped[int] = mapped_column(api.BigId, primary_key=True, autoincrement=False)
    term: Mapped[str] = mapped_column(sa.String(LONGEST_TERM), primary_key=True)
    kind: Mapped[str] = mapped_column(sa.String(1))
    rows: Mapped[int]


class DirectoryHidden(api.Base, api.PayersOwn):
    """Somebody who works at an open location and is not shown there. `reasons` are keys of `entries.REASONS`, with blanks."""

    __tablename__ = "profiles_directory_hidden"

    edition: Mapped[int] = mapped_column(api.BigId, primary_key=True, autoincrement=False)
    affiliation_id: Mapped[int] = mapped_column(api.BigId, primary_key=True, autoincrement=False)
    reasons: Mapped[str] = mapped_column(sa.String(200))


class DirectoryDifference(api.Base, api.PayersOwn):
    """What a build has changed: `kind` is added, changed or removed, `label` says of whom, `what` the facts that are others."""

    __tablename__ = "profiles_directory_difference"

    id: Mapped[api.key]
    build_id: Mapped[int] = mapped_column(sa.ForeignKey("profiles_directory_build.id"), index=True)
    kind: Mapped[str] = mapped_column(sa.String(10))
    label: Mapped[str] = mapped_column(sa.String(300))
    what: Mapped[str] = mapped_column(sa.String(400))
