import re
import tomllib

import numpy as np
import pytest
from evaluation_reports import a_report

from evaluation import measure, texts
from evaluation.evaluate import NEW_CASES
from evaluation.html import Surroundings, page_of, to_html
from evaluation.judge import judge_cohort
from evaluation.markdown import to_markdown, tripod_markdown
from evaluation.plots import figures
from evaluation.report import Check, DataFacts, FailureKind, Finding, load_report
from evaluation.texts import Words
from evaluation.tripod import tripod_items
from models.data_layout import Change
from models.folder_store import shipped_releases
from models.manifest import Task
from tests.factories.cohorts import hours_table, subject
from tests.factories.releases import manifest_of

MANIFEST = manifest_of(Task.STAY_RISK, "made_up", "0.1.0", {})


@pytest.fixture(scope="module")
def report():
    cohort, risk = hours_table(stays=90)
    facts = DataFacts(source="made <in> the test", sha256="cd" * 32, split="all", files={})
    groups = {"sex": np.where(np.repeat(np.arange(90), 30) % 2 == 0, "female", "male")}
    object.__setattr__(cohort, "groups", groups)
    return judge_cohort(subject(), cohort, risk[:, None], data=facts)


@pytest.fixture(scope="module")
def page(report):
    return to_html(report, Surroundings(manifest=MANIFEST))


def test_the_page_holds_every_plot_and_asks_for_nothing_else(report, page):
    assert page.count("data:image/png;base64,") == len(figures(report)) == 7
    assert not re.search(r'(src|href)="(?!data:)', page)
    assert "<script" not in page


def test_what_comes_from_the_data_cannot_become_markup(page):
    assert "made &lt;in&gt; the test" in page


def test_the_page_speaks_danish(report):
    page = page_of(report, Surroundings(manifest=MANIFEST, language="da"), {})
    assert '<html lang="da">' in page
    assert figures(report, "da")["roc"].axes[0].get_ylabel() == "sensitivitet"
    for word in ("Undergrupper", "kvinde", "Alarmbyrde", "Må ikke bruges på patienter", "balanceret nøjagtighed"):
        assert word in page
    said = re.sub(r"<style>.*?</style>|<[^>]*>", " ", page, flags=re.DOTALL)
    assert [name for name in report.metrics if re.search(rf"\b{name}\b", said)] == []


def test_names_of_cases_that_are_words_are_danish_and_names_of_files_stay():
    words = Words(language="da")
    assert words.case("case 17") == "tilfælde 17"
    assert words.case("a b.png turn_left") == "a b.png drejet til venstre"
    assert [words.case(key) for key in ("case 17.png", "s001/4", "my case 3")] == ["case 17.png", "s001/4", "my case 3"]


def test_both_languages_have_the_same_words():
    english, danish = (tomllib.loads((texts._WORDS / f"{name}.toml").read_text()) for name in texts.LANGUAGES)
    assert {key: sorted(value) if isinstance(value, dict) else "" for key, value in english.items()} == {
        key: sorted(value) if isinstance(value, dict) else "" for key, value in danish.items()
    }


def test_every_number_check_and_error_has_words(report):
    words = Words(language="en")
    assert all(words(f"metric.{name}") != name for name in report.metrics)
    assert [name for name in report.metrics if not words.metric(name)] == ["npv_lowest_16"]
    assert all(Words(language="da")(f"change.{one.value}") != one.value for one in Change)
    assert all(words(f"check.{one.value}") != one.value for one in Check)
    assert all(words(one.value) != one.value for one in FailureKind)


def test_a_suspicion_stands_out(report):
    finding = Finding(check=Check.ONE_FEATURE_SEPARATES, suspicious=True, found="'x' alone")
    page = to_html(a_report(findings=(finding,)))
    assert "LOOK AT THIS" in page
    assert "Look at this: 'x' alone" in to_markdown(a_report(findings=(finding,)))


def test_the_checklist_has_27_items_and_what_nobody_said_is_visibly_empty(report, page):
    items = tripod_items(MANIFEST, report)
    assert [one.number for one in items] == list(range(1, 28))
    unknown = [one.number for one in items if not one.known]
    assert {2, 3, 17, 19} <= set(unknown)
    assert tripod_markdown(MANIFEST, report).count("**not known**") == len(unknown)
    assert page.count('class="empty"') == len(unknown)


def test_what_is_known_is_filled_in(report):
    known = {one.number: one.known for one in tripod_items(MANIFEST, report)}
    assert "Urinary tract infection" in known[8]
    assert "age_years" in known[9]
    assert f"{report.positives} positive" in known[10]
    assert known[23].startswith("AUROC ")


def test_the_checklist_speaks_danish(report):
    english, danish = (tripod_items(MANIFEST, report, language) for language in texts.LANGUAGES)
    same = [one.number for one, other in zip(english, danish, strict=True) if one.known and one.known == other.known]
    assert [one.number for one, other in zip(english, danish, strict=True) if one.asked == other.asked] == []
    assert same == []


def test_every_sentence_of_the_shipped_reports_has_danish_words():
    words = Words(language="da")
    for path in shipped_releases():
        report = load_report((path / "evidence" / "evaluation.json").read_bytes())
        told = [report.data.source, *report.not_examined, *(one.found for one in report.findings)]
        assert [text for text in told if words.sentence(text) == text] == []


@pytest.mark.parametrize(
    "reason",
    [
        *measure._REASONS.values(),
        measure._ONE_CLASS,
        measure._NO_INTERVAL,
        f"{NEW_CASES}: nobody has evaluated it here",
    ],
)
def test_every_reason_has_danish_words(reason):
    assert Words(language="da").sentence(reason) != reason
    assert Words(language="en").sentence(reason) == reason


def test_a_sentence_within_a_sentence_is_danish_too():
    found = "best alone is whether 'lactate_last' was measured: AUROC 0.700, suspicious above 0.99"
    assert Words(language="da").sentence(found) == (
        "bedst alene er om 'lactate_last' blev målt: AUROC 0.700, mistænkeligt over 0.99"
    )
