"""What can go wrong at the door.

VarselError
├── NotStartedError      a process of ours did not become ready
├── PartlyDoneError      some of a job was done, some not
└── DemoError            the demonstration cannot be run as asked

A docstring is the error's default message.
"""


class VarselError(Exception):
    """A command failed."""

    def __init__(self, message: str | None = None) -> None:
        """Keep *message*, or the class's first docstring line when none is given."""
        super().__init__(message or (type(self).__doc__ or "").strip().splitlines()[0])


class NotStartedError(VarselError):
    """A process did not become ready."""


class PartlyDoneError(VarselError):
    """Some of it was done, some not."""


class DemoError(VarselError):
    """The demonstration cannot be run as asked."""
