"""The bundle bacteremia_at_culture on the published table, where it lies beside the repository."""

from pathlib import Path

import numpy as np
import pytest

from ehr_io.codes import code_map
from evaluation.cohorts.stay_table import read_stay_table
from models.bundle import find_bundle

_ROOT = Path(__file__).resolve().parents[3]
_TABLE = _ROOT.parent / "shared" / "data" / "ehr" / "bacteremia_vienna" / "development.csv.gz"


def test_features_are_in_the_units_of_their_concepts():
    clinical = find_bundle("bacteremia_at_culture").clinical
    for feature in clinical.preprocessing.features[2:]:
        concept = code_map().concepts[feature.code]
        assert (feature.unit, feature.reference_range) == (concept.unit, concept.reference_range), feature.name
        assert feature.text.en == concept.text.en


@pytest.mark.skipif(not _TABLE.is_file(), reason=f"the published table is not there: {_TABLE}")
def test_the_published_table_is_read_in_si_units():
    clinical = find_bundle("bacteremia_at_culture").clinical
    cohort = read_stay_table(_TABLE, clinical.data, clinical.preprocessing, ["bacteremia"])
    assert cohort.inputs.shape == (10304, 51)
    assert cohort.truths.sum() == 847
    medians = dict(
        zip(
            (feature.name.removesuffix("_last_48h") for feature in clinical.preprocessing.features),
            np.nanmedian(cohort.inputs, axis=0),
            strict=True,
        )
    )
    # The paper's medians (table 1), in SI units: 11.4 g/dL, 8.39 mg/dL, 0.99 mg/dL, 16.2 mg/dL, 0.75 mg/dL.
    expected = {"hemoglobin": 7.07, "c_reactive_protein": 84, "creatinine": 87.5, "urea": 5.8, "bilirubin": 12.8}
    for name, value in expected.items():
        assert medians[name] == pytest.approx(value, rel=0.05), name
    assert 0.55 < cohort.inputs[:, 0].mean() < 0.6, "1 is male in the table"
