"""Changes to the feeds and stays."""

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    """To this revision."""


def downgrade() -> None:
    """Back to the one before."""
