"""Input is fetched from configured archives only, begun once, tried again, given up when that is sure."""

import threading
from collections.abc import Iterator

import pytest

from dicom_io.errors import RejectedError, UnreachableError
from dicom_io.retrieve.source import MemorySource, OnProgress, Retrieved
from dicom_io.ups.workitem import InputReference
from serving.settings.archives import Archive, RetrieveBy
from serving.workitems import archive_fetcher
from serving.workitems.archive_fetcher import ArchiveFetcher
from serving.workitems.fetch import FetchState

PACS = Archive(name="pacs", host="pacs.example", ae_title="PACS")
WEB = Archive(name="web", by=RetrieveBy.DICOMWEB, url="https://web.example/dicom-web")


class Waiting(MemorySource):
    """Lets the test wait until a fetch has ended."""

    def __init__(self, *failures: Exception, held: int = 2) -> None:
        super().__init__({"1.2": held}, failures)
        self.calls = threading.Semaphore(0)

    def retrieve(self, study_uid: str, on_progress: OnProgress) -> Retrieved:
        try:
            return super().retrieve(study_uid, on_progress)
        finally:
            self.calls.release()


@pytest.fixture(autouse=True)
def no_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archive_fetcher, "_PAUSE_SECONDS", 0.0)


@pytest.fixture
def fetchers() -> Iterator[list[ArchiveFetcher]]:
    made: list[ArchiveFetcher] = []
    yield made
    for one in made:
        one.close()


def fetcher(fetchers: list[ArchiveFetcher], source: Waiting, fallback: str = "") -> ArchiveFetcher:
    fetchers.append(ArchiveFetcher([PACS, WEB], lambda _: source, fallback))
    return fetchers[-1]


def ended(fetcher: ArchiveFetcher, source: Waiting, archive: str = "pacs") -> FetchState:
    """How the first fetch ended."""
    assert fetcher.fetch("1.2", archive) == FetchState()
    assert source.calls.acquire(timeout=5)
    fetcher.close()
    return archive_fetcher._state(fetcher._tries["1.2"].fetch)


def reference(*, titles: tuple[str, ...] = (), urls: tuple[str, ...] = ()) -> list[InputReference]:
    return [InputReference(study_uid="1.2", retrieve_ae_titles=titles, retrieve_urls=urls)]


@pytest.mark.parametrize(
    ("inputs", "archive"),
    [
        (reference(), ""),
        (reference(titles=("PACS",)), "pacs"),
        (reference(titles=("ANOTHER",)), ""),
        (reference(urls=("https://web.example/dicom-web/studies/1.2",)), "web"),
        (reference(urls=("https://web.example/dicom-web.evil.example/studies/1.2",)), ""),
        (reference(urls=("http://127.0.0.1:22/studies/1.2",)), ""),
    ],
    ids=[
        "none",
        "by title",
        "another title",
        "by address",
        "another host behind the same beginning",
        "our own machine",
    ],
)
def test_only_configured_archives_are_fetched_from(
    fetchers: list[ArchiveFetcher], inputs: list[InputReference], archive: str
):
    assert fetcher(fetchers, Waiting()).archive_for(inputs) == archive


def test_what_names_no_archive_is_fetched_from_the_fallback(fetchers: list[ArchiveFetcher]):
    assert fetcher(fetchers, Waiting(), "web").archive_for(reference()) == "web"


def test_a_fetch_is_begun_once(fetchers: list[ArchiveFetcher]):
    source = Waiting()
    assert ended(fetcher(fetchers, source), source) == FetchState()
    assert source.retrieved == ["1.2"]


def test_a_refusal_is_final_and_an_archive_that_is_away_is_not(fetchers: list[ArchiveFetcher]):
    refusing, away = Waiting(RejectedError("no such study")), Waiting(UnreachableError("away"))
    assert ended(fetcher(fetchers, refusing), refusing) == FetchState(failure="no such study", is_final=True)
    assert ended(fetcher(fetchers, away), away) == FetchState(failure="away", is_final=False)


def test_a_refusal_of_the_fallback_is_not_final_since_the_study_may_be_sent_to_us(fetchers: list[ArchiveFetcher]):
    source = Waiting(RejectedError("no such study"), RejectedError("no such study"))
    one = fetcher(fetchers, source, "pacs")
    one.fetch("1.2", "pacs")
    assert source.calls.acquire(timeout=5)
    # The try that has ended is told, and another begins.
    state = one.fetch("1.2", "pacs")
    while not state.failure:
        state = one.fetch("1.2", "pacs")
    assert not state.is_final
