"""Each result object says which findings it tells, so that a refused one falls back to what tells the same."""

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"


def upgrade() -> None:
    """To this revision; what was written before counts as telling all, as it was taken then."""
    op.add_column("result_object", sa.Column("part", sa.String(16), nullable=False, server_default=""))


def downgrade() -> None:
    """Back to the one before."""
    op.drop_column("result_object", "part")
