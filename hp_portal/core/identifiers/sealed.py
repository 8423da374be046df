"""A Tax ID in a table: sealed, looked up by a keyed hash, shown by its last four digits."""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, declared_attr, mapped_column

from hp_portal.core.identifiers.numbers import mask_tin
from hp_portal.database import PortalSession
from hp_portal.seals import sealed_column

_PURPOSE = "tin"


def masked_tin(session: PortalSession, sealed: bytes | None) -> str:
    """`•••••6789` of a sealed Tax ID; empty for none. Raises SealBroken."""
    return mask_tin(session.vault.open_text(sealed, _PURPOSE)) if sealed else ""


def tin_values(session: PortalSession, tin: str) -> dict[str, bytes]:
    """The columns of a Tax ID (digits only), for a model with a mark below: `Payee(**tin_values(session, tin), …)`."""
    return {"tin_sealed": session.vault.seal_text(tin, _PURPOSE), "tin_hash": session.vault.digest(tin, _PURPOSE)}


class _Tin:
    @classmethod
    def tin_is(cls, session: PortalSession, tin: str) -> sa.ColumnElement[bool]:
        """A condition: the row's Tax ID is this one (digits only), whichever data key it was stored under."""
        column: sa.ColumnElement[bytes] = cls.tin_hash  # type: ignore[attr-defined]
        return column.in_(session.vault.digests(tin, _PURPOSE))

    def masked_tin(self, session: PortalSession) -> str:
        """The last four digits, as every screen shows it; empty for none. Raises SealBroken."""
        return masked_tin(session, self.tin_sealed)  # type: ignore[attr-defined]

    def whole_tin(self, session: PortalSession) -> str:
        """All nine digits, for what is sent to the payer: never for a screen, a log or an e-mail. Empty for none."""
        sealed: bytes | None = self.tin_sealed  # type: ignore[attr-defined]
        return session.vault.open_text(sealed, _PURPOSE) if sealed else ""

    def set_tin(self, session: PortalSession, tin: str) -> None:
        """Seal and hash a Tax ID (digits only)."""
        for name, value in tin_values(session, tin).items():
            setattr(self, name, value)


class SealedTin(_Tin):
    """Columns of a row that always has a Tax ID. Give `tin_hash` an index, or a unique constraint that begins with it."""

    @declared_attr
    def tin_sealed(cls) -> Mapped[bytes]:
        """The column: the Tax ID, encrypted."""
        return mapped_column(sa.LargeBinary(), info=sealed_column())

    @declared_attr
    def tin_hash(cls) -> Mapped[bytes]:
        """The column: its keyed hash, to look it up by."""
        return mapped_column(sa.LargeBinary(32))


class OptionalTin(_Tin):
    """Columns of a row that may have a Tax ID, with an index on the hash."""

    @declared_attr
    def tin_sealed(cls) -> Mapped[bytes | None]:
        """The column: the Tax ID, encrypted."""
        return mapped_column(sa.LargeBinary(), info=sealed_column())

    @declared_attr
    def tin_hash(cls) -> Mapped[bytes | None]:
        """The column: its keyed hash, to look it up by."""
        return mapped_column(sa.LargeBinary(32), index=True)
