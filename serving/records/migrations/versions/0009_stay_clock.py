"""A stay knows as of when it was scored, so that a clock can score it anew."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    """To this revision."""
    op.add_column("stay", sa.Column("scored_as_of", sa.DateTime()))
    op.create_index("ix_stay_status_scored_as_of", "stay", ["status", "scored_as_of"])
    op.execute("UPDATE stay SET scored_as_of = known_until WHERE generation > 0")


def downgrade() -> None:
    """Back to the one before."""
    op.drop_index("ix_stay_status_scored_as_of", "stay")
    op.drop_column("stay", "scored_as_of")
