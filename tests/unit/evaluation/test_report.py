import json

import pytest
from evaluation_reports import a_report, auroc
from pydantic import ValidationError

from evaluation.markdown import to_markdown
from evaluation.report import defined, dump_report, load_report


def test_a_report_survives_json():
    report = a_report(metrics={"auroc": auroc(), "ppv": auroc(None, None, None)})
    assert load_report(dump_report(report)) == report


def test_a_number_that_is_not_defined_is_null():
    found = json.loads(dump_report(a_report(metrics={"auroc": auroc(float("nan"), None, None)})))
    assert found["metrics"]["auroc"]["value"] is None


def test_an_unknown_field_is_refused():
    data = json.loads(dump_report(a_report())) | {"extra": 1}
    with pytest.raises(ValidationError):
        load_report(json.dumps(data).encode())


def test_only_defined_numbers_are_kept_as_values():
    assert defined({"auroc": auroc(), "ppv": auroc(None, None, None)}) == {"auroc": 0.97}


def test_the_markdown_names_every_number():
    assert "| auroc | 0.970 | not defined to 0.990 |" in to_markdown(a_report(metrics={"auroc": auroc(lower=None)}))
