"""What every template can use: the payer, formats, and the macros of templates/ui/ as `ui`."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

from flask import Flask, g
from jinja2 import FileSystemBytecodeCache

from hp_portal.core.web.formats import currency_sign, show_count, show_date, show_datetime, show_day, show_money
from hp_portal.core.web.links import absolute_url
from hp_portal.core.web.prefixes import here
from hp_portal.core.web.render import settings_of
from hp_portal.settings import Settings

MACRO_FILES = (
    "icons",
    "attributes",
    "forms",
    "page",
    "data",
    "tables",
    "charts",
    "errors",
    "console",
    "attachments",
    "signing",
    "sheets",
)


def install(app: Flask, settings: Settings, *, version: str) -> None:
    """Add the globals. Everything here is the same for every request; what changes comes from context processors."""
    environment = app.jinja_env
    environment.bytecode_cache = compiled_templates(Path(app.instance_path) / "templates")
    environment.trim_blocks = True
    environment.lstrip_blocks = True
    environment.globals.update(
        payer=settings.payer,
        portal_version=version,
        portal_settings=settings,
        settings_of=settings_of,
        absolute_url=absolute_url,
        here=here,
        t_date=show_date,
        t_day=lambda moment: show_day(moment, settings.payer.zone),
        t_datetime=lambda moment: show_datetime(moment, settings.payer.zone),
        t_money=show_money,
        t_count=show_count,
        t_currency=lambda currency: currency_sign(currency or g.get("currency")),
    )
    environment.globals["ui"] = load_macros(app)

    @app.context_processor
    def request_values() -> dict[str, Any]:
        return {"request_id": g.get("request_id", ""), "help_topic": ""}


def show_amounts_in(currency: str | None) -> None:
    """Have `ui.money` show this request's amounts in a currency, where it is not told another; None: in dollars."""
    g.currency = currency


def compiled_templates(folder: Path) -> FileSystemBytecodeCache:
    """Where compiled templates are kept from one start, and one worker, to the next; the source's checksum decides."""
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    return FileSystemBytecodeCache(str(folder))


def load_macros(app: Flask) -> SimpleNamespace:
    """The macros of all files in templates/ui/, by name. They see each other as `ui`, so the object exists first."""
    ui = SimpleNamespace()
    app.jinja_env.globals["ui"] = ui
    for name in MACRO_FILES:
        module = app.jinja_env.get_template(f"ui/{name}.html").module
        for macro in (entry for entry in dir(module) if not entry.startswith("_")):
            if hasattr(ui, macro):
                raise RuntimeError(f"two macros are called ui.{macro}")
            setattr(ui, macro, getattr(module, macro))
    return ui
