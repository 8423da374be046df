"""uploads are stored files

Revision ID: 1795602801
Revises: 1795316501
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "1795602801"
down_revision = "1795316501"

BigId = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    upload = sa.table("remittance_upload", sa.column("state"), sa.column("error"), sa.column("leased_until"))
    # Their pieces cannot be read from here.
    op.execute(
        upload.update()
        .where(upload.c.state.in_(("waiting", "reading", "saving")))
        .values(state="failed", error="The portal was upgraded. Please upload the file again.", leased_until=None)
    )
    op.drop_table("remittance_upload_chunk")
    with op.batch_alter_table("remittance_upload", schema=None) as batch_op:
        batch_op.add_column(sa.Column("lease_token", sa.String(length=32), nullable=True))
        batch_op.add_column(sa.Column("stored_file_id", BigId, nullable=True))
        batch_op.create_foreign_key(
            batch_op.f("fk_remittance_upload_stored_file_id"), "stored_file", ["stored_file_id"], ["id"]
        )


def downgrade() -> None:
    with op.batch_alter_table("remittance_upload", schema=None) as batch_op:
        batch_op.drop_constraint(batch_op.f("fk_remittance_upload_stored_file_id"), type_="foreignkey")
        batch_op.drop_column("stored_file_id")
        batch_op.drop_column("lease_token")
    op.create_table(
        "remittance_upload_chunk",
        sa.Column("upload_id", BigId, nullable=False),
        sa.Column("position", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(
            ["upload_id"], ["remittance_upload.id"], name=op.f("fk_remittance_upload_chunk_upload_id")
        ),
        sa.PrimaryKeyConstraint("upload_id", "position", name=op.f("pk_remittance_upload_chunk")),
    )
