"""The pages' questions to the database; rows come back as the frozen values of ``rows``."""

from collections import defaultdict
from collections.abc import Sequence

from sqlalchemy import Column, ColumnElement, Connection, Row, Select, and_, exists, func, not_, or_, select

from dicom_io.findings import Outcome
from serving.errors import CaseNotFoundError
from serving.records.schema import DELIVERY, FINDING, HISTORY, INSTANCE, REFUSAL, STAY, STUDY, WORK_ITEM
from serving.web.rows import ArrivingRow, CaseFilter, CaseRow, DeliveryRow, FindingRow, HistoryRow, RefusalRow, Tally
from serving.work.item import DeliveryState, Purpose, State

#: Rows on one page.
PAGE_SIZE = 100

_SEARCHED: tuple[Column[str], ...] = (
    STUDY.c.patient_name,
    STUDY.c.patient_id,
    STUDY.c.accession_number,
    STUDY.c.description,
    STAY.c.patient_name,
    STAY.c.patient_id,
    WORK_ITEM.c.model,
    WORK_ITEM.c.case_id,
)


def cases(connection: Connection, chosen: CaseFilter) -> tuple[CaseRow, ...]:
    """One page of the cases that match *chosen*, newest first."""
    newest = _filtered(_case_select(), chosen).order_by(WORK_ITEM.c.created_at.desc(), WORK_ITEM.c.id)
    return _with_details(connection, connection.execute(_page(newest, chosen.page)).all())


def count_cases(connection: Connection, chosen: CaseFilter) -> int:
    """How many cases match *chosen* on all pages together."""
    matching = _filtered(_case_select(), chosen).subquery()
    return connection.execute(select(func.count()).select_from(matching)).scalar_one()


def case(connection: Connection, work_item_id: str) -> CaseRow:
    """The case *work_item_id*.

    Raises:
        CaseNotFoundError: there is none.
    """
    found = connection.execute(_case_select().where(WORK_ITEM.c.id == work_item_id)).one_or_none()
    if found is None:
        raise CaseNotFoundError(f"work item '{work_item_id}' is not known here; the list of cases holds every one")
    return _with_details(connection, [found])[0]


def others_of_case(connection: Connection, this: CaseRow) -> tuple[CaseRow, ...]:
    """The other work items about the same study or stay, newest first."""
    same = and_(WORK_ITEM.c.case_id == this.case_id, WORK_ITEM.c.id != this.work_item_id)
    newest = _case_select().where(same).order_by(WORK_ITEM.c.created_at.desc()).limit(PAGE_SIZE)
    return _with_details(connection, connection.execute(newest).all())


def arriving(connection: Connection) -> tuple[ArrivingRow, ...]:
    """Studies that instances are still awaited for, newest first."""
    kept = select(func.count()).where(INSTANCE.c.study_uid == STUDY.c.study_uid, INSTANCE.c.current).scalar_subquery()
    still_open = select(STUDY, kept.label("instances")).where(STUDY.c.due_at.is_not(None))
    newest = still_open.order_by(STUDY.c.last_arrival_at.desc()).limit(PAGE_SIZE)
    return tuple(_arriving_row(row) for row in connection.execute(newest))


def tally(connection: Connection) -> Tally:
    """How many cases have which answer, over all pages."""
    counted = select(WORK_ITEM.c.outcome, func.count()).where(_listed())
    outcomes = {row[0]: row[1] for row in connection.execute(counted.group_by(WORK_ITEM.c.outcome))}
    still_open = select(func.count()).select_from(STUDY).where(STUDY.c.due_at.is_not(None))
    in_work = outcomes.pop("", 0)
    return Tally(outcomes=outcomes, in_work=in_work, arriving=connection.execute(still_open).scalar_one())


def history(connection: Connection, work_item_id: str) -> tuple[HistoryRow, ...]:
    """Every change of the work item's state, oldest first."""
    steps = select(HISTORY).where(HISTORY.c.work_item_id == work_item_id).order_by(HISTORY.c.id).limit(PAGE_SIZE)
    return tuple(HistoryRow(at=row.at, state=row.state, detail=row.detail) for row in connection.execute(steps))


def refusals(connection: Connection, page: int) -> tuple[RefusalRow, ...]:
    """One page of what was refused at the doors, newest first."""
    newest = _page(select(REFUSAL).order_by(REFUSAL.c.at.desc(), REFUSAL.c.id.desc()), page)
    return tuple(_refusal_row(row) for row in connection.execute(newest))


def _case_select() -> Select[tuple[object, ...]]:
    joined = WORK_ITEM.outerjoin(STUDY, STUDY.c.study_uid == WORK_ITEM.c.case_id).outerjoin(
        STAY, STAY.c.stay_id == WORK_ITEM.c.case_id
    )
    about = (
        func.coalesce(STUDY.c.patient_name, STAY.c.patient_name, "").label("patient_name"),
        func.coalesce(STUDY.c.patient_id, STAY.c.patient_id, "").label("patient_id"),
        func.coalesce(STUDY.c.accession_number, STAY.c.ward, "").label("reference"),
        func.coalesce(STUDY.c.description, "").label("description"),
        func.coalesce(STUDY.c.modalities, "").label("modalities"),
    )
    return select(WORK_ITEM, *about).select_from(joined)


def _filtered(cases_: Select[tuple[object, ...]], chosen: CaseFilter) -> Select[tuple[object, ...]]:
    if chosen.state != State.SUPERSEDED.value:
        cases_ = cases_.where(_listed())
    if chosen.state:
        cases_ = cases_.where(WORK_ITEM.c.state == chosen.state)
    if chosen.outcome:
        cases_ = cases_.where(WORK_ITEM.c.outcome == chosen.outcome)
    if chosen.text:
        cases_ = cases_.where(or_(*(column.icontains(chosen.text, autoescape=True) for column in _SEARCHED)))
    return cases_


def _listed() -> ColumnElement[bool]:
    # History belongs to its case's page: generations overtaken before they were worked on, and earlier scores of a
    # stay, which is scored anew with every fact that becomes known.
    newer = WORK_ITEM.alias()
    rescored = exists().where(
        newer.c.case_id == WORK_ITEM.c.case_id,
        newer.c.model == WORK_ITEM.c.model,
        newer.c.generation > WORK_ITEM.c.generation,
    )
    earlier_score = and_(WORK_ITEM.c.kind == "stay", rescored)
    return and_(WORK_ITEM.c.state != State.SUPERSEDED.value, not_(earlier_score))


def _page(rows: Select[tuple[object, ...]], page: int) -> Select[tuple[object, ...]]:
    return rows.limit(PAGE_SIZE).offset((page - 1) * PAGE_SIZE)


def _with_details(connection: Connection, rows: Sequence[Row[tuple[object, ...]]]) -> tuple[CaseRow, ...]:
    ids = [row.id for row in rows]
    findings, deliveries = _findings(connection, ids), _deliveries(connection, ids)
    return tuple(_case_row(row, tuple(findings[row.id]), tuple(deliveries[row.id])) for row in rows)


def _findings(connection: Connection, ids: Sequence[str]) -> defaultdict[str, list[FindingRow]]:
    found: defaultdict[str, list[FindingRow]] = defaultdict(list)
    strongest = (
        select(FINDING).where(FINDING.c.work_item_id.in_(ids)).order_by(FINDING.c.probability.desc(), FINDING.c.key)
    )
    for row in connection.execute(strongest):
        found[row.work_item_id].append(_finding_row(row))
    return found


def _deliveries(connection: Connection, ids: Sequence[str]) -> defaultdict[str, list[DeliveryRow]]:
    found: defaultdict[str, list[DeliveryRow]] = defaultdict(list)
    by_name = select(DELIVERY).where(DELIVERY.c.work_item_id.in_(ids)).order_by(DELIVERY.c.destination)
    for row in connection.execute(by_name):
        found[row.work_item_id].append(_delivery_row(row))
    return found


def _case_row(
    row: Row[tuple[object, ...]], findings: tuple[FindingRow, ...], deliveries: tuple[DeliveryRow, ...]
) -> CaseRow:
    return CaseRow(
        work_item_id=row.id,
        kind=row.kind,
        case_id=row.case_id,
        generation=row.generation,
        patient_name=row.patient_name,
        patient_id=row.patient_id,
        reference=row.reference,
        description=row.description,
        modalities=row.modalities,
        model=row.model,
        model_version=row.model_version,
        release_digest=row.release_digest,
        state=State(row.state),
        outcome=Outcome(row.outcome) if row.outcome else None,
        reason_code=row.reason_code,
        reason=row.reason,
        attempts=row.attempts,
        received_at=row.input_at,
        finished_at=row.finished_at,
        timings=row.timings,
        scores=row.scores,
        findings=findings,
        deliveries=deliveries,
    )


def _finding_row(row: Row[tuple[object, ...]]) -> FindingRow:
    measured = tuple((str(item["concept"]), float(item["value"]), str(item["unit"])) for item in row.measurements)
    return FindingRow(
        text=row.text,
        probability=row.probability,
        threshold=row.threshold,
        measurements=measured,
        has_place=row.region is not None,
    )


def _delivery_row(row: Row[tuple[object, ...]]) -> DeliveryRow:
    return DeliveryRow(
        destination=row.destination,
        state=DeliveryState(row.state),
        attempts=row.attempts,
        reason=row.reason,
        accepted_at=row.accepted_at,
        object_count=len(row.objects),
        is_withdrawal=row.purpose == Purpose.WITHDRAWAL.value,
    )


def _arriving_row(row: Row[tuple[object, ...]]) -> ArrivingRow:
    return ArrivingRow(
        case_id=row.study_uid,
        patient_name=row.patient_name,
        patient_id=row.patient_id,
        reference=row.accession_number,
        description=row.description,
        modalities=row.modalities,
        instances=row.instances,
        last_arrival_at=row.last_arrival_at,
    )


def _refusal_row(row: Row[tuple[object, ...]]) -> RefusalRow:
    return RefusalRow(
        at=row.at,
        door=row.door,
        reason_code=row.reason_code,
        reason=row.reason,
        source=row.source,
        case_id=row.case_id,
    )
