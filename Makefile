# Each target sets up what it needs: a virtual environment in .venv, and for the site npm's packages
# (npm itself comes from PyPI, into .venv). Nothing outside this folder is touched.
PYTHON ?= python3
JOBS ?= 2
PROFILE ?= quick
PORT ?= 8000
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check install --quiet
# The oldest releases have wheels for Python 3.11. An old torch is a large download: PINS= asks for that too.
LOWEST := .venv-lowest
PINS ?= constraints.txt
# What `make test` leaves to `make test-all`.
QUICK := not slow and not gpu and not site and not full

.DEFAULT_GOAL := help
.PHONY: help book test mutants test-lowest test-all test-full lint serve print bench reproduce ship address clean

help: ## say what there is
	@grep -hE '^[a-z-]+:.*##' Makefile | awk -F ':.*## ' '{printf "  make %-12s %s\n", $$1, $$2}'

book: $(VENV)/.installed node_modules/.installed ## run what changed in the notebooks, build the site into _build/html
	$(BIN)/python -m data_scripts.book --profile $(PROFILE) --jobs $(JOBS)

test: $(VENV)/.installed lint ## the tests that end within minutes
	$(BIN)/python -m pytest -n $(JOBS) -m "$(QUICK)"

test-all: $(VENV)/.installed-site book lint ## every test: slow ones, the notebooks by nbmake, the site in a browser
	$(BIN)/python -m pytest -n $(JOBS) -m "not full" --cov=vdsr_lib --cov-report=term:skip-covered --cov-fail-under=95
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n $(JOBS) --nbmake --nbmake-kernel=python3 book/notebooks

lint: $(VENV)/.installed node_modules/.installed
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/python -m data_scripts.prose
	$(BIN)/mypy
	PATH="$(CURDIR)/$(BIN):$$PATH" node_modules/.bin/biome check --error-on-warnings

serve: book ## build the site and serve it at localhost
	$(BIN)/python -m data_scripts.serve --port $(PORT)

print: $(VENV)/.installed-site book ## the whole book as one PDF and one EPUB, beside the site (needs Chromium)
	$(BIN)/python -m data_scripts.print

bench: $(VENV)/.installed ## time the network, the resizing and a training step on this machine
	$(BIN)/python -m data_scripts.bench

reproduce: $(VENV)/.installed ## go on with the stored runs (hours to days), then the full profile; RUN=name for one run alone
	$(BIN)/python -m data_scripts.reproduce $(or $(RUN),--queue)
	$(BIN)/python -m data_scripts.ledger
	$(BIN)/python -m data_scripts.readme
	$(if $(RUN),,$(MAKE) test-full)

# The claims that have moved are then read on their pages and accepted, see CONTRIBUTING.
ship: $(VENV)/.installed ## after pretrained.DEFAULT has changed: its records, ledger, README and pages follow
	$(BIN)/python -m data_scripts.fractional
	$(BIN)/python -m data_scripts.context
	$(BIN)/python -m data_scripts.ledger
	$(BIN)/python -m data_scripts.readme
	$(BIN)/python -m tests.test_stored_results
	$(MAKE) book

test-lowest: $(LOWEST)/.installed ## what `make test` runs, on the oldest releases that pyproject.toml admits, but for torch
	$(LOWEST)/bin/python -m pytest -n $(JOBS) -m "$(QUICK)"

# Without data sets, so that the tests which a fault meets are the quick ones.
mutants: $(VENV)/.installed ## one small fault at a time, in the core by mutmut and elsewhere from a list, and whether a test sees it
	$(PIP) 'mutmut>=3.8'
	VDSR_DATA=$(CURDIR)/_build/no-data OMP_NUM_THREADS=1 $(BIN)/python -m mutmut run --max-children $(JOBS)
	$(BIN)/python tests/mutants.py
	$(BIN)/python tests/planted_faults.py

test-full: $(VENV)/.installed ## run the notebooks with the paper's own settings, and compare what they claim
	$(BIN)/python -m pytest -m full -n $(JOBS) tests/notebooks

address: $(VENV)/.installed ## write the repository's public address everywhere: make address URL=https://github.com/you/repo
	$(BIN)/python -m data_scripts.address $(URL)

clean: ## remove what was built; the environments and node_modules stay, `make clean ALL=1` removes them too
	rm -rf _build mutants build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis .coverage htmlcov
	$(if $(ALL),rm -rf $(VENV) $(LOWEST) node_modules)

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	  echo "make: wanted Python 3.11 or newer, $(PYTHON) is $$($(PYTHON) --version 2>&1);" \
	  "name another one: make PYTHON=python3.12" >&2; exit 2; }
	@$(PYTHON) -m venv $(VENV) || { rm -rf $(VENV); \
	  echo "make: $(PYTHON) made no virtual environment; on Debian: apt install python3-venv" >&2; exit 2; }

$(VENV)/.installed: pyproject.toml constraints.txt | $(BIN)/python
	$(PIP) -c constraints.txt -e '.[notebooks,book,tests]'
	@touch $@

$(VENV)/.installed-site: $(VENV)/.installed
	$(PIP) -c constraints.txt -e '.[site]'
	@touch $@

$(LOWEST)/.installed: pyproject.toml constraints.txt | $(BIN)/python
	$(PIP) uv
	$(BIN)/python -m uv venv --quiet --clear --seed --python 3.11 $(LOWEST)
	$(BIN)/python -m uv pip compile --quiet --resolution lowest-direct --python $(LOWEST)/bin/python \
	  $(addprefix -c ,$(PINS)) --extra book --extra tests pyproject.toml --output-file $(LOWEST)/lowest.txt
	$(LOWEST)/bin/python -m pip --disable-pip-version-check install --quiet -c $(LOWEST)/lowest.txt -e '.[notebooks,book,tests]'
	@touch $@

node_modules/.installed: package.json package-lock.json | $(VENV)/.installed
	@PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/npm ci --silent || { \
	  echo "make: npm could not fetch what package-lock.json names; is its registry reached?" >&2; exit 2; }
	@touch $@
