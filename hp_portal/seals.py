"""Which columns hold sealed values. A model marks them; the check of the data key finds them all, a plugin's too.

sealed: Mapped[bytes] = mapped_column(info=sealed_column())
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import sqlalchemy as sa

_MARK = "hp_portal.sealed"


def sealed_column() -> dict[str, Any]:
    """The mark of a column whose values the vault has sealed, for `mapped_column(info=…)`."""
    return {_MARK: True}


def sealed_columns(metadata: sa.MetaData) -> Iterator[sa.Column[bytes]]:
    """Every sealed column, tables by name."""
    for _, table in sorted(metadata.tables.items()):
        for column in table.columns:
            if _MARK in column.info:
                yield column
