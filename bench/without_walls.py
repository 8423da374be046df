"""The portal without row-level security: as the owner of the tables, whom it does not hold, and with no passes shown.

Served as `bench.without_walls:app`, to measure what the walls cost.
"""

from __future__ import annotations

from collections.abc import Mapping

import sqlalchemy as sa

from hp_portal import passes


def _nothing(_engine: sa.Engine, _keys: Mapping[str, bytes]) -> None:
    return


passes.install = _nothing  # type: ignore[assignment] # another function stands in for it, which is the point
from hp_portal.wsgi import app  # noqa: E402 - after the function is replaced

__all__ = ["app"]
