"""Changes to the delivery ledger: one row an object, its history, storage commitments, withdrawals."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0001"


def upgrade() -> None:
    """To this revision."""
    with op.batch_alter_table("delivery") as delivery:
        delivery.add_column(sa.Column("purpose", sa.String(16), nullable=False, server_default="result"))
        delivery.add_column(sa.Column("commit_at", sa.DateTime()))
        delivery.add_column(sa.Column("denials", sa.Integer(), nullable=False, server_default="0"))
        delivery.drop_constraint("uq_delivery_work_item_id_destination", type_="unique")
        delivery.create_unique_constraint(
            "uq_delivery_work_item_id_destination_purpose", ["work_item_id", "destination", "purpose"]
        )
        delivery.create_index("ix_delivery_commit_at", ["commit_at"])
    _create_objects()
    _create_history()
    _create_commitments()
    _fill_objects(op.get_bind())


def _create_objects() -> None:
    op.create_table(
        "delivery_object",
        sa.Column("delivery_id", sa.String(64), nullable=False),
        sa.Column("sop_instance_uid", sa.String(64), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("accepted_at", sa.DateTime()),
        sa.Column("committed_at", sa.DateTime()),
        sa.PrimaryKeyConstraint("delivery_id", "sop_instance_uid", name="pk_delivery_object"),
        sa.ForeignKeyConstraint(["delivery_id"], ["delivery.id"], name="fk_delivery_object_delivery_id_delivery"),
        sa.ForeignKeyConstraint(
            ["sop_instance_uid"],
            ["result_object.sop_instance_uid"],
            name="fk_delivery_object_sop_instance_uid_result_object",
        ),
    )


def _create_history() -> None:
    op.create_table(
        "delivery_history",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("delivery_id", sa.String(64), nullable=False),
        sa.Column("at", sa.DateTime(), nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("failure", sa.String(16), nullable=False),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_delivery_history"),
        sa.ForeignKeyConstraint(["delivery_id"], ["delivery.id"], name="fk_delivery_history_delivery_id_delivery"),
    )
    op.create_index("ix_delivery_history_delivery_id", "delivery_history", ["delivery_id"])


def _create_commitments() -> None:
    op.create_table(
        "commitment",
        sa.Column("transaction_uid", sa.String(64), nullable=False),
        sa.Column("delivery_id", sa.String(64), nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("asked_at", sa.DateTime(), nullable=False),
        sa.Column("answer_by", sa.DateTime(), nullable=False),
        sa.Column("answered_at", sa.DateTime()),
        sa.PrimaryKeyConstraint("transaction_uid", name="pk_commitment"),
        sa.ForeignKeyConstraint(["delivery_id"], ["delivery.id"], name="fk_commitment_delivery_id_delivery"),
    )
    op.create_index("ix_commitment_delivery_id", "commitment", ["delivery_id"])
    op.create_index("ix_commitment_state_answer_by", "commitment", ["state", "answer_by"])


def _fill_objects(connection: sa.Connection) -> None:
    """Deliveries from before the ledger had one row an object: what is under way must arrive all the same."""
    delivery = sa.table(
        "delivery",
        *(sa.column(name) for name in ("id", "state")),
        sa.column("objects", sa.JSON),
        sa.column("accepted_at", sa.DateTime),
    )
    objects = sa.table(
        "delivery_object",
        *(sa.column(name) for name in ("delivery_id", "sop_instance_uid", "position", "state", "reason")),
        sa.column("accepted_at", sa.DateTime),
    )
    for row in connection.execute(sa.select(delivery)).all():
        state = row.state if row.state in {"accepted", "committed"} else "queued"
        values = {"delivery_id": row.id, "state": state, "reason": "", "accepted_at": row.accepted_at}
        for position, uid in enumerate(row.objects):
            connection.execute(sa.insert(objects).values(sop_instance_uid=uid, position=position, **values))


def downgrade() -> None:
    """Back to the one before; withdrawals, which it does not know, are lost."""
    for table in ("commitment", "delivery_history", "delivery_object"):
        op.drop_table(table)
    op.execute("DELETE FROM delivery WHERE purpose <> 'result'")
    with op.batch_alter_table("delivery") as delivery:
        delivery.drop_index("ix_delivery_commit_at")
        delivery.drop_constraint("uq_delivery_work_item_id_destination_purpose", type_="unique")
        delivery.create_unique_constraint("uq_delivery_work_item_id_destination", ["work_item_id", "destination"])
        for column in ("denials", "commit_at", "purpose"):
            delivery.drop_column(column)
