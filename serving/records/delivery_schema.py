"""The tables of the delivery ledger beside ``delivery`` itself: its objects, its history, its storage commitments."""

from sqlalchemy import Column, ForeignKey, Index, Integer, String, Table, Text

from serving.records.columns import UtcDateTime
from serving.records.schema import METADATA

#: One (object, destination) of the ledger: queued -> accepted -> committed, or refused with its reason.
DELIVERY_OBJECT = Table(
    "delivery_object",
    METADATA,
    Column("delivery_id", String(64), ForeignKey("delivery.id"), primary_key=True),
    Column("sop_instance_uid", String(64), ForeignKey("result_object.sop_instance_uid"), primary_key=True),
    #: Order of sending.
    Column("position", Integer, nullable=False),
    #: serving.work.item.ObjectState.
    Column("state", String(16), nullable=False),
    #: Why it was refused or is sent again; empty otherwise.
    Column("reason", Text, nullable=False, default=""),
    Column("accepted_at", UtcDateTime),
    Column("committed_at", UtcDateTime),
)

#: Every change of a delivery's state, so that a dead letter tells its whole way.
DELIVERY_HISTORY = Table(
    "delivery_history",
    METADATA,
    Column("id", Integer, primary_key=True),
    Column("delivery_id", String(64), ForeignKey("delivery.id"), nullable=False, index=True),
    Column("at", UtcDateTime, nullable=False),
    #: serving.work.item.DeliveryState.
    Column("state", String(16), nullable=False),
    #: serving.work.retry.FailureKind; empty when nothing failed.
    Column("failure", String(16), nullable=False, default=""),
    Column("detail", Text, nullable=False, default=""),
)

#: One request for storage commitment (PS3.4 J) and what became of it.
COMMITMENT = Table(
    "commitment",
    METADATA,
    #: Transaction UID (0008,1195).
    Column("transaction_uid", String(64), primary_key=True),
    Column("delivery_id", String(64), ForeignKey("delivery.id"), nullable=False, index=True),
    #: serving.work.item.CommitmentState.
    Column("state", String(16), nullable=False),
    Column("asked_at", UtcDateTime, nullable=False),
    #: Without an answer by then, the archive is asked anew.
    Column("answer_by", UtcDateTime, nullable=False),
    Column("answered_at", UtcDateTime),
    Index("ix_commitment_state_answer_by", "state", "answer_by"),
)
