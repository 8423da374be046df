"""Types of statements that select columns, and of their rows; a row's columns are read by name."""

from __future__ import annotations

from typing import Any, TypeAlias

import sqlalchemy as sa

AnyRow: TypeAlias = sa.Row[*tuple[Any, ...]]
AnySelect: TypeAlias = sa.Select[*tuple[Any, ...]]
