"""Tables of alerts, of what people answered to risks and cases, and of surveillance."""

from sqlalchemy import JSON, Boolean, Column, Float, ForeignKey, Index, Integer, String, Table, Text

from serving.records.columns import UtcDateTime
from serving.records.schema import METADATA

#: What an alert policy said of one risk.
ALERT = Table(
    "alert",
    METADATA,
    Column("work_item_id", String(64), ForeignKey("work_item.id"), primary_key=True),
    Column("stay_id", String(64), nullable=False),
    Column("model", String(64), nullable=False),
    Column("ward", String(64), nullable=False),
    #: T of the risk.
    Column("at", UtcDateTime, nullable=False),
    Column("probability", Float, nullable=False),
    #: Name, version and digest of the policy that decided.
    Column("policy", String(48), nullable=False),
    Column("policy_version", String(16), nullable=False),
    Column("policy_digest", String(12), nullable=False),
    #: serving.alerts.decide.Verdict.
    Column("verdict", String(16), nullable=False),
    #: {"en": ..., "da": ...}.
    Column("reason", JSON, nullable=False),
    #: Whether it counts as an alert, told or silent.
    Column("is_alert", Boolean, nullable=False),
    #: When the site's webhook had taken it; NULL until then, or where there is none.
    Column("notified_at", UtcDateTime),
    Index("ix_alert_stay_id_model", "stay_id", "model", "at"),
    Index("ix_alert_ward_at", "ward", "at"),
)

#: What a person said of a risk or a case; rows are only added.
REVIEW = Table(
    "review",
    METADATA,
    Column("id", Integer, primary_key=True),
    Column("at", UtcDateTime, nullable=False),
    #: ``risk`` or ``case``.
    Column("subject", String(8), nullable=False),
    #: Work item of the risk, or id of the case.
    Column("subject_id", String(64), nullable=False, index=True),
    Column("stay_id", String(64), nullable=False, index=True),
    Column("model", String(64), nullable=False, default=""),
    #: serving.alerts.reviews.ReviewKind.
    Column("kind", String(16), nullable=False),
    Column("reason_code", String(64), nullable=False, default=""),
    #: What was written; personal data.
    Column("comment", Text, nullable=False, default=""),
    #: Who; empty when the door does not know.
    Column("reviewer", String(128), nullable=False, default=""),
    #: ``page`` or ``card``.
    Column("door", String(8), nullable=False),
    #: End of a snooze.
    Column("until", UtcDateTime),
)

#: A counted case of one edition of one definition.
SURVEILLANCE_CASE = Table(
    "surveillance_case",
    METADATA,
    Column("id", String(32), primary_key=True),
    Column("definition", String(64), nullable=False),
    Column("edition", String(16), nullable=False),
    Column("outcome", String(32), nullable=False),
    Column("patient_id", String(128), nullable=False),
    Column("stay_id", String(64), nullable=False),
    #: ``Type/id`` of the sample or operation.
    Column("source", String(128), nullable=False),
    Column("sampled_at", UtcDateTime, nullable=False),
    Column("known_at", UtcDateTime, nullable=False),
    Column("unit", String(64), nullable=False),
    Column("since", UtcDateTime),
    #: {"en": ..., "da": ...}.
    Column("explanation", JSON, nullable=False),
    Column("first_found_at", UtcDateTime, nullable=False),
    #: When a later reading of the record no longer found it; NULL while it holds.
    Column("withdrawn_at", UtcDateTime),
    Index("ix_surveillance_case_definition", "definition", "edition", "sampled_at"),
)

#: What was at risk in one unit on one day: days for samples, operations for joints, contacts for the grid.
SURVEILLANCE_EXPOSURE = Table(
    "surveillance_exposure",
    METADATA,
    #: Definition id; ``contacts`` for the number of contacts that came to the unit.
    Column("definition", String(64), primary_key=True),
    Column("edition", String(16), primary_key=True),
    Column("unit", String(64), primary_key=True),
    #: ISO 8601.
    Column("day", String(10), primary_key=True),
    Column("amount", Float, nullable=False),
)

#: A cluster that the newest reading found.
SURVEILLANCE_CLUSTER = Table(
    "surveillance_cluster",
    METADATA,
    Column("id", Integer, primary_key=True),
    Column("definition", String(64), nullable=False),
    Column("edition", String(16), nullable=False),
    #: Empty = all units together.
    Column("unit", String(64), nullable=False),
    Column("first_day", String(10), nullable=False),
    Column("last_day", String(10), nullable=False),
    Column("case_ids", JSON, nullable=False),
    Column("expected", Float, nullable=False),
    Column("p", Float, nullable=False),
)

#: One reading of the record by all definitions.
SURVEILLANCE_RUN = Table(
    "surveillance_run",
    METADATA,
    Column("id", Integer, primary_key=True),
    Column("at", UtcDateTime, nullable=False),
    Column("seconds", Float, nullable=False),
    Column("patients", Integer, nullable=False),
    Column("cases", Integer, nullable=False),
)

#: Tokens of CDS Hooks calls that were taken, so that none is taken twice.
CDS_TOKEN = Table(
    "cds_token",
    METADATA,
    Column("issuer", String(256), primary_key=True),
    Column("jti", String(256), primary_key=True),
    Column("expires_at", UtcDateTime, nullable=False, index=True),
)
