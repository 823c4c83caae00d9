"""A live alert as an event for the site's webhooks; from there on it is a delivery like any other."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote

from sqlalchemy import Connection, Row, select, update

from dicom_io.uids import derive_uid
from models.manifest import Manifest
from models.release import Release
from serving.alerts.decide import Verdict
from serving.messages import MessageKind, WrittenMessage, write_message
from serving.records.surveillance_schema import ALERT
from serving.records.work import WorkItem
from serving.settings.destinations import AnyDestination, WebhookDestination

#: What the event is called; its shape is that of docs/alerts.md.
EVENT_TYPE = "varsel.risk_alert"


@dataclass(frozen=True, kw_only=True)
class AlertNotifier:
    """Writes the events of one site."""

    #: Events lie below this, each beside the other results of its work item.
    results_dir: Path
    #: Those that are webhooks are told.
    destinations: Sequence[AnyDestination]
    #: Where others reach the pages.
    public_url: str

    def compose(self, connection: Connection, item: WorkItem, release: Release) -> tuple[WrittenMessage, ...]:
        """An event for each webhook when the policy told the risk of *item*; none when it did not, or silently."""
        receivers = [one for one in self.destinations if isinstance(one, WebhookDestination)]
        alert = connection.execute(select(ALERT).where(ALERT.c.work_item_id == item.id)).one_or_none()
        if not receivers or alert is None or alert.verdict != Verdict.ALERT.value:
            return ()
        content = json.dumps(self._event(alert, item, release)).encode()
        return tuple(self._written(item, one, content) for one in receivers)

    def _written(self, item: WorkItem, receiver: WebhookDestination, content: bytes) -> WrittenMessage:
        uid = derive_uid("message", item.id, receiver.name, MessageKind.ALERT.value)
        return write_message(MessageKind.ALERT, receiver.name, uid, content, self.results_dir / item.id)

    def _event(self, alert: Row[Any], item: WorkItem, release: Release) -> dict[str, Any]:
        manifest: Manifest = release.manifest
        label = manifest.labels[0]
        return {
            "type": EVENT_TYPE,
            "timestamp": alert.at.isoformat(),
            "data": {
                "stay": alert.stay_id,
                "ward": alert.ward,
                "outcome": {"scheme": label.concept.scheme, "code": label.concept.value, "text": label.text.en},
                "probability": alert.probability,
                "model": {"name": manifest.name, "version": manifest.version, "digest": release.digest},
                "policy": {
                    "name": alert.policy,
                    "version": alert.policy_version,
                    "digest": alert.policy_digest,
                },
                "links": {
                    "page": f"{self.public_url}/stays/{quote(alert.stay_id, safe='')}",
                    "risk_assessment": f"{self.public_url}/fhir/RiskAssessment/{item.id}",
                },
            },
        }


def note_notified(connection: Connection, work_item_id: str, now: datetime) -> None:
    """A webhook took the event of *work_item_id* at *now*; the first one counts."""
    mine = (ALERT.c.work_item_id == work_item_id) & ALERT.c.notified_at.is_(None)
    connection.execute(update(ALERT).where(mine).values(notified_at=now))
