"""``varsel check``."""

import typer

from varsel.exit_codes import ExitCode

EXAMPLES = (
    "Example: [bold]varsel --settings varsel.toml check[/bold]. Looks at the settings, ports, directories, disk, "
    "database, releases and destinations. Exit code 0 when a site can start (also with warnings), 2 when it cannot."
)


def check(context: typer.Context) -> None:
    """Explain every fault in the settings before anything starts."""
    from serving.errors import SettingsError
    from varsel.fault import Weight
    from varsel.faults import find_faults

    invocation = context.obj
    print(f"Settings: {invocation.settings_path or 'none (defaults and environment)'}")
    try:
        settings = invocation.load_settings()
    except SettingsError as error:
        faults = str(error).splitlines()
        for line in faults:
            print(f"  fault    {line}")
        _end(len(faults))
    found = 0
    for fault in find_faults(settings):
        found += fault.weight is Weight.FAULT
        print(f"  {fault.weight.value:<8} {fault.where}: {fault.what}")
    _end(found)


def _end(faults: int) -> None:
    print("A site can start with these settings." if faults == 0 else f"Faults to mend before a start: {faults}.")
    raise typer.Exit(ExitCode.OK if faults == 0 else ExitCode.WRONG_USE)
