"""Records arrivals in groups: one commit for all that wait while another is under way."""

import threading

from dicom_io.errors import InboxUnavailableError
from dicom_io.receive.inbox import Arrival, Inbox, Landing


class Recorder:
    """Group commit. Who comes alone is recorded at once; who comes while a commit runs shares the next one."""

    def __init__(self, inbox: Inbox) -> None:
        """Record in *inbox*."""
        self._inbox = inbox
        self._lock = threading.Lock()
        self._turn = threading.Lock()
        self._waiting: list[_Ticket] = []

    def record(self, arrival: Arrival) -> Landing:
        """What *arrival* meant to the books, once that is committed.

        Raises:
            InboxUnavailableError: it was not recorded.
        """
        ticket = _Ticket(arrival)
        with self._lock:
            self._waiting.append(ticket)
        # Whoever gets the turn records for all who wait for it; they find themselves recorded when they get it.
        with self._turn:
            if ticket.is_open:
                with self._lock:
                    group, self._waiting = self._waiting, []
                self._record(group)
        return ticket.landing()

    def _record(self, group: list["_Ticket"]) -> None:
        try:
            self._record_together(group)
        except InboxUnavailableError as error:
            if len(group) == 1:
                group[0].error = error
                return
            # One that the database does not take must not cost the others their place.
            for ticket in group:
                self._record([ticket])
        finally:
            for ticket in group:
                ticket.is_open = False

    def _record_together(self, group: list["_Ticket"]) -> None:
        landings = self._inbox.land_all([ticket.arrival for ticket in group])
        for ticket, landing in zip(group, landings, strict=True):
            ticket.landed = landing


class _Ticket:
    def __init__(self, arrival: Arrival) -> None:
        self.arrival = arrival
        self.is_open = True
        self.landed: Landing | None = None
        self.error: InboxUnavailableError | None = None

    def landing(self) -> Landing:
        if self.landed is None:
            raise self.error or InboxUnavailableError()
        return self.landed
