"""The table of what one node does for all, now and then."""

from sqlalchemy import Column, String, Table

from serving.records.columns import UtcDateTime
from serving.records.schema import METADATA

#: A recurring duty: whoever moves its time on does it this time.
DUTY = Table(
    "duty",
    METADATA,
    Column("name", String(16), primary_key=True),
    #: Not done again before this.
    Column("next_at", UtcDateTime, nullable=False),
    #: Node that did it last.
    Column("node", String(32), nullable=False),
)
