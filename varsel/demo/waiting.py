"""Waits until every case is over, each no longer than its deadline."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import Engine

from serving.work.item import State
from varsel.case_status import CaseStatus, RefusalStatus, read_cases, read_refusals
from varsel.demo.case import DemoCase

_LOOK_SECONDS = 0.2


@dataclass(frozen=True, kw_only=True)
class Known:
    """What the site's books say of a case."""

    #: Newest generation of the newest work item; None when there is none.
    status: CaseStatus | None
    #: Why it was not taken at the door; None when it was.
    refusal: RefusalStatus | None

    @property
    def is_over(self) -> bool:
        """Whether nothing more will come."""
        return self.refusal is not None if self.status is None else self.status.is_over


#: Told what is known whenever it was looked up.
OnLook = Callable[[Mapping[str, Known]], None]


@dataclass(frozen=True, kw_only=True)
class Books:
    """Where the site writes down what becomes of cases, and what their senders were told."""

    #: The site's database.
    engine: Engine
    #: What was sent.
    cases: Sequence[DemoCase]
    #: Case key -> the sender's word on a case of which nothing was taken.
    unsent: Mapping[str, RefusalStatus]

    def look(self) -> dict[str, Known]:
        """What is known of each case now, by its key.

        Raises:
            DatabaseDownError: the books cannot be read.
        """
        statuses = read_cases(self.engine, [case.case_id for case in self.cases])
        newest = {status.case_id: status for status in statuses if status.state != State.SUPERSEDED.value}
        refused = {refusal.source: refusal for refusal in read_refusals(self.engine)}
        return {
            case.key: Known(
                status=newest.get(case.case_id),
                refusal=refused.get(case.calling_ae_title) or self.unsent.get(case.key),
            )
            for case in self.cases
        }


def wait_for(books: Books, within_seconds: float, on_look: OnLook, should_stop: Callable[[], bool]) -> dict[str, Known]:
    """What is known of each case, by its key, when all are over, *within_seconds* have passed, or *should_stop*.

    Raises:
        DatabaseDownError: the books cannot be read.
    """
    deadline = time.monotonic() + within_seconds
    while True:
        known = books.look()
        on_look(known)
        if all(one.is_over for one in known.values()) or time.monotonic() > deadline or should_stop():
            return known
        time.sleep(_LOOK_SECONDS)
