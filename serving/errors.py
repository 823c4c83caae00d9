"""What can go wrong while serving.

ServingError
├── SettingsError            varsel.toml or an environment override says something impossible
├── RuleError                a rule names a model or value that does not exist
├── CaseNotFoundError        no such study, stay or work item
├── ImagesClearedError       a part of a study came after the rest was cleared away
├── StepOverrunError         a step of a work item did not end within its limit
├── SettledError             work was ended while it still ran
├── WornOutError             work was begun too often without an end: it takes its worker down
├── NotWithdrawnError        a result cannot be taken back as it stands
├── NotAnalysedError         the case lies outside the conditions of use; ends as "not analysed" with its reason
├── DatabaseDownError        our database cannot be reached; nothing was taken
├── NewerTablesError         a later version of Varsel has upgraded our database
├── SnapshotError            the state of a site cannot be copied, or not be put back
└── FencedError              this process was believed dead; another has its work now

A docstring is the error's default message. HTTP and DIMSE codes are given at the doors, not here.
"""


class ServingError(Exception):
    """Serving failed."""

    def __init__(self, message: str | None = None) -> None:
        """Keep *message*, or the class's first docstring line when none is given."""
        super().__init__(message or (type(self).__doc__ or "").strip().splitlines()[0])


class SettingsError(ServingError):
    """The settings say something impossible."""


class RuleError(ServingError):
    """A rule names something that does not exist."""


class CaseNotFoundError(ServingError):
    """There is no such study, stay or work item."""


class ImagesClearedError(ServingError):
    """A part of a study came after the rest was cleared away."""


class StepOverrunError(ServingError):
    """A step did not end within its limit."""


class SettledError(ServingError):
    """The work was ended, because it took too long, while it still ran; what it found does not count."""


class WornOutError(ServingError):
    """It was begun more often than is allowed and never ended: it takes its worker down each time."""


class NotWithdrawnError(ServingError):
    """The result cannot be taken back as it stands."""


class NotAnalysedError(ServingError):
    """The case lies outside the model's conditions of use."""

    def __init__(self, code: str, reason: str) -> None:
        """Keep the closed-set *code* for metrics and the *reason* for people."""
        super().__init__(reason)
        self.code = code


class DatabaseDownError(ServingError):
    """The database cannot be reached; nothing was taken."""


class NewerTablesError(ServingError):
    """The database was upgraded by a later version; run that, or its `varsel migrate --back`, or restore a backup."""


class SnapshotError(ServingError):
    """The state of a site cannot be copied, or not be put back."""


class FencedError(ServingError):
    """This worker was silent for so long that its work was given to another; it must stop.

    Two workers under one node name also end each other so: give each a name of its own (``[work] node``).
    """
