# make quickstart: an environment, then a study from YAML to an examined result.
# make lint: style and types.
# make test: lint, then all tests that take seconds; under ten minutes on two cores.
# make test-slow: the tests that take minutes each; under thirty minutes on two cores.
PYTHON ?= python3
VENV := .venv
BIN := $(CURDIR)/$(VENV)/bin
WORKSPACE := quickstart

.PHONY: quickstart lint test test-slow clean

$(VENV)/installed: pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[test]'
	touch $@

quickstart: $(VENV)/installed
	mkdir -p $(WORKSPACE)
	cd $(WORKSPACE) && $(BIN)/rnnctl init
	cd $(WORKSPACE) && { $(BIN)/rnnctl train --workers 2 || [ $$? -eq 3 ]; }
	cd $(WORKSPACE) && $(BIN)/rnnctl examine --below 1.386

lint: $(VENV)/installed
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

test: lint
	$(BIN)/python -m pytest -q -n 2 --dist loadfile --no-loadscope-reorder

# Nothing collected is a failure too (pytest's exit status 5).
test-slow: $(VENV)/installed
	$(BIN)/python -m pytest -q -n 2 --dist loadfile --no-loadscope-reorder tests/slow

clean:
	rm -rf $(VENV) build *.egg-info
