"""Changes to the work items and hints from outside."""

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """To this revision."""


def downgrade() -> None:
    """Back to the one before."""
