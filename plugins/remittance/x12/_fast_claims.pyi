from collections.abc import Callable
from typing import Any

VERSION: int

def plan(
    elements: int,
    segments: int,
    checked: tuple[int, ...],
    expected: tuple[str, ...],
    values: tuple[int, ...],
    triplets: tuple[tuple[int, int, int], ...],
    kept: tuple[tuple[int, int], ...],
    /,
) -> object: ...
def read_claims(
    more: Callable[..., str],
    texts: list[str],
    first: int,
    payment: int,
    lx: str | None,
    element: str,
    line_start: str,
    head_plans: dict[int, list[object]],
    line_plans: dict[int, list[object]],
    dates: dict[str, str],
    procedures: dict[str, Any],
    units: dict[str, str],
    claims: list[Any],
    lines: list[Any],
    adjustments: list[Any],
    groups: frozenset[str],
    statuses: frozenset[str],
    patient: str,
    reversal: str,
    /,
) -> tuple[int, int, int]: ...
def read_lines(
    more: Callable[..., str],
    texts: list[str],
    first: int,
    payment: int,
    claim: int,
    element: str,
    plans: dict[int, list[object]],
    dates: dict[str, str],
    procedures: dict[str, Any],
    units: dict[str, str],
    lines: list[Any],
    adjustments: list[Any],
    /,
) -> tuple[int, int, int]: ...
