"""Another round of tries for a failed case, when a person asks for it."""

from datetime import datetime
from typing import Any

from sqlalchemy import Connection, select, update

from serving.records import audit, ledger, work
from serving.records.schema import DELIVERY, STAY, STUDY
from serving.records.work import WorkItem
from serving.work.item import DeliveryState, ObjectState, Purpose, State


def retry(connection: Connection, item_id: str, actor: str, now: datetime) -> bool:
    """Try a failed work item, or a failed withdrawal of it, again: False when nothing of it has failed.

    What was analysed keeps its result objects, and only what did not arrive is sent again. What was not is analysed
    anew; where no release was found, the rules are asked anew.

    Raises:
        CaseNotFoundError: there is no such item.
    """
    item = work.get_item(connection, item_id)
    resent = _resend(connection, item_id, now)
    begun = bool(resent)
    if item.state is State.FAILED:
        if Purpose.RESULT.value in resent:
            work.move_item(connection, item_id, State.DELIVERING, now, reason_code="", reason="sent again by hand")
        elif not _has_deliveries(connection, item_id):
            begun = _analyse_anew(connection, item, now)
    if begun:
        audit.append(connection, "tried_again", item_id, {"actor": actor})
    return begun


def _resend(connection: Connection, item_id: str, now: datetime) -> set[str]:
    """What the deliveries that are sent again are for."""
    dead = (DELIVERY.c.work_item_id == item_id) & (DELIVERY.c.state == DeliveryState.DEAD.value)
    found = connection.execute(select(DELIVERY.c.id, DELIVERY.c.purpose).where(dead)).all()
    for row in found:
        refused = [one for one in ledger.objects_of(connection, row.id) if one.state is ObjectState.REFUSED]
        ledger.reopen(connection, row.id, [one.sop_instance_uid for one in refused])
        # One attempt counted, not none: what was tried before may have arrived, so the archive is asked first.
        again: dict[str, Any] = {"attempts": 1, "unended": 0, "denials": 0, "not_before": now}
        ledger.move(connection, row.id, DeliveryState.WAITING, now, reason="sent again by hand", **again)
    return {row.purpose for row in found}


def _has_deliveries(connection: Connection, item_id: str) -> bool:
    return connection.scalar(select(DELIVERY.c.id).where(DELIVERY.c.work_item_id == item_id).limit(1)) is not None


def _analyse_anew(connection: Connection, item: WorkItem, now: datetime) -> bool:
    if not item.release_digest:
        return _reopen(connection, item, now)
    anew: dict[str, Any] = {"attempts": 0, "unended": 0, "not_before": now}
    untold: dict[str, Any] = {"outcome": "", "reason_code": "", "finished_at": None}
    return work.move_item(connection, item.id, State.QUEUED, now, reason="tried again by hand", **anew, **untold)


def _reopen(connection: Connection, item: WorkItem, now: datetime) -> bool:
    """Let the case fall due, so that its rules find the release that was missing."""
    stay = update(STAY).where(STAY.c.stay_id == item.case_id)
    study = update(STUDY).where(STUDY.c.study_uid == item.case_id)
    connection.execute((stay if item.kind == "stay" else study).values(due_at=now))
    told = {"reason_code": "superseded", "reason": "its rules are asked again", "finished_at": now}
    return work.move_item(connection, item.id, State.SUPERSEDED, now, **told)
