# Two commands are enough: `make demo` and `make test`. Each sets up what it needs; see README.md.
#   make demo [ARGS=--once] [DATA=folder]   run everything on this machine and show it
#   make test [ARGS=-k\ pages]              all tests, contracts and lint included
#   make viewer-shots OHIF=package/dist     screenshots of results in OHIF (npm pack @ohif/app@3.13.2)
#   make bench | bench-pixels | bench-results | bench-models | bench-stays | bench-feeds | bench-receive | bench-work | bench-overload | soak | crash | fuzz | lint | clean
.DEFAULT_GOAL := help
.PHONY: help demo test bench bench-pixels bench-results bench-models bench-stays bench-feeds bench-receive bench-work bench-overload soak viewer-shots crash fuzz bench-risks page-shots lint clean demo-tools test-tools
SHELL := /bin/bash

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# Made anew when a dependency or a pin changes.
INSTALLED := $(VENV)/.installed

ARGS ?=
DATA ?=

help:
	@sed -n '2,5s/^#   //p' Makefile

demo: $(INSTALLED) demo-tools
	$(BIN)/varsel demo $(if $(DATA),--data "$(DATA)") $(ARGS)

# A process a core, so a thread a process: more of them would only wait for each other.
test: $(INSTALLED) test-tools
	OMP_NUM_THREADS=1 $(BIN)/pytest -n logical --dist loadfile --no-loadscope-reorder $(ARGS)

bench: $(INSTALLED)
	PYTHONPATH=.:tests:tests/integration:tests/acceptance:tests/benchmarks \
		$(BIN)/python -W ignore tests/benchmarks/bench_line.py $(ARGS)

bench-pixels: $(INSTALLED)
	PYTHONPATH=.:tests:tests/benchmarks $(BIN)/python -W ignore tests/benchmarks/bench_pixels.py $(ARGS)

bench-results: $(INSTALLED)
	PYTHONPATH=.:tests:tests/integration:tests/acceptance:tests/benchmarks \
		$(BIN)/python -W ignore tests/benchmarks/bench_results.py $(ARGS)

bench-stays: $(INSTALLED)
	PYTHONPATH=.:tests:tests/integration:tests/acceptance:tests/benchmarks \
		$(BIN)/python -W ignore tests/benchmarks/bench_stays.py $(ARGS)

bench-feeds: $(INSTALLED)
	PYTHONPATH=.:tests:tests/integration:tests/acceptance:tests/benchmarks \
		$(BIN)/python -W ignore tests/benchmarks/bench_feeds.py $(ARGS)

viewer-shots: $(INSTALLED)
	PYTHONPATH=.:tests:tests/integration $(BIN)/python -W ignore tests/integration/viewer_shots.py --ohif $(OHIF) $(ARGS)

bench-models: $(INSTALLED)
	PYTHONPATH=.:tests:tests/integration:tests/acceptance:tests/benchmarks \
		$(BIN)/python -W ignore tests/benchmarks/bench_models.py $(ARGS)

bench-receive: $(INSTALLED)
	PYTHONPATH=.:tests:tests/integration:tests/acceptance:tests/benchmarks \
		$(BIN)/python -W ignore tests/benchmarks/bench_receive.py $(ARGS)

bench-overload: $(INSTALLED)
	PYTHONPATH=.:tests:tests/benchmarks $(BIN)/python -W ignore tests/benchmarks/bench_overload.py $(ARGS)

bench-work: $(INSTALLED)
	PYTHONPATH=.:tests:tests/integration:tests/acceptance:tests/benchmarks \
		$(BIN)/python -W ignore tests/benchmarks/bench_work.py $(ARGS)

soak: $(INSTALLED) test-tools
	PYTHONPATH=.:tests:tests/integration:tests/acceptance:tests/benchmarks \
		$(BIN)/python -W ignore tests/benchmarks/soak.py $(ARGS)

fuzz: $(INSTALLED)
	PYTHONPATH=.:tests $(BIN)/python -W ignore tests/fuzz/fuzz.py $(ARGS)
	$(if $(ARGS),,PYTHONPATH=.:tests $(BIN)/python -W ignore tests/fuzz/fuzz_receive.py)

crash: $(INSTALLED) test-tools
	PYTHONPATH=.:tests:tests/integration:tests/acceptance:tests/crash \
		$(BIN)/python -W ignore tests/crash/run.py $(ARGS)

bench-risks: $(INSTALLED)
	PYTHONPATH=.:tests:tests/integration:tests/acceptance:tests/benchmarks \
		$(BIN)/python -W ignore tests/benchmarks/bench_risks.py $(ARGS)

page-shots: $(INSTALLED) test-tools
	PYTHONPATH=. $(BIN)/python -W ignore tests/page_shots.py $(ARGS)

lint: $(INSTALLED)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

clean:
	rm -rf $(VENV) build dist *.egg-info varsel-demo .pytest_cache .mypy_cache .ruff_cache .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(INSTALLED): pyproject.toml constraints.txt
	@bash deploy/development/require-python.sh $(PYTHON)
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --disable-pip-version-check -c constraints.txt -e '.[all]'
	@touch $@

demo-tools:
	@bash deploy/development/system-packages.sh orthanc

test-tools:
	@bash deploy/development/system-packages.sh orthanc dcmtk dicom3tools prometheus chromium
