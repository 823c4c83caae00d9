"""Tables of stays: what is read of them, and what is told of a table that cannot be read."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from evaluation.cohorts.stay_table import read_stay_table
from evaluation.errors import CohortError
from models.data_layout import ConceptColumn, StayTableLayout, TruthColumn
from models.manifest import Aggregate, FeatureSpec, StayPreprocessing, Text

LAYOUT = StayTableLayout(
    stay="stay_id",
    hour="hour",
    truth=TruthColumn(column="Sepsis", positive=("1",)),
    concepts={
        "heart_rate": ConceptColumn(column="HR"),
        "temperature": ConceptColumn(column="Temp_F", factor=5 / 9, offset=-160 / 9),
        "birth_date": ConceptColumn(column="Age"),
        "sex": ConceptColumn(column="Gender"),
    },
    groups=("Unit1", "Ward"),
)
SPEC = StayPreprocessing(
    features=(
        FeatureSpec(name="hr", code="heart_rate", aggregate=Aggregate.LAST, text=Text(en="hr", da="hr")),
        FeatureSpec(name="t", code="temperature", aggregate=Aggregate.MAX, window_hours=6, text=Text(en="t", da="t")),
    ),
    horizon_hours=6,
)
TABLE = pd.DataFrame(
    {
        "stay_id": ["a", "a", "b", "b"],
        "hour": [1, 2, 1, 2],
        "HR": [80.0, np.nan, 120.0, 110.0],
        "Temp_F": [98.6, 102.2, np.nan, np.nan],
        "Age": [70.0, 70.0, 30.0, 30.0],
        "Gender": [1, 1, 0, 0],
        "Unit1": [1.0, 1.0, np.nan, np.nan],
        "Sepsis": [0, 0, 1, 1],
    }
)


def cohort(table: pd.DataFrame, folder: Path, name: str = "stays.parquet", layout: StayTableLayout = LAYOUT):
    path = folder / name
    table.to_parquet(path) if name.endswith("parquet") else table.to_csv(path, index=False)
    return read_stay_table(path, layout, SPEC, ["sepsis"])


@pytest.mark.parametrize("name", ["stays.parquet", "stays.csv", "stays.csv.gz"])
def test_rows_become_cases_with_features_as_of_their_hour(tmp_path: Path, name: str):
    found = cohort(TABLE, tmp_path, name)
    np.testing.assert_allclose(found.inputs, [[80, 37], [80, 39], [120, np.nan], [110, np.nan]], rtol=1e-6)
    assert found.truths.tolist() == [[0], [0], [1], [1]]
    assert found.patients.tolist() == ["a", "a", "b", "b"]
    assert found.keys.tolist() == ["a/1", "a/2", "b/1", "b/2"]
    assert found.hours is not None
    assert found.hours.tolist() == [0, 1, 0, 1]
    assert list(found.files) == [name]


def test_rows_in_any_order_give_the_same_cohort(tmp_path: Path):
    found = cohort(TABLE.sample(frac=1, random_state=3), tmp_path)
    np.testing.assert_array_equal(found.inputs, cohort(TABLE, tmp_path, "sorted.parquet").inputs)


def test_subgroups_are_columns_and_what_every_table_tells(tmp_path: Path):
    groups = cohort(TABLE, tmp_path).groups
    assert {name: values.tolist() for name, values in groups.items()} == {
        "Unit1": ["1", "1", "", ""],
        "sex": ["male", "male", "female", "female"],
        "age_band": ["65-79", "65-79", "18-44", "18-44"],
        "true_from_first_hour": ["no", "no", "yes", "yes"],
    }


def test_one_row_a_stay_needs_no_hour(tmp_path: Path):
    table = TABLE.iloc[[0, 2]].drop(columns="hour")
    found = cohort(table, tmp_path, layout=replace(LAYOUT, hour=None))
    assert found.hours is None
    assert found.keys.tolist() == ["a", "b"]
    assert found.inputs[:, 0].tolist() == [80, 120]


def test_words_of_truth_are_read_and_an_empty_cell_is_unknown(tmp_path: Path):
    layout = replace(LAYOUT, truth=TruthColumn(column="Sepsis", positive=("yes",)))
    found = cohort(TABLE.assign(Sepsis=["no", "", "yes ", "no"]), tmp_path, "words.csv", layout)
    np.testing.assert_array_equal(found.truths.ravel(), [0, np.nan, 1, 0])


@pytest.mark.parametrize("cells", [["0.0", "nan", "1.0", "0.0"], ["False", "None", "TRUE", "false"]])
def test_truths_that_a_program_wrote_as_text_are_those_numbers(tmp_path: Path, cells: list[str]):
    found = cohort(TABLE.assign(Sepsis=pd.Series(cells, dtype="string")), tmp_path)
    np.testing.assert_array_equal(found.truths.ravel(), [0, np.nan, 1, 0])


def test_a_stay_in_the_index_and_names_in_small_letters_are_found(tmp_path: Path):
    table = TABLE.rename(columns=str.lower).set_index(["stay_id", "hour"])
    np.testing.assert_array_equal(cohort(table, tmp_path).inputs, cohort(TABLE, tmp_path, "plain.parquet").inputs)


def test_a_column_of_hours_is_no_measurement(tmp_path: Path):
    layout = replace(LAYOUT, concepts={**LAYOUT.concepts, "ward": ConceptColumn(column="hour", factor=0)})
    empty = TABLE.assign(**dict.fromkeys(("HR", "Temp_F", "Age", "Gender"), np.nan))
    with pytest.raises(CohortError, match="no value in any of its 4 columns"):
        cohort(empty, tmp_path, layout=layout)


def test_an_impossible_value_counts_as_not_measured(tmp_path: Path):
    found = cohort(TABLE.assign(HR=[80, 4000, -5, 110]), tmp_path)
    np.testing.assert_array_equal(found.inputs[:, 0], [80, 80, np.nan, 110])


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"Sepsis": 0}, r"0 rows whose 'Sepsis' is 1 and 4 with another value \(0\); both are needed"),
        ({"Sepsis": 1}, "4 rows whose 'Sepsis' is 1 and 0 with another value"),
        ({"HR": ["80", "many", "x", ""]}, r"2 cells in column 'HR' that are no number, the first in data row 2"),
        ({"HR": [80.0, np.inf, 1, 1]}, r"1 cells in column 'HR' that are infinite, the first in data row 2"),
        ({"hour": 1}, "2 rows whose stay_id and hour stood before; each may stand once"),
        ({"hour": [1, np.nan, 1, 2]}, "empty cells in 'hour'; each row needs its stay_id and hour"),
        ({"stay_id": ["a", None, "b", "b"]}, "empty cells in 'stay_id'"),
        ({"Sepsis": ["yes", "no", "no", "YES"]}, r"0 rows whose 'Sepsis' is 1 and 4 with another value \(no, yes\)"),
        (dict.fromkeys(("HR", "Temp_F", "Age", "Gender"), np.nan), "no value in any of its 4 columns of concepts"),
    ],
)
def test_a_table_that_cannot_be_judged_by_says_why(tmp_path: Path, change: dict[str, object], told: str):
    with pytest.raises(CohortError, match=told) as error:
        cohort(TABLE.assign(**change), tmp_path, "bad.csv")
    assert str(tmp_path / "bad.csv") in str(error.value)


@pytest.mark.parametrize("column", ["Sepsis", "HR", "hour", "stay_id"])
def test_a_missing_column_is_named(tmp_path: Path, column: str):
    with pytest.raises(CohortError, match=f"has no column '{column}'; it has "):
        cohort(TABLE.drop(columns=column), tmp_path)


@pytest.mark.parametrize(
    ("name", "content", "told"),
    [
        ("stays.xlsx", b"", "no file that ends in .parquet, .csv.gz, .csv"),
        ("absent.csv", None, r"absent\.csv' is not there"),
        ("empty.csv", b"", "cannot be read as a table"),
        ("empty.parquet", b"", "cannot be read as a table"),
        ("torn.parquet", b"PAR1 and no more", "cannot be read as a table"),
        ("torn.csv.gz", b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\x03\x00", "cannot be read as a table"),
        ("plain.csv.gz", b"stay_id,hour\n", "cannot be read as a table"),
        ("binary.csv", b"\xff\xfe\x00\x81", "cannot be read as a table"),
        ("header.csv", b"stay_id,hour,Sepsis,HR,Temp_F,Age,Gender\n", "has columns but no rows"),
    ],
)
def test_a_file_that_is_no_table_is_told(tmp_path: Path, name: str, content: bytes | None, told: str):
    if content is not None:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(CohortError, match=told):
        read_stay_table(tmp_path / name, LAYOUT, SPEC, ["sepsis"])


def test_a_folder_is_no_table(tmp_path: Path):
    with pytest.raises(CohortError, match="no file that ends in"):
        read_stay_table(tmp_path, LAYOUT, SPEC, ["sepsis"])


def test_a_table_holds_the_truth_of_one_label(tmp_path: Path):
    with pytest.raises(CohortError, match="the truth of one label; the model has a, b"):
        read_stay_table(tmp_path / "stays.csv", LAYOUT, SPEC, ["a", "b"])
