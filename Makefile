# The few commands of this project. The first use makes .venv and installs into it; later uses are quick.
#
#   make demo                    the whole story on this machine, in a minute
#   make test                    all tests            (make test ARGS="-k tariff")
#   make check                   format, lint, types, all tests: what a change must pass
#   make PYTHON=python3.12 …     use another interpreter for the environment

PYTHON ?= python3
ARGS ?=

VENV := .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help install demo test check lint types bench run format clean

help: ## list the commands
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-8s %s\n", $$1, $$2 }' Makefile

install: $(INSTALLED) ## make the environment (the other commands do it when needed)

# The stamp is older than pyproject.toml when a dependency may have changed: then pip looks again.
$(INSTALLED): pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	  echo "This project needs Python 3.11 or newer, and '$(PYTHON)' is not: $$($(PYTHON) --version 2>&1)." >&2; \
	  echo "Install one and name it, for example: make PYTHON=python3.11 $(MAKECMDGOALS)" >&2; \
	  exit 1; }
	@$(BIN)/python -m pip --version >/dev/null 2>&1 || { \
	  rm -rf $(VENV); \
	  $(PYTHON) -m venv $(VENV) || { \
	    rm -rf $(VENV); \
	    echo "Python's venv module is not complete. On Debian or Ubuntu: apt-get install python3-venv" >&2; \
	    exit 1; }; }
	@echo "Installing into $(VENV) ..."
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[dev]'
	@touch $@

demo: $(INSTALLED) ## two chargers, one eMSP: from card or order to the pushed CDR
	$(BIN)/simulator demo $(ARGS)

test: $(INSTALLED) ## run all tests
	$(BIN)/python -m pytest -n auto $(ARGS)

lint: $(INSTALLED)
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .

types: $(INSTALLED)
	$(BIN)/mypy --strict gateway simulators

# The architecture tests are among the tests.
check: lint types test ## format, lint, types and all tests

bench: $(INSTALLED) ## measure the hot path; writes build/bench.json
	@mkdir -p build
	$(BIN)/python -m benchmarks $(ARGS)

run: $(INSTALLED) config.toml ## start the gateway with config.toml
	$(BIN)/gateway run --config config.toml

config.toml:
	cp config.example.toml config.toml

format: $(INSTALLED) ## write the code as ruff wants it
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

clean: ## remove the environment and everything made (not data/, not config.toml)
	rm -rf $(VENV) build dist .pytest_cache .mypy_cache .ruff_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
