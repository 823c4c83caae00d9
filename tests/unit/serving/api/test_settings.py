"""Options on their way through the environment."""

from pathlib import Path

import pytest

from models.provider import ExecutionProvider
from serving.api.settings import VARIABLE, ApiOptions, environment_of, options_from_environment
from serving.errors import SettingsError

OPTIONS = ApiOptions(
    store_dir=Path("releases"), work_dir=Path("work"), port=4000, execution_provider=ExecutionProvider.CUDA
)


def test_options_arrive_as_they_were_sent(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv(VARIABLE, environment_of(OPTIONS)[VARIABLE])
    assert options_from_environment() == OPTIONS


def test_no_usage_statistics_leave_the_house():
    assert environment_of(OPTIONS)["BENTOML_DO_NOT_TRACK"] == "True"


@pytest.mark.parametrize(("text", "words"), [(None, "varsel api"), ("{}", "store_dir"), ("x", "not valid")])
def test_options_that_are_not_there_or_wrong_are_told(monkeypatch: pytest.MonkeyPatch, text: str | None, words: str):
    monkeypatch.delenv(VARIABLE, raising=False)
    if text is not None:
        monkeypatch.setenv(VARIABLE, text)
    with pytest.raises(SettingsError, match=words):
        options_from_environment()
