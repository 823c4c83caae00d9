"""Changes to the inbox."""

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """To this revision."""


def downgrade() -> None:
    """Back to the one before."""
