import numpy as np
import pytest
from scipy.special import expit

from training.calibrate import best_temperature


def drawn(temperature: float) -> tuple[np.ndarray, np.ndarray]:
    """Log-odds that are *temperature* times too sure."""
    rng = np.random.default_rng(1)
    honest = rng.normal(0, 2, 20_000)
    return honest * temperature, (rng.random(20_000) < expit(honest)).astype(float)


@pytest.mark.parametrize("temperature", [0.5, 1.0, 3.0])
def test_the_temperature_that_made_them_too_sure_is_found(temperature: float):
    assert best_temperature(*drawn(temperature)) == pytest.approx(temperature, rel=0.06)


def test_truths_of_one_class_leave_the_probabilities_alone():
    assert best_temperature(np.array([1.0, 2.0]), np.ones(2)) == 1.0
