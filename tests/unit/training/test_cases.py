from pathlib import Path

import numpy as np

from models.bundle import find_bundle
from training.cases import case_dicts
from training.synthetic import prepare_synthetic


def test_cases_are_float32_dictionaries_as_monai_takes_them(tmp_path: Path):
    prepare_synthetic(find_bundle("chest_xray_opacity"), tmp_path / "data", 10)
    cases = case_dicts(str(tmp_path / "data"), "validation")
    assert len(cases) == 1
    assert {key: value.dtype for key, value in cases[0].items()} == {"image": np.float32, "label": np.float32}
