"""What was cleared away says so; work waits in groups that take turns; tries without an end are counted apart."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"

_CLEARED = ("study", "instance", "refusal", "result_object")


def upgrade() -> None:
    """To this revision."""
    for table in _CLEARED:
        op.add_column(table, sa.Column("cleared_at", sa.DateTime()))
    op.create_index("ix_study_cleared_at_last_arrival_at", "study", ["cleared_at", "last_arrival_at"])
    op.create_index("ix_result_object_cleared_at_created_at", "result_object", ["cleared_at", "created_at"])
    op.add_column("work_item", sa.Column("sender", sa.String(16), nullable=False, server_default=""))
    for table in ("work_item", "delivery"):
        op.add_column(table, sa.Column("unended", sa.Integer(), nullable=False, server_default="0"))
    op.execute(
        "UPDATE work_item SET sender = COALESCE("
        "(SELECT source_ae FROM study WHERE study.study_uid = work_item.case_id), '')"
    )
    op.drop_index("ix_work_item_state_priority", "work_item")
    op.create_index("ix_work_item_waiting", "work_item", ["state", "priority", "model", "sender", "not_before"])
    op.drop_index("ix_delivery_state_destination", "delivery")
    op.create_index("ix_delivery_waiting", "delivery", ["state", "destination", "priority", "not_before"])
    op.create_table(
        "duty",
        sa.Column("name", sa.String(16), nullable=False),
        sa.Column("next_at", sa.DateTime(), nullable=False),
        sa.Column("node", sa.String(32), nullable=False),
        sa.PrimaryKeyConstraint("name", name="pk_duty"),
    )


def downgrade() -> None:
    """Back to the one before; that files were cleared away shows in their empty paths only."""
    op.drop_table("duty")
    op.drop_index("ix_delivery_waiting", "delivery")
    op.create_index("ix_delivery_state_destination", "delivery", ["state", "destination", "priority"])
    op.drop_index("ix_work_item_waiting", "work_item")
    op.create_index("ix_work_item_state_priority", "work_item", ["state", "priority", "created_at"])
    op.drop_index("ix_result_object_cleared_at_created_at", "result_object")
    op.drop_index("ix_study_cleared_at_last_arrival_at", "study")
    for table in ("work_item", "delivery"):
        op.drop_column(table, "unended")
    op.drop_column("work_item", "sender")
    for table in _CLEARED:
        op.drop_column(table, "cleared_at")
