"""Changes sessions with a running receiver at random, for minutes: part of `make fuzz`.

    python tests/fuzz/fuzz_receive.py --seconds 120 --seed 1

A session that breaks the receiver is left in fuzz-findings/; mend the fault, and keep it as a case.
"""

import argparse
import random
import tempfile
import time
from pathlib import Path

from tests.fuzz.receive_changes import changed
from tests.fuzz.receive_session import running_receiver, valid_session

FINDINGS = Path("fuzz-findings")


def main() -> None:
    options = _options()
    chance = random.Random(options.seed)
    session, rounds = valid_session(), 0
    deadline = time.monotonic() + options.seconds
    with tempfile.TemporaryDirectory() as folder, running_receiver(Path(folder)) as receiver:
        while time.monotonic() < deadline:
            sent = changed(session, chance.randint)
            FINDINGS.mkdir(exist_ok=True)
            kept = FINDINGS / "receive-last"
            kept.write_bytes(sent)
            receiver.check(receiver.exchange(sent))
            kept.unlink()
            rounds += 1
    print(f"receive: {rounds} changed sessions in {options.seconds} s (seed {options.seed}); broken: none")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=int, default=120)
    parser.add_argument("--seed", type=int, default=1)
    return parser.parse_args()


if __name__ == "__main__":
    main()
