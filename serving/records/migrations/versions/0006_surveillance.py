"""Changes to the surveillance, alerts and reviews."""

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    """To this revision."""


def downgrade() -> None:
    """Back to the one before."""
