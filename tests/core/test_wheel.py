"""The wheel holds the whole tree under two names, and serves from another folder."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from tests.support.databases import DATA_KEY, SECRET_KEY
from tests.support.processes import PATIENCE

ROOT = Path(__file__).parents[2]
FOLDERS = {"hp_portal": "hp_portal", "plugins": "hp_portal_plugins", "templates": "hp_portal/templates"}
COMPILED = ("*.so", "*.pyd")
PIP = ("-m", "pip", "install", "--quiet", "--no-deps", "--no-index", "--disable-pip-version-check")
IS_IT_COMPILED = "from hp_portal_plugins.remittance.x12 import compiled; print(compiled.fast_claims is not None)"
IN_THE_FOLDER = Path(__file__).with_name("serve_from_wheel.py")


def run(*command: str, cwd: Path, **environment: str) -> str:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "HP_PORTAL_"))}
    result = subprocess.run(
        command, cwd=cwd, env={**kept, **environment}, text=True, capture_output=True, timeout=PATIENCE, check=False
    )
    assert result.returncode == 0, result.stdout + result.stderr
    return result.stdout


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy: building in the tree leaves files there that come back in the next wheel."""
    copy = tmp_path_factory.mktemp("source")
    for folder in FOLDERS:
        shutil.copytree(ROOT / folder, copy / folder, ignore=shutil.ignore_patterns("__pycache__", *COMPILED))
    for file in ("pyproject.toml", "setup.py", "README.md", "LICENSE"):
        shutil.copy(ROOT / file, copy)
    return copy


def build(source: Path, out: Path, **environment: str) -> Path:
    command = (sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(out), ".")
    run(*command, cwd=source, **environment)
    shutil.rmtree(source / "build", ignore_errors=True)
    return next(out.glob("*.whl"))


@pytest.fixture(scope="module")
def wheel(source: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build(source, tmp_path_factory.mktemp("dist"))


def test_the_wheel_s_files_are_the_tree_s(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        inside = {entry for entry in archive.namelist() if ".dist-info/" not in entry}
    tree = {
        f"{target}/{path.relative_to(ROOT / folder)}"
        for folder, target in FOLDERS.items()
        for path in (ROOT / folder).rglob("*")
        if path.is_file() and "__pycache__" not in path.parts and path.suffix != ".c"
    }
    tree = {path for path in tree if not path.endswith((".so", ".pyd"))}
    inside = {path for path in inside if not path.endswith((".so", ".pyd"))}
    assert sorted(tree - inside) == []
    assert sorted(inside - tree) == []
    assert {entry.split("/")[0] for entry in inside} == {"hp_portal", "hp_portal_plugins"}


def test_the_installed_wheel_serves(wheel: Path, tmp_path: Path) -> None:
    """Home page, a plugin's page, a help topic and a static file, from another folder."""
    site, elsewhere = tmp_path / "site", tmp_path / "elsewhere"
    elsewhere.mkdir()
    shutil.copy(IN_THE_FOLDER, elsewhere)
    run(sys.executable, *PIP, "--root-user-action=ignore", "--target", str(site), str(wheel), cwd=elsewhere)
    assert {path.name for path in site.iterdir() if ".dist-info" not in path.name} - {"bin", "__pycache__"} == {
        "hp_portal",
        "hp_portal_plugins",
    }
    said = run(
        sys.executable,
        IN_THE_FOLDER.name,
        cwd=elsewhere,
        PYTHONPATH=str(site),
        HP_PORTAL_SECRET_KEY=SECRET_KEY,
        HP_PORTAL_DATA_KEY=DATA_KEY,
        HP_PORTAL_HTTPS="false",
        HP_PORTAL_LOG_FORMAT="json",
    )
    place, *lines = said.splitlines()
    assert Path(place).is_relative_to(site)
    answers = dict(line.split(" ", 1) for line in lines)
    assert answers == {
        "/": "200 text/html",
        "/apps/remittance/": "200 text/html",
        "/help/signing-in": "200 text/html",
        "/static/portal.bundle.css": "200 text/css",
    }


@pytest.mark.skipif(shutil.which("cc") is None, reason="no C compiler (cc)")
def test_a_wheel_built_with_a_compiler_has_the_compiled_part(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        compiled = [entry for entry in archive.namelist() if entry.endswith((".so", ".pyd"))]
    assert [entry.rsplit("/", 1)[0] for entry in compiled] == ["hp_portal_plugins/remittance/x12"]
    assert "-cp311-abi3-" in wheel.name


def test_a_wheel_for_every_machine_has_none(source: Path, tmp_path: Path) -> None:
    wheel = build(source, tmp_path, HP_PORTAL_PURE="1")
    assert wheel.name.endswith("-py3-none-any.whl")
    with zipfile.ZipFile(wheel) as archive:
        assert not [entry for entry in archive.namelist() if entry.endswith((".so", ".pyd"))]


def test_without_a_compiler_it_installs_all_the_same(source: Path, tmp_path: Path) -> None:
    """As a minimal system does it: from the sources, with nothing that compiles."""
    no_compiler = str(tmp_path / "no-such-compiler")
    run(
        sys.executable, *PIP, "--no-build-isolation", "--root-user-action=ignore", "--target", str(tmp_path / "site"),
        str(source), cwd=tmp_path, CC=no_compiler, LDSHARED=no_compiler,
    )  # fmt: skip
    shutil.rmtree(source / "build", ignore_errors=True)
    said = run(sys.executable, "-c", IS_IT_COMPILED, cwd=tmp_path, PYTHONPATH=str(tmp_path / "site"))
    assert said.split() == ["False"]
