"""Tables of what comes from outside about the work: expected instances, priorities, and UPS work items."""

from sqlalchemy import JSON, Boolean, Column, ForeignKey, Integer, String, Table, Text

from serving.records.columns import UtcDateTime
from serving.records.schema import METADATA

#: What another system says will make up a study; spent once it has closed the study.
EXPECTATION = Table(
    "expectation",
    METADATA,
    #: SOP Instance UID of the MPPS, or of the availability notification.
    Column("id", String(64), primary_key=True),
    #: ``ian`` or ``mpps``.
    Column("source", String(8), nullable=False),
    Column("study_uid", String(64), nullable=False, index=True),
    #: dicom_io.receive.notifications.StepState.
    Column("state", String(16), nullable=False),
    Column("sender", String(16), nullable=False),
    Column("noted_at", UtcDateTime, nullable=False),
    Column("spent", Boolean, nullable=False, default=False),
)

#: One instance that an expectation names.
EXPECTED_INSTANCE = Table(
    "expected_instance",
    METADATA,
    Column("expectation_id", String(64), ForeignKey("expectation.id"), primary_key=True),
    Column("sop_instance_uid", String(64), primary_key=True),
)

#: How urgent someone says a study is; matched by Study Instance UID, or by accession number and patient together.
PRIORITY_HINT = Table(
    "priority_hint",
    METADATA,
    #: Derived from who says it of what: said again, it is the same row.
    Column("id", String(64), primary_key=True),
    #: serving.records.hints.HintSource.
    Column("source", String(8), nullable=False),
    Column("study_uid", String(64), nullable=False, default="", index=True),
    Column("accession_number", String(64), nullable=False, default="", index=True),
    Column("patient_id", String(128), nullable=False, default=""),
    #: 0 acute, 1 urgent, 2 routine, 3 backfill.
    Column("priority", Integer, nullable=False),
    Column("reason", String(128), nullable=False),
    Column("noted_at", UtcDateTime, nullable=False),
    Column("expires_at", UtcDateTime, nullable=False),
)

#: A UPS work item that was created at our own door (PS3.4 CC).
UPS_WORKITEM = Table(
    "ups_workitem",
    METADATA,
    Column("uid", String(64), primary_key=True),
    #: dicom_io.ups.workitem.StepState.
    Column("state", String(16), nullable=False, index=True),
    #: Of who has claimed it; empty while nobody has.
    Column("transaction_uid", String(64), nullable=False, default=""),
    #: Why someone asks to stop it; NULL when nobody does.
    Column("cancel_reason", Text),
    #: The attributes in the DICOM JSON Model (PS3.18 F).
    Column("dataset", JSON, nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Column("updated_at", UtcDateTime, nullable=False),
)

#: Who wants to hear of changes of a work item at our own door (PS3.4 CC.2.3).
UPS_SUBSCRIPTION = Table(
    "ups_subscription",
    METADATA,
    Column("ae_title", String(16), primary_key=True),
    #: A work item, or a well-known UID that stands for several.
    Column("uid", String(64), primary_key=True, index=True),
    #: What a work item must match; NULL where it need not match anything.
    Column("matching", JSON(none_as_null=True)),
    #: The well-known UID that brought it; empty where it was asked for by itself.
    Column("brought_by", String(64), nullable=False, server_default=""),
)

#: An event that a subscriber is to hear of.
UPS_EVENT = Table(
    "ups_event",
    METADATA,
    Column("id", Integer, primary_key=True),
    Column("ae_title", String(16), nullable=False, index=True),
    Column("at", UtcDateTime, nullable=False),
    #: The event report in the DICOM JSON Model.
    Column("report", JSON, nullable=False),
)

#: A UPS work item that Varsel performs, wherever it is managed; what a restart goes on from.
UPS_PERFORMED = Table(
    "ups_performed",
    METADATA,
    Column("uid", String(64), primary_key=True),
    #: serving.workitems.performer.ManagerName: where it is managed.
    Column("manager", String(8), nullable=False),
    #: Ours; kept before it is used, so that a claim whose answer was lost is still ours.
    Column("transaction_uid", String(64), nullable=False),
    Column("study_uid", String(64), nullable=False),
    #: Name of the rule that was asked for.
    Column("rule", String(48), nullable=False),
    #: 0 acute, 1 urgent, 2 routine, 3 backfill.
    Column("priority", Integer, nullable=False),
    #: Archive of the settings that its input is fetched from; empty when it is sent to us.
    Column("archive", String(32), nullable=False),
    #: work_item.id once there is one.
    Column("work_item_id", String(64), nullable=False, default=""),
    #: Whether that one is there for this alone.
    Column("asked_alone", Boolean, nullable=False, default=False),
    #: serving.records.performed.PerformedState.
    Column("state", String(16), nullable=False, index=True),
    Column("reason", Text, nullable=False, default=""),
    Column("claimed_at", UtcDateTime, nullable=False),
    #: Given up when its input is not here by then.
    Column("deadline_at", UtcDateTime, nullable=False),
)
