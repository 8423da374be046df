"""Static files: names that change with the content, compressed answers, caching, building at the same time."""

from __future__ import annotations

import gzip
import hashlib
import re
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import brotli  # type: ignore[import-untyped]
import pytest
from flask import Flask, render_template_string
from werkzeug.test import TestResponse

from hp_portal.core.web.assets import Bundle, Manifest, UnknownAsset, build_static, install

STATIC = Path(__file__).parents[2] / "hp_portal" / "static"
CSS = "body { margin: 0 } /* " + "spaces " * 200 + "*/"


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """A small static folder."""
    folder = tmp_path / "static"
    (folder / "vendor").mkdir(parents=True)
    (folder / "site.css").write_text(CSS)
    (folder / "vendor" / "lib.min.js").write_text("var lib = 1;")
    (folder / "mark.svg").write_text("<svg xmlns='http://www.w3.org/2000/svg'/>")
    (folder / "notes.md").write_text("# For developers")
    return folder


def build(folder: Path, out: Path, prefix: str = "") -> Manifest:
    return build_static([(prefix, folder)], out, bundles=())


class Visitor:
    """Gets static files from a bare application, reading each answer to its end."""

    def __init__(self, manifest: Manifest) -> None:
        app = Flask("bare", static_folder=None)
        install(app, manifest, [("X-Content-Type-Options", "nosniff")])
        self.client = app.test_client()

    def get(self, path: str, **headers: str) -> TestResponse:
        """`Accept_Encoding="br"` sends that header."""
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        return self.client.get(path, headers=sent, buffered=True)


def test_names_carry_a_hash_of_the_content(source: Path, tmp_path: Path) -> None:
    manifest = build(source, tmp_path / "out")
    digest = hashlib.sha256(CSS.encode()).hexdigest()[:8]
    assert manifest.url("site.css") == f"/static/site.{digest}.css"
    assert re.fullmatch(r"/static/vendor/lib\.min\.[0-9a-f]{8}\.js", manifest.url("vendor/lib.min.js"))


def test_a_changed_file_gets_another_name_and_the_old_one_stays(source: Path, tmp_path: Path) -> None:
    old = build(source, tmp_path / "out").url("site.css")
    (source / "site.css").write_text("body { margin: 1px }")
    manifest = build(source, tmp_path / "out")
    client = Visitor(manifest)
    assert manifest.url("site.css") != old
    assert client.get(old).text == CSS, "a page sent before the upgrade still finds its style sheet"
    assert client.get(manifest.url("site.css")).text == "body { margin: 1px }"


def test_a_second_build_writes_nothing(source: Path, tmp_path: Path) -> None:
    build(source, tmp_path / "out")
    before = {file: file.stat().st_mtime_ns for file in (tmp_path / "out").rglob("*")}
    build(source, tmp_path / "out")
    assert {file: file.stat().st_mtime_ns for file in (tmp_path / "out").rglob("*")} == before


def test_only_what_browsers_need_is_published(source: Path, tmp_path: Path) -> None:
    assert set(build(source, tmp_path / "out").files) == {"site.css", "vendor/lib.min.js", "mark.svg"}


def test_plugins_have_their_own_prefix(source: Path, tmp_path: Path) -> None:
    manifest = build_static([("", source), ("plugins/sample", source)], tmp_path / "out", bundles=())
    assert manifest.url("plugins/sample/site.css").startswith("/static/plugins/sample/site.")
    assert Visitor(manifest).get(manifest.url("plugins/sample/site.css")).text == CSS


def test_two_folders_may_not_publish_the_same_name(source: Path, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"site\.css|mark\.svg"):
        build_static([("", source), ("", source)], tmp_path / "out", bundles=())


@pytest.mark.parametrize(
    ("accepted", "encoding", "decode"),
    [
        ("gzip", "gzip", gzip.decompress),
        ("gzip, deflate, br", "br", brotli.decompress),
        ("", None, bytes),
        ("identity", None, bytes),
    ],
)
def test_answers_are_compressed_as_the_browser_accepts(
    source: Path, tmp_path: Path, accepted: str, encoding: str | None, decode: Callable[[bytes], bytes]
) -> None:
    manifest = build(source, tmp_path / "out")
    answer = Visitor(manifest).get(manifest.url("site.css"), Accept_Encoding=accepted)
    assert answer.status_code == 200
    assert answer.headers.get("Content-Encoding") == encoding
    assert answer.headers["Vary"] == "Accept-Encoding"
    assert decode(answer.data).decode() == CSS


def test_files_are_cached_for_good_and_never_guessed_at(source: Path, tmp_path: Path) -> None:
    manifest = build(source, tmp_path / "out")
    client = Visitor(manifest)
    answer = client.get(manifest.url("site.css"))
    assert answer.headers["Cache-Control"] == "max-age=315360000, public, immutable"
    assert answer.headers["Content-Type"] == 'text/css; charset="utf-8"'
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert "Access-Control-Allow-Origin" not in answer.headers
    assert "sandbox" in client.get(manifest.url("mark.svg")).headers["Content-Security-Policy"]
    modified = answer.headers["Last-Modified"]
    assert client.get(manifest.url("site.css"), If_Modified_Since=modified).status_code == 304


@pytest.mark.parametrize(
    "path",
    [
        "/static/site.css",
        "/static/site.00000000.css",
        "/static/",
        "/static/../notes.md",
        "/static/%2e%2e/static/site.css",
    ],
)
def test_everything_else_is_not_found(source: Path, tmp_path: Path, path: str) -> None:
    assert Visitor(build(source, tmp_path / "out")).get(path).status_code == 404


def test_half_written_files_are_not_served(source: Path, tmp_path: Path) -> None:
    manifest = build(source, tmp_path / "out")
    (tmp_path / "out" / ".building-abc").write_text("half")
    client = Visitor(manifest)
    assert client.get("/static/.building-abc").status_code == 404


def test_templates_name_files_and_misspellings_fail(source: Path, tmp_path: Path) -> None:
    app = Flask("bare", static_folder=None)
    manifest = build(source, tmp_path / "out")
    install(app, manifest)
    with app.app_context():
        assert render_template_string("{{ asset('site.css') }}") == manifest.url("site.css")
        with pytest.raises(UnknownAsset, match=r"'sight\.css'; there is site\.css"):
            render_template_string("{{ asset('sight.css') }}")


def test_an_app_with_flasks_own_static_route_is_refused(source: Path, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="one door"):
        install(Flask("bare", static_folder=str(source)), build(source, tmp_path / "out"))


def test_bundles_join_files_and_put_layers_around(source: Path, tmp_path: Path) -> None:
    (source / "base.css").write_text('@charset "UTF-8";a{color:red}')
    bundle = Bundle("all.css", ("base.css", "site.css"), layered=frozenset({"base.css"}))
    manifest = build_static([("", source)], tmp_path / "out", bundles=[bundle])
    assert Visitor(manifest).get(manifest.url("all.css")).text == "@layer vendor{a{color:red}}\n" + CSS


def test_a_bundle_without_one_of_its_parts_is_refused(source: Path, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"all\.css lacks gone\.css"):
        build_static([("", source)], tmp_path / "out", bundles=[Bundle("all.css", ("site.css", "gone.css"))])


def _build_portal(out: Path) -> dict[str, str]:
    return dict(build_static([("", STATIC)], out).files)


def test_processes_may_build_at_the_same_time(tmp_path: Path) -> None:
    out = tmp_path / "out"
    with ProcessPoolExecutor(4, mp_context=get_context("spawn")) as pool:
        built = list(pool.map(_build_portal, [out] * 8))
    assert all(files == built[0] for files in built)
    assert not list(out.rglob(".building-*"))
    for name, hashed in built[0].items():
        data = (out / hashed).read_bytes()
        assert hashed.split(".")[-2] == hashlib.sha256(data).hexdigest()[:8], name
        for suffix, decode in ((".gz", gzip.decompress), (".br", brotli.decompress)):
            sibling = out / (hashed + suffix)
            assert decode(sibling.read_bytes()) == data, name


def test_vendored_files_are_the_ones_their_notes_name() -> None:
    notes = (STATIC / "vendor" / "README.md").read_text()
    named = dict(re.findall(r"\| `([^`]+)` \|.*\| `([0-9a-f]{64})` \|", notes))
    assert set(named) == {file.name for file in (STATIC / "vendor").iterdir() if file.suffix in (".js", ".css")}
    for name, digest in named.items():
        assert hashlib.sha256((STATIC / "vendor" / name).read_bytes()).hexdigest() == digest
        assert (STATIC / "vendor" / f"{name.split('.')[0]}.LICENSE.txt").is_file()


def test_the_portals_own_files_load_nothing_from_elsewhere() -> None:
    """Bundles move files, so a style sheet may not refer to another file; and nothing comes from another host."""
    for file in (*STATIC.glob("*.css"), *STATIC.glob("*.js")):
        text = file.read_text()
        assert "url(" not in text, file.name
        assert "@import" not in text, file.name
        assert "http://" not in text, file.name
        assert "https://" not in text, file.name
