"""Why nothing was analysed, in the language of the site."""

import pytest

from models.contract import ViolationCode
from serving.reasons import reason_in


def test_a_danish_site_reads_danish_with_what_was_found():
    told = reason_in("da", "slices_too_far_apart", "slices are 7 mm apart; required: at most 3 mm")

    assert told == "snittene ligger for langt fra hinanden (slices are 7 mm apart; required: at most 3 mm)"


def test_an_english_site_reads_the_text_as_it_is():
    assert reason_in("en", "age", "no age is given") == "no age is given"


@pytest.mark.parametrize("code", [one for one in ViolationCode if one is not ViolationCode.STAY_ENDED])
def test_every_condition_of_use_of_images_has_a_danish_sentence(code: ViolationCode):
    assert reason_in("da", code.value, "why") != "why"


def test_what_was_translated_by_who_said_it_stays_as_it_is():
    assert reason_in("da", "unexpected_picture", "billedet ligner et knæ") == "billedet ligner et knæ"
