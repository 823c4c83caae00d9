"""A subscription to several work items at our own door is one to each of them, and may have a filter."""

import sqlalchemy as sa
from alembic import op

revision = "0017"
down_revision = "0016"

_GLOBAL = "1.2.840.10008.5.1.4.34.5"
_FILTERED = "1.2.840.10008.5.1.4.34.5.1"


def upgrade() -> None:
    """To this revision; who heard of all hears of each that is there."""
    op.add_column("ups_subscription", sa.Column("matching", sa.JSON(), nullable=True))
    op.add_column("ups_subscription", sa.Column("brought_by", sa.String(64), nullable=False, server_default=""))
    op.create_index("ix_ups_subscription_uid", "ups_subscription", ["uid"])
    op.execute(
        "INSERT INTO ups_subscription (ae_title, uid, brought_by) "  # noqa: S608  No value from outside.
        "SELECT listed.ae_title, item.uid, listed.uid FROM ups_subscription AS listed CROSS JOIN ups_workitem AS item "
        f"WHERE listed.uid = '{_GLOBAL}' AND item.state NOT IN ('COMPLETED', 'CANCELED') AND NOT EXISTS "
        "(SELECT 1 FROM ups_subscription AS own WHERE own.ae_title = listed.ae_title AND own.uid = item.uid)"
    )


def downgrade() -> None:
    """Back to the one before, which knows no filter."""
    op.execute(f"DELETE FROM ups_subscription WHERE uid = '{_FILTERED}'")  # noqa: S608  No value from outside.
    op.drop_index("ix_ups_subscription_uid", "ups_subscription")
    op.drop_column("ups_subscription", "brought_by")
    op.drop_column("ups_subscription", "matching")
