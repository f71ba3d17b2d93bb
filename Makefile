# Everything needs only git, make and Python >= 3.11. `make help` lists the targets.
PYTHON ?= $(shell for p in python3 python3.13 python3.12 python3.11; do \
  $$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && { echo $$p; break; }; done)
VENV := .venv
BIN := $(VENV)/bin
SETUP := $(VENV)/.installed
PYTEST_ARGS ?=

.DEFAULT_GOAL := help
.PHONY: help audit binary deb dist sbom e2e chaos load compare soak setup setup-contract setup-peers run demo check fmt lint types test unit interop bench docs site lock clean

help: ## this list
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## /{printf "  %-15s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

$(SETUP): requirements/dev.txt pyproject.toml
	@test -n "$(PYTHON)" || { echo "prefixd needs Python 3.11 or newer; name one with PYTHON=..." >&2; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/dev.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $(SETUP)

setup: $(SETUP) ## create .venv with the locked versions

setup-contract: .venv-contract/.installed ## the OpenAPI checker, in an environment of its own

.venv-contract/.installed: requirements/contract.txt
	$(PYTHON) -m venv .venv-contract
	.venv-contract/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/contract.txt
	@touch .venv-contract/.installed

setup-peers: .venv-peers/.installed ## ExaBGP 5, a peer of the interop tests, in an environment of its own

.venv-peers/.installed: requirements/peers.txt
	$(PYTHON) -m venv .venv-peers
	.venv-peers/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/peers.txt
	@touch .venv-peers/.installed

run: $(SETUP) ## start the daemon with configs/ on the embedded store
	@mkdir -p run
	$(BIN)/prefixd run --config configs

demo: $(SETUP) ## event to rule to router and back, in under a minute, without privileges
	$(BIN)/prefixd demo

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

test: $(SETUP) ## the whole suite, a file at a time on each processor; what is absent is skipped aloud
	$(BIN)/python -m pytest -n auto --dist loadfile $(PYTEST_ARGS)

unit: $(SETUP) ## the quick part, on all processors
	$(BIN)/python -m pytest -n auto tests/unit tests/property tests/golden tests/test_*.py $(PYTEST_ARGS)

interop: $(SETUP) ## against real BGP daemons and detectors
	$(BIN)/python -m pytest tests/interop $(PYTEST_ARGS)

bench: $(SETUP) ## print the benchmark tables (docs/benchmarks.md)
	$(BIN)/python -m pytest bench -s --benchmark-only -o testpaths=bench -o python_files='bench_*.py' $(PYTEST_ARGS)
	for each in rib speaker session store ingest; do echo "== bench_$$each"; $(BIN)/python bench/bench_$$each.py || exit 1; done
	$(BIN)/python -m bench.bench_start
	if command -v wrk >/dev/null; then $(BIN)/python bench/bench_api.py; else echo "bench_api needs wrk"; fi

lock: $(SETUP) ## pin exact versions again
	$(BIN)/python -m pip install --quiet pip-tools
	cd requirements && ../$(BIN)/pip-compile -q --strip-extras --no-emit-index-url --no-emit-trusted-host --no-emit-find-links --generate-hashes -o run.txt run.in
	cd requirements && ../$(BIN)/pip-compile -q --strip-extras --no-emit-index-url --no-emit-trusted-host --no-emit-find-links --generate-hashes --allow-unsafe -o dev.txt dev.in

clean: ## remove what make made
	rm -rf .venv* build dist run .mypy_cache .ruff_cache .pytest_cache .hypothesis

docs: $(SETUP) ## write the generated pages
	$(BIN)/python -m prefixd.config.reference > docs/configuration.md
	$(BIN)/python -m tests.kit.fsm_document > docs/fsm.md
	$(BIN)/python -m prefixd.observability.reference > docs/metrics.md
	$(BIN)/python -m prefixd.cli.manual markdown > docs/cli.md
	$(BIN)/python -m tests.kit.api_page
	$(BIN)/python -m tests.kit.weaknesses
	$(BIN)/python -m tests.kit.reliability

site: $(SETUP) ## build/site: the pages with search; a broken link or an unlisted page fails
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --quiet --strict

.venv-binary/.installed: requirements/binary.txt
	$(PYTHON) -m venv .venv-binary
	.venv-binary/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/binary.txt
	@touch .venv-binary/.installed

binary: .venv-binary/.installed ## dist/prefixd: one file that needs nothing, not even Python
	.venv-binary/bin/python packaging/binary/build.py

deb: $(SETUP) ## dist/prefixd_VERSION_ARCH.deb (after make binary)
	$(BIN)/python packaging/debian/build.py

sbom: $(SETUP) ## dist/prefixd.cdx.json: what is inside, CycloneDX
	$(BIN)/python packaging/sbom.py

audit: $(SETUP) ## installed is locked, licences, known vulnerabilities (that part asks osv.dev)
	$(BIN)/python packaging/audit.py

dist: $(SETUP) ## dist/: wheel and sdist
	$(BIN)/python -m hatchling build -d dist

e2e: $(SETUP) ## flood, rule, quiet, expiry, through real routers in namespaces
	$(BIN)/python -m pytest tests/e2e $(PYTEST_ARGS)

chaos: $(SETUP) ## break everything, compare everything (EVENTS=10000: the long crash runs)
	$(if $(EVENTS),PREFIXD_CRASH_EVENTS=$(EVENTS)) $(BIN)/python -m pytest tests/chaos $(PYTEST_ARGS)

load: $(SETUP) ## a minute (MINUTES=10) of new attacks, ten neighbors: flat or not flat
	$(BIN)/python -m bench.load $(if $(MINUTES),--minutes $(MINUTES))

compare: $(SETUP) ## GoBGP, ExaBGP, BIRD and ours: same rules, same sink, one run
	$(BIN)/python -m bench.compare --svg docs/compare.svg

soak: $(SETUP) ## ten minutes (MINUTES=480: a night) of load, then as much of sessions under churn
	@mkdir -p build
	$(BIN)/python -m bench.load --minutes $(or $(MINUTES),10)
	$(BIN)/python -m tests.interop.soak --minutes $(or $(MINUTES),10) --result build/soak.json
