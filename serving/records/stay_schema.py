"""Tables of the patient record's feeds beside ``stay`` and ``event``: patients, withdrawals, messages put aside."""

from sqlalchemy import Column, Date, Index, Integer, LargeBinary, String, Table, Text

from serving.records.columns import UtcDateTime
from serving.records.schema import METADATA

#: A patient as far as the feeds have told us.
PATIENT = Table(
    "patient",
    METADATA,
    Column("patient_id", String(64), primary_key=True),
    Column("birth_date", Date),
    Column("sex", String(16), nullable=False, default=""),
    Column("died_at", UtcDateTime),
    #: The identity that remains, once two turned out to be one patient; empty while this one stands.
    Column("merged_into", String(64), nullable=False, default=""),
)

#: A source that was withdrawn, so that what it said before stays out even when it arrives after.
WITHDRAWAL = Table(
    "withdrawal",
    METADATA,
    Column("source", String(128), primary_key=True),
    Column("told_at", UtcDateTime, nullable=False),
)

#: A message of the HL7 feed that was refused, as a whole or in part: kept until it is mended and replayed.
FEED_MESSAGE = Table(
    "feed_message",
    METADATA,
    Column("id", Integer, primary_key=True),
    Column("received_at", UtcDateTime, nullable=False),
    #: MSH-10.
    Column("control_id", String(64), nullable=False),
    #: Message type and trigger event, e.g. ``ADT^A01``; empty when not readable.
    Column("kind", String(16), nullable=False),
    #: serving.feed.kept.KeptState.
    Column("state", String(16), nullable=False),
    #: HL7 table 0357, or the first refused segment's reason code.
    Column("reason_code", String(48), nullable=False),
    Column("reason", Text, nullable=False),
    #: As it came.
    Column("body", LargeBinary, nullable=False),
    Column("replayed_at", UtcDateTime),
    Index("ix_feed_message_state_received_at", "state", "received_at"),
)
