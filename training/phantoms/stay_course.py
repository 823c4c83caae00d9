"""The course of one synthetic stay in hours from admission: infection, treatment, what was measured."""

from dataclasses import dataclass

import numpy as np

#: Per hour from the second day on, for a man of 68 without a catheter.
_HAZARD_PER_H = 0.00045
_ONSET_FROM_H = 30
#: Hours from the onset until the body answers in full.
_RISE_H = 24.0
#: Hours from the onset until treatment bites, and from then until all is as before.
_HIGH_UNTIL_H, _FALL_H = 60.0, 48.0


@dataclass(frozen=True, kw_only=True)
class Sample:
    """One measured number."""

    #: Hours from admission.
    hour: float
    #: Our concept.
    code: str
    #: Number in the concept's unit.
    value: float
    #: Answered by a laboratory, so known hours later.
    from_laboratory: bool


@dataclass(frozen=True, kw_only=True)
class Culture:
    """One urine culture."""

    #: Hours from admission to the sample.
    hour: float
    #: How many organisms are drawn; 0 = no growth.
    organisms: int
    #: Highest colony count per ml.
    cfu_per_ml: float


@dataclass(frozen=True, kw_only=True)
class Course:
    """All that happens in one stay, in hours from admission."""

    #: Length of the stay.
    length_h: float
    #: Catheter from, until; None without one.
    catheter_h: tuple[float, float] | None
    #: When the infection begins; None without one.
    onset_h: float | None
    #: Vital signs and blood tests.
    samples: tuple[Sample, ...]
    #: Doses of antibiotic.
    antibiotic_hours: tuple[float, ...]
    #: Urine cultures.
    cultures: tuple[Culture, ...]


@dataclass(frozen=True, kw_only=True)
class _Measured:
    """How one concept behaves."""

    code: str
    #: Mean and spread between patients, spread within one.
    mean: float
    between: float
    within: float
    #: What an infection adds in full.
    rise: float
    #: Hours between measurements, and the share that is done.
    every_h: float
    done: float
    from_laboratory: bool = False


_MEASURED = (
    _Measured(code="temperature", mean=36.8, between=0.2, within=0.25, rise=1.4, every_h=8, done=0.85),
    _Measured(code="heart_rate", mean=78, between=10, within=6, rise=16, every_h=8, done=0.85),
    _Measured(code="respiratory_rate", mean=16, between=1.5, within=1.5, rise=3, every_h=8, done=0.75),
    _Measured(code="systolic_blood_pressure", mean=132, between=14, within=8, rise=-12, every_h=8, done=0.85),
    _Measured(
        code="leukocytes", mean=8, between=1.8, within=0.7, rise=4.5, every_h=24, done=0.55, from_laboratory=True
    ),
    _Measured(
        code="c_reactive_protein", mean=18, between=10, within=5, rise=95, every_h=24, done=0.6, from_laboratory=True
    ),
    _Measured(code="creatinine", mean=82, between=20, within=5, rise=12, every_h=24, done=0.5, from_laboratory=True),
)


def draw_course(rng: np.random.Generator, *, age_years: float, is_female: bool) -> Course:
    """One course for a patient of *age_years*."""
    length_h = float(np.clip(rng.lognormal(np.log(120), 0.55), 48, 504))
    catheter_h = _draw_catheter(rng, length_h)
    log_risk = 0.02 * (age_years - 68) + (0.5 if is_female else 0.0)
    onset_h = _draw_onset(rng, length_h, catheter_h, log_risk)
    sampled_h = None if onset_h is None else onset_h + float(rng.uniform(22, 50))
    if sampled_h is not None:
        # An infection keeps the patient in; nobody goes home on the day that it is found.
        length_h = max(length_h, sampled_h + float(rng.uniform(24, 96)))
    other_h = float(rng.uniform(0, length_h)) if rng.random() < 0.2 else None
    severity = float(rng.lognormal(0.3, 0.35))
    illness = tuple((start, severity) for start in (onset_h, other_h) if start is not None)
    return Course(
        length_h=length_h,
        catheter_h=catheter_h,
        onset_h=onset_h,
        samples=tuple(sample for kind in _MEASURED for sample in _draw_samples(rng, kind, length_h, illness)),
        antibiotic_hours=_draw_doses(rng, sampled_h, other_h, length_h),
        cultures=_draw_cultures(rng, sampled_h, length_h),
    )


def _draw_catheter(rng: np.random.Generator, length_h: float) -> tuple[float, float] | None:
    if rng.random() > 0.4:
        return None
    start = float(rng.uniform(0, min(36, length_h / 2)))
    return start, min(length_h, start + float(rng.exponential(90)) + 6)


def _draw_onset(
    rng: np.random.Generator, length_h: float, catheter_h: tuple[float, float] | None, log_risk: float
) -> float | None:
    hours = np.arange(_ONSET_FROM_H, length_h)
    hazard = np.full(hours.shape, _HAZARD_PER_H * np.exp(log_risk))
    if catheter_h is not None:
        # Two days of after-effect: bacteria climb while the catheter lies and stay when it is drawn.
        hazard[(hours >= catheter_h[0]) & (hours <= catheter_h[1] + 48)] *= 4.5
    passed = np.cumsum(hazard) > rng.exponential(1.0)
    return float(hours[np.argmax(passed)]) if passed.any() else None


def _draw_samples(
    rng: np.random.Generator, kind: _Measured, length_h: float, illness: tuple[tuple[float, float], ...]
) -> list[Sample]:
    hours = np.arange(1.0, length_h, kind.every_h) + rng.uniform(0, kind.every_h / 4)
    hours = hours[(rng.random(hours.shape) < kind.done) & (hours < length_h)]
    level = kind.mean + rng.normal(0, kind.between)
    values = level + rng.normal(0, kind.within, hours.shape)
    for start, severity in illness:
        risen = np.clip((hours - start) / _RISE_H, 0, 1)
        fallen = np.clip((hours - start - _HIGH_UNTIL_H) / _FALL_H, 0, 1)
        values += severity * kind.rise * (risen - fallen)
    values = np.maximum(values, 0.1).round(1)
    return [
        Sample(hour=float(hour), code=kind.code, value=float(value), from_laboratory=kind.from_laboratory)
        for hour, value in zip(hours, values, strict=True)
    ]


def _draw_doses(
    rng: np.random.Generator, sampled_h: float | None, other_h: float | None, length_h: float
) -> tuple[float, ...]:
    starts = [start + float(rng.uniform(1, 12)) for start in (sampled_h, other_h) if start is not None]
    doses = {round(start + 8.0 * n, 2) for start in starts for n in range(9)}
    return tuple(sorted(hour for hour in doses if hour < length_h))


def _draw_cultures(rng: np.random.Generator, sampled_h: float | None, length_h: float) -> tuple[Culture, ...]:
    cultures = []
    if rng.random() < 0.12:
        positive = rng.random() < 0.4
        cultures.append(_culture(rng, float(rng.uniform(0, 12)), 1 if positive else 0))
    if rng.random() < 0.15:
        cultures.append(_culture(rng, float(rng.uniform(12, length_h)), int(rng.choice([0, 0, 0, 0, 3]))))
    if sampled_h is not None:
        cultures.append(_culture(rng, sampled_h, 0 if rng.random() < 0.06 else int(rng.choice([1, 1, 1, 2]))))
    return tuple(cultures)


def _culture(rng: np.random.Generator, hour: float, organisms: int) -> Culture:
    count = float(rng.choice([10_000, 100_000, 1_000_000])) if organisms else 0.0
    return Culture(hour=hour, organisms=organisms, cfu_per_ml=count)
