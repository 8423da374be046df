"""Static files: named by their content, compressed beforehand, served by WhiteNoise and cached for good.

`build_static` copies the folders of the core and of every plugin into one folder. `portal.css` becomes
`portal.3f2a91bc.css`, beside it `portal.3f2a91bc.css.gz` and `.br`; since the name changes with the content, browsers may
keep a file for ever. What every page needs is bundled, so a first visit takes one style sheet and one script:

- `portal.bundle.css`: Pico CSS inside `@layer vendor`, then our style sheets. A layer loses against unlayered
  rules whatever their specificity, so ours stay short. Our own files are joined as they are.
- `portal.bundle.js`: htmx, then our scripts.

Nothing else is rewritten: a style sheet that refers to another file would have to know its hash, so none does.
"""

from __future__ import annotations

import difflib
import gzip
import hashlib
import os
import re
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from wsgiref.headers import Headers

import brotli  # type: ignore[import-untyped]
from flask import Flask
from whitenoise import WhiteNoise

STATIC_URL = "/static/"

# What is published; anything else in a static folder (notes, licenses' sources) stays at home.
_PUBLISHED = frozenset({".css", ".js", ".svg", ".png", ".jpg", ".webp", ".ico", ".woff2", ".txt"})
_COMPRESSED = frozenset({".css", ".js", ".svg", ".ico", ".txt"})
_HASHED_NAME = re.compile(r"\.[0-9a-f]{8}\.[a-z0-9]+$")


class UnknownAsset(LookupError):
    """A template asked for a static file that does not exist; the text names the nearest ones."""


@dataclass(frozen=True)
class Bundle:
    """Several files of the core's static folder served as one.

    `layered` parts are wrapped in `@layer vendor` (style sheets only). A part of `repeated` is put in once under each of
    its conditions, for rules that hold under any of them where CSS has no "or".
    """

    name: str
    parts: tuple[str, ...]
    layered: frozenset[str] = frozenset()
    repeated: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


PORTAL_BUNDLES = (
    Bundle(
        "portal.bundle.css",
        ("vendor/pico.min.css", "portal.css", "components.css", "tables.css", "cards.css", "pages.css"),
        layered=frozenset({"vendor/pico.min.css"}),
        repeated={"cards.css": ("@container frame (max-width: 58rem)", "@container few (max-width: 38rem)")},
    ),
    Bundle("portal.bundle.js", ("vendor/htmx.min.js", "portal.js", "session.js")),
)


@dataclass(frozen=True)
class Manifest:
    """Which file stands for which name: `files["portal.css"] == "portal.3f2a91bc.css"`, below `root`."""

    root: Path
    files: Mapping[str, str]

    def url(self, path: str) -> str:
        """The address of a static file, such as `/static/plugins/remittance/chart.0a1b2c3d.css`.

        Raises UnknownAsset for a name that was not built, so that a misspelling fails in the first test of a page.
        """
        try:
            return STATIC_URL + self.files[path]
        except KeyError:
            near = ", ".join(difflib.get_close_matches(path, self.files, n=3)) or "nothing like it"
            raise UnknownAsset(f"no static file {path!r}; there is {near}") from None


def build_static(
    sources: Sequence[tuple[str, Path]], out: Path, bundles: Sequence[Bundle] = PORTAL_BUNDLES
) -> Manifest:
    """Publish static folders below `out` and say where each file went.

    `sources` are pairs of prefix and folder: `""` for the core, `plugins/<key>` for a plugin. `out` must be writable by the
    portal alone, since a file that is already there under the right name is used again. Files of earlier builds stay: pages
    that were sent before an upgrade still find theirs. Processes may build into the same folder at the same time: every file
    is written under another name and then renamed.

    Raises ValueError when two sources publish the same name, or when a bundle lacks one of its parts.
    """
    contents: dict[str, bytes] = {}
    for prefix, folder in sources:
        for name, data in _read_folder(prefix, folder):
            if name in contents:
                raise ValueError(f"two static folders publish {name!r}")
            contents[name] = data
    for bundle in bundles:
        contents[bundle.name] = _join(bundle, contents)
    return Manifest(out, {name: _publish(name, data, out) for name, data in sorted(contents.items())})


def install(app: Flask, manifest: Manifest, headers: Sequence[tuple[str, str]] = ()) -> None:
    """Serve the built files in front of the application, each with `headers`, and give templates `asset(name)`.

    Raises ValueError when the app has Flask's own static route, which would serve the same files unhashed and uncompressed.
    """
    if app.has_static_folder:
        raise ValueError("make the app with static_folder=None: static files have one door")
    noise = WhiteNoise(
        app.wsgi_app,
        allow_all_origins=False,
        immutable_file_test=_is_immutable,
        add_headers_function=_with(headers),
    )
    # Walked here rather than by WhiteNoise: another process may be building, and its half-written files come and go.
    for file in sorted(manifest.root.rglob("*")):
        if _HASHED_NAME.search(file.name):
            noise.add_file_to_dictionary(STATIC_URL + file.relative_to(manifest.root).as_posix(), str(file))
    app.wsgi_app = noise  # type: ignore[method-assign]
    url: Callable[[str], str] = manifest.url
    app.jinja_env.globals["asset"] = url


def _read_folder(prefix: str, folder: Path) -> list[tuple[str, bytes]]:
    files = (file for file in sorted(folder.rglob("*")) if file.is_file() and file.suffix in _PUBLISHED)
    return [
        ((PurePosixPath(prefix) / file.relative_to(folder).as_posix()).as_posix(), file.read_bytes()) for file in files
    ]


def _join(bundle: Bundle, contents: Mapping[str, bytes]) -> bytes:
    missing = [part for part in bundle.parts if part not in contents]
    if missing:
        raise ValueError(f"{bundle.name} lacks {', '.join(missing)}")
    return b"\n".join(_wrapped(bundle, part, contents[part]) for part in bundle.parts)


def _wrapped(bundle: Bundle, part: str, text: bytes) -> bytes:
    if part in bundle.layered:
        return b"@layer vendor{" + text.removeprefix(b'@charset "UTF-8";') + b"}"
    if part in bundle.repeated:
        return b"\n".join(b"@media screen{" + one.encode() + b"{" + text + b"}}" for one in bundle.repeated[part])
    return text


def _publish(name: str, data: bytes, out: Path) -> str:
    """Write one file and its compressed siblings unless they are there; the hashed name below `out`."""
    path = PurePosixPath(name)
    hashed = path.with_name(f"{path.stem}.{hashlib.sha256(data).hexdigest()[:8]}{path.suffix}")
    target = out / hashed
    target.parent.mkdir(parents=True, exist_ok=True)
    if path.suffix in _COMPRESSED:
        _write(target.with_name(target.name + ".gz"), lambda: gzip.compress(data, 9, mtime=0))
        _write(target.with_name(target.name + ".br"), lambda: brotli.compress(data))
    # The file itself comes last: whoever finds it finds its siblings, too.
    _write(target, lambda: data)
    return hashed.as_posix()


def _write(target: Path, make: Callable[[], bytes]) -> None:
    if target.exists():
        return
    with tempfile.NamedTemporaryFile(dir=target.parent, prefix=".building-", delete=False) as file:
        file.write(make())
    os.chmod(file.name, 0o644)
    os.replace(file.name, target)


def _is_immutable(_path: str, url: str) -> bool:
    return bool(_HASHED_NAME.search(url))


def _with(headers: Sequence[tuple[str, str]]) -> Callable[[Headers, str, str], None]:
    def add(answer: Headers, _path: str, url: str) -> None:
        for name, value in headers:
            answer[name] = value
        if url.endswith(".svg"):
            # Opened by itself, a picture is a document that could carry script.
            answer["Content-Security-Policy"] = "default-src 'none'; sandbox; frame-ancestors 'none'"

    return add
