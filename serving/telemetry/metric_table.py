"""Every Prometheus metric of Varsel in one table: name, kind, help text, labels, buckets.

Names follow the Prometheus conventions: prefix ``varsel_``, base units, ``_total`` for counters. A label takes its
values from a closed set (models, reason codes, states, destinations of the settings file); nothing about a patient, no
UID and no free text is ever a label.
"""

from dataclasses import dataclass
from enum import Enum

#: From a header read to a volumetric inference on CPU.
_STAGE_BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.15, 0.25, 0.4, 0.6, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0)
#: From one small object on a fast disk to a large one on a slow disk.
_RECEIVE_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0)


class Kind(Enum):
    """How a metric moves."""

    #: Only up.
    COUNTER = "counter"
    #: Up and down.
    GAUGE = "gauge"
    #: Counts by size.
    HISTOGRAM = "histogram"


class Stage(Enum):
    """A stretch of the straight line that is timed; the keys of a work item's ``timings``."""

    #: Spooled files to a radiograph or volume.
    DECODE = "decode"
    #: Whether it is the picture the model was made for, as another model says.
    GUARD = "guard"
    #: Image to the graph's input.
    PREPROCESS = "preprocess"
    #: The model's own share, the call to its service included.
    INFER = "infer"
    #: Prediction to findings.
    INTERPRET = "interpret"
    #: Findings to result objects.
    COMPOSE = "compose"
    #: Result objects to the destination.
    DELIVER = "deliver"
    #: From the last instance received to the result stored at the last destination.
    RECEIVED_TO_STORED = "received_to_stored"


@dataclass(frozen=True, kw_only=True)
class Spec:
    """One metric."""

    #: Full name as scraped, without a histogram's suffixes.
    name: str
    #: How it moves.
    kind: Kind
    #: Help text: a sentence.
    text: str
    #: Label names.
    labels: tuple[str, ...] = ()
    #: Upper bounds of a histogram's buckets, in the metric's unit.
    buckets: tuple[float, ...] = ()


BUILD_INFO = Spec(
    name="varsel_build_info", kind=Kind.GAUGE, text="Version and process; always 1.", labels=("version", "process")
)

RECEIVED_INSTANCES = Spec(
    name="varsel_receive_instances_total",
    kind=Kind.COUNTER,
    text="DICOM instances answered, by the status given to the sender (four hexadecimal digits).",
    labels=("status",),
)
RECEIVED_BYTES = Spec(
    name="varsel_receive_bytes_total",
    kind=Kind.COUNTER,
    text="Bytes of the instances answered, by status.",
    labels=("status",),
)
RECEIVE_SECONDS = Spec(
    name="varsel_receive_seconds",
    kind=Kind.HISTOGRAM,
    text="Seconds from an instance read to its answer, by status.",
    labels=("status",),
    buckets=_RECEIVE_BUCKETS,
)
FEED_MESSAGES = Spec(
    name="varsel_feed_messages_total",
    kind=Kind.COUNTER,
    text="HL7 messages answered, by type and trigger event and by acknowledgement code (AA, AE, AR).",
    labels=("kind", "status"),
)
FEED_SECONDS = Spec(
    name="varsel_feed_seconds",
    kind=Kind.HISTOGRAM,
    text="Seconds from an HL7 message read to its acknowledgement, the commit included.",
    buckets=_RECEIVE_BUCKETS,
)
REFUSALS = Spec(
    name="varsel_refusals_total",
    kind=Kind.COUNTER,
    text="Input refused at a door, by reason code.",
    labels=("door", "reason"),
)

WORK_ITEMS_FINISHED = Spec(
    name="varsel_work_items_finished_total",
    kind=Kind.COUNTER,
    text="Work items that reached an outcome: finding, no_finding, not_analysed, failed.",
    labels=("model", "model_version", "outcome"),
)
STAGE_SECONDS = Spec(
    name="varsel_stage_seconds",
    kind=Kind.HISTOGRAM,
    text="Seconds of one stage of one work item.",
    labels=("stage", "model"),
    buckets=_STAGE_BUCKETS,
)
RETRIES = Spec(
    name="varsel_retries_total",
    kind=Kind.COUNTER,
    text="Tries put off after a passing failure; kind is work or delivery.",
    labels=("kind", "reason"),
)
DELIVERIES = Spec(
    name="varsel_deliveries_total",
    kind=Kind.COUNTER,
    text="Changes of a delivery's state, by destination and state reached.",
    labels=("destination", "state"),
)
DELIVERED_OBJECTS = Spec(
    name="varsel_delivered_objects_total",
    kind=Kind.COUNTER,
    text="Objects of arrived deliveries, by destination, kind and state; a fallback stands in for refused ones.",
    labels=("destination", "kind", "state"),
)
COMMITMENTS = Spec(
    name="varsel_commitments_total",
    kind=Kind.COUNTER,
    text="Storage commitments by destination: asked, kept, denied, expired where the archive could not be asked.",
    labels=("destination", "state"),
)

HTTP_SECONDS = Spec(
    name="varsel_http_request_seconds",
    kind=Kind.HISTOGRAM,
    text="Seconds of one HTTP request to the web process, by route and status.",
    labels=("route", "status"),
    buckets=_RECEIVE_BUCKETS,
)

DATABASE_UP = Spec(
    name="varsel_database_up", kind=Kind.GAUGE, text="1 when the database answered at this scrape, else 0."
)
QUEUE_ITEMS = Spec(
    name="varsel_queue_items", kind=Kind.GAUGE, text="Work items that are not done, by state.", labels=("state",)
)
QUEUE_OLDEST_SECONDS = Spec(
    name="varsel_queue_oldest_age_seconds",
    kind=Kind.GAUGE,
    text="Age of the oldest work item that waits for a worker; 0 when none waits.",
)
OVERRUN_ITEMS = Spec(
    name="varsel_overrun_items",
    kind=Kind.GAUGE,
    text="Work whose last try had a step that took longer than its limit, until it ends well; put aside, for an hour.",
    labels=("kind",),
)
DELIVERY_ITEMS = Spec(
    name="varsel_delivery_items",
    kind=Kind.GAUGE,
    text="Deliveries that have not arrived, by destination and state; dead ones need a person.",
    labels=("destination", "state"),
)
COMMITMENT_OLDEST_SECONDS = Spec(
    name="varsel_commitment_oldest_age_seconds",
    kind=Kind.GAUGE,
    text="Age of the oldest accepted delivery whose storage commitment is awaited, by destination.",
    labels=("destination",),
)
STUDIES_OPEN = Spec(name="varsel_studies_open", kind=Kind.GAUGE, text="Studies that instances are still awaited for.")

DISK_FREE = Spec(
    name="varsel_disk_free_bytes", kind=Kind.GAUGE, text="Free bytes of the disk that received objects are kept on."
)
DISK_REQUIRED = Spec(
    name="varsel_disk_required_bytes",
    kind=Kind.GAUGE,
    text="Below so many free bytes objects are refused (receive.minimum_free_mib).",
)
ADMISSION_HELD = Spec(
    name="varsel_admission_held",
    kind=Kind.GAUGE,
    text="1 while this process asks senders to come later because too much work waits, else 0.",
)
CLEARED = Spec(
    name="varsel_cleared_total",
    kind=Kind.COUNTER,
    text="Things cleared away after their time, by kind: images of a study, results of a work item, ...",
    labels=("kind",),
)
CLEARED_BYTES = Spec(
    name="varsel_cleared_bytes_total",
    kind=Kind.COUNTER,
    text="Bytes of the files cleared away, by kind.",
    labels=("kind",),
)
CLEAN_FAILURES = Spec(
    name="varsel_clean_failures_total",
    kind=Kind.COUNTER,
    text="Things that could not be cleared away, by kind.",
    labels=("kind",),
)
CLEANED_AT = Spec(
    name="varsel_cleaned_timestamp_seconds",
    kind=Kind.GAUGE,
    text="When this node last cleared away, Unix time; 0 until it has.",
)
STAYS_RUNNING = Spec(
    name="varsel_stays_running", kind=Kind.GAUGE, text="Running stays that were scored before; the same on every node."
)
STAYS_STALE = Spec(
    name="varsel_stays_stale",
    kind=Kind.GAUGE,
    text="Running stays whose newest score is older than it may be; the same on every node.",
)
STAYS_SILENT = Spec(
    name="varsel_stays_silent",
    kind=Kind.GAUGE,
    text="Running stays of which the feeds told nothing for long; the same on every node.",
)
FEED_PUT_ASIDE = Spec(
    name="varsel_feed_put_aside",
    kind=Kind.GAUGE,
    text="HL7 messages that were refused as a whole or in part and wait to be mended and replayed.",
    labels=("state",),
)
ALERT_DECISIONS = Spec(
    name="varsel_alert_decisions",
    kind=Kind.GAUGE,
    text="Decisions of alert policies on scores as of the last 24 hours, by model and verdict.",
    labels=("model", "outcome"),
)
SURVEILLANCE_REFRESHED = Spec(
    name="varsel_surveillance_refreshed_timestamp_seconds",
    kind=Kind.GAUGE,
    text="When surveillance last read the record, Unix time; 0 until it has.",
)
SURVEILLANCE_CLUSTERS = Spec(
    name="varsel_surveillance_clusters", kind=Kind.GAUGE, text="Clusters that the newest reading of the record found."
)
STAYS_RESCORED = Spec(
    name="varsel_stays_rescored_total", kind=Kind.COUNTER, text="Stays scored anew because time had passed."
)

#: All of them; docs, dashboards and alerts are checked against this table.
TABLE = (
    BUILD_INFO,
    RECEIVED_INSTANCES,
    RECEIVED_BYTES,
    RECEIVE_SECONDS,
    FEED_MESSAGES,
    FEED_SECONDS,
    REFUSALS,
    WORK_ITEMS_FINISHED,
    STAGE_SECONDS,
    RETRIES,
    DELIVERIES,
    DELIVERED_OBJECTS,
    COMMITMENTS,
    COMMITMENT_OLDEST_SECONDS,
    HTTP_SECONDS,
    DATABASE_UP,
    QUEUE_ITEMS,
    QUEUE_OLDEST_SECONDS,
    DELIVERY_ITEMS,
    STUDIES_OPEN,
    OVERRUN_ITEMS,
    DISK_FREE,
    DISK_REQUIRED,
    ADMISSION_HELD,
    CLEARED,
    CLEARED_BYTES,
    CLEAN_FAILURES,
    CLEANED_AT,
    STAYS_RUNNING,
    STAYS_STALE,
    STAYS_SILENT,
    STAYS_RESCORED,
    FEED_PUT_ASIDE,
    ALERT_DECISIONS,
    SURVEILLANCE_REFRESHED,
    SURVEILLANCE_CLUSTERS,
)
