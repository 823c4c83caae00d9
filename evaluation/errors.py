"""What can go wrong while judging.

EvaluationError
└── CohortError      a labelled data set is not laid out as the bundle says, or cannot be judged by

A docstring is the error's default message.
"""


class EvaluationError(Exception):
    """Judging failed."""

    def __init__(self, message: str | None = None) -> None:
        """Keep *message*, or the class's first docstring line when none is given."""
        super().__init__(message or (type(self).__doc__ or "").strip().splitlines()[0])


class CohortError(EvaluationError):
    """The labelled data set is not laid out as the bundle says, or cannot be judged by."""
