# Commands for developers; `make help` lists them.
PYTHON ?= python3
VENV ?= .venv
BIN = $(VENV)/bin
WORKERS ?= auto
TESTS ?=
PORT ?= 8350
# What an installation is made from besides the locks.
BUILT = pyproject.toml setup.py plugins/remittance/x12/_fast_claims.c

.DEFAULT_GOAL := help

.PHONY: help
help: ## List the commands
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*##/\t/' | expand -t 12

# The demo needs only what a deployment needs; a full environment will do as well.
$(VENV)/runs: requirements.lock $(BUILT)
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@sum=$$(cat requirements.lock $(BUILT) | cksum); \
	if [ "$$sum" != "$$(cat $@ 2>/dev/null)" ]; then \
	  $(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock && \
	  $(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e . && \
	  echo "$$sum" > $@; \
	else touch $@; fi

.PHONY: demo
demo: $(VENV)/runs ## Run the demo payer: database, data, web server and worker (PORT=8350)
	@$(BIN)/hp-portal demo --port $(PORT)

.PHONY: venv
venv: $(VENV)/installed ## Make the virtual environment from the hash-checked lock

# The stamp keeps the lock's checksum: a fresh checkout's file times mean nothing.
$(VENV)/installed: requirements-dev.lock $(BUILT)
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@sum=$$(cat requirements-dev.lock $(BUILT) | cksum); \
	if [ "$$sum" != "$$(cat $@ 2>/dev/null)" ]; then \
	  $(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-dev.lock && \
	  $(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e . && \
	  echo "$$sum" > $@; \
	else touch $@; fi

.PHONY: test
test: venv ## Run all tests, on SQLite and PostgreSQL and in the browser (TESTS=path, WORKERS=2)
	$(BIN)/python -m pytest -n $(WORKERS) --dist loadgroup $(TESTS)

.PHONY: check
check: lint ## Style, types, imports, templates, migrations
	$(BIN)/python -m pytest -q tests/core/test_migrations.py

.PHONY: lint
lint: venv
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/djlint templates plugins --lint --quiet

.PHONY: audit
audit: venv ## Known vulnerabilities of the locked packages, where an advisory database can be reached
	$(BIN)/python -m tests.tools.audit

.PHONY: mutate
mutate: venv ## Change the guards one line at a time: do the tests notice?
	$(BIN)/python -m tests.tools.mutate

.PHONY: bench
bench: venv ## Measure: parsing, importing, searching, as ratios to baselines of the same run
	$(BIN)/python -m bench

.PHONY: lock
lock: venv ## Lock the newest packages that fit pyproject.toml, with their hashes
	$(BIN)/uv pip compile --quiet --upgrade $(LOCKED) pyproject.toml --group build -o requirements.lock
	$(BIN)/uv pip compile --quiet --upgrade $(LOCKED) pyproject.toml --group build --group dev -c requirements.lock -o requirements-dev.lock

LOCKED = --universal --python-version 3.11 --generate-hashes --no-header --no-annotate --no-emit-index-url
