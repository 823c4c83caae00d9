"""What stands for an instance's bytes is a digest: BLAKE3 from now on, SHA-256 in rows from before (decision 0015)."""

from alembic import op

revision = "0015"
down_revision = "0009"


def upgrade() -> None:
    """To this revision."""
    _rename("sha256", "digest")


def downgrade() -> None:
    """Back to the one before; an object received meanwhile counts as changed when it is sent again."""
    _rename("digest", "sha256")


def _rename(old: str, new: str) -> None:
    # Both databases rename a column in place, and in the constraints that name it.
    op.execute(f"ALTER TABLE instance RENAME COLUMN {old} TO {new}")
    with op.batch_alter_table("instance") as table:
        table.drop_constraint(f"uq_instance_sop_instance_uid_{old}", type_="unique")
        table.create_unique_constraint(f"uq_instance_sop_instance_uid_{new}", ["sop_instance_uid", new])
