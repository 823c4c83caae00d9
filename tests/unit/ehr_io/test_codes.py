import pytest

from ehr_io.codes import Coding, code_map
from ehr_io.errors import ContradictionError
from ehr_io.events import EventKind


@pytest.mark.parametrize("key", sorted(code_map().concepts))
def test_every_concept_is_found_by_its_own_code_and_has_words_in_both_languages(key: str):
    codes = code_map()
    concept = codes.concepts[key]
    assert codes.concept_for([codes.coding_of(key)], concept.kind) == concept
    assert concept.text.en
    assert concept.text.da


def test_a_code_is_not_read_as_another_kind_of_fact():
    temperature = Coding(system="http://loinc.org", code="8310-5")
    assert code_map().concept_for([temperature], EventKind.MEDICATION) is None


def test_a_prefix_covers_its_group_and_nothing_beside_it():
    codes = code_map()
    atc = "http://www.whocc.no/atc"
    assert codes.concept_for([Coding(system=atc, code="J01")], EventKind.MEDICATION) is not None
    assert codes.concept_for([Coding(system=atc, code="J02AC01")], EventKind.MEDICATION) is None


def test_a_value_that_no_patient_survives_is_refused():
    with pytest.raises(ContradictionError, match=r"required 20.0 to 46.0 Cel"):
        code_map().concepts["temperature"].canonical(385, "Cel")
