"""What a bench prints: a figure, its unit and, where there is one, the bound it should keep."""

from __future__ import annotations

import platform
from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True)
class Figure:
    """One figure. `target` is a bound such as `≥ 0.35` or `≤ 16`; empty for one that is only told."""

    name: str
    value: float
    unit: str = ""
    target: str = ""

    @property
    def ok(self) -> bool:
        """Does the figure keep its bound?"""
        if not self.target:
            return True
        sign, bound = self.target.split()
        return self.value >= float(bound) if sign == "≥" else self.value <= float(bound)


def machine() -> str:
    """The machine in a line: processor, cores, system, Python."""
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as file:
            lines = [line.partition(":")[2].strip() for line in file if line.startswith("model name")]
    except OSError:
        lines = []
    name = f"{lines[0]}, {len(lines)} cores" if lines else platform.processor() or "unknown processor"
    return f"{name}, {platform.system()} {platform.machine()}, Python {platform.python_version()}"


def show(figures: Iterable[Figure]) -> None:
    """Print the figures as a table."""
    print(f"machine: {machine()}")
    for figure in figures:
        state = "" if not figure.target else ("kept" if figure.ok else "MISSED")
        print(f"{figure.name:<58} {figure.value:>12,.3f} {figure.unit:<4} {figure.target:<8} {state}".rstrip())
