"""Models of the attacker's own over the portal's tables: relationships, joined inheritance, types and elements that write SQL."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, relationship
from sqlalchemy.sql.expression import ColumnElement

from hp_portal import scopes

from .way import THE_NOTE


class Apart(DeclarativeBase):
    """Not the portal's tables."""


class Clinic(Apart, scopes.Scoped):
    """The organization."""

    __tablename__ = "organization"

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str]
    memos: Mapped[list[Memo]] = relationship(back_populates="clinic", cascade="all, delete-orphan")

    @classmethod
    def scope_criterion(cls) -> sa.ColumnElement[bool]:
        return cls.id == scopes.scope_organization


class Memo(Apart, scopes.OwnedByOrganization):
    """The note."""

    __tablename__ = "sample_note"

    id: Mapped[int] = mapped_column(primary_key=True)
    text: Mapped[str]
    organization_id: Mapped[int] = mapped_column(sa.ForeignKey("organization.id"))
    clinic: Mapped[Clinic] = relationship(back_populates="memos")


class Letter(Memo):
    """A note with more to it, in a table of its own."""

    __tablename__ = "way_letter"

    letter_id: Mapped[int] = mapped_column("id", sa.ForeignKey("sample_note.id"), primary_key=True)
    body: Mapped[str]


# Without the foreign key, so that nothing but the scope stops an attacker.
letter_table = sa.Table(
    "way_letter", sa.MetaData(), sa.Column("id", sa.Integer(), primary_key=True), sa.Column("body", sa.Text())
)

for model in (Clinic, Memo, Letter):
    scopes.register(model)


class Twin(Apart, scopes.Shared):
    """What a plugin could claim: a table of the core's, mapped again as everybody's."""

    __table__ = sa.Table(
        "sample_note",
        sa.MetaData(),
        sa.Column("id", sa.Integer(), primary_key=True),
        sa.Column("organization_id", sa.Integer()),
        sa.Column("text", sa.Text()),
    )
    __shared__ = "an attacker says so"


class SpecWrites(sa.types.UserDefinedType[str]):
    """A type whose name is SQL."""

    cache_ok = True

    def get_col_spec(self, **_options: Any) -> str:
        return f"TEXT) || ({THE_NOTE}) || CAST('' AS TEXT"


class LiteralWrites(sa.types.TypeDecorator[str]):
    """A type whose literal values are SQL."""

    impl = sa.String
    cache_ok = True

    def process_literal_param(self, value: Any, dialect: sa.Dialect) -> str:
        return f"({THE_NOTE})"

    def literal_processor(self, dialect: sa.Dialect) -> Any:
        return lambda value: f"({THE_NOTE})"


class ColumnWrites(sa.types.TypeDecorator[str]):
    """A type that reads a column as something else."""

    impl = sa.String
    cache_ok = True

    def column_expression(self, column: Any) -> Any:
        return sa.literal_column(f"({THE_NOTE})")


class element_that_writes(ColumnElement[str]):
    """An element that compiles to SQL of its own."""

    inherit_cache = True
    type = sa.String()


@compiles(element_that_writes)
def _written(_element: Any, _compiler: Any, **_options: Any) -> str:
    return f"({THE_NOTE})"
