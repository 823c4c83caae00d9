"""Promotion and rollback while the model service is asked without pause: nobody is turned away."""

import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest
from model_service import serving
from tritonclient import http as triton

from models.folder_store import FolderStore
from models.registry import Alias
from models.release import Release
from serving.api.client import RemoteRuntime
from tests.factories.candidates import APPROVER, MODEL, make_candidate
from varsel.promotion import Promotion

FEATURES = np.array([[80, 39, np.nan]], np.float32)
WAIT_SECONDS = 60


@dataclass
class Asking:
    """Threads that ask without pause, and what became of it."""

    #: Short digest -> answers by that release to those who asked for the champion.
    champions: Counter[str] = field(default_factory=Counter)
    #: Answers to those who asked for one release.
    pinned: int = 0
    #: Every error.
    faults: list[Exception] = field(default_factory=list)
    #: Set when it is enough.
    enough: threading.Event = field(default_factory=threading.Event)

    def for_the_champion(self, url: str) -> None:
        with triton.InferenceServerClient(url.removeprefix("http://")) as client:
            self._until_enough(lambda: self.ask_champion(client))

    def for_one(self, url: str, release: Release) -> None:
        with closing(RemoteRuntime(url, MODEL, release.short_digest)) as runtime:
            self._until_enough(lambda: self._ask_one(runtime))

    def ask_champion(self, client: triton.InferenceServerClient) -> None:
        features = triton.InferInput("features", [1, 3], "FP32")
        features.set_data_from_numpy(FEATURES)
        self.champions[client.infer(MODEL, [features]).get_response()["model_version"]] += 1

    def _ask_one(self, runtime: RemoteRuntime) -> None:
        runtime.infer({"features": FEATURES})
        self.pinned += 1

    def _until_enough(self, ask: Callable[[], None]) -> None:
        while not self.enough.is_set():
            try:
                ask()
            except Exception as error:  # noqa: BLE001 - any failure at all is what this test is about
                self.faults.append(error)


@pytest.fixture
def promotion(tmp_path: Path) -> Promotion:
    return Promotion(store=FolderStore(tmp_path / "releases"), open_registry=None, approver=APPROVER)


@pytest.fixture
def url(tmp_path: Path, promotion: Promotion) -> Iterator[str]:
    first = make_candidate(promotion.store.directory)
    assert promotion.promote(first, Alias.CHAMPION, "first").allowed
    with serving(tmp_path) as found:
        yield found


def wait_for_answers(asking: Asking, release: Release) -> None:
    """Until *release* has answered someone who asked for the champion."""
    before, end = asking.champions[release.short_digest], time.monotonic() + WAIT_SECONDS
    while asking.champions[release.short_digest] == before:
        assert time.monotonic() < end, f"no answer by {release.short_digest}: {asking.faults}"
        asking.enough.wait(0.01)


def test_no_request_is_lost_while_champions_come_and_go(url: str, promotion: Promotion):
    first = promotion.store.resolve(MODEL, "champion")
    second = make_candidate(promotion.store.directory, version="0.2.0")
    asking = Asking()
    threads = [
        threading.Thread(target=asking.for_the_champion, args=(url,)),
        threading.Thread(target=asking.for_the_champion, args=(url,)),
        threading.Thread(target=asking.for_one, args=(url, first)),
        threading.Thread(target=asking.for_one, args=(url, second)),
    ]
    for thread in threads:
        thread.start()
    try:
        for _ in range(3):
            wait_for_answers(asking, first)
            assert promotion.promote(second, Alias.CHAMPION, "better").allowed
            wait_for_answers(asking, second)
            assert promotion.rollback(MODEL, "worse").digest == first.digest
        wait_for_answers(asking, first)
    finally:
        asking.enough.set()
        for thread in threads:
            thread.join(WAIT_SECONDS)
    assert asking.faults == []
    assert set(asking.champions) == {first.short_digest, second.short_digest}
    assert asking.pinned > 0

    promotion.promote(second, Alias.CHAMPION, "better after all")
    afterwards = Asking()
    with triton.InferenceServerClient(url.removeprefix("http://")) as client:
        for _ in range(5):
            afterwards.ask_champion(client)
    assert dict(afterwards.champions) == {second.short_digest: 5}
