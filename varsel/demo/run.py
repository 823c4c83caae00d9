"""One run of the demonstration, from a directory to a table of what came of each case."""

import contextlib
import secrets
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from rich.console import Console

from dicom_io.send.association import DicomAddress
from dicom_io.send.destination import Reference
from dicom_io.send.query import find_held
from serving.records.database import open_database
from serving.settings.file import load_settings
from varsel.case_status import RefusalStatus
from varsel.console import progress
from varsel.demo.case import DemoCase
from varsel.demo.directory import DemoDirectory, free_ports, write_settings
from varsel.demo.judge import Result, judge
from varsel.demo.models import champions, install_shipped_models
from varsel.demo.neighbours import mlflow_program, pacs_program
from varsel.demo.report import RunReport, print_report, write_report
from varsel.demo.sending import send_case
from varsel.demo.stays import stay_cases
from varsel.demo.studies import StudyMaker, own_cases, real_radiograph
from varsel.demo.waiting import Books, Known, wait_for
from varsel.demo.words import Words
from varsel.errors import DemoError
from varsel.site import site_programs
from varsel.supervisor import Supervisor, leaving_on_signals

#: After so long without being over, a case is said to have no answer.
_CASE_SECONDS = 120.0
#: So long the table waits for MLflow's pages.
_MLFLOW_SECONDS = 20.0


@dataclass(frozen=True, kw_only=True)
class DemoOptions:
    """What was asked for."""

    #: Everything goes below this.
    directory: DemoDirectory
    #: The user's own files instead of ours; None = ours.
    own_data: Path | None
    #: Leave when all is answered.
    once: bool
    #: Path of Orthanc, which then is the PACS; None = the embedded archive is.
    orthanc: str | None
    #: ``da`` or ``en``.
    language: str


class Demo:
    """One run; made anew for each."""

    def __init__(self, options: DemoOptions, words: Words, console: Console) -> None:
        """Do what *options* ask, said in *words* on *console*; writes the settings file."""
        self._options = options
        self._words = words
        self._console = console
        self._directory = options.directory
        self._started_at = datetime.now(UTC)
        # Six digits more than enough: it only sets one run's UIDs and AE titles apart from another's.
        self._run = f"D{secrets.token_hex(3)}"
        self._steps: dict[str, float] = {}
        self._ports = free_ports()
        write_settings(self._directory, self._ports, options.language)
        self._settings = load_settings(self._directory.settings)
        pacs = pacs_program(self._directory, self._ports, options.orthanc)
        programs = (pacs, *site_programs(self._settings, self._directory.settings))
        self._site = Supervisor(programs, console.print)
        mlflow = mlflow_program(self._directory, self._ports, self._settings.mlflow_tracking_uri)
        self._beside = Supervisor([mlflow] if mlflow else [], console.print)
        self._has_mlflow = mlflow is not None

    def run(self) -> bool:
        """Run it all: whether every case became what it must.

        Raises:
            DemoError: there is nothing to send, or a model did not pass its gates.
            NotStartedError: a process did not become ready.
            UnreachableError: the DICOM node does not answer.
        """
        cases = self._cases()
        with self._timed("models"):
            install_shipped_models(self._settings, self._directory.settings, self._words)
        with leaving_on_signals(self._site):
            try:
                return self._run_site(cases)
            finally:
                self._console.print(self._words.stopping)
                self._site.stop()
                self._beside.stop()

    def _run_site(self, cases: Sequence[DemoCase]) -> bool:
        with self._timed("start"):
            self._start()
        with self._timed("cases"):
            results = self._send_and_judge(cases)
        report = self._report(results)
        print_report(report, self._words, self._console)
        write_report(report, self._directory.report)
        if not self._options.once:
            self._console.print(self._words.stay_up)
            self._site.watch()
        return report.is_as_expected

    def _cases(self) -> tuple[DemoCase, ...]:
        source = self._options.own_data
        if source is not None:
            cases = own_cases(source, self._run, self._words)
            if not cases:
                raise DemoError(f"'{source}' holds no DICOM files; name a file or a folder of them")
            return cases
        maker = StudyMaker(directory=self._directory.inputs / self._run, run=self._run, words=self._words)
        return (*maker.cases(), *stay_cases(self._run, self._words))

    def _start(self) -> None:
        with progress() as bar:
            task = bar.add_task(self._words.starting.format(name="..."), total=5)
            self._site.start(lambda program: bar.update(task, advance=1, description=program.name))
        # Only now: it is slow to start, and nothing waits for it.
        self._beside.launch()

    def _send_and_judge(self, cases: Sequence[DemoCase]) -> list[Result]:
        unsent: dict[str, RefusalStatus] = {}
        with progress() as bar:
            task = bar.add_task(self._words.sending.format(name="..."), total=2 * len(cases))
            for case in cases:
                bar.update(task, advance=1, description=self._words.sending.format(name=case.title))
                refusal = send_case(case, self._settings)
                if refusal is not None:
                    unsent[case.key] = refusal

            def on_look(known: Mapping[str, Known]) -> None:
                self._site.turn()
                done = sum(one.is_over for one in known.values())
                bar.update(task, completed=len(cases) + done, description=self._words.waiting)

            books = Books(engine=open_database(self._settings.database_url), cases=cases, unsent=unsent)
            known = wait_for(books, _CASE_SECONDS, on_look, lambda: self._site.is_leaving)
        return [self._judged(case, known[case.key]) for case in cases]

    def _judged(self, case: DemoCase, known: Known) -> Result:
        objects = known.status.objects if known.status else ()
        references = [
            Reference(
                study_instance_uid=case.case_id,
                series_instance_uid=one.series_instance_uid,
                sop_instance_uid=one.sop_instance_uid,
            )
            for one in objects
        ]
        (pacs,) = self._settings.destinations
        address = DicomAddress(host=pacs.host, port=pacs.port, ae_title=pacs.ae_title)
        return judge(case, known.status, known.refusal, find_held(address, references), self._words)

    def _report(self, results: Sequence[Result]) -> RunReport:
        notes = self._notes()
        return RunReport(
            run=self._run,
            started_at=self._started_at.isoformat(),
            seconds=round((datetime.now(UTC) - self._started_at).total_seconds(), 2),
            steps=self._steps,
            pacs="Orthanc" if self._options.orthanc else "embedded archive",
            notes=notes,
            addresses=self._addresses(),
            models=self._models(),
            results_dir=self._settings.results_dir,
            results=results,
        )

    def _notes(self) -> list[str]:
        notes = [] if self._options.orthanc else [self._words.no_orthanc]
        if real_radiograph() is None and self._options.own_data is None:
            notes.append(self._words.no_real)
        if not self._has_mlflow:
            notes.append(self._words.no_mlflow)
        elif not self._beside.ready_within(_MLFLOW_SECONDS):
            # Nothing of the main line depends on its pages.
            notes.append(self._words.slow_mlflow.format(log=self._directory.data / "logs" / "mlflow.log"))
        return notes

    def _addresses(self) -> dict[str, str]:
        ports, host = self._ports, "http://127.0.0.1"
        addresses = {
            self._words.pages: f"{host}:{ports.web}/",
            "MLflow": f"{host}:{ports.mlflow}/" if self._has_mlflow else "-",
            "metrics": f"{host}:{ports.web}/metrics",
            "metrics receive": f"{host}:{ports.receive_metrics}/metrics",
            "metrics work": f"{host}:{ports.work_metrics}/metrics",
            "metrics api": f"{host}:{ports.api}/metrics",
            "DICOM": f"VARSEL@127.0.0.1:{ports.receive}",
            "PACS": f"DEMOPACS@127.0.0.1:{ports.pacs}",
        }
        return addresses | ({"PACS (Orthanc)": f"{host}:{ports.pacs_http}/"} if self._options.orthanc else {})

    def _models(self) -> dict[str, dict[str, str]]:
        found = champions(self._settings)
        return {name: {"version": one.manifest.version, "digest": one.digest} for name, one in found.items()}

    @contextlib.contextmanager
    def _timed(self, step: str) -> Iterator[None]:
        start = time.monotonic()
        yield
        self._steps[step] = round(time.monotonic() - start, 2)
