"""A fax line that keeps what it is given, in the place of a fax service's."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from hp_portal.api import ComposedFax, NotSent

faxed: list[ComposedFax] = []
problems: list[BaseException] = []


class Line:
    def send(self, composed: ComposedFax) -> str:
        if problems:
            raise problems.pop(0)
        faxed.append(composed)
        return "The sample line has faxed it."


@contextmanager
def open_line() -> Iterator[Line]:
    if any(isinstance(problem, ConnectionError) for problem in problems):
        raise NotSent("The sample line is not there.", everything=True)
    yield Line()
