"""Changes to the delivery ledger."""

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """To this revision."""


def downgrade() -> None:
    """Back to the one before."""
