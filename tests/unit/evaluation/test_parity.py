from dataclasses import replace

import numpy as np
import pytest

from evaluation.parity import HALF_TOLERANCE, FindingParity, ParityReport, compare, dump_parity, load_parity

ONE = {"probability": np.array([[0.5]], dtype=np.float32)}


def report(off: float = 0.0) -> ParityReport:
    return compare([(ONE, {"probability": ONE["probability"] + off})], ("torch", "onnxruntime"))


def test_equal_outputs_pass_and_distant_ones_do_not():
    assert report().passed
    assert not report(0.01).passed


def test_nothing_compared_is_not_passed():
    assert not compare([], ("torch", "onnxruntime")).passed


def test_a_nan_on_one_side_never_passes():
    assert not report(float("nan")).passed


@pytest.mark.parametrize(("alike", "passed"), [(2, True), (1, False)])
def test_one_finding_said_otherwise_fails_whatever_the_numbers(alike: int, *, passed: bool):
    assert replace(report(), findings=FindingParity(cases=2, alike=alike)).passed is passed


def test_findings_that_were_compared_on_no_case_do_not_pass():
    assert not replace(report(), findings=FindingParity(cases=0, alike=0)).passed


def test_a_poor_half_precision_graph_does_not_fail_the_one_that_is_served():
    poor = replace(report(0.5), tolerance=HALF_TOLERANCE)
    whole = replace(report(), half=poor)
    assert whole.passed
    assert not poor.passed
    assert load_parity(dump_parity(whole)) == whole
