"""Notes of the sample plugin with files attached, as people attach them through its pages."""

from __future__ import annotations

import io
from typing import Any

import pikepdf
import sqlalchemy as sa
from flask import Flask
from werkzeug.datastructures import FileStorage
from werkzeug.test import TestResponse, encode_multipart

from hp_portal.core.audit.models import AuditEvent
from tests import sample_plugin
from tests.conftest import MakeApp
from tests.support.client import PortalClient
from tests.support.databases import Databases, prepare_database
from tests.support.world import World

NOTE = "/apps/sample/notes/1"


STAFF = ("staff:console:open", "staff:attachments:check", "staff:people:search")


def scripted_pdf() -> bytes:
    pdf, out = pikepdf.new(), io.BytesIO()
    pdf.add_blank_page()
    pdf.Root.OpenAction = pikepdf.Dictionary(S=pikepdf.Name.JavaScript, JS="app.alert('SCRIPT')")
    pdf.save(out)
    return out.getvalue()


def attach(client: PortalClient, *files: tuple[str, bytes], **options: Any) -> TestResponse:
    given = [FileStorage(io.BytesIO(body), name) for name, body in files]
    boundary, body = encode_multipart({"csrf_token": client.csrf_token(), "files": given})
    content_type = f"multipart/form-data; boundary={boundary}"
    return client.flask.post(f"{NOTE}/attach", data=body, content_type=content_type, **options)


def noted(world: World, username: str = "aspen") -> PortalClient:
    """Somebody who has written a note."""
    world.person(username, organization=world.organization(f"{username.title()} Clinic"))
    client = world.sign_in(username)
    client.post("/apps/sample/", {"text": "A note"})
    return client


def said(client: PortalClient) -> str:
    return client.get(NOTE).text


def events(world: World) -> list[tuple[str, str]]:
    """What the record has about attached files."""
    with world.session() as session:
        rows = session.scalars(
            sa.select(AuditEvent).where(AuditEvent.event.startswith("attachment.")).order_by(AuditEvent.id)
        )
        return [(row.event.removeprefix("attachment."), row.fields) for row in rows]


def sample(database_url: str, make_app: MakeApp, databases: Databases, **values: Any) -> World:
    """The sample plugin's world with settings of its own."""
    app: Flask = make_app(database_url, extra_plugins={"sample": sample_plugin}, **values)

    def install() -> bytes:
        prepare_database(app)
        return b""

    databases.fill(app, "sample", install)
    return World(app)
