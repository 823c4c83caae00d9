import numpy as np
import pytest

from evaluation.gate import decide
from evaluation.parity import ParityReport, compare, dump_parity, load_parity
from evaluation.report import EvaluationReport, MetricValue, dump_report, load_report, to_markdown
from models.bundle import Floor

DIGEST = "ab" * 32


def parity(difference: float = 0.0) -> ParityReport:
    outputs = {"probability": np.full((1, 1), 0.5, dtype=np.float32)}
    other = {"probability": outputs["probability"] + np.float32(difference)}
    return compare([(outputs, other)], ("torch", "onnxruntime"))


def report(low: float | None = 0.95, high: float | None = 0.99) -> EvaluationReport:
    return EvaluationReport(
        model="chest_xray_opacity",
        version="0.1.0",
        split="test",
        data_sha256="cd" * 32,
        cases=100,
        patients=100,
        positives=50,
        threshold=0.5,
        temperature=1.2,
        metrics=(MetricValue(name="auroc", value=0.97, low=low, high=high),),
    )


def test_a_release_that_meets_every_floor_is_allowed():
    decision = decide(DIGEST, parity(), report(), (Floor(metric="auroc", at_least=0.9),))
    assert decision.allowed
    assert decision.reasons == ()


def test_the_lower_end_of_the_interval_decides_not_the_value():
    decision = decide(DIGEST, parity(), report(low=0.89), (Floor(metric="auroc", at_least=0.9),))
    assert not decision.allowed
    assert decision.reasons == ("auroc of at least 0.9 (lower end of its 95 % interval) is demanded, found: 0.890",)


def test_the_upper_end_decides_where_less_is_better():
    decision = decide(DIGEST, parity(), report(high=0.3), (Floor(metric="auroc", at_most=0.2),))
    assert "at most 0.2" in decision.reasons[0]


def test_a_graph_that_differs_is_refused_however_good_it_is():
    decision = decide(DIGEST, parity(0.01), report(), (Floor(metric="auroc", at_least=0.9),))
    assert [reason.split(" is demanded")[0] for reason in decision.reasons] == ["parity of network and graph"]


@pytest.mark.parametrize("floor", [Floor(metric="dice", at_least=0.1), Floor(metric="auroc", at_least=0.1)])
def test_what_was_not_measured_is_not_met(floor: Floor):
    decision = decide(DIGEST, parity(), report(low=None), (floor,))
    assert decision.reasons[0].endswith("found: not measured")


def test_a_bundle_without_floors_is_refused():
    assert decide(DIGEST, parity(), report(), ()).reasons == ("at least one floor is demanded, found: 0 in the bundle",)


def test_no_case_compared_is_no_parity():
    assert not compare([], ("torch", "onnxruntime")).passed


def test_a_nan_on_one_side_is_no_parity():
    one, other = np.zeros(2, dtype=np.float32), np.array([0, np.nan], dtype=np.float32)
    assert not compare([({"p": one}, {"p": other})], ("a", "b")).passed
    assert compare([({"p": other}, {"p": other})], ("a", "b")).passed


def test_reports_survive_json():
    assert load_report(dump_report(report(low=None))) == report(low=None)
    assert load_parity(dump_parity(parity(0.01))) == parity(0.01)


def test_the_markdown_names_every_metric():
    assert "| auroc | 0.970 | not defined to 0.990 |" in to_markdown(report(low=None))
