"""What the resources of one Bundle need of each other: references, the clock, the code map."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from ehr_io.codes import CodeMap
from ehr_io.receive.fields import FUTURE_TOLERANCE, Json, child, children, instant, is_id, shown, text
from ehr_io.receive.reading import RefusalCode, RefusedError

#: Rounding to whole seconds in one of two systems is no contradiction.
_ROUNDING = timedelta(seconds=1)


@dataclass(frozen=True, kw_only=True)
class BundleContext:
    """One Bundle while it is read."""

    #: When the body came, UTC.
    received_at: datetime
    #: Our concepts.
    codes: CodeMap
    #: Entry fullUrl -> ``Type/id``.
    full_urls: Mapping[str, str]
    #: ``Type/id`` -> resource.
    resources: Mapping[str, Json]

    def reference(self, element: Json, name: str, resource_type: str) -> str:
        """The logical id that the Reference *name* of *element* leads to (R4 2.3: relative, absolute or urn).

        Raises:
            RefusedError: there is none, or it is not of *resource_type*, or conditional.
        """
        written = text(child(element, name), "reference")
        local = self.full_urls.get(written, written)
        parts = local.split("/_history/")[0].split("/")
        if len(parts) < 2 or parts[-2] != resource_type or not is_id(parts[-1]):
            raise RefusedError(
                RefusalCode.NO_REFERENCE,
                f"'{name}' does not lead to a resource; a reference '{resource_type}/<id>' is required",
            )
        return parts[-1]

    def stay_of(self, resource: Json, name: str = "encounter") -> str:
        """The stay that *resource* is about, by its element *name*.

        Raises:
            RefusedError: patient or stay is not told, or the stay is another patient's.
        """
        patient_id = self.reference(resource, "subject", "Patient")
        stay_id = self.reference(resource, name, "Encounter")
        encounter = self.resources.get(f"Encounter/{stay_id}")
        if encounter is not None and self.reference(encounter, "subject", "Patient") != patient_id:
            raise RefusedError(RefusalCode.WRONG_PATIENT, "'subject' is another patient than that of the stay")
        return stay_id

    def stay_at(self, patient_id: str, moment: datetime) -> str:
        """The stay of the patient at *moment* among those of the Bundle.

        Raises:
            RefusedError: none of them goes on then.
        """
        for source, encounter in self.resources.items():
            is_his = source.startswith("Encounter/") and self.reference(encounter, "subject", "Patient") == patient_id
            start, end = self.period(child(encounter, "period"), "period") if is_his else (None, None)
            if start is not None and start <= moment and (end is None or moment <= end):
                return source.partition("/")[2]
        raise RefusedError(
            RefusalCode.NO_REFERENCE,
            "it names no stay, and none of the patient's in this Bundle goes on then; send it with its Encounter",
        )

    def linked(self, element: Json, name: str) -> Json:
        """The resource that the Reference *name* of *element* leads to, contained or in the Bundle; else empty."""
        written = text(child(element, name), "reference")
        if written.startswith("#"):
            return next((one for one in children(element, "contained") if text(one, "id") == written[1:]), {})
        return self.resources.get(self.full_urls.get(written, written), {})

    def known_time(self, resource: Json, event_time: datetime) -> datetime:
        """When we could know *resource*: ``issued``, else ``meta.lastUpdated``, else when it came.

        Raises:
            RefusedError: that is before *event_time* or in the future.
        """
        told = instant(resource, "issued") or instant(child(resource, "meta"), "lastUpdated")
        known = self.received_at if told is None else told
        if event_time - known > _ROUNDING:
            minutes = round((event_time - known).total_seconds() / 60)
            raise RefusedError(
                RefusalCode.CONTRADICTORY_TIMES,
                f"it was issued {minutes} min before it was true; check 'issued', 'meta.lastUpdated' and the offset",
            )
        return max(known, event_time)

    def not_in_the_future(self, moment: datetime, name: str) -> datetime:
        """*moment*, the value of element *name*.

        Raises:
            RefusedError: it lies more than a day after the Bundle came.
        """
        ahead = moment - self.received_at
        if ahead > FUTURE_TOLERANCE:
            raise RefusedError(RefusalCode.FUTURE_TIME, f"'{name}' lies {ahead.days} days in the future")
        return moment

    def moment(self, resource: Json, stem: str) -> tuple[datetime, datetime | None]:
        """Start and end of the choice element *stem*: ``<stem>DateTime``, ``<stem>Instant`` or ``<stem>Period``.

        Raises:
            RefusedError: it is missing, in the future, or ends before it starts.
        """
        start = instant(resource, f"{stem}DateTime") or instant(resource, f"{stem}Instant")
        if start is not None:
            return self.not_in_the_future(start, f"{stem}DateTime"), None
        return self.period(child(resource, f"{stem}Period"), stem)

    def period(self, period: Json, name: str) -> tuple[datetime, datetime | None]:
        """Start and end of *period*, the value of element *name*.

        Raises:
            RefusedError: there is no start, it is in the future, or the end is before it.
        """
        start, end = instant(period, "start"), instant(period, "end")
        if start is None:
            raise RefusedError(RefusalCode.MISSING_TIME, f"'{name}' has no start; required as dateTime with offset")
        if end is not None and end < start:
            raise RefusedError(RefusalCode.CONTRADICTORY_TIMES, f"'{name}' ends before it starts")
        return self.not_in_the_future(start, name), None if end is None else self.not_in_the_future(end, name)

    def refuse_code(self, what: str, found: str) -> RefusedError:
        """The refusal of a resource whose code *found* is none of ours."""
        return RefusedError(RefusalCode.UNKNOWN_CODE, f"{what} '{shown(found)}' is none of ours; see ehr_io/codes.toml")
