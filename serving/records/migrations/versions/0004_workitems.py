"""What comes from outside about the work: expected instances, priorities, and UPS work items."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"

_TABLES = (
    "ups_performed",
    "ups_event",
    "ups_subscription",
    "ups_workitem",
    "priority_hint",
    "expected_instance",
    "expectation",
)


def upgrade() -> None:
    """To this revision."""
    _make_hints()
    _make_workitems()


def downgrade() -> None:
    """Back to the one before."""
    for name in _TABLES:
        op.drop_table(name)


def _make_hints() -> None:
    op.create_table(
        "expectation",
        sa.Column("id", sa.String(64), nullable=False),
        sa.Column("source", sa.String(8), nullable=False),
        sa.Column("study_uid", sa.String(64), nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("sender", sa.String(16), nullable=False),
        sa.Column("noted_at", sa.DateTime(), nullable=False),
        sa.Column("spent", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_expectation"),
    )
    op.create_index("ix_expectation_study_uid", "expectation", ["study_uid"])
    op.create_table(
        "expected_instance",
        sa.Column("expectation_id", sa.String(64), nullable=False),
        sa.Column("sop_instance_uid", sa.String(64), nullable=False),
        sa.ForeignKeyConstraint(["expectation_id"], ["expectation.id"], name="fk_expected_instance_expectation_id"),
        sa.PrimaryKeyConstraint("expectation_id", "sop_instance_uid", name="pk_expected_instance"),
    )
    op.create_table(
        "priority_hint",
        sa.Column("id", sa.String(64), nullable=False),
        sa.Column("source", sa.String(8), nullable=False),
        sa.Column("study_uid", sa.String(64), nullable=False),
        sa.Column("accession_number", sa.String(64), nullable=False),
        sa.Column("patient_id", sa.String(128), nullable=False),
        sa.Column("priority", sa.Integer(), nullable=False),
        sa.Column("reason", sa.String(128), nullable=False),
        sa.Column("noted_at", sa.DateTime(), nullable=False),
        sa.Column("expires_at", sa.DateTime(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_priority_hint"),
    )
    op.create_index("ix_priority_hint_study_uid", "priority_hint", ["study_uid"])
    op.create_index("ix_priority_hint_accession_number", "priority_hint", ["accession_number"])


def _make_workitems() -> None:
    op.create_table(
        "ups_workitem",
        sa.Column("uid", sa.String(64), nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("transaction_uid", sa.String(64), nullable=False),
        sa.Column("cancel_reason", sa.Text(), nullable=True),
        sa.Column("dataset", sa.JSON(), nullable=False),
        sa.Column("created_at", sa.DateTime(), nullable=False),
        sa.Column("updated_at", sa.DateTime(), nullable=False),
        sa.PrimaryKeyConstraint("uid", name="pk_ups_workitem"),
    )
    op.create_index("ix_ups_workitem_state", "ups_workitem", ["state"])
    op.create_table(
        "ups_subscription",
        sa.Column("ae_title", sa.String(16), nullable=False),
        sa.Column("uid", sa.String(64), nullable=False),
        sa.PrimaryKeyConstraint("ae_title", "uid", name="pk_ups_subscription"),
    )
    op.create_table(
        "ups_event",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("ae_title", sa.String(16), nullable=False),
        sa.Column("at", sa.DateTime(), nullable=False),
        sa.Column("report", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_ups_event"),
    )
    op.create_index("ix_ups_event_ae_title", "ups_event", ["ae_title"])
    op.create_table(
        "ups_performed",
        sa.Column("uid", sa.String(64), nullable=False),
        sa.Column("manager", sa.String(8), nullable=False),
        sa.Column("transaction_uid", sa.String(64), nullable=False),
        sa.Column("study_uid", sa.String(64), nullable=False),
        sa.Column("rule", sa.String(48), nullable=False),
        sa.Column("priority", sa.Integer(), nullable=False),
        sa.Column("archive", sa.String(32), nullable=False),
        sa.Column("work_item_id", sa.String(64), nullable=False),
        sa.Column("asked_alone", sa.Boolean(), nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("claimed_at", sa.DateTime(), nullable=False),
        sa.Column("deadline_at", sa.DateTime(), nullable=False),
        sa.PrimaryKeyConstraint("uid", name="pk_ups_performed"),
    )
    op.create_index("ix_ups_performed_state", "ups_performed", ["state"])
