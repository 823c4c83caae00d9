"""Changes to the surveillance, alerts and reviews: the tables of `serving.records.surveillance_schema`."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"

_TABLES = (
    "alert",
    "review",
    "surveillance_case",
    "surveillance_exposure",
    "surveillance_cluster",
    "surveillance_run",
    "cds_token",
)


def upgrade() -> None:
    """To this revision."""
    _create_alerts()
    _create_cases()
    _create_figures()


def downgrade() -> None:
    """Back to the one before."""
    for table in reversed(_TABLES):
        op.drop_table(table)


def _create_alerts() -> None:
    op.create_table(
        "alert",
        sa.Column("work_item_id", sa.String(64), nullable=False),
        sa.Column("stay_id", sa.String(64), nullable=False),
        sa.Column("model", sa.String(64), nullable=False),
        sa.Column("ward", sa.String(64), nullable=False),
        sa.Column("at", sa.DateTime(), nullable=False),
        sa.Column("probability", sa.Float(), nullable=False),
        sa.Column("policy", sa.String(48), nullable=False),
        sa.Column("policy_version", sa.String(16), nullable=False),
        sa.Column("policy_digest", sa.String(12), nullable=False),
        sa.Column("verdict", sa.String(16), nullable=False),
        sa.Column("reason", sa.JSON(), nullable=False),
        sa.Column("is_alert", sa.Boolean(), nullable=False),
        sa.Column("notified_at", sa.DateTime()),
        sa.PrimaryKeyConstraint("work_item_id", name="pk_alert"),
        sa.ForeignKeyConstraint(["work_item_id"], ["work_item.id"], name="fk_alert_work_item_id_work_item"),
    )
    op.create_index("ix_alert_stay_id_model", "alert", ["stay_id", "model", "at"])
    op.create_index("ix_alert_ward_at", "alert", ["ward", "at"])
    op.create_table(
        "review",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("at", sa.DateTime(), nullable=False),
        sa.Column("subject", sa.String(8), nullable=False),
        sa.Column("subject_id", sa.String(64), nullable=False),
        sa.Column("stay_id", sa.String(64), nullable=False),
        sa.Column("model", sa.String(64), nullable=False),
        sa.Column("kind", sa.String(16), nullable=False),
        sa.Column("reason_code", sa.String(64), nullable=False),
        sa.Column("comment", sa.Text(), nullable=False),
        sa.Column("reviewer", sa.String(128), nullable=False),
        sa.Column("door", sa.String(8), nullable=False),
        sa.Column("until", sa.DateTime()),
        sa.PrimaryKeyConstraint("id", name="pk_review"),
    )
    op.create_index("ix_review_stay_id", "review", ["stay_id"])
    op.create_index("ix_review_subject_id", "review", ["subject_id"])
    op.create_table(
        "cds_token",
        sa.Column("issuer", sa.String(256), nullable=False),
        sa.Column("jti", sa.String(256), nullable=False),
        sa.Column("expires_at", sa.DateTime(), nullable=False),
        sa.PrimaryKeyConstraint("issuer", "jti", name="pk_cds_token"),
    )
    op.create_index("ix_cds_token_expires_at", "cds_token", ["expires_at"])


def _create_cases() -> None:
    op.create_table(
        "surveillance_case",
        sa.Column("id", sa.String(32), nullable=False),
        sa.Column("definition", sa.String(64), nullable=False),
        sa.Column("edition", sa.String(16), nullable=False),
        sa.Column("outcome", sa.String(32), nullable=False),
        sa.Column("patient_id", sa.String(128), nullable=False),
        sa.Column("stay_id", sa.String(64), nullable=False),
        sa.Column("source", sa.String(128), nullable=False),
        sa.Column("sampled_at", sa.DateTime(), nullable=False),
        sa.Column("known_at", sa.DateTime(), nullable=False),
        sa.Column("unit", sa.String(64), nullable=False),
        sa.Column("since", sa.DateTime()),
        sa.Column("explanation", sa.JSON(), nullable=False),
        sa.Column("first_found_at", sa.DateTime(), nullable=False),
        sa.Column("withdrawn_at", sa.DateTime()),
        sa.PrimaryKeyConstraint("id", name="pk_surveillance_case"),
    )
    op.create_index("ix_surveillance_case_definition", "surveillance_case", ["definition", "edition", "sampled_at"])
    op.create_table(
        "surveillance_exposure",
        sa.Column("definition", sa.String(64), nullable=False),
        sa.Column("edition", sa.String(16), nullable=False),
        sa.Column("unit", sa.String(64), nullable=False),
        sa.Column("day", sa.String(10), nullable=False),
        sa.Column("amount", sa.Float(), nullable=False),
        sa.PrimaryKeyConstraint("definition", "edition", "unit", "day", name="pk_surveillance_exposure"),
    )


def _create_figures() -> None:
    op.create_table(
        "surveillance_cluster",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("definition", sa.String(64), nullable=False),
        sa.Column("edition", sa.String(16), nullable=False),
        sa.Column("unit", sa.String(64), nullable=False),
        sa.Column("first_day", sa.String(10), nullable=False),
        sa.Column("last_day", sa.String(10), nullable=False),
        sa.Column("case_ids", sa.JSON(), nullable=False),
        sa.Column("expected", sa.Float(), nullable=False),
        sa.Column("p", sa.Float(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_surveillance_cluster"),
    )
    op.create_table(
        "surveillance_run",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("at", sa.DateTime(), nullable=False),
        sa.Column("seconds", sa.Float(), nullable=False),
        sa.Column("patients", sa.Integer(), nullable=False),
        sa.Column("cases", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_surveillance_run"),
    )
