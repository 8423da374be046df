"""The usual claims and service lines read in C, where that part was built; `body` reads them all without it.

`_fast_claims` is optional: where there is no compiler, or for a wheel that fits every machine, it is left out. What a claim
and a line mean is said in Python alone: C reads one only when nothing about it is out of the ordinary.
"""

from types import ModuleType

_VERSION = 4


def _built() -> ModuleType | None:
    try:
        from . import _fast_claims
    except ImportError:
        return None
    # One that was built from other sources than these is left alone.
    return _fast_claims if _fast_claims.VERSION == _VERSION else None


fast_claims = _built()
"""The compiled module; None without it."""
