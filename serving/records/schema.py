"""Our own tables (SQLAlchemy Core). They lie in the same database as the work engine's, on SQLite or PostgreSQL."""

from sqlalchemy import (
    JSON,
    Boolean,
    Column,
    Float,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
)

from serving.records.columns import UtcDateTime

METADATA = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)

#: A study as received: what is open, when it closes, which generation it has reached.
STUDY = Table(
    "study",
    METADATA,
    Column("study_uid", String(64), primary_key=True),
    # Header values of the newest instance, for people to recognise the case by.
    Column("patient_id", String(128), nullable=False),
    Column("patient_name", String(256), nullable=False),
    Column("accession_number", String(64), nullable=False),
    Column("study_date", String(16), nullable=False),
    Column("description", String(256), nullable=False),
    Column("modalities", String(64), nullable=False),
    Column("source_ae", String(16), nullable=False),
    #: Number of closed generations; 0 = never closed yet.
    Column("generation", Integer, nullable=False, default=0),
    Column("first_arrival_at", UtcDateTime, nullable=False),
    Column("last_arrival_at", UtcDateTime, nullable=False),
    #: When the open generation closes; NULL while none is open.
    Column("due_at", UtcDateTime, index=True),
    #: When its images were cleared away; NULL while they are here, or are again.
    Column("cleared_at", UtcDateTime),
    Index("ix_study_cleared_at_last_arrival_at", "cleared_at", "last_arrival_at"),
)

#: One received SOP Instance; other bytes under the same UID make a second row and retire the first.
INSTANCE = Table(
    "instance",
    METADATA,
    Column("id", Integer, primary_key=True),
    Column("study_uid", String(64), ForeignKey("study.study_uid"), nullable=False, index=True),
    Column("sop_instance_uid", String(64), nullable=False),
    #: Of the file (`dicom_io.receive.digests`).
    Column("digest", String(64), nullable=False),
    Column("path", Text, nullable=False),
    Column("size_bytes", Integer, nullable=False),
    Column("source_ae", String(16), nullable=False),
    Column("received_at", UtcDateTime, nullable=False),
    #: dicom_io.headers.Header as JSON.
    Column("header", Text, nullable=False),
    #: False once other bytes came under the same UID, or these were cleared away.
    Column("current", Boolean, nullable=False, default=True),
    #: When its file was given up; *path* is empty once it is gone. NULL while the file is here.
    Column("cleared_at", UtcDateTime),
    UniqueConstraint("sop_instance_uid", "digest"),
)

#: What was refused at a door, kept with its reason.
REFUSAL = Table(
    "refusal",
    METADATA,
    Column("id", Integer, primary_key=True),
    Column("at", UtcDateTime, nullable=False),
    #: ``dicom`` or ``fhir``.
    Column("door", String(16), nullable=False),
    Column("reason_code", String(48), nullable=False),
    Column("reason", Text, nullable=False),
    Column("source", String(128), nullable=False),
    Column("path", Text, nullable=False, default=""),
    Column("case_id", String(64), nullable=False, default=""),
    #: When the refused bytes were cleared away.
    Column("cleared_at", UtcDateTime),
)

#: One case x one release x one generation of its input.
WORK_ITEM = Table(
    "work_item",
    METADATA,
    #: Derived from case, generation and model: enqueued twice, it is one.
    Column("id", String(64), primary_key=True),
    #: ``imaging`` or ``stay``.
    Column("kind", String(16), nullable=False),
    #: Study Instance UID or stay id.
    Column("case_id", String(64), nullable=False, index=True),
    Column("generation", Integer, nullable=False),
    Column("rule", String(48), nullable=False),
    #: Empty where no rule matched.
    Column("model", String(64), nullable=False),
    Column("model_version", String(32), nullable=False),
    Column("release_digest", String(64), nullable=False),
    Column("priority", Integer, nullable=False),
    #: serving.work.item.State.
    Column("state", String(16), nullable=False),
    #: dicom_io.findings.Outcome; empty until known.
    Column("outcome", String(16), nullable=False, default=""),
    Column("reason_code", String(48), nullable=False, default=""),
    Column("reason", Text, nullable=False, default=""),
    Column("attempts", Integer, nullable=False, default=0),
    #: Not tried again before this.
    Column("not_before", UtcDateTime, nullable=False),
    #: Node that works on it; empty when none does.
    Column("node", String(32), nullable=False, default=""),
    Column("created_at", UtcDateTime, nullable=False),
    #: Last instance or event of this generation: where the clock for "received to stored" starts.
    Column("input_at", UtcDateTime, nullable=False),
    Column("finished_at", UtcDateTime),
    #: Stage -> seconds.
    Column("timings", JSON, nullable=False, default=dict),
    #: Label text -> probability, also below the operating point.
    Column("scores", JSON, nullable=False, default=dict),
    #: Who sent the case: senders take turns.
    Column("sender", String(16), nullable=False, default="", server_default=""),
    #: Tries in a row that ended neither in an answer nor in a failure: their worker went down.
    Column("unended", Integer, nullable=False, default=0, server_default="0"),
    # Each group of equals is found, and its first taken, by the index alone, however many wait.
    Index("ix_work_item_waiting", "state", "priority", "model", "sender", "not_before"),
)

#: Every change of a work item's state.
HISTORY = Table(
    "work_history",
    METADATA,
    Column("id", Integer, primary_key=True),
    Column("work_item_id", String(64), ForeignKey("work_item.id"), nullable=False, index=True),
    Column("at", UtcDateTime, nullable=False),
    Column("state", String(16), nullable=False),
    Column("detail", Text, nullable=False, default=""),
)

#: What was said of a study.
FINDING = Table(
    "finding",
    METADATA,
    Column("work_item_id", String(64), ForeignKey("work_item.id"), primary_key=True),
    Column("tracking_uid", String(64), primary_key=True),
    Column("key", String(64), nullable=False),
    Column("label", String(64), nullable=False),
    Column("text", String(256), nullable=False),
    Column("probability", Float, nullable=False),
    Column("threshold", Float, nullable=False),
    #: {"sop_instance_uid": ..., "polygon": [[column, row], ...]}; null without a place.
    Column("region", JSON),
    #: [{"concept": ..., "value": ..., "unit": ...}].
    Column("measurements", JSON, nullable=False, default=list),
)

#: A result object, stored before it is sent.
RESULT = Table(
    "result_object",
    METADATA,
    Column("sop_instance_uid", String(64), primary_key=True),
    Column("work_item_id", String(64), ForeignKey("work_item.id"), nullable=False, index=True),
    #: dicom_io.results.kinds.ResultKind.
    Column("kind", String(8), nullable=False),
    Column("sop_class_uid", String(64), nullable=False),
    Column("series_instance_uid", String(64), nullable=False),
    Column("path", Text, nullable=False),
    Column("sha256", String(64), nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    #: Which findings it tells, by how they are placed (dicom_io.results.measurement_groups.Place); empty = all.
    Column("part", String(16), nullable=False, default="", server_default=""),
    #: When its bytes were cleared away; *path* is empty then.
    Column("cleared_at", UtcDateTime),
    Index("ix_result_object_cleared_at_created_at", "cleared_at", "created_at"),
)

#: The ledger: one work item's objects to one destination, intent -> accepted -> committed.
DELIVERY = Table(
    "delivery",
    METADATA,
    Column("id", String(64), primary_key=True),
    Column("work_item_id", String(64), ForeignKey("work_item.id"), nullable=False, index=True),
    Column("destination", String(32), nullable=False),
    #: SOP Instance UIDs, in the order they are sent.
    Column("objects", JSON, nullable=False),
    #: serving.work.item.DeliveryState.
    Column("state", String(16), nullable=False),
    Column("attempts", Integer, nullable=False, default=0),
    Column("not_before", UtcDateTime, nullable=False),
    Column("priority", Integer, nullable=False),
    Column("node", String(32), nullable=False, default=""),
    Column("reason", Text, nullable=False, default=""),
    Column("created_at", UtcDateTime, nullable=False),
    Column("accepted_at", UtcDateTime),
    #: serving.work.item.Purpose.
    Column("purpose", String(16), nullable=False, default="result", server_default="result"),
    #: When the archive is asked for its storage commitment; NULL where nothing is to be asked.
    Column("commit_at", UtcDateTime, index=True),
    #: How often the archive said later that it does not hold what it had accepted.
    Column("denials", Integer, nullable=False, default=0, server_default="0"),
    #: Tries in a row that ended neither in an answer nor in a failure.
    Column("unended", Integer, nullable=False, default=0, server_default="0"),
    UniqueConstraint("work_item_id", "destination", "purpose"),
    Index("ix_delivery_waiting", "state", "destination", "priority", "not_before"),
)

#: A hospital stay as far as its feed has told us.
STAY = Table(
    "stay",
    METADATA,
    Column("stay_id", String(64), primary_key=True),
    Column("patient_id", String(128), nullable=False, index=True),
    Column("patient_name", String(256), nullable=False, default=""),
    Column("ward", String(64), nullable=False, default=""),
    #: serving.records.stays.StayStatus.
    Column("status", String(16), nullable=False, default="open", server_default="open"),
    Column("generation", Integer, nullable=False, default=0),
    #: Newest known_time among its events: the T of its next score.
    Column("known_until", UtcDateTime, nullable=False),
    #: When the open generation is scored; NULL while nothing new is known.
    Column("due_at", UtcDateTime, index=True),
    #: The T of its newest closed generation; NULL while it has none.
    Column("scored_as_of", UtcDateTime),
    Index("ix_stay_status_scored_as_of", "status", "scored_as_of"),
)

#: One bitemporal event; a correction retires the rows of its source.
EVENT = Table(
    "event",
    METADATA,
    Column("id", Integer, primary_key=True),
    Column("stay_id", String(64), ForeignKey("stay.stay_id"), nullable=False, index=True),
    Column("source", String(128), nullable=False, index=True),
    Column("kind", String(16), nullable=False),
    Column("code", String(64), nullable=False),
    Column("event_time", UtcDateTime, nullable=False),
    Column("known_time", UtcDateTime, nullable=False),
    Column("value", Float),
    Column("unit", String(32), nullable=False, default=""),
    Column("text", String(128), nullable=False, default=""),
    Column("end_time", UtcDateTime),
    #: False once its source was corrected or withdrawn.
    Column("current", Boolean, nullable=False, default=True),
    #: When its source said it: of two versions the later said one holds, however they arrive.
    Column("told_at", UtcDateTime),
    #: When it was known to be replaced or withdrawn; NULL while it stands.
    Column("retired_time", UtcDateTime),
)

#: A risk of one stay as of T.
RISK = Table(
    "risk",
    METADATA,
    Column("work_item_id", String(64), ForeignKey("work_item.id"), primary_key=True),
    Column("stay_id", String(64), ForeignKey("stay.stay_id"), nullable=False, index=True),
    Column("patient_id", String(128), nullable=False, index=True),
    Column("as_of", UtcDateTime, nullable=False),
    Column("probability", Float, nullable=False),
    Column("threshold", Float, nullable=False),
    Column("baseline", Float, nullable=False),
    Column("horizon_hours", Float, nullable=False),
    #: models.prediction.Reason as JSON, strongest first.
    Column("reasons", JSON, nullable=False),
)

#: What a clinician answered to a card (CDS Hooks feedback).
FEEDBACK = Table(
    "feedback",
    METADATA,
    Column("id", Integer, primary_key=True),
    Column("at", UtcDateTime, nullable=False),
    Column("card", String(64), nullable=False),
    Column("outcome", String(16), nullable=False),
    Column("detail", JSON, nullable=False),
)

#: Append-only, hash-chained log of what was decided and sent.
AUDIT = Table(
    "audit",
    METADATA,
    Column("sequence", Integer, primary_key=True),
    Column("at", UtcDateTime, nullable=False),
    Column("action", String(48), nullable=False),
    Column("subject", String(64), nullable=False),
    Column("detail", JSON, nullable=False),
    Column("previous_hash", String(64), nullable=False),
    Column("hash", String(64), nullable=False, unique=True),
)
