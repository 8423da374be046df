"""A Tax ID in a table: sealed for its row, looked up by a keyed hash, shown by its last four digits."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, ClassVar, Protocol, cast

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, declared_attr, mapped_column

from hp_portal.core.identifiers.numbers import mask_tin
from hp_portal.database import PortalSession
from hp_portal.seals import sealed_column, seat
from hp_portal.vault import Place

_PURPOSE = "tin"


def masked_tin(session: PortalSession, sealed: bytes | None, place: Place) -> str:
    """`•••••6789` of a Tax ID that is sealed at a place; empty for none. Raises SealBroken."""
    return mask_tin(session.vault.open_text(sealed, place, _PURPOSE)) if sealed else ""


class _HasTin(Protocol):
    """A row of a model with a mark below."""

    __tin_row__: ClassVar[tuple[str, ...]]

    @property
    def tin_sealed(self) -> bytes | None: ...


class _TinColumns(Protocol):
    """Such a model itself."""

    tin_sealed: ClassVar[Any]
    tin_hash: ClassVar[sa.ColumnElement[bytes | None]]
    __tin_row__: ClassVar[tuple[str, ...]]


def _place(model: type, row: tuple[Any, ...]) -> Place:
    columns = cast(_TinColumns, model)
    return seat(columns.tin_sealed)(*row)


def _place_of(row: _HasTin) -> Place:
    return _place(type(row), tuple(getattr(row, name) for name in row.__tin_row__))


def _mark(model: type) -> dict[str, Any]:
    row = cast(_TinColumns, model).__tin_row__
    return sealed_column(*row, was=_PURPOSE, hashed=("tin_hash", _PURPOSE))


class _Tin:
    __tin_row__: ClassVar[tuple[str, ...]] = ("tin_hash",)
    """The columns that tell a row from the others: the Tax ID is sealed for them and opens in no other row. The model says
    which: its natural key, or `("id",)` when a Tax ID is set once the row is in the database."""

    @classmethod
    def tin_values(cls, session: PortalSession, tin: str, **row: Any) -> dict[str, Any]:
        """The columns of a Tax ID (digits only) for a new row: `Payee(**Payee.tin_values(session, tin, npi=npi), …)`.

        `row` has the other columns of `__tin_row__`, which are given back as well. Raises KeyError when one is missing.
        """
        values = {**row, "tin_hash": session.vault.digest(tin, _PURPOSE)}
        place = _place(cls, tuple(values[name] for name in cls.__tin_row__))
        return {**values, "tin_sealed": session.vault.seal_text(tin, place)}

    @classmethod
    def tin_is(cls, session: PortalSession, tin: str) -> sa.ColumnElement[bool]:
        """A condition: the row's Tax ID is this one (digits only), whichever data key it was stored under."""
        return cast(_TinColumns, cls).tin_hash.in_(session.vault.digests(tin, _PURPOSE))

    @classmethod
    def tin_in(cls, session: PortalSession, tins: Iterable[str]) -> sa.ColumnElement[bool]:
        """A condition: the row's Tax ID is one of these, as in `tin_is`."""
        digests = [one for tin in sorted(tins) for one in session.vault.digests(tin, _PURPOSE)]
        return cast(_TinColumns, cls).tin_hash.in_(digests)

    def masked_tin(self, session: PortalSession) -> str:
        """The last four digits, as every screen shows it; empty for none. Raises SealBroken."""
        row = cast(_HasTin, self)
        return masked_tin(session, row.tin_sealed, _place_of(row))

    def whole_tin(self, session: PortalSession) -> str:
        """All nine digits, for what is sent to the payer or looked up: never for a screen, a log or an e-mail. Empty for none."""
        row = cast(_HasTin, self)
        return session.vault.open_text(row.tin_sealed, _place_of(row), _PURPOSE) if row.tin_sealed else ""

    def set_tin(self, session: PortalSession, tin: str) -> None:
        """Seal and hash a Tax ID (digits only). What tells the row must be there: flush a new row of `("id",)` first."""
        row = {name: getattr(self, name) for name in self.__tin_row__ if name != "tin_hash"}
        if row.get("id", 0) is None:
            raise ValueError(f"flush the {type(self).__name__} first: its Tax ID is sealed for its id")
        for name, value in self.tin_values(session, tin, **row).items():
            setattr(self, name, value)


class SealedTin(_Tin):
    """Columns of a row that always has a Tax ID. Give `tin_hash` an index, or a unique constraint that begins with it."""

    @declared_attr
    def tin_sealed(cls) -> Mapped[bytes]:
        """The column: the Tax ID, encrypted."""
        return mapped_column(sa.LargeBinary(), info=_mark(cast(type, cls)))

    @declared_attr
    def tin_hash(cls) -> Mapped[bytes]:
        """The column: its keyed hash, to look it up by."""
        return mapped_column(sa.LargeBinary(32))


class OptionalTin(_Tin):
    """Columns of a row that may have a Tax ID, with an index on the hash."""

    @declared_attr
    def tin_sealed(cls) -> Mapped[bytes | None]:
        """The column: the Tax ID, encrypted."""
        return mapped_column(sa.LargeBinary(), info=_mark(cast(type, cls)))

    @declared_attr
    def tin_hash(cls) -> Mapped[bytes | None]:
        """The column: its keyed hash, to look it up by."""
        return mapped_column(sa.LargeBinary(32), index=True)
