"""Where a release comes from, so that it can be trained again and nobody approves what they made themselves."""

from pydantic import ConfigDict
from pydantic.dataclasses import dataclass

_STRICT = ConfigDict(extra="forbid")


@dataclass(frozen=True, kw_only=True, config=_STRICT)
class Provenance:
    """Where the release comes from."""

    #: MLflow run id.
    run_id: str
    #: Git commit of the code that trained it; empty outside a checkout.
    git_commit: str = ""
    #: SHA-256 of the training data's manifest.
    data_sha256: str
    #: Random seed.
    seed: int
    #: ISO 8601 UTC.
    created_at: str
    #: Who trained it, who may not approve it; empty when nobody noted it.
    author: str = ""
    #: Whether the checkout held changes beside the commit; None when nobody looked.
    uncommitted_changes: bool | None = None
    #: SHA-256 of the list of installed packages with their versions (``evidence/environment.txt``); empty when unknown.
    environment_sha256: str = ""
    #: What it was trained on, e.g. ``2 cores of Intel Xeon, 24 GiB, no GPU``; empty when unknown.
    machine: str = ""
    #: How long training took; None when unknown.
    training_seconds: float | None = None
