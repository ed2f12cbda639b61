# make run    set everything up and run smsd with the sample configuration
# make test   run all tests      make unit   only the fast ones
# make lint   format, lint and types checked
# make bench  measure, and write benchmarks/results.md and benchmarks/logs.md
# make lock   renew requirements.lock from pyproject.toml

PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready

.PHONY: run test unit lint format bench lock clean

run: $(READY)
	$(BIN)/twistd -n --pidfile= smsd --config etc/smsd.toml

test: $(READY)
	$(BIN)/pytest

unit: $(READY)
	$(BIN)/pytest -m "not acceptance"

lint: $(READY)
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy

format: $(READY)
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

bench: $(READY)
	$(BIN)/python -m benchmarks.run
	$(BIN)/python -m benchmarks.logs

lock:
	$(PYTHON) -m venv --clear $(VENV)
	$(BIN)/pip install --quiet --upgrade pip
	$(BIN)/pip install --quiet --editable '.[dev]'
	$(BIN)/pip freeze --exclude-editable > requirements.lock

clean:
	rm -rf $(VENV) build dist *.egg-info

$(READY): pyproject.toml requirements.lock
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check --constraint requirements.lock --editable '.[dev]'
	touch $@
