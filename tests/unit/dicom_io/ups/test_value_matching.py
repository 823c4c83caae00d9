"""Values and keys: wild cards, ranges, lists of UIDs, names; against a plain reference."""

from datetime import UTC, datetime, timedelta, timezone
from functools import lru_cache

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dicom_io.ups.errors import WorkitemFormatError
from dicom_io.ups.matching import Json, matches, read_keys

TAGS = {"DA": "00080020", "TM": "00080030", "DT": "00404005", "LO": "00741204", "PN": "00100010", "UI": "00080018"}
TAGS |= {"SH": "00080050", "CS": "00741200", "DS": "00741004", "AS": "00101010", "UT": "0040A160"}


def one(vr: str, *values: object, zone: str = "") -> Json:
    dataset: Json = {TAGS[vr]: {"vr": vr, "Value": list(values)}}
    return dataset | ({"00080201": {"vr": "SH", "Value": [zone]}} if zone else {})


def does_match(vr: str, value: object, key: str, *, zone: str = "", key_zone: str = "") -> bool:
    named = [(TAGS[vr], key), *([("TimezoneOffsetFromUTC", key_zone)] if key_zone else [])]
    return matches(one(vr, value, zone=zone), read_keys(named))


@pytest.mark.parametrize(
    ("vr", "value", "key", "is_match"),
    [
        ("LO", "Chest CT", "Chest*", True),
        ("LO", "Chest CT", "chest*", False),
        ("LO", "Chest CT", "Chest?CT", True),
        ("LO", "Chest CT", "Chest??CT", False),
        ("LO", " Chest CT ", "Chest CT", True),
        ("SH", "A[1]", "A[1]", True),
        ("SH", "A1", "A[1]", False),
        ("UT", "two\nlines", "two*", True),
        ("UT", "a\\b", "a\\b", True),
        ("AS", "034Y", "034Y", True),
        ("DS", 50.0, "50", True),
        ("DS", 50, "50.00", True),
        ("DS", 50, "5?", False),
        ("UI", "1.2.3", "1.2.4,1.2.3", True),
        ("UI", "1.2.3", "1.2.4\\1.2.3", True),
        ("UI", "1.2.3", "1.2", False),
        ("PN", {"Alphabetic": "Hansen^Ane"}, "HANSEN^*", True),
        ("PN", {"Alphabetic": "Hansen^Ane"}, "hansen^ane^^^", True),
        ("PN", {"Alphabetic": "Yamada^Tarou", "Ideographic": "山田^太郎"}, "山田*", True),
        ("PN", {"Alphabetic": "Yamada^Tarou", "Ideographic": "山田^太郎"}, "yamada^tarou=山田^*", True),
        ("PN", {"Alphabetic": "Yamada^Tarou", "Ideographic": "山田^太郎"}, "=yamada*", False),
        ("PN", {"Alphabetic": "Hansen^Ane"}, "a=b=c=d", False),
        ("LO", None, "None", False),
        ("DA", "20260102", "20260101-20260103", True),
        ("DA", "20260102", "20260102-20260102", True),
        ("DA", "20260102", "20260103-", False),
        ("DA", "20260102", "-20260102", True),
        ("DA", "2026", "20260102", False),
        ("TM", "101500", "10", True),
        ("TM", "1015", "101500-1016", True),
        ("TM", "235960", "2359-", True),
        ("TM", "101500.5", "-101500", True),
        ("TM", "101501", "-101500", False),
        ("DT", "20260102101500", "2026", True),
        ("DT", "20260102101500", "2025-2026", True),
        ("DT", "20260102101500", "-2025", False),
        ("DT", "20260102101500+0100", "20260102091500+0000", True),
        ("DT", "20260102101500+0100", "20260102091500 0000", True),
        ("DT", "20260102101500-0500", "20260102151500+0000-20260102151500+0000", True),
        ("DT", "20260102101500-0500", "20260102101500-0500", True),
        ("DT", "20260102101500-0500", "20260102101500-0500-", True),
        ("DT", "20260102101500-0500", "20260102101500-0600-", False),
        ("DT", "00010101", "00010101-", True),
        ("DT", "99991231235959", "-9999", True),
    ],
)
def test_a_value_is_matched_in_the_way_of_its_vr(vr: str, value: object, key: str, *, is_match: bool):
    assert does_match(vr, value, key) is is_match


@pytest.mark.parametrize(
    ("zone", "key_zone", "key", "is_match"),
    [
        ("+0100", "+0000", "20260102091500", True),
        ("+0100", "+0000", "20260102101500", False),
        ("-0500", "", "20260102151500+0000", True),
        ("nonsense", "+0000", "2026", True),
    ],
)
def test_who_does_not_say_its_offset_has_the_one_of_its_dataset(zone: str, key_zone: str, key: str, *, is_match: bool):
    assert does_match("DT", "20260102101500", key, zone=zone, key_zone=key_zone) is is_match


@pytest.mark.parametrize(
    ("attribute", "key"),
    [
        ("StudyDate", "2026"),
        ("StudyDate", "20260231"),
        ("StudyDate", "--"),
        ("StudyDate", "2026*"),
        ("StudyTime", "2500"),
        ("ScheduledProcedureStepStartDateTime", "2026-13"),
        ("ScheduledProcedureStepStartDateTime", "20260102+9900"),
        ("SOPInstanceUID", "1.2.*"),
        ("ScheduledProcedureStepPriority", "HIGH\\LOW"),
        ("ScheduledWorkitemCodeSequence", "nodules"),
    ],
)
def test_a_key_that_its_vr_does_not_allow_is_refused_without_being_repeated(attribute: str, key: str):
    with pytest.raises(WorkitemFormatError, match="required:") as refusal:
        read_keys([(attribute, key)])
    assert key not in str(refusal.value)


@pytest.mark.parametrize("key", ["", " ", "*", "**"])
def test_a_universal_key_leaves_nothing_out_not_even_what_has_no_value(key: str):
    assert matches({}, read_keys([("PatientName", key), ("00404018.00080100", key), ("SpecificCharacterSet", "x")]))


def test_what_was_kept_before_keys_were_checked_matches_nothing():
    assert not matches(one("DA", "20260102"), {TAGS["DA"]: "tomorrow"})
    assert not matches({"00091001": {"vr": "DA", "Value": ["20260102"]}}, {"00091001": "tomorrow"})


# ---------------------------------------------------------------------------------------- the plain reference


@lru_cache(maxsize=4096)
def plainly_wild(pattern: str, text: str) -> bool:
    if not pattern:
        return not text
    if pattern[0] == "*":
        return plainly_wild(pattern[1:], text) or (bool(text) and plainly_wild(pattern, text[1:]))
    return bool(text) and pattern[0] in ("?", text[0]) and plainly_wild(pattern[1:], text[1:])


@settings(max_examples=100, deadline=None)
@given(text=st.text("ab[].^$", max_size=6), pattern=st.text("ab[].^$*?", min_size=1, max_size=6))
def test_wild_cards_are_those_of_the_plain_reference(text: str, pattern: str):
    assert does_match("LO", text, pattern) is (not pattern.strip("*") or plainly_wild(pattern, text))


moments = st.datetimes(timezones=st.just(UTC)).filter(lambda moment: 2 < moment.year < 9998)
offsets = st.integers(-12 * 60, 14 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes)))


def written(moment: datetime) -> str:
    return f"{moment.year:04}{moment:%m%d%H%M%S.%f%z}"


@settings(max_examples=100, deadline=None)
@given(value=moments, near=st.timedeltas(timedelta(days=-2), timedelta(days=2)), zones=st.tuples(offsets, offsets))
def test_moments_are_in_the_order_of_the_plain_reference(
    value: datetime, near: timedelta, zones: tuple[timezone, timezone]
):
    there, bound = value.replace(tzinfo=zones[0]), (value + near).replace(tzinfo=zones[1])

    assert does_match("DT", written(there), f"{written(bound)}-") is (there >= bound)
    assert does_match("DT", written(there), f"-{written(bound)}") is (there <= bound)
    assert does_match("DT", written(there), written(there.astimezone(UTC)))


@settings(max_examples=100, deadline=None)
@given(ends=st.tuples(st.dates(), st.dates()).map(sorted), at=st.dates())
def test_days_are_in_the_order_of_the_plain_reference(ends: list[datetime], at: datetime):
    first, last, day = (f"{one:%m%d}" for one in (*ends, at))
    since, until, value = f"{ends[0].year:04}{first}", f"{ends[1].year:04}{last}", f"{at.year:04}{day}"

    assert does_match("DA", value, f"{since} - {until}") is (since <= value <= until)
