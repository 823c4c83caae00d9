"""The short form of ``make crash``: a kill at a few of the boundaries that the code shows, on the file database."""

import random
from pathlib import Path

from laboratory import Surroundings, bench, laboratory

#: Kills made here; ``make crash`` makes all.
KILLS = 4


def test_no_kill_loses_or_doubles_what_was_acknowledged(tmp_path: Path):
    with bench(tmp_path) as shared, laboratory(shared, Surroundings(database="sqlite", nodes=1), tmp_path / "x") as lab:
        places = lab.find_places()
        # Found by watching, so they follow the code: these have to be among them wherever they move to.
        effects = {place.name.split()[1] for place in places}
        ours = [place for place in places if "dbos" not in place.name]
        verdicts = [lab.kill_at(place) for place in random.Random(2).sample(ours, KILLS)]

    assert effects >= {"commit", "fsync", "send", "C-STORE"}
    assert [verdict.killed for verdict in verdicts] == [True] * KILLS
    assert [verdict for verdict in verdicts if not verdict.judgement.is_clean] == []
