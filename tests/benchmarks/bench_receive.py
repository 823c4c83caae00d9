"""Times reception beside stock pynetdicom and DCMTK: ``make bench-receive``, or with ``ARGS='--rounds 5'``.

The same CT slices go by DCMTK's storescu to three receivers in turns: Varsel (on disk, flushed and recorded before each
answer), pynetdicom with the handler of its own documentation that writes the file, and DCMTK's storescp; the latter two
flush nothing. Once with one association, once with four.
"""

import argparse
import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import psutil
from factories.dicom import ct_series, write
from factories.waiting import until
from peers import find_program, free_ports
from running_site import running_site
from tables import print_row

_ENVIRONMENT = {**os.environ, "TCP_NODELAY": "1"}
_PYNETDICOM = """
import sys
from pathlib import Path
from pynetdicom import AE, ALL_TRANSFER_SYNTAXES, evt
from pynetdicom.sop_class import CTImageStorage

directory = Path(sys.argv[2])

def on_store(event):
    with (directory / event.request.AffectedSOPInstanceUID).open("wb") as file:
        file.write(event.encoded_dataset())
    return 0x0000

entity = AE()
entity.maximum_associations = 20
entity.add_supported_context(CTImageStorage, ALL_TRANSFER_SYNTAXES)
entity.start_server(("127.0.0.1", int(sys.argv[1])), evt_handlers=[(evt.EVT_C_STORE, on_store)])
"""
#: Aims: times as fast as each of the others at least.
_AIMS = {"pynetdicom": 2.5, "storescp": 0.5}
_AIM_MIB = 150


@dataclass(frozen=True, kw_only=True)
class Receiver:
    """A running receiver."""

    name: str
    port: int
    process: psutil.Process

    def cpu_seconds(self) -> float:
        """Used since its start, by itself and by children that have ended or still run."""
        while True:
            # A child that ends meanwhile is counted with its parent when asked again.
            with suppress(psutil.NoSuchProcess):
                running = sum(sum(child.cpu_times()[:2]) for child in self.process.children(recursive=True))
                return sum(self.process.cpu_times()[:4]) + running

    def peak_mib(self) -> float:
        """Highest resident memory so far."""
        for line in Path(f"/proc/{self.process.pid}/status").read_text().splitlines():
            if line.startswith("VmHWM"):
                return int(line.split()[1]) / 1024
        return 0.0


@dataclass(frozen=True, kw_only=True)
class Round:
    """One sending of all slices."""

    seconds: float
    cpu_seconds: float


def main() -> None:
    options = _options()
    load = psutil.getloadavg()[0]
    with tempfile.TemporaryDirectory(dir=options.directory) as name, ExitStack() as stack:
        scratch = Path(name)
        slices = Slices(scratch / "slices", options.slices)
        receivers = [stack.enter_context(make(scratch)) for make in (_varsel, _pynetdicom, _storescp)]
        for associations in (1, 4):
            _print(_measure(receivers, slices, associations, options.rounds), receivers, associations)
    print(f"\n{options.slices} slices of 526 kB, {options.rounds} rounds in turns after one of warm-up; ", end="")
    print(f"{psutil.cpu_count()} cores, load before {load:.1f}, after {psutil.getloadavg()[0]:.1f}")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=6)
    parser.add_argument("--slices", type=int, default=300)
    parser.add_argument("--directory", type=Path, help="where to write; without, the system's temporary directory")
    return parser.parse_args()


class Slices:
    """A CT series in four directories, with new identifiers for each round: what came before is no work to receive."""

    def __init__(self, directory: Path, count: int) -> None:
        rng = np.random.default_rng(1)
        series = ct_series(count, size=(512, 512))
        for image in series:
            image.PixelData = rng.integers(0, 4096, (512, 512), dtype=np.uint16).tobytes()
        self.parts = [directory / str(part) for part in range(4)]
        self._rounds = 0
        self._uids = [image.SOPInstanceUID.encode() for image in series]
        self._study_uid = series[0].StudyInstanceUID.encode()
        written = [write(series[part::4], self.parts[part]) for part in range(4)]
        self._paths = [written[index % 4][index // 4] for index in range(count)]

    def renew(self) -> None:
        """Give study and instances other identifiers of the same length."""
        self._rounds += 1
        study_uid = self._other(self._study_uid)
        for path, uid in zip(self._paths, self._uids, strict=True):
            path.write_bytes(path.read_bytes().replace(uid, self._other(uid)).replace(self._study_uid, study_uid))
        self._uids = [self._other(uid) for uid in self._uids]
        self._study_uid = study_uid

    def _other(self, uid: bytes) -> bytes:
        return uid[:-3] + b"%03d" % self._rounds


def _measure(receivers: Sequence[Receiver], slices: Slices, associations: int, rounds: int) -> dict[str, list[Round]]:
    measured: dict[str, list[Round]] = {one.name: [] for one in receivers}
    for number in range(rounds + 1):
        slices.renew()
        for receiver in receivers:
            took = _send(receiver, slices, associations)
            if number:
                measured[receiver.name].append(took)
    return measured


def _send(receiver: Receiver, slices: Slices, associations: int) -> Round:
    command = [find_program("storescu", "apt-get install dcmtk"), "-R", "-pdu", "131072", "--max-send-pdu", "131072"]
    command += ["-to", "10", "-ta", "60", "-td", "60", "-aec", "VARSEL", "+sd", "127.0.0.1", str(receiver.port)]
    groups = [slices.parts] if associations == 1 else [[part] for part in slices.parts]
    # The other receivers leave their files to the kernel; without this Varsel's flushes would write those out too.
    os.sync()
    cpu, started = receiver.cpu_seconds(), time.perf_counter()
    senders = [
        subprocess.Popen([*command, *map(str, group)], env=_ENVIRONMENT, stderr=subprocess.DEVNULL) for group in groups
    ]
    # Without a time limit: with one Python looks every 50 ms only, which is a tenth of what is measured.
    if max(sender.wait() for sender in senders):
        sys.exit(f"{receiver.name} did not take everything")
    return Round(seconds=time.perf_counter() - started, cpu_seconds=receiver.cpu_seconds() - cpu)


@contextmanager
def _varsel(scratch: Path) -> Iterator[Receiver]:
    with running_site(scratch / "site", pacs_port=1, start=("receive",)) as site:
        yield Receiver(name="Varsel", port=site.ports["receive"], process=psutil.Process(site.processes["receive"].pid))


@contextmanager
def _pynetdicom(scratch: Path) -> Iterator[Receiver]:
    directory = scratch / "pynetdicom"
    directory.mkdir()
    (port,) = free_ports(1)
    with _running([sys.executable, "-c", _PYNETDICOM, str(port), str(directory)], port) as process:
        yield Receiver(name="pynetdicom", port=port, process=process)


@contextmanager
def _storescp(scratch: Path) -> Iterator[Receiver]:
    directory = scratch / "storescp"
    directory.mkdir()
    (port,) = free_ports(1)
    program = find_program("storescp", "apt-get install dcmtk")
    with _running([program, "--fork", "-od", str(directory), "-pdu", "131072", str(port)], port) as process:
        yield Receiver(name="storescp", port=port, process=process)


@contextmanager
def _running(command: Sequence[str], port: int) -> Iterator[psutil.Process]:
    process = subprocess.Popen(command, env=_ENVIRONMENT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        until(lambda: _listens(port), 30)
        yield psutil.Process(process.pid)
    finally:
        process.terminate()
        process.wait(30)


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def _print(measured: dict[str, list[Round]], receivers: Sequence[Receiver], associations: int) -> None:
    print(f"\n{associations} association{'s' if associations > 1 else ''}\n")
    print_row("receiver", "seconds, median [range]", "CPU seconds", "peak MiB", "Varsel is times as fast", "aim")
    print_row(*["---"] * 6)
    ours = np.array([one.seconds for one in measured["Varsel"]])
    for receiver in receivers:
        seconds = np.array([one.seconds for one in measured[receiver.name]])
        told, aim = "", f"at most {_AIM_MIB} MiB"
        if receiver.name != "Varsel":
            low, middle, high = _ratio(seconds, ours)
            told, aim = f"{middle:.2f} [{low:.2f}, {high:.2f}]", f"at least {_AIMS[receiver.name]}"
        print_row(
            receiver.name,
            f"{np.median(seconds):.2f} [{seconds.min():.2f}, {seconds.max():.2f}]",
            f"{np.median([one.cpu_seconds for one in measured[receiver.name]]):.2f}",
            f"{receiver.peak_mib():.0f}",
            told,
            aim,
        )


def _ratio(theirs: np.ndarray, ours: np.ndarray) -> tuple[float, float, float]:
    """Ratio of medians with its 95 % bootstrap interval over rounds: low, middle, high."""
    rng = np.random.default_rng(1)
    drawn = [np.median(theirs[pick]) / np.median(ours[pick]) for pick in rng.integers(0, len(ours), (5000, len(ours)))]
    low, high = np.percentile(drawn, (2.5, 97.5))
    return float(low), float(np.median(theirs) / np.median(ours)), float(high)


if __name__ == "__main__":
    main()
