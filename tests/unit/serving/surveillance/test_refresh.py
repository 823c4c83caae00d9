"""Surveillance reads a synthetic region out of the database and keeps what is true of it."""

from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
from sqlalchemy import Engine, select, update

from serving.alerts.reviews import Review, ReviewKind, Subject, keep_review
from serving.records import surveillance_schema  # noqa: F401  its tables belong to METADATA
from serving.records.database import open_database, reading, writing
from serving.records.schema import EVENT, METADATA
from serving.records.surveillance_schema import SURVEILLANCE_CASE, SURVEILLANCE_EXPOSURE
from serving.surveillance import queries
from serving.surveillance.figures import Period, coloured, figures, find_definition
from serving.surveillance.refresh import refresh
from serving.surveillance.report import Report, as_csv, as_pdf, monthly_report
from tests.factories.region_rows import fill_region
from training.phantoms.region.region import Region, moment, synthesize_region

URINARY = "haiba-urinary-tract-infection"


@pytest.fixture(scope="module")
def region() -> Region:
    return synthesize_region(60, 60, 3, with_measurements=False)


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory, region: Region) -> Iterator[Engine]:
    engine = open_database(f"sqlite:///{tmp_path_factory.mktemp('site') / 'varsel.db'}")
    METADATA.create_all(engine)
    with writing(engine) as connection:
        fill_region(connection, region)
    refresh(engine, moment(region.until), draws=19)
    yield engine
    engine.dispose()


def until(region: Region) -> datetime:
    return moment(region.until)


def test_what_is_kept_is_what_is_true_case_by_case(engine: Engine, region: Region):
    true = Counter((one.definition, one.edition, one.number, one.unit) for one in region.truth())
    with reading(engine) as connection:
        kept = Counter(
            (row.definition, row.edition, row.source.rpartition("/")[2], row.unit)
            for row in connection.execute(select(SURVEILLANCE_CASE))
        )
    assert kept == true
    assert sum(kept.values()) > 10


def test_a_second_reading_finds_nothing_new_and_forgets_no_review(engine: Engine, region: Region):
    with writing(engine) as connection:
        case = queries.kept_cases(connection, URINARY, "2019")[0]
        review = Review(
            at=until(region), subject=Subject.CASE, subject_id=case.id, stay_id=case.stay_id, model=URINARY,
            kind=ReviewKind.REJECTED, reason_code="contamination", reviewer="KM",
        )  # fmt: skip
        keep_review(connection, review)
    again = refresh(engine, until(region), draws=19)
    assert (again.new, again.withdrawn) == (0, 0)
    with reading(engine) as connection:
        kept = queries.kept_case(connection, case.id)
    assert kept.verdict is ReviewKind.REJECTED
    assert not kept.is_counted


def test_a_culture_that_is_taken_back_withdraws_its_case_and_keeps_it(engine: Engine, region: Region):
    with reading(engine) as connection:
        case = queries.kept_cases(connection, URINARY, "2019")[-1]
    set_current(engine, case.source, current=False)
    found = refresh(engine, until(region), draws=19)
    with reading(engine) as connection:
        withdrawn = queries.kept_case(connection, case.id)
    set_current(engine, case.source, current=True)
    refresh(engine, until(region), draws=19)
    with reading(engine) as connection:
        back = queries.kept_case(connection, case.id)
    assert found.withdrawn >= 1
    assert withdrawn.withdrawn_at == until(region)
    assert back.withdrawn_at is None


def set_current(engine: Engine, source: str, *, current: bool) -> None:
    with writing(engine) as connection:
        connection.execute(update(EVENT).where(EVENT.c.source == source).values(current=current))


def test_time_at_risk_is_in_days_and_no_more_than_the_beds_hold(engine: Engine):
    with reading(engine) as connection:
        rows = connection.execute(
            select(SURVEILLANCE_EXPOSURE).where(SURVEILLANCE_EXPOSURE.c.definition == URINARY)
        ).all()
    by_day: Counter[str] = Counter()
    for row in rows:
        if row.edition == "2019":
            by_day[row.day] += row.amount
    assert 15 < max(by_day.values()) <= 75


def test_a_rejected_case_leaves_the_figures_and_is_told_beside_them(engine: Engine):
    definition = find_definition(URINARY)
    assert definition is not None
    with reading(engine) as connection:
        cases = queries.kept_cases(connection, URINARY, "2019")
        at_risk = queries.exposures(connection, URINARY, "2019")
        contacts = queries.contacts(connection)
    told = figures(definition, cases, at_risk, period=Period())
    assert told.total.cases + told.rejected == len([case for case in cases if case.withdrawn_at is None])
    assert told.rejected == 1
    assert sum(rate.cases for rate in told.units.values()) == told.total.cases
    boxes = coloured(cases, contacts, Period())
    assert sum(box.infected for box in boxes.values()) <= told.total.cases


def test_the_monthly_report_is_the_same_in_every_form(engine: Engine):
    with reading(engine) as connection:
        report = monthly_report(connection, "2025-01")
    lines = as_csv(report, "en").decode("utf-8-sig").splitlines()
    urinary = next(section for section in report.sections if section.definition.id == URINARY)
    assert f"2025-01;{URINARY};2019;All units;{urinary.total.cases};" in "\n".join(lines)
    assert as_pdf(report, "da").startswith(b"%PDF-")
    assert as_pdf(report, "da") == as_pdf(report, "da")


def test_a_unit_whose_name_is_a_formula_is_no_formula_in_the_csv(engine: Engine):
    with writing(engine) as connection:
        connection.execute(
            SURVEILLANCE_EXPOSURE.insert().values(
                definition=URINARY, edition="2019", unit="=1+1", day="2025-01-05", amount=1.0
            )
        )
        report = monthly_report(connection, "2025-01")
    assert ";'=1+1;" in as_csv(report, "en").decode("utf-8-sig")


@pytest.mark.parametrize(
    ("read_at", "told"),
    [
        (None, "not been read yet"),
        (datetime(2025, 1, 31, 23, 59, tzinfo=UTC), "before the month was over"),
        (datetime(2025, 2, 1, tzinfo=UTC), "Record read 2025-02-01."),
    ],
)
def test_a_report_says_what_its_figures_rest_on(read_at: datetime | None, told: str):
    report = Report(month="2025-01", read_at=read_at, sections=(), clusters=())
    assert told in report.reading.en


def test_a_month_that_was_not_judged_has_no_clean_bill(engine: Engine):
    with reading(engine) as connection:
        sections = monthly_report(connection, "2031-01").sections
    assert {section.no_cause.en[:10] for section in sections} == {"Not judged"}
