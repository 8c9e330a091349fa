# What is done with this tree; `make help` lists it. Needs Python 3.11 or newer, nothing else.

VENV ?= .venv
BIN := $(VENV)/bin
PYTHONS ?= python3.13 python3.12 python3.11 python3 python3.14
WORKERS ?= 2
# Seconds after which a test counts as hung, and its worker is ended: what hangs may hang again as it is put away.
HUNG ?= 200
UV ?= uv
ARGS ?=

SUITS := import ensurepip, sys, venv; sys.exit(not (3, 11) <= sys.version_info < (3, 15))
PIP := $(BIN)/python -m pip --disable-pip-version-check install --quiet
# The tests load Minori in many processes: compiled once, also where the machine asks Python to keep nothing.
COMPILED := PYTHONDONTWRITEBYTECODE= PYTHONPYCACHEPREFIX=$(abspath $(VENV))/compiled
INSTALL_LOCK := $(PIP) --require-hashes --no-deps --only-binary :all: --requirement
INSTALL_MINORI := $(PIP) --no-deps --no-build-isolation --editable .
LOCK := $(UV) pip compile pyproject.toml --universal --python-version 3.11 --generate-hashes \
	--no-emit-index-url --no-emit-find-links --no-header --quiet

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help serve test test-all check bench docs lock

help: ## list these commands
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "make %-9s %s\n", $$1, $$2}' $(MAKEFILE_LIST)
	@echo 'ARGS="…" is handed on: make serve ARGS="--api 127.0.0.1:0", make test ARGS="-k paging"'

serve: $(VENV)/serve.stamp ## run a demo server on this machine, its data in ./minori-data
	@exec $(BIN)/minori serve --demo --data-dir ./minori-data $(ARGS)

test: $(VENV)/dev.stamp ## run the tests, all but the slow ones
	$(COMPILED) $(BIN)/python -m pytest -n $(WORKERS) -m "not slow" --timeout $(HUNG) --timeout-method thread $(ARGS)

test-all: $(VENV)/dev.stamp ## run every test; takes a long time
	$(COMPILED) $(BIN)/python -m pytest -n $(WORKERS) --hypothesis-profile=searching --cold $(ARGS)

check: $(VENV)/dev.stamp ## format, lint, types, layers
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/python -m pytest -q tests/repo

bench: $(VENV)/dev.stamp ## measure, beside nginx, peers and bare loops, and print the tables
	$(BIN)/python -m bench $(ARGS)

docs: $(VENV)/dev.stamp ## write the reference pages that are made from the program
	$(BIN)/python -m minori.cli.reference docs/reference

lock: ## renew the lock files from pyproject.toml; needs uv (ARGS=--upgrade for newer versions)
	@command -v $(UV) >/dev/null || { echo 'make lock needs uv: pip install uv, or make lock UV=/path/to/uv' >&2; exit 1; }
	@for name in dev serve; do sed -i '/^# Made by/d' requirements/$$name.lock 2>/dev/null || true; done
	$(LOCK) --group build --group check --group test --all-extras --output-file requirements/dev.lock $(ARGS)
	$(LOCK) --group build --constraint requirements/dev.lock --output-file requirements/serve.lock $(ARGS)
	@for name in dev serve; do sed -i '1i # Made by `make lock` from pyproject.toml; do not edit.' requirements/$$name.lock; done

$(VENV)/made.stamp:
	@for python in $(PYTHONS); do \
		if $$python -c '$(SUITS)' 2>/dev/null; then $$python -m venv $(VENV) && touch $@; exit; fi; \
	done; \
	echo 'Minori needs Python 3.11 to 3.14 with its venv module (Debian: apt-get install python3-venv).' >&2; \
	echo 'If it has another name here: make PYTHONS=/path/to/python3' >&2; \
	exit 1

$(VENV)/serve.stamp: requirements/serve.lock pyproject.toml | $(VENV)/made.stamp
	$(INSTALL_LOCK) requirements/serve.lock
	$(INSTALL_MINORI)
	@touch $@

$(VENV)/dev.stamp: requirements/dev.lock pyproject.toml | $(VENV)/made.stamp
	$(INSTALL_LOCK) requirements/dev.lock
	$(INSTALL_MINORI)
	@touch $@
