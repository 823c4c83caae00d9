"""Read by Python at the start of a process whose PYTHONPATH begins here: makes its durable effects crash points."""

import crash_points

crash_points.install()
