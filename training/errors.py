"""What can go wrong while training.

TrainingError
├── DataError        a data set is missing, altered, or mixes patients between splits
├── RunError         a tracked run is unknown, unfinished, or lacks an artifact
├── ExportError      the network could not be exported
└── PackageError     a run is not ready to become a release

A docstring is the error's default message.
"""


class TrainingError(Exception):
    """Training failed."""

    def __init__(self, message: str | None = None) -> None:
        """Keep *message*, or the class's first docstring line when none is given."""
        super().__init__(message or (type(self).__doc__ or "").strip().splitlines()[0])


class DataError(TrainingError):
    """The data set is missing, altered, or mixes patients between splits."""


class RunError(TrainingError):
    """The tracked run is unknown, unfinished, or lacks an artifact."""


class ExportError(TrainingError):
    """The network could not be exported."""


class PackageError(TrainingError):
    """The run is not ready to become a release."""
