"""UIDs: strict when read, but for leading zeros; derived when written."""

import pytest

from dicom_io.uids import derive_uid, is_valid_uid


@pytest.mark.parametrize("text", ["", "1", "1.", ".1", "1..2", "../1.2", "1.2/3", "1.2\n", "1." + "2" * 63, "1.1２"])
def test_what_is_no_uid_is_refused(text: str) -> None:
    assert not is_valid_uid(text)


def test_a_component_made_of_the_time_of_day_is_taken() -> None:
    assert is_valid_uid("1.2.840.99.20260102.081500")


def test_derived_uids_are_valid_stable_and_distinct() -> None:
    assert is_valid_uid(derive_uid("a", "b"))
    assert derive_uid("a", "b") == derive_uid("a", "b")
    assert len({derive_uid("a", "b"), derive_uid("ab"), derive_uid("b", "a")}) == 3
