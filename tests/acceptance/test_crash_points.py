"""The short form of ``make crash``: a kill at a few of the boundaries that the code shows, on the file database."""

import random
from pathlib import Path

from laboratory import Surroundings, laboratory

#: Kills made here; ``make crash`` makes all.
KILLS = 2


def test_no_kill_loses_or_doubles_what_was_acknowledged(tmp_path: Path):
    with laboratory(Surroundings(database="sqlite", nodes=1), tmp_path) as lab:
        places = [(process, place) for process in ("receive", "work") for place in lab.find_places(process)]
        # Found by watching, so they follow the code: these have to be among them wherever they move to.
        effects = {place.split()[1] for _, place in places}
        verdicts = [lab.kill_at(*chosen) for chosen in random.Random(2).sample(places, KILLS)]

    assert effects >= {"commit", "fsync", "send", "C-STORE"}
    assert [verdict.killed for verdict in verdicts] == [True] * KILLS
    assert [verdict for verdict in verdicts if not verdict.is_clean] == []
