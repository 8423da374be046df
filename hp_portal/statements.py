"""What a statement names, down to its last leaf: the compiler sees every table that it writes into FROM, and every text.

The report stands on the compiled statement, which SQLAlchemy keeps in its cache: a statement is looked at once. A table is
covered when the same SELECT, UPDATE or DELETE also has the criterion of that very table (`ScopeCriterion`), or when every
organization may read it.
"""

# The methods of SQLAlchemy's compilers have no types.
# mypy: disable-error-code="no-untyped-call,no-any-return,override"
from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql import visitors
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.expression import ClauseElement, ColumnElement
from sqlalchemy.sql.visitors import InternalTraversal

# Functions that compute from what they are given. Many others of a database run statements, read files or change settings.
_FUNCTIONS = """abs aggregate_strings array_agg avg ceil ceiling char_length coalesce concat count cume_dist current_date
    current_time current_timestamp cube date date_part date_trunc dense_rank first_value floor greatest group_concat
    grouping_sets iif initcap instr lag last_value lead least length localtime localtimestamp lower lpad ltrim max min mod mode
    nth_value ntile nullif now percent_rank percentile_cont percentile_disc position random rank replace rollup round
    row_number rpad rtrim sign split_part strftime string_agg strpos substr substring sum total trim upper"""
FUNCTIONS = frozenset(_FUNCTIONS.split())
_OPERATOR = re.compile(r"[-+*/<>=~!@#%^&|?]{1,4}")
_WORD = re.compile(r"[a-z_]+", re.IGNORECASE)
_OUR_OWN = ("sqlalchemy.", "hp_portal.")


class ScopeCriterion(ColumnElement[bool]):
    """The criterion of a scoped model, with a column of each of its tables: they say which table in FROM it is about."""

    __visit_name__ = "scope_criterion"
    _traverse_internals = [
        ("clause", InternalTraversal.dp_clauseelement),
        ("keys", InternalTraversal.dp_clauseelement_tuple),
    ]
    inherit_cache = True
    type = sa.Boolean()

    def __init__(self, clause: ColumnElement[bool], keys: Iterable[ColumnElement[Any]]) -> None:
        self.clause = clause
        self.keys = tuple(keys)

    @property
    def _from_objects(self) -> list[Any]:
        return [*self.clause._from_objects, *(source for key in self.keys for source in key._from_objects)]

    def self_group(self, against: Any = None) -> Any:  # noqa: ARG002
        return self


@compiles(ScopeCriterion)
def _written(criterion: ScopeCriterion, compiler: SQLCompiler, **options: Any) -> str:
    if isinstance(compiler, ReportingCompiler):
        return compiler.visit_scope_criterion(criterion, **options)
    return compiler.process(criterion.clause, **options)


@dataclass
class Report:
    """What a compiled statement names beyond what its scope covers. Empty is good; `changes` are tables it writes to."""

    uncovered: set[str] = field(default_factory=set)
    texts: list[str] = field(default_factory=list)
    changes: list[tuple[str, str]] = field(default_factory=list)
    selects: int = 0
    conflicts: bool = False
    # names of the bind parameters that stand for the scope's organization
    binds: set[str] = field(default_factory=set)
    tables: bool = False

    @property
    def problem(self) -> str:
        """Why the statement cannot be run in a scope; empty when it can."""
        if self.texts:
            return f"{self.texts[0]} is written as it stands"
        if self.uncovered:
            return f"name the model, not the table {min(self.uncovered)}: sa.select(Model.id).exists()"
        if self.conflicts:
            return "what answers a conflict cannot be scoped"
        if len(self.changes) > 1 or (self.changes and self.changes[0][0] == "within"):
            return "a change within a statement cannot be scoped"
        return ""


class Tables:
    """Which tables every organization may read, and which are scoped, by the table itself and by name."""

    def __init__(self) -> None:
        self.shared: set[int] = set()
        self.scoped: set[int] = set()
        self.scoped_names: set[str] = set()

    def add(self, table: Any, *, scoped: bool) -> None:
        """Remember the table of a model."""
        (self.scoped if scoped else self.shared).add(hash(table))
        if scoped:
            self.scoped_names.add(table.name)

    def is_open(self, table: Any) -> bool:
        """May everybody read it?"""
        return hash(table) in self.shared and table.name not in self.scoped_names


TABLES = Tables()


@dataclass
class _Frame:
    """One SELECT, UPDATE or DELETE: the tables it reads from, by what names them there, and those its criteria are about."""

    named: dict[int, Any] = field(default_factory=dict)
    covered: set[int] = field(default_factory=set)


class ReportingCompiler(SQLCompiler):
    """Mixed into a dialect's compiler. `report` is ready when the statement is compiled."""

    report: Report

    def __init__(self, dialect: sa.Dialect, statement: Any, cache_key: Any = None, **options: Any) -> None:
        self.report = Report()
        self._frames: list[_Frame] = [_Frame()]
        self._within_criterion = 0
        super().__init__(dialect, statement, cache_key, **options)
        if statement is not None:
            self._close(self._frames[0])
            self.report.texts += _elements_of_others(statement, cache_key)

    @contextmanager
    def _frame(self) -> Iterator[None]:
        frame = _Frame()
        self._frames.append(frame)
        try:
            yield
        finally:
            self._frames.pop()
        self._close(frame)

    def _close(self, frame: _Frame) -> None:
        for name, table in frame.named.items():
            if TABLES.is_open(table) or (name in frame.covered and hash(table) in TABLES.scoped):
                continue
            self.report.uncovered.add(table.name)

    def visit_scope_criterion(self, criterion: ScopeCriterion, **options: Any) -> str:
        self._frames[-1].covered.update(hash(key.table) for key in criterion.keys)
        self._within_criterion += 1
        try:
            return self.process(criterion.clause.self_group(), **options)
        finally:
            self._within_criterion -= 1

    def visit_table(self, table: Any, asfrom: bool = False, enclosing_alias: Any = None, **options: Any) -> str:
        if asfrom and not self._within_criterion:
            self.report.tables = True
            # Also given is the alias of a whole subquery that the table stands in.
            is_aliased = enclosing_alias is not None and hash(enclosing_alias.element) == hash(table)
            self._frames[-1].named[hash(enclosing_alias if is_aliased else table)] = table
        return super().visit_table(table, asfrom=asfrom, enclosing_alias=enclosing_alias, **options)

    def visit_select(self, statement: Any, *given: Any, **options: Any) -> str:
        self.report.selects += not self._within_criterion
        if statement._hints or statement._statement_hints:
            self.report.texts.append("a hint")
        with self._frame():
            return super().visit_select(statement, *given, **options)

    def visit_insert(self, statement: Any, *given: Any, **options: Any) -> str:
        self._change("insert", statement)
        with self._frame():
            return super().visit_insert(statement, *given, **options)

    def visit_update(self, statement: Any, *given: Any, **options: Any) -> str:
        self._change("update", statement)
        with self._frame():
            return super().visit_update(statement, *given, **options)

    def visit_delete(self, statement: Any, *given: Any, **options: Any) -> str:
        self._change("delete", statement)
        with self._frame():
            return super().visit_delete(statement, *given, **options)

    def _change(self, kind: str, statement: Any) -> None:
        if statement._hints:
            self.report.texts.append("a hint")
        within = len(self._frames) > 1 or self.report.selects
        self.report.changes.append(("within" if within else kind, statement.table.name))

    def visit_bindparam(self, parameter: Any, *given: Any, literal_execute: bool = False, **options: Any) -> str:
        options["literal_execute"] = literal_execute
        written = super().visit_bindparam(parameter, *given, **options)
        if parameter.callable is not None and getattr(parameter.callable, "of_scope", False):
            self.report.binds.add(self.bind_names[parameter])
        literal = literal_execute or parameter.literal_execute or options.get("literal_binds")
        if _is_of_others(parameter.type) and (literal or _writes_names(parameter.type)):
            self.report.texts.append("a value of a type of one's own")
        return written

    def visit_column(self, column: Any, *given: Any, **options: Any) -> str:
        if column.is_literal and not (column.name == "*" or str(column.name).isdigit()):
            self.report.texts.append("a literal column")
        return super().visit_column(column, *given, **options)

    def visit_function(self, function: Any, *given: Any, **options: Any) -> str:
        if function.name.lower() not in FUNCTIONS or function.packagenames:
            self.report.texts.append(f"the function {function.name}, which is not among those of hp_portal.statements,")
        return super().visit_function(function, *given, **options)

    def visit_extract(self, extract: Any, **options: Any) -> str:
        if not _WORD.fullmatch(extract.field):
            self.report.texts.append("the field of an extraction")
        return super().visit_extract(extract, **options)

    def visit_typeclause(self, clause: Any, **options: Any) -> str:
        if _is_of_others(clause.type):
            self.report.texts.append("the name of a type of one's own")
        return super().visit_typeclause(clause, **options)

    def _operator(self, operator: Any) -> None:
        text = operator.opstring.strip()
        if not _OPERATOR.fullmatch(text) or "--" in text or "/*" in text:
            self.report.texts.append("an operator")

    def visit_custom_op_binary(self, element: Any, operator: Any, **options: Any) -> str:
        self._operator(operator)
        return super().visit_custom_op_binary(element, operator, **options)

    def visit_custom_op_unary_operator(self, element: Any, operator: Any, **options: Any) -> str:
        self._operator(operator)
        return super().visit_custom_op_unary_operator(element, operator, **options)

    def visit_custom_op_unary_modifier(self, element: Any, operator: Any, **options: Any) -> str:
        self._operator(operator)
        return super().visit_custom_op_unary_modifier(element, operator, **options)

    def visit_textclause(self, *given: Any, **options: Any) -> str:
        self.report.texts.append("raw SQL")
        return super().visit_textclause(*given, **options)

    def visit_textual_select(self, *given: Any, **options: Any) -> str:
        self.report.texts.append("raw SQL")
        return super().visit_textual_select(*given, **options)

    def visit_tstring(self, *given: Any, **options: Any) -> str:
        self.report.texts.append("raw SQL")
        return super().visit_tstring(*given, **options)

    def visit_sequence(self, *given: Any, **options: Any) -> str:
        self.report.texts.append("a sequence")
        return super().visit_sequence(*given, **options)

    def visit_on_conflict_do_update(self, *given: Any, **options: Any) -> str:
        self.report.conflicts = True
        return super().visit_on_conflict_do_update(*given, **options)  # type: ignore[misc]

    def visit_on_conflict_do_nothing(self, *given: Any, **options: Any) -> str:
        self.report.conflicts = True
        return super().visit_on_conflict_do_nothing(*given, **options)  # type: ignore[misc]


def _is_of_others(kind: Any) -> bool:
    return not type(kind).__module__.startswith(_OUR_OWN)


def _writes_names(kind: Any) -> bool:
    return isinstance(kind, sa.types.UserDefinedType) or getattr(kind, "render_bind_cast", False)


def _elements_of_others(statement: Any, cache_key: Any) -> list[str]:
    """Elements whose SQL is written by code that is neither SQLAlchemy's nor the core's."""
    parts = _flat(cache_key.key) if cache_key else map(type, visitors.iterate(statement))
    return [
        f"the element {part.__name__}"
        for part in parts
        if isinstance(part, type) and issubclass(part, ClauseElement) and not part.__module__.startswith(_OUR_OWN)
    ][:1]


def _flat(key: Any) -> Iterator[Any]:
    waiting: list[Sequence[Any]] = [key]
    while waiting:
        for part in waiting.pop():
            if isinstance(part, tuple):
                waiting.append(part)
            else:
                yield part


@cache
def reporting(compiler: Any) -> type[SQLCompiler]:
    """A dialect's compiler that reports."""
    return type(f"Reporting{compiler.__name__}", (ReportingCompiler, compiler), {})
