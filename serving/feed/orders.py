"""Imaging orders of the feed as hints of how urgent a study is."""

from datetime import datetime, timedelta

from sqlalchemy import Connection

from ehr_io.hl7.imaging_order import ImagingOrder, Urgency
from serving.records.hints import HintSource, PriorityHint, note_priority, withdraw_priority

#: An order that led to no study by then is not urgent any more.
_HOLDS = timedelta(days=7)
#: ORC-1, HL7 table 0119: cancelled or discontinued, asked for or done.
_CANCELLED = {"CA", "OC", "CR", "DC", "OD", "DR"}
_PRIORITIES = {Urgency.STAT: 0, Urgency.URGENT: 1}


def keep_order(connection: Connection, order: ImagingOrder, now: datetime) -> None:
    """Keep how urgent *order* is; a routine or cancelled one takes back what was said before."""
    if not order.study_uid and not order.accession_number:
        return
    hint = PriorityHint(
        source=HintSource.ORDER,
        priority=_PRIORITIES.get(order.urgency, 2),
        reason=f"order, {order.urgency.value}",
        expires_at=now + _HOLDS,
        study_uid=order.study_uid,
        accession_number=order.accession_number,
        patient_id=order.patient_id,
    )
    if order.control in _CANCELLED or order.urgency is Urgency.ROUTINE:
        withdraw_priority(connection, hint)
    else:
        note_priority(connection, hint, now)
