"""Rules of the house that a linter does not know, as checks over the files."""

from __future__ import annotations

import ast
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest
from jinja2 import Environment, nodes

ROOT = Path(__file__).parents[2]
LINES, TEMPLATE_LINES, FUNCTION_LINES = 420, 160, 60  # about 400, 150 and 40; beyond these a thing is two things
# Longer all the same: what runs once for every line of every file, where calls are what costs.
HOT = {"plugins/remittance/x12/body.py: _claims", "plugins/remittance/x12/body.py: _lines"}

# Where the scopes cannot reach is said here, file by file, with the reason.
RAW_SQL = {
    "hp_portal/scopes.py": "the same criteria on the connection, for statements that were given them before",
    "hp_portal/core/access/who_is.py": "who it is, asked in a whole scope before anything else, on every request",
    "hp_portal/database.py": "the engine's own statements",
    "hp_portal/core/audit/record.py": "a Core insert: an event for every page must cost little",
    "hp_portal/core/audit/writers.py": "the newest seal, looked up beside that insert",
    "hp_portal/core/audit/refusals.py": "counts of refusals, kept before anybody is known and whatever the scope is",
    "hp_portal/core/keys/rotating.py": "tables of whatever model, gone through in the scope that sees their rows",
    "hp_portal/row_security.py": "functions and policies of PostgreSQL, made by the owner of the tables",
    "hp_portal/roles.py": "roles and rights of PostgreSQL, given by the owner of the tables",
    "hp_portal/db_commands.py": "the statements of hp_portal/roles.py, run by an administrator",
    "hp_portal/core/organizations/models.py": "the condition of a partial index",
    "plugins/profiles/record/models.py": "scope criteria in terms of other tables",
    "plugins/remittance/models.py": "a scope criterion in terms of another table",
    "plugins/remittance/intake/loading.py": "COPY and executemany of the import",
}
# Marked safe: constants of the file itself.
SAFE = {"templates/ui/icons.html"}
MARKUP = {
    "hp_portal/core/web/markdown.py": "CommonMark with HTML switched off",
    "hp_portal/core/factors/apps.py": "a QR code that segno draws",
}


def files(*folders: str, suffix: str) -> list[Path]:
    found = [path for folder in folders for path in (ROOT / folder).rglob(f"*{suffix}")]
    return sorted(path for path in found if "__pycache__" not in path.parts)


def name(path: Path) -> str:
    return str(path.relative_to(ROOT))


PRODUCT = files("hp_portal", "plugins", suffix=".py")
TEMPLATES = files("templates", "plugins", "tests", suffix=".html")
# Vendored ones are other people's, and compared with their notes in test_assets.py.
SCRIPTS = [path for path in files("hp_portal", "plugins", suffix=".js") if "vendor" not in path.parts]


def _raw_sql(tree: ast.AST) -> Iterator[int]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and node.attr == "__table__":
            yield node.lineno
        if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute):
            continue
        called, of = node.func.attr, node.func.value
        if called in ("connection", "exec_driver_sql", "raw_connection", "literal_column", "from_statement"):
            yield node.lineno
        if called.startswith("bulk_") or any(keyword.arg == "unscoped" for keyword in node.keywords):
            yield node.lineno
        if called == "text" and isinstance(of, ast.Name) and of.id in ("sa", "sqlalchemy"):
            yield node.lineno


def test_raw_sql_stands_where_it_is_allowed() -> None:
    found = {
        name(path): sorted(set(_raw_sql(ast.parse(path.read_text(encoding="utf-8")))))
        for path in PRODUCT
        if "migrations" not in path.parts
    }
    assert {path: lines for path, lines in found.items() if lines and path not in RAW_SQL} == {}
    assert [path for path in RAW_SQL if not found.get(path)] == [], "no longer needed in the list"


def test_nothing_is_marked_safe_but_constants() -> None:
    marked = {name(path) for path in TEMPLATES if re.search(r"\|\s*safe\b|autoescape\s+false", path.read_text())}
    assert marked - SAFE == set()
    in_code = {name(path) for path in PRODUCT if re.search(r"\bMarkup\(", path.read_text(encoding="utf-8"))}
    assert in_code - MARKUP.keys() == set()


# Patterns and formats that are put together, with the reason; all others stand in the code as they are.
PUT_TOGETHER = {
    "plugins/remittance/x12/separators.py": "the file's separators, escaped",
    "plugins/remittance/x12/syntax.py": "the file's separators, escaped",
    "plugins/remittance/x12/rebuild.py": "one of the patterns in the same file",
    "plugins/remittance/intake/loading.py": "psycopg's formats of SQL, which quote names",
    "hp_portal/row_security.py": "constants of the same file",
    "hp_portal/core/limits/waiting.py": "what a view says, a constant",
    "hp_portal/core/audit/reports.py": "constants of the same file",
}


def _is_written(text: ast.AST) -> bool:
    """Written out here: constants, put together or not, and with what is escaped."""
    if isinstance(text, ast.BinOp):
        return _is_written(text.left) and _is_written(text.right)
    if isinstance(text, ast.JoinedStr):
        return all(_is_written(part) for part in text.values)
    if isinstance(text, ast.FormattedValue):
        return _is_written(text.value)
    if isinstance(text, ast.Call):
        return isinstance(text.func, ast.Attribute) and text.func.attr == "escape"
    return isinstance(text, ast.Constant) or (isinstance(text, ast.Name) and text.id.isupper())


def _texts_as_code(tree: ast.AST) -> Iterator[int]:
    """Patterns, formats and templates that are not written out or named by a constant of the module."""
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute):
            continue
        called, of = node.func.attr, node.func.value
        if called in ("render_template_string", "from_string"):
            yield node.lineno
        text = of if called in ("format", "format_map") else node.args[0] if node.args else None
        is_pattern = isinstance(of, ast.Name) and of.id == "re" and called != "escape"
        if text is None or not (is_pattern or called in ("format", "format_map")):
            continue
        if not _is_written(text):
            yield node.lineno


def test_patterns_formats_and_templates_are_no_input() -> None:
    found = {name(path) for path in PRODUCT if list(_texts_as_code(ast.parse(path.read_text(encoding="utf-8"))))}
    assert found - PUT_TOGETHER.keys() == set()
    assert PUT_TOGETHER.keys() - found == set(), "no longer needed in the list"


@pytest.mark.parametrize(
    ("pattern", "what"),
    [
        (r"\b(?:inner|outer)HTML\b|insertAdjacentHTML|document\.write|srcdoc|createContextualFragment", "text as HTML"),
        (r"\beval\(|new Function|set(?:Timeout|Interval)\(\s*[\"'`]|import\(", "text as a script"),
        (
            r"__proto__|\bprototype\b|Object\.assign|\w\[[^\]\"']*[a-z][^\]]*\]\s*(?:\?\?|\|\|)?=(?!=)",
            "names from input",
        ),
    ],
)
def test_scripts_take_text_for_text(pattern: str, what: str) -> None:
    assert len(SCRIPTS) == 6
    found = [
        f"{name(path)}: {match.group()!r}"
        for path in SCRIPTS
        for match in re.finditer(pattern, path.read_text(encoding="utf-8"))
    ]
    assert not found, f"{what}: {found}"


@pytest.mark.parametrize(
    ("pattern", "what"),
    [
        (r"<script(?![^>]*\bsrc=)", "an inline script"),
        (r"<style\b", "an inline style sheet"),
        (r"\sstyle\s*=", "a style attribute"),
        (r"\son[a-z]+\s*=", "an inline handler"),
        (r"\bhx-on\b", "hx-on"),
        (r"[\"']\s*(?:javascript|js):", "a script in an attribute"),
        (r"(?:src|href)\s*=\s*[\"'](?:https?:)?//", "a third party's address"),
    ],
)
def test_templates_need_no_exception_in_the_policy(pattern: str, what: str) -> None:
    found = []
    for path in TEMPLATES:
        if path.parent.name == "mail" and "style" in pattern:
            continue  # mail clients read no other styles, and know no policy
        text = re.sub(r"\{#.*?#\}", "", path.read_text(encoding="utf-8"), flags=re.DOTALL)
        found += [f"{name(path)}: {match.group()!r}" for match in re.finditer(pattern, text)]
    assert not found, f"{what}: {found}"


# What htmx sets.
SET_BY_HTMX = {"htmx-request"}


def test_style_sheets_speak_of_what_there_is() -> None:
    """No rule for a class that nothing has, and none of the core's for the cards of one table, by its id."""
    texts = "\n".join(path.read_text(encoding="utf-8") for path in [*TEMPLATES, *PRODUCT, *SCRIPTS])
    words = set(re.findall(r"[A-Za-z][\w-]*", texts)) | SET_BY_HTMX
    sheets = [path for path in files("hp_portal", "plugins", suffix=".css") if "vendor" not in path.parts]
    unused = []
    for path in sheets:
        rules = re.sub(r"/\*.*?\*/", "", path.read_text(encoding="utf-8"), flags=re.DOTALL)
        named = set(re.findall(r"\.([A-Za-z][\w-]*)", re.sub(r"\{[^{}]*\}", "{}", rules)))
        unused += [f"{name(path)}: .{one}" for one in sorted(named - words)]
        assert ".cards#" not in rules or "plugins" in path.parts, name(path)
    assert len(sheets) >= 6
    assert not unused


def test_child_templates_hold_blocks_only() -> None:
    """A block rendered alone, as a fragment, sees nothing that stands outside of it."""
    environment = Environment(autoescape=True)
    wrong = []
    for path in TEMPLATES:
        body = environment.parse(path.read_text(encoding="utf-8")).body
        if not any(isinstance(node, nodes.Extends) for node in body):
            continue
        for node in body:
            blank = isinstance(node, nodes.Output) and all(
                isinstance(part, nodes.TemplateData) and not part.data.strip() for part in node.nodes
            )
            if not (blank or isinstance(node, nodes.Extends | nodes.Block)):
                wrong.append(f"{name(path)}, line {node.lineno}: {type(node).__name__}")
    assert not wrong


def test_files_and_templates_are_of_one_thing() -> None:
    limits = {".py": LINES, ".html": TEMPLATE_LINES}
    long = {
        name(path): lines
        for path in [*PRODUCT, *TEMPLATES, *files("tests", "bench", suffix=".py")]
        if "migrations" not in path.parts
        and (lines := len(path.read_text(encoding="utf-8").splitlines())) > limits[path.suffix]
    }
    assert long == {}


def test_functions_are_of_one_thing() -> None:
    long = []
    for path in PRODUCT:
        if "migrations" in path.parts:
            continue
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.FunctionDef) and (node.end_lineno or 0) - node.lineno >= FUNCTION_LINES:
                long.append(f"{name(path)}: {node.name}")
    assert set(long) == HOT


# Put together here, so that this file does not hold them itself.
ELSEWHERE = [
    "/" + "work" + "/",
    "/" + "root" + "/",
    "/" + "home" + "/",
    "/tmp/" + "brief",
    "pypi" + ".org",
    "python" + "hosted.org",
    "npm" + "js.org",
    "--index" + "-url",
    "jsdelivr" + ".net",
    "unpkg" + ".com",
]


def test_no_file_speaks_of_a_machine_or_a_registry() -> None:
    top = [path for path in ROOT.iterdir() if path.is_file() and path.name != ".git"]
    trees = ("hp_portal", "plugins", "templates", "tests", "docs", "bench", ".ci")
    found = []
    for path in [*top, *(path for tree in trees for path in files(tree, suffix=""))]:
        if not path.is_file() or path.suffix in {".pyc", ".so"}:
            continue
        try:
            text = path.read_text(encoding="utf-8")
        except UnicodeDecodeError:
            continue
        found += [f"{name(path)}: {word}" for word in ELSEWHERE if word in text]
    assert not found


def test_plugins_name_the_portal_s_surface_alone() -> None:
    """Also inside functions and for types, and whatever module is new."""
    wrong = []
    for path in files("plugins", suffix=".py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            modules = (
                [node.module or ""]
                if isinstance(node, ast.ImportFrom) and not node.level
                else [alias.name for alias in node.names]
                if isinstance(node, ast.Import)
                else []
            )
            whole = isinstance(node, ast.ImportFrom) and node.module == "hp_portal"
            if whole and isinstance(node, ast.ImportFrom) and {alias.name for alias in node.names} == {"api"}:
                continue
            # Alembic writes the column types' full names into migrations.
            allowed = {"hp_portal.api"} | ({"hp_portal.database"} if "migrations" in path.parts else set())
            # Alembic loads migrations by their files: they name their own plugin in full.
            own = f"hp_portal_plugins.{path.parent.parent.name}." if "migrations" in path.parts else "none"
            wrong += [
                f"{name(path)}: {module}"
                for module in modules
                if module.partition(".")[0] in ("hp_portal", "hp_portal_plugins")
                and module not in allowed
                and not module.startswith(own)
            ]
    assert not wrong


def test_no_import_is_excepted_from_the_contracts() -> None:
    """Layers that name every module, and nothing that import-linter is told to overlook."""
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["importlinter"]
    assert set(settings) == {"root_packages", "contracts"}
    for contract in settings["contracts"]:
        assert not {"ignore_imports", "exhaustive_ignores"} & contract.keys(), contract["name"]
        assert contract["type"] != "layers" or contract.get("exhaustive"), contract["name"]


def test_tests_set_the_time_by_the_clock_fixture_alone() -> None:
    """A `now` patched in one module leaves the others in another time."""
    found = [
        f"{name(path)}: {match.group()}"
        for path in files("tests", suffix=".py")
        for match in re.finditer(r"setattr\([^)\n]*[\".](?:now|today)\"", path.read_text(encoding="utf-8"))
        if path != Path(__file__)
    ]
    assert not found


def _work_of_verbs(tree: ast.AST) -> Iterator[str]:
    """What a view does not do itself: statements, and records of what was done."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import) and any(alias.name == "sqlalchemy" for alias in node.names):
            yield f"line {node.lineno}: imports sqlalchemy"
        if isinstance(node, ast.Call):
            called = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
            if called in ("execute", "scalar", "scalars", "get_one", "add_all", "flush", "record"):
                yield f"line {node.lineno}: calls {called}()"
            model = node.args[0] if called == "get" and len(node.args) > 1 else None
            named = model.attr if isinstance(model, ast.Attribute) else getattr(model, "id", "")
            if named[:1].isupper() and not named.isupper():
                yield f"line {node.lineno}: gets a row of {named}"


def test_views_leave_sql_and_the_record_to_verbs() -> None:
    seen = "db.get(Payee, 1); models.session.get(models.Payee, 1); request.args.get('q', ''); kept.get(MAY_SEND, ())"
    assert len(list(_work_of_verbs(ast.parse(seen)))) == 2, "rows by their key are statements, too"
    found = [
        f"{name(path)}, {what}"
        for path in [*PRODUCT, *files("tests/sample_plugin", suffix=".py")]
        if path.name.endswith("views.py")
        for what in _work_of_verbs(ast.parse(path.read_text(encoding="utf-8")))
    ]
    assert not found
