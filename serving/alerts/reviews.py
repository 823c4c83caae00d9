"""What people answered to a risk or a case: kept with who, when and why, audited, never changed."""

from collections import defaultdict
from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from enum import Enum

from sqlalchemy import Connection, insert, select

from serving.records import audit
from serving.records.surveillance_schema import REVIEW


class Subject(Enum):
    """What a review is about."""

    #: A risk of a stay.
    RISK = "risk"
    #: A case of surveillance.
    CASE = "case"


class ReviewKind(Enum):
    """What was said."""

    #: Seen, and taken over.
    ACKNOWLEDGED = "acknowledged"
    #: Not now.
    SNOOZED = "snoozed"
    #: Not so; the reason tells why.
    REJECTED = "rejected"
    #: The infection-control nurse agrees with a case.
    CONFIRMED = "confirmed"
    #: A card's suggestion was taken up (CDS Hooks).
    ACCEPTED = "accepted"
    #: A card was set aside (CDS Hooks).
    OVERRIDDEN = "overridden"


class Door(Enum):
    """Where it was said."""

    #: On one of our pages.
    PAGE = "page"
    #: On a card in the record.
    CARD = "card"


@dataclass(frozen=True, kw_only=True)
class Review:
    """One answer."""

    #: When, UTC.
    at: datetime
    #: About what.
    subject: Subject
    #: Work item of the risk, or id of the case.
    subject_id: str
    #: Stay that it is about; empty when a case lies in none.
    stay_id: str
    #: Model of the risk, or definition and edition of the case.
    model: str
    #: What was said.
    kind: ReviewKind
    #: One of a closed set; empty when none was asked for.
    reason_code: str = ""
    #: What was written; personal data.
    comment: str = ""
    #: Who; empty when the door does not know.
    reviewer: str = ""
    #: Where.
    door: Door = Door.PAGE
    #: End of a snooze, UTC.
    until: datetime | None = None


def keep_review(connection: Connection, review: Review) -> None:
    """Keep *review* and its audit record, in the caller's transaction. The comment stays out of the audit."""
    values = asdict(review) | {
        "subject": review.subject.value,
        "kind": review.kind.value,
        "door": review.door.value,
    }
    connection.execute(insert(REVIEW).values(**values))
    detail = {
        "kind": review.kind.value,
        "reason_code": review.reason_code,
        "reviewer": review.reviewer,
        "door": review.door.value,
    }
    audit.append(connection, "reviewed", review.subject_id, detail)


def reviews_of(connection: Connection, subject: Subject, ids: Collection[str]) -> Mapping[str, tuple[Review, ...]]:
    """Subject id -> its reviews, newest first."""
    found: defaultdict[str, list[Review]] = defaultdict(list)
    wanted = select(REVIEW).where(REVIEW.c.subject == subject.value, REVIEW.c.subject_id.in_(ids))
    for row in connection.execute(wanted.order_by(REVIEW.c.id.desc())).mappings():
        found[row["subject_id"]].append(
            Review(
                **{name: row[name] for name in Review.__dataclass_fields__}
                | {"subject": subject, "kind": ReviewKind(row["kind"]), "door": Door(row["door"])}
            )
        )
    return {key: tuple(rows) for key, rows in found.items()}
