# Everything starts here: `make up` runs a node, `make test` tests it, `make help` lists the rest.
# Needs python3 (3.11 or newer) with its venv module, and make. Nothing is installed outside this directory.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
NODE_TESTS := tests/e2e/node

# Hashes are checked and nothing is resolved, so what is installed is what was locked.
PIP_INSTALL := $(BIN)/python -m pip --disable-pip-version-check --no-input install --quiet --no-deps
COMPILE := uv pip compile --quiet --universal --generate-hashes --no-emit-index-url --no-annotate --no-header --python-version 3.11

# Tests start hundreds of processes: compiled once, kept for all of them, also where the shell asks for no bytecode.
KEPT := PYTHONDONTWRITEBYTECODE=

# A stamp is newer than what it was made from; a second run finds it so and costs nothing.
RUNTIME := $(VENV)/.runtime-installed
DEV := $(VENV)/.dev-installed
NODE := $(NODE_TESTS)/node_modules/.installed

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help up demo test prove check format bench lock clean

help: ## Print what each target does
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-8s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

up: $(RUNTIME) ## Install what is missing and run a node with a live demo company, until Ctrl-C
	@$(BIN)/rapport up --demo

demo: $(RUNTIME) ## Send a demo company's day to a running node
	@$(BIN)/rapport demo

# In the order of their names, files with nodes and browsers come in the middle and short ones last, so that no process
# has a long one left when the others are done. There are more processes than cores: who waits for a node, for an answer
# that is late on purpose, or for a destination's next try leaves a core idle.
test: $(DEV) $(NODE) ## Run the tests, with samples of the long proofs (≤ 10 minutes)
	@$(KEPT) $(BIN)/python -m pytest --numprocesses 4 --dist loadfile --no-loadscope-reorder

prove: $(DEV) $(NODE) ## Run the long proofs and all properties at full size (hours)
	@$(KEPT) RAPPORT_PROVE=1 $(BIN)/python -m pytest -m "prove or hypothesis" -o timeout=7200

check: $(DEV) ## Lint, check the format, the types and the import rules
	@$(BIN)/ruff check
	@$(BIN)/ruff format --check
	@$(BIN)/mypy
	@$(BIN)/lint-imports --no-logo

format: $(DEV) ## Format the code and sort its imports
	@$(BIN)/ruff check --select I --fix
	@$(BIN)/ruff format

bench: $(DEV) ## Measure every speed and memory claim, and print one table
	@$(BIN)/python -m bench

lock: ## Renew the locked versions of all packages (needs uv and npm)
	cd requirements && $(COMPILE) --upgrade runtime.in -o runtime.txt && $(COMPILE) --upgrade dev.in -o dev.txt
	cd $(NODE_TESTS) && npm install --package-lock-only --ignore-scripts --omit-lockfile-registry-resolved
	$(PYTHON) requirements/without_addresses.py $(NODE_TESTS)/package-lock.json

clean: ## Remove what these targets made, but no data of a node
	find src tests bench -name __pycache__ -prune -exec rm -rf {} +
	rm -rf $(VENV) $(NODE_TESTS)/node_modules .import_linter_cache .mypy_cache .pytest_cache .ruff_cache

$(BIN)/python:
	@command -v $(PYTHON) >/dev/null || { echo "make: there is no $(PYTHON); install Python 3.11 or newer, or name one: make PYTHON=…" >&2; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "make: $(PYTHON) is too old; Rapport needs Python 3.11 or newer: make PYTHON=…" >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip' 2>/dev/null || \
		{ echo "make: $(PYTHON) lacks its venv module; on Debian and Ubuntu: apt-get install python3-venv" >&2; exit 1; }
	@echo "Making $(VENV)/ …"
	@$(PYTHON) -m venv $(VENV)

$(RUNTIME): requirements/runtime.txt pyproject.toml | $(BIN)/python
	@echo "Installing what a node needs …"
	@$(PIP_INSTALL) --require-hashes -r requirements/runtime.txt
	@$(PIP_INSTALL) --no-build-isolation --editable .
	@touch $@

$(DEV): requirements/dev.txt $(RUNTIME)
	@echo "Installing what the tests need …"
	@$(PIP_INSTALL) --require-hashes -r requirements/dev.txt
	@touch $@

# Without npm, or without a way to its registry, the tests that need these packages skip and say so; with CI=true they fail.
$(NODE): $(NODE_TESTS)/package-lock.json
	@if ! command -v npm >/dev/null; then echo "No npm: the tests of JavaScript client libraries will be skipped."; \
	elif echo "Installing JavaScript client libraries to test against …" && \
		cd $(NODE_TESTS) && npm ci --ignore-scripts --no-audit --no-fund --loglevel=error >/dev/null; then touch node_modules/.installed; \
	else echo "npm ci failed: the tests of JavaScript client libraries will be skipped."; fi
