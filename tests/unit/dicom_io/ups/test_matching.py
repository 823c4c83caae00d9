"""Matching keys of work items: attributes, also within sequences."""

import pytest

from dicom_io.ups.errors import WorkitemFormatError
from dicom_io.ups.matching import matches, read_keys

ITEM = {
    "00741200": {"vr": "CS", "Value": ["HIGH"]},
    "00100010": {"vr": "PN", "Value": [{"Alphabetic": "Hansen^Ane"}]},
    "00741204": {"vr": "LO"},
    "00404018": {
        "vr": "SQ",
        "Value": [
            {"00080100": {"vr": "SH", "Value": ["chest"]}, "00080102": {"vr": "SH", "Value": ["99VARSEL"]}},
            {"00080100": {"vr": "SH", "Value": ["other"]}, "00080102": {"vr": "SH", "Value": ["99OTHER"]}},
        ],
    },
}


@pytest.mark.parametrize(
    "named",
    [
        [],
        [("ScheduledProcedureStepPriority", "HIGH")],
        [("00741200", "")],
        [("PatientName", "Hansen^Ane")],
        [("PatientName", "hansen*"), ("ScheduledProcedureStepPriority", "H*")],
        [("ScheduledWorkitemCodeSequence.CodeValue", "chest")],
        [("ScheduledWorkitemCodeSequence.CodeValue", "ch?st"), ("00404018.00080102", "99V*")],
        [("00404018.00080100", "chest"), ("00404018.00080102", "99VARSEL")],
    ],
)
def test_an_item_matches_when_it_has_every_key(named: list[tuple[str, str]]):
    assert matches(ITEM, read_keys(named))


@pytest.mark.parametrize(
    "named",
    [
        [("00741200", "LOW")],
        [("00741204", "x")],
        [("00080050", "x")],
        # Neither a sequence.
        [("00741200.00080100", "HIGH")],
        [("00100010.00080100", "Hansen^Ane")],
        # Both in one item, not one here and one there.
        [("00404018.00080100", "chest"), ("00404018.00080102", "99OTHER")],
    ],
)
def test_an_item_does_not_match_when_it_lacks_a_key(named: list[tuple[str, str]]):
    assert not matches(ITEM, read_keys(named))


@pytest.mark.parametrize(
    "named",
    [
        [("NoSuchThing", "1")],
        [("0074120", "1")],
        [("", "1")],
        [("00741200", "HIGH"), ("ScheduledProcedureStepPriority", "LOW")],
        [("00404018", "x"), ("00404018.00080100", "chest")],
        [("00404018.00080100", "chest"), ("00404018", "x")],
    ],
)
def test_keys_that_cannot_be_are_refused(named: list[tuple[str, str]]):
    with pytest.raises(WorkitemFormatError, match="The query"):
        read_keys(named)
