"""Alembic's environment: runs one chain's revisions in the transaction of the connection it is given."""

from __future__ import annotations

from alembic import context

from hp_portal.database import Base

given = context.config.attributes
context.configure(
    connection=given["connection"],
    target_metadata=Base.metadata,
    version_table=given["version_table"],
    include_name=given.get("include_name"),
    include_object=given.get("include_object"),
    render_as_batch=True,
    compare_type=True,
    # Server defaults are never used, and databases spell them differently.
    compare_server_default=False,
    transactional_ddl=True,
)
with context.begin_transaction():
    context.run_migrations()
