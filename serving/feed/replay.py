"""A message that was put aside is sent through again, as it came or mended."""

from dataclasses import replace
from datetime import datetime

from sqlalchemy import Engine

from ehr_io.hl7.acknowledgement import Acknowledgement
from ehr_io.hl7.reader import ReaderSettings
from serving.feed.kept import mark_replayed
from serving.feed.neck import judge, keep_items
from serving.records.database import writing


def replay_message(
    engine: Engine, settings: ReaderSettings, number: int, body: bytes, now: datetime
) -> Acknowledgement:
    """Take *body* in the place of message *number*; replaying is safe, since what was told before changes nothing.

    Raises:
        DatabaseDownError: nothing was kept.
    """
    verdict = judge(body, now, settings)
    if not verdict.answer.is_accepted:
        # The original lies there already; a second copy would only hide it.
        return verdict.answer
    keep_items(engine)([replace(verdict.item, kept=None, if_denied=None)])
    if verdict.item.kept is None and not verdict.item.denied:
        with writing(engine) as connection:
            mark_replayed(connection, number, now)
    return verdict.answer_when_kept
