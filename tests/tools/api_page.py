"""docs/plugin-api.md: every name of `hp_portal.api`, with its signature and its docstring.

    python -m tests.tools.api_page > docs/plugin-api.md

Read from the sources, so that signatures stand as they are written. A constant is described by the string below it.
"""

from __future__ import annotations

import ast
import inspect
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cache
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

API = "hp_portal.api"
WIDTH = 100
HEAD = """# The plugin API

Everything a plugin may import, from `hp_portal.api` alone. [The tutorial](plugin-tutorial.md) builds a plugin with it,
[plugin hooks](plugin-hooks.md) says what a plugin implements, and [helpers](plugin-helpers.md) shows the larger parts in use.
Until version 1.0 a name may change with a minor version; [the change log](../CHANGELOG.md) says so.

This page is written by `python -m tests.tools.api_page`.
"""
Definition = ast.FunctionDef | ast.ClassDef | ast.Assign | ast.AnnAssign


@dataclass(frozen=True)
class Entry:
    """A name of the API: the module that defines it, how it is written, what is said of it, and its parts."""

    name: str
    module: str
    signature: str
    text: str
    parts: tuple[Entry, ...] = ()


@cache
def tree(module: str) -> ast.Module:
    spec = find_spec(module)
    if spec is None or spec.origin is None:
        raise LookupError(f"there is no module {module}")
    return ast.parse(Path(spec.origin).read_text(encoding="utf-8"))


def entries() -> list[Entry]:
    """What hp_portal.api exports, in the order in which it imports."""
    return list(_entries(API))


def _entries(module: str, before: str = "") -> Iterator[Entry]:
    """What a module exports. A module that gathers names is followed by them, with its own name before theirs."""
    exported = _exported(module)
    lost = set(exported)
    for node in tree(module).body:
        if not isinstance(node, ast.ImportFrom):
            continue
        for alias in node.names:
            name = alias.asname or alias.name
            if name not in exported:
                continue
            lost.discard(name)
            entry = _entry(name, str(node.module), alias.name)
            yield replace(entry, name=before + name)
            inside = f"{node.module}.{alias.name}"
            if _is_module(inside) and _exported(inside):
                yield from _entries(inside, f"{name}.")
    if lost:
        raise LookupError(f"{module} exports what it does not import: {', '.join(sorted(lost))}")


def undescribed() -> list[str]:
    """The names, and parts of names, that have no docstring."""
    found = []
    for entry in entries():
        found += [entry.name] if not entry.text else []
        found += [f"{entry.name}.{part.name}" for part in entry.parts if not part.text]
    return found


def _exported(module: str) -> set[str]:
    """The names in a module's `__all__`; none when it has none."""
    for node in tree(module).body:
        if _assigned(node) == "__all__" and isinstance(node, ast.Assign):
            return set(ast.literal_eval(node.value))
    return set()


def _entry(name: str, module: str, original: str) -> Entry:
    if (inside := f"{module}.{original}") and _is_module(inside):
        return _of_module(name, inside)
    for position, node in enumerate(body := tree(module).body):
        if isinstance(node, ast.ImportFrom) and any((a.asname or a.name) == original for a in node.names):
            source = next(a.name for a in node.names if (a.asname or a.name) == original)
            return _entry(name, str(node.module), source)
        if isinstance(node, ast.FunctionDef) and node.name == original:
            return Entry(name, module, _function(node, name), ast.get_docstring(node) or "")
        if isinstance(node, ast.ClassDef) and node.name == original:
            return _of_class(node, module)
        if _assigned(node) == original:
            return Entry(name, module, name, _string(body, position + 1))
    raise LookupError(f"{module} does not define {original}")


def _is_module(name: str) -> bool:
    try:
        return find_spec(name) is not None
    except ModuleNotFoundError:
        return False


def _of_module(name: str, module: str) -> Entry:
    parts = tuple(
        Entry(node.name, module, _function(node, f"{name}.{node.name}"), ast.get_docstring(node) or "")
        for node in tree(module).body
        if isinstance(node, ast.FunctionDef) and not node.name.startswith("_")
    )
    return Entry(name, module, f"from hp_portal.api import {name}", ast.get_docstring(tree(module)) or "", parts)


def _of_class(node: ast.ClassDef, module: str) -> Entry:
    parts, values = [], []
    bases = getattr(import_module(module), node.name).__mro__[1:]
    for member in node.body:
        if isinstance(member, ast.FunctionDef) and not member.name.startswith("_"):
            text = ast.get_docstring(member) or ""
            if not text and any(member.name in vars(base) for base in bases):
                continue  # the base tells it
            is_property = any(ast.unparse(mark) == "property" for mark in member.decorator_list)
            parts.append(Entry(member.name, module, _function(member, f".{member.name}", is_property), text))
        name = _assigned(member)
        if name and not name.startswith("_") and isinstance(member, ast.Assign | ast.AnnAssign):
            values.append(_value(member))
    init = next((m for m in node.body if isinstance(m, ast.FunctionDef) and m.name == "__init__"), None)
    if init is not None:
        signature = _function(init, node.name).removesuffix(" -> None")
    else:
        written = ", ".join(ast.unparse(base) for base in node.bases)
        signature = f"class {node.name}({written})" if written else f"class {node.name}"
        if values:
            signature += ":\n" + "\n".join(f"    {value}" for value in values)
    return Entry(node.name, module, signature, ast.get_docstring(node) or "", tuple(parts))


def _value(member: ast.Assign | ast.AnnAssign) -> str:
    """An attribute as it is written; how a dataclass makes its default is its own concern."""
    if isinstance(member, ast.AnnAssign) and ast.unparse(member).partition(" = ")[2].startswith("field("):
        return f"{ast.unparse(member.target)}: {ast.unparse(member.annotation)} = ..."
    return ast.unparse(member)


def _function(node: ast.FunctionDef, name: str, is_property: bool = False) -> str:
    arguments = ast.unparse(node.args)
    first = node.args.args[0].arg if node.args.args else ""
    if first in ("self", "cls"):
        arguments = arguments.removeprefix(first).removeprefix(", ")
    returns = f" -> {ast.unparse(node.returns)}" if node.returns else ""
    if is_property:
        return f"{name}{returns}"
    text = f"{name}({arguments}){returns}"
    if len(text) <= WIDTH:
        return text
    stub = ast.parse(f"def f({arguments}): ...").body[0]
    return f"{name}(\n{_one_a_line(stub)}\n){returns}" if isinstance(stub, ast.FunctionDef) else text


def _one_a_line(stub: ast.FunctionDef) -> str:
    given = stub.args
    missing: list[ast.expr | None] = [None] * (len(given.args) - len(given.defaults))
    lines = [_argument(one, default) for one, default in zip(given.args, [*missing, *given.defaults], strict=True)]
    if given.vararg:
        lines.append(f"*{ast.unparse(given.vararg)}")
    elif given.kwonlyargs:
        lines.append("*")
    lines += [_argument(one, default) for one, default in zip(given.kwonlyargs, given.kw_defaults, strict=True)]
    if given.kwarg:
        lines.append(f"**{ast.unparse(given.kwarg)}")
    return "\n".join(f"    {line}," for line in lines)


def _argument(one: ast.arg, default: ast.expr | None) -> str:
    return ast.unparse(one) + (f" = {ast.unparse(default)}" if default is not None else "")


def _assigned(node: ast.stmt) -> str:
    if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
        return node.target.id
    if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
        return node.targets[0].id
    return ""


def _string(body: list[ast.stmt], position: int) -> str:
    node = body[position] if position < len(body) else None
    if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str):
        return inspect.cleandoc(node.value.value)
    return ""


def write() -> Iterator[str]:
    """The page, line by line: a heading for every module, in the words of its own docstring."""
    yield HEAD
    grouped: dict[str, list[Entry]] = {}
    for entry in entries():
        grouped.setdefault(entry.module, []).append(entry)
    for module, members in grouped.items():
        title = (ast.get_docstring(tree(module)) or module).split("\n\n")[0].replace("\n", " ")
        yield f"## {_title(title)}\n"
        for entry in members:
            yield f"### {entry.name}\n\n```python\n{_quoted(entry.signature)}\n```\n\n{entry.text}\n"
            for part in entry.parts:
                first = part.signature.replace("\n    ", " ").replace("\n", "").replace("( ", "(").replace(",)", ")")
                yield f"- `{_quoted(first)}`: {' '.join(part.text.split())}"
            if entry.parts:
                yield ""


def _quoted(signature: str) -> str:
    """With the quotation marks of the sources; what has any inside stays."""
    return re.sub(r"'([^'\"]*)'", r'"\1"', signature)


def _title(text: str) -> str:
    """The first sentence, without its full stop."""
    return text.split(". ")[0].removesuffix(".")


if __name__ == "__main__":
    print("\n".join(write()).rstrip())
