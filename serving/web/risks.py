"""Risks as the doors tell them, and what clinicians answered."""

from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import quote

from sqlalchemy import ColumnElement, Connection, Engine, RowMapping, and_, insert, select

from ehr_io.codes import Coding, Words
from ehr_io.results.card import card_uuid
from ehr_io.risks import ModelIdentity, RiskReason, RiskReport
from models.errors import ManifestError
from models.manifest import FeatureSpec, Manifest, StayPreprocessing, Text
from models.registry import ReleaseStore
from models.release import Release
from serving.alerts.reviews import Door, Review, ReviewKind, Subject, keep_review
from serving.errors import CaseNotFoundError
from serving.records.database import reading, writing
from serving.records.schema import FEEDBACK, RISK, STAY, WORK_ITEM
from serving.records.stays import StayStatus
from serving.web.cds_hooks import CardFeedback, StoredRisk
from serving.web.reasons import grouped
from serving.web.rows import ReasonRow
from serving.web.stay_queries import reason_row

#: FHIR's names of the coding schemes that releases use.
_SYSTEMS = {"SCT": "http://snomed.info/sct"}


class DatabaseRisks:
    """Implements ``RiskLookup`` on our tables; texts and codes come from the release that scored."""

    def __init__(self, engine: Engine, store: ReleaseStore, pages_url: str = "") -> None:
        """Read risks from *engine* and their releases from *store*; their pages lie below *pages_url*."""
        self._engine = engine
        self._store = store
        self._pages_url = pages_url

    def latest_for_patient(self, patient_id: str) -> StoredRisk | None:
        """The newest risk of the patient."""
        return self._newest(RISK.c.patient_id == patient_id)

    def latest_for_stay(self, stay_id: str) -> StoredRisk | None:
        """The newest risk of the stay."""
        return self._newest(RISK.c.stay_id == stay_id)

    def by_id(self, risk_id: str) -> StoredRisk | None:
        """The risk with this id."""
        return self._newest(RISK.c.work_item_id == risk_id)

    def _newest(self, whose: ColumnElement[bool]) -> StoredRisk | None:
        wanted = (
            select(RISK, WORK_ITEM.c.model, WORK_ITEM.c.release_digest)
            .join(WORK_ITEM)
            # Of an admission that was cancelled nothing is said any more.
            .join(STAY, and_(STAY.c.stay_id == RISK.c.stay_id, STAY.c.status != StayStatus.CANCELLED.value))
            .where(whose)
            .order_by(RISK.c.as_of.desc(), WORK_ITEM.c.generation.desc())
            .limit(1)
        )
        with reading(self._engine) as connection:
            row = connection.execute(wanted).mappings().one_or_none()
        if row is None:
            return None
        page_url = f"{self._pages_url}/stays/{quote(row['stay_id'], safe='')}" if self._pages_url else ""
        return StoredRisk(report=_report(row, self._store.open(row["model"], row["release_digest"])), page_url=page_url)


class DatabaseFeedback:
    """Implements ``FeedbackSink`` on our tables."""

    def __init__(self, engine: Engine) -> None:
        """Keep feedback on *engine*."""
        self._engine = engine

    def keep(self, feedback: CardFeedback) -> None:
        """Keep *feedback*.

        Raises:
            CaseNotFoundError: no risk of ours has such a card.
        """
        with writing(self._engine) as connection:
            risk = _risk_of_card(connection, feedback.card_uuid)
            if risk is None:
                raise CaseNotFoundError(f"no card '{feedback.card_uuid}' was ever sent from here")
            detail = {"reason_code": feedback.reason_code, "comment": feedback.comment}
            connection.execute(
                insert(FEEDBACK).values(
                    at=feedback.at, card=feedback.card_uuid, outcome=feedback.outcome.value, detail=detail
                )
            )
            keep_review(connection, _review(feedback, risk))


def _risk_of_card(connection: Connection, uuid: str) -> RowMapping | None:
    """The risk whose card has the *uuid*: newest first, since answers come soon after cards."""
    risks = select(RISK.c.work_item_id, RISK.c.stay_id, WORK_ITEM.c.model).join(
        WORK_ITEM, WORK_ITEM.c.id == RISK.c.work_item_id
    )
    rows = connection.execute(risks.order_by(RISK.c.as_of.desc())).mappings()
    return next((row for row in rows if card_uuid(row["work_item_id"]) == uuid), None)


def _review(feedback: CardFeedback, risk: RowMapping) -> Review:
    return Review(
        at=feedback.at,
        subject=Subject.RISK,
        subject_id=risk["work_item_id"],
        stay_id=risk["stay_id"],
        model=risk["model"],
        kind=ReviewKind(feedback.outcome.value),
        reason_code=feedback.reason_code,
        comment=feedback.comment,
        door=Door.CARD,
    )


def _report(row: RowMapping, release: Release) -> RiskReport:
    manifest = release.manifest
    label = manifest.labels[0]
    code = label.concept
    system = _SYSTEMS.get(code.scheme, f"urn:varsel:{code.scheme}")
    return RiskReport(
        id=row["work_item_id"],
        patient_id=row["patient_id"],
        stay_id=row["stay_id"],
        as_of=row["as_of"],
        horizon_hours=row["horizon_hours"],
        outcome=Coding(system=system, code=code.value),
        outcome_text=_words(label.text),
        probability=row["probability"],
        threshold=row["threshold"],
        reasons=_reasons(row["reasons"], _features(manifest)),
        basis=tuple(sorted({kept["source"] for kept in row["reasons"] if kept.get("source")})),
        model=ModelIdentity(
            name=manifest.name,
            version=manifest.version,
            digest=release.digest,
            demonstration=manifest.demonstration,
        ),
    )


def _reasons(kept: Sequence[Mapping[str, Any]], features: Mapping[str, FeatureSpec]) -> tuple[RiskReason, ...]:
    rows = (reason_row(item) for item in kept)
    return tuple(_reason(row, features) for row in grouped(rows, lambda name: features[name].code))


def _reason(row: ReasonRow, features: Mapping[str, FeatureSpec]) -> RiskReason:
    feature = features[row.feature]
    return RiskReason(
        text=_words(feature.text),
        contribution=row.contribution,
        value=row.value,
        unit=feature.unit,
        reference_range=feature.reference_range,
        measured_at=row.measured_at,
    )


def _features(manifest: Manifest) -> dict[str, FeatureSpec]:
    if not isinstance(manifest.preprocessing, StayPreprocessing):
        raise ManifestError(f"'{manifest.name}' gave a risk but its manifest is not one of a stay model")
    return {feature.name: feature for feature in manifest.preprocessing.features}


def _words(text: Text) -> Words:
    return Words(en=text.en, da=text.da)
