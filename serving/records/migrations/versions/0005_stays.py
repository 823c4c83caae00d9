"""Changes to the feeds and stays: patients, withdrawals, messages put aside; events know when they were replaced."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    """To this revision."""
    with op.batch_alter_table("stay") as stay:
        stay.add_column(sa.Column("status", sa.String(16), nullable=False, server_default="open"))
    with op.batch_alter_table("event") as event:
        event.add_column(sa.Column("told_at", sa.DateTime()))
        event.add_column(sa.Column("retired_time", sa.DateTime()))
        event.create_index("ix_event_source", ["source"])
    # What was replaced before it was known when, is as if it had never been said.
    op.execute("UPDATE event SET told_at = known_time")
    op.execute("UPDATE event SET retired_time = known_time WHERE current = false")
    _create_tables()


def _create_tables() -> None:
    op.create_table(
        "patient",
        sa.Column("patient_id", sa.String(64), nullable=False),
        sa.Column("birth_date", sa.Date()),
        sa.Column("sex", sa.String(16), nullable=False),
        sa.Column("died_at", sa.DateTime()),
        sa.Column("merged_into", sa.String(64), nullable=False),
        sa.PrimaryKeyConstraint("patient_id", name="pk_patient"),
    )
    op.create_table(
        "withdrawal",
        sa.Column("source", sa.String(128), nullable=False),
        sa.Column("told_at", sa.DateTime(), nullable=False),
        sa.PrimaryKeyConstraint("source", name="pk_withdrawal"),
    )
    op.create_table(
        "feed_message",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("received_at", sa.DateTime(), nullable=False),
        sa.Column("control_id", sa.String(64), nullable=False),
        sa.Column("kind", sa.String(16), nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("reason_code", sa.String(48), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.Column("replayed_at", sa.DateTime()),
        sa.PrimaryKeyConstraint("id", name="pk_feed_message"),
    )
    op.create_index("ix_feed_message_state_received_at", "feed_message", ["state", "received_at"])


def downgrade() -> None:
    """Back to the one before."""
    for name in ("feed_message", "withdrawal", "patient"):
        op.drop_table(name)
    with op.batch_alter_table("event") as event:
        event.drop_index("ix_event_source")
        event.drop_column("retired_time")
        event.drop_column("told_at")
    with op.batch_alter_table("stay") as stay:
        stay.drop_column("status")
