"""What the FHIR door takes goes the way of the HL7 feed: many callers, one commit."""

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime

from ehr_io.receive.reading import BundleReading, ResourceRefusal
from ehr_io.receive.telling import told_by
from serving.errors import DatabaseDownError
from serving.feed.group_commit import GroupCommit
from serving.feed.neck import FeedItem

#: A caller is told to come again after so long.
_PATIENCE_SECONDS = 30.0


class GroupedStayIntake:
    """Implements ``StayIntake`` by a group commit that was started."""

    def __init__(self, commit: GroupCommit[FeedItem]) -> None:
        """Keep by *commit*."""
        self._commit = commit

    async def take(self, reading: BundleReading) -> Sequence[ResourceRefusal]:
        """Keep what a Bundle said, durable when this returns; what of it named another patient than its stay's.

        Raises:
            DatabaseDownError: it was not kept, or not in time; then it may be kept later.
        """
        now = datetime.now(UTC)
        item = FeedItem(told=told_by(reading, now), kept=None, received_at=now)
        kept = asyncio.wrap_future(self._commit.hand_in(item))
        try:
            # Shielded: a caller who gives up must not take the place of an item out of its group.
            await asyncio.wait_for(asyncio.shield(kept), _PATIENCE_SECONDS)
        except TimeoutError as error:
            raise DatabaseDownError("it was not written in time; send it again") from error
        return item.denied
