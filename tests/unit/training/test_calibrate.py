import numpy as np
import pytest
from scipy.special import expit

from models.bundle import CalibrationMethod
from training.calibrate import Calibration, best_calibration, dump_calibration, load_calibration


def drawn(temperature: float, shift: float = 0.0) -> tuple[np.ndarray, np.ndarray]:
    """Log-odds that are *temperature* times too sure, and *shift* too high."""
    rng = np.random.default_rng(1)
    honest = rng.normal(0, 2, 20_000)
    return honest * temperature + shift, (rng.random(20_000) < expit(honest)).astype(float)


@pytest.mark.parametrize("temperature", [0.5, 1.0, 3.0])
def test_the_temperature_that_made_them_too_sure_is_found(temperature: float):
    assert best_calibration(*drawn(temperature)).temperature == pytest.approx(temperature, rel=0.06)


def test_a_temperature_never_moves_the_middle():
    assert best_calibration(*drawn(2.0, shift=1.5)).intercept == 0


@pytest.mark.parametrize(("temperature", "shift"), [(0.5, 0.8), (2.0, -1.5)])
def test_platt_finds_slope_and_intercept(temperature: float, shift: float):
    found = best_calibration(*drawn(temperature, shift), CalibrationMethod.PLATT)
    assert found.slope == pytest.approx(1 / temperature, rel=0.06)
    assert found.intercept == pytest.approx(-shift / temperature, abs=0.06)
    assert found.log_loss_after < found.log_loss_before


@pytest.mark.parametrize("method", CalibrationMethod)
def test_truths_of_one_class_leave_the_probabilities_alone(method: CalibrationMethod):
    found = best_calibration(np.array([1.0, 2.0]), np.ones(2), method)
    assert (found.slope, found.intercept) == (1.0, 0.0)


def test_unknown_truths_are_left_out():
    logits, truths = drawn(2.0)
    half = truths.copy()
    half[::2] = np.nan
    assert best_calibration(logits, half).fitted_on == 10_000
    assert best_calibration(logits, half) == best_calibration(logits[1::2], truths[1::2])


def test_a_calibration_is_read_as_it_was_written():
    one = Calibration(method=CalibrationMethod.PLATT, slope=0.8, intercept=-0.2, fitted_on=10, log_loss_before=0.5)
    assert load_calibration(dump_calibration(one)) == one
