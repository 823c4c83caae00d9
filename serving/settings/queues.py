"""Order and limits of the work that waits."""

from pydantic import Field, PositiveInt

from serving.settings.section import Section


class Queues(Section):
    """Order of the work that waits, and how much may wait before senders are asked to come later."""

    #: After so long a wait, a case counts as one step more urgent (backfill, routine, urgent, acute).
    ageing_minutes: float = Field(default=60.0, gt=0)
    #: Model -> cases that it works on at once on one node; others share `work.concurrency`.
    per_model: dict[str, PositiveInt] = Field(default={})
    #: Places beyond `work.concurrency` that only acute cases take, so that none waits until another case ends.
    acute_places: int = Field(default=1, ge=0)
    #: When so many cases wait for a worker, new associations and requests are asked to come later; 0 = never.
    maximum_waiting: int = Field(default=20_000, ge=0)
    #: How long senders are asked to wait then (Retry-After).
    retry_after_seconds: int = Field(default=30, ge=1)


class Limits(Section):
    """How long one step of one case may take. A step that takes longer ends its try, and its worker is started anew."""

    #: Spooled files to pixels.
    decode_seconds: float = Field(default=300.0, gt=0)
    #: Pixels to the model's input.
    preprocess_seconds: float = Field(default=300.0, gt=0)
    #: The call of the model, or of the guard that looks first.
    infer_seconds: float = Field(default=900.0, gt=0)
    #: The model's answer to findings.
    interpret_seconds: float = Field(default=300.0, gt=0)
    #: Findings to result objects.
    compose_seconds: float = Field(default=300.0, gt=0)
    #: Result objects to one destination, the pace that it is sent at included.
    deliver_seconds: float = Field(default=1800.0, gt=0)
