"""Leases of worker nodes."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    """To this revision."""
    op.create_table(
        "node_lease",
        sa.Column("node", sa.String(32), nullable=False),
        sa.Column("epoch", sa.Integer(), nullable=False),
        sa.Column("beat", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("node", name="pk_node_lease"),
    )


def downgrade() -> None:
    """Back to the one before."""
    op.drop_table("node_lease")
