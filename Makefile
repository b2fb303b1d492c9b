# `make run` starts the example, `make test` runs every test; both set up what they need.
# PYTHON chooses the interpreter, VENV where its environment lives.

PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
# Where extensions run on Carboy's drop-in and Flask itself never enters.
ECOSYSTEM := $(VENV)-ecosystem

.PHONY: run test suite ecosystem extensions-table lint guard guard-update bench clean

run: $(STAMP)
	$(BIN)/carboy --app examples/quickstart/quickstart.py run

test: suite ecosystem

# Carboy's own tests.
suite: $(STAMP)
	$(BIN)/python -m pytest $(ARGS)

# Extensions and programs of others.
ecosystem: $(ECOSYSTEM)/.installed
	$(ECOSYSTEM)/bin/python -m pytest tests/ecosystem

# Write the table of docs/extensions.md anew.
extensions-table: $(ECOSYSTEM)/.installed
	$(ECOSYSTEM)/bin/python -m pytest tests/ecosystem/test_table.py --write-table

lint: $(STAMP)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache

# Fail if a scenario of the benchmark takes a tenth more than the figures in bench/guard.json.
guard: $(STAMP)
	$(BIN)/python -m bench guard

# Store the figures as they now are, of this Python. Their difference is to be reviewed.
guard-update: $(STAMP)
	$(BIN)/python -m bench guard --update

# Everything, in about ten minutes, or with ONLY=hello one scenario.
bench: $(VENV)/.bench-installed
	$(BIN)/python -m bench $(if $(ONLY),--only "$(ONLY)") $(ARGS)

$(STAMP): pyproject.toml Makefile
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --upgrade "pip>=25.1"
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable . \
		--group test --group lint
	@touch $@

$(VENV)/.bench-installed: $(STAMP)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --group bench
	@touch $@

$(ECOSYSTEM)/.installed: pyproject.toml dropin/pyproject.toml Makefile
	$(PYTHON) -m venv $(ECOSYSTEM)
	$(ECOSYSTEM)/bin/python -m pip install --quiet --disable-pip-version-check --upgrade "pip>=25.1"
	$(ECOSYSTEM)/bin/python -m pip install --quiet --disable-pip-version-check --editable . ./dropin \
		--group ecosystem
	@touch $@

clean:
	rm -rf $(VENV) $(ECOSYSTEM) .mypy_cache .ruff_cache .pytest_cache .hypothesis
