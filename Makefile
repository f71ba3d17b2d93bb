# Everything needs only git, make and Python >= 3.11. `make help` lists the targets.
PYTHON ?= $(shell command -v python3.13 python3.12 python3.11 python3 | head -n 1)
VENV := .venv
BIN := $(VENV)/bin
SETUP := $(VENV)/.installed
PYTEST_ARGS ?=

.DEFAULT_GOAL := help
.PHONY: help setup run demo check fmt lint types test unit interop bench docs lock clean

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "  %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

$(SETUP): requirements/dev.txt pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(0 if sys.version_info >= (3, 11) else "prefixd needs Python 3.11 or newer; set PYTHON=...")'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/dev.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $(SETUP)

setup: $(SETUP) ## create .venv with the locked versions

run: $(SETUP) ## start the daemon with configs/ on the embedded store
	@mkdir -p run
	$(BIN)/prefixd run --config configs

check: lint types test ## what CI runs

fmt: $(SETUP) ## format the code
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

lint: $(SETUP) ## ruff
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .

types: $(SETUP) ## mypy --strict, then basedpyright on the pure packages
	$(BIN)/mypy
	$(BIN)/basedpyright

test: $(SETUP) ## the whole suite; what is absent is skipped aloud
	$(BIN)/python -m pytest $(PYTEST_ARGS)

unit: $(SETUP) ## the quick part: no daemon, no database, no network
	$(BIN)/python -m pytest tests/unit tests/property tests/golden tests/test_architecture.py $(PYTEST_ARGS)

interop: $(SETUP) ## against real BGP daemons and detectors
	$(BIN)/python -m pytest tests/interop $(PYTEST_ARGS)

bench: $(SETUP) ## print the benchmark tables
	$(BIN)/python -m pytest bench --benchmark-only -o testpaths=bench -o python_files='bench_*.py' $(PYTEST_ARGS)

lock: $(SETUP) ## pin exact versions anew
	$(BIN)/python -m pip install --quiet pip-tools
	cd requirements && ../$(BIN)/pip-compile -q --strip-extras --no-emit-index-url --no-emit-trusted-host --generate-hashes -o run.txt run.in
	cd requirements && ../$(BIN)/pip-compile -q --strip-extras --no-emit-index-url --no-emit-trusted-host --generate-hashes --allow-unsafe -o dev.txt dev.in

clean: ## remove what make made
	rm -rf $(VENV) build dist run .mypy_cache .ruff_cache .pytest_cache .hypothesis
