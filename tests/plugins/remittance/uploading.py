"""Staff upload a file, and the worker imports it."""

from __future__ import annotations

import io
from typing import Any

import sqlalchemy as sa

from hp_portal import worker
from hp_portal_plugins.remittance.intake import uploads
from hp_portal_plugins.remittance.intake.models import Upload
from tests.support.client import PortalClient
from tests.support.world import World

URL = "/staff/remittance/"
RUN, READ, INSPECT = "remittance:import:run", "remittance:import:read", "remittance:payment:inspect"


def upload(client: PortalClient, *files: bytes) -> Any:
    return client.post(URL, {"files": [(io.BytesIO(data), f"file{number}.835") for number, data in enumerate(files)]})


def run_worker(world: World) -> bool:
    """The worker's job as the worker runs it; False when it failed."""
    with world.app.app_context():
        return worker.run_job(world.app, uploads.JOB)


def the_upload(world: World) -> Upload:
    with world.session() as session:
        return session.scalars(sa.select(Upload).order_by(Upload.id.desc()).limit(1)).one()


def count(world: World, table: Any) -> int:
    with world.session() as session:
        return session.scalar(sa.select(sa.func.count()).select_from(table)) or 0
