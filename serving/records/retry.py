"""Another round of tries for a failed case, when a person asks for it."""

from datetime import datetime
from typing import Any

from sqlalchemy import Connection, select, update

from serving.records import audit, ledger, work
from serving.records.schema import DELIVERY, STAY, STUDY
from serving.records.work import WorkItem
from serving.work.item import DeliveryState, State


def retry(connection: Connection, item_id: str, actor: str, now: datetime) -> bool:
    """Try a failed work item again: False when it has not failed.

    What was analysed keeps its result objects, and only what did not arrive is sent again. What was not is analysed
    anew; where no release was found, the rules are asked anew.

    Raises:
        CaseNotFoundError: there is no such item.
    """
    item = work.get_item(connection, item_id)
    if item.state is not State.FAILED:
        return False
    audit.append(connection, "tried_again", item_id, {"actor": actor})
    if _resend(connection, item_id, now):
        return work.move_item(connection, item_id, State.DELIVERING, now, reason_code="", reason="sent again by hand")
    if not item.release_digest:
        return _reopen(connection, item, now)
    anew = {"attempts": 0, "not_before": now, "outcome": "", "reason_code": "", "finished_at": None}
    return work.move_item(connection, item_id, State.QUEUED, now, reason="tried again by hand", **anew)


def _resend(connection: Connection, item_id: str, now: datetime) -> bool:
    dead = (DELIVERY.c.work_item_id == item_id) & (DELIVERY.c.state == DeliveryState.DEAD.value)
    found = connection.scalars(select(DELIVERY.c.id).where(dead)).all()
    for delivery_id in found:
        refused = [one for one in ledger.objects_of(connection, delivery_id) if not one.has_arrived]
        ledger.reopen(connection, delivery_id, [one.sop_instance_uid for one in refused])
        # One attempt counted, not none: what was tried before may have arrived, so the archive is asked first.
        again: dict[str, Any] = {"attempts": 1, "not_before": now, "reason": "sent again by hand"}
        ledger.move(connection, delivery_id, DeliveryState.WAITING, now, **again)
    return bool(found)


def _reopen(connection: Connection, item: WorkItem, now: datetime) -> bool:
    """Let the case fall due, so that its rules find the release that was missing."""
    stay = update(STAY).where(STAY.c.stay_id == item.case_id)
    study = update(STUDY).where(STUDY.c.study_uid == item.case_id)
    connection.execute((stay if item.kind == "stay" else study).values(due_at=now))
    told = {"reason_code": "superseded", "reason": "its rules are asked again", "finished_at": now}
    return work.move_item(connection, item.id, State.SUPERSEDED, now, **told)
