"""The usual service lines read in C, where that part was built; `body` reads them all without it.

`_fast_lines` is optional: where there is no compiler, or for a wheel that fits every machine, it is left out. What a line
means is said in Python alone: C reads a line only when nothing about it is out of the ordinary.
"""

from types import ModuleType

_VERSION = 1


def _built() -> ModuleType | None:
    try:
        from . import _fast_lines
    except ImportError:
        return None
    # One that was built from other sources than these is left alone.
    return _fast_lines if _fast_lines.VERSION == _VERSION else None


fast_lines = _built()
"""The compiled module; None without it."""
