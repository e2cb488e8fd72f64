# make quickstart: an environment, then a study from YAML to an examined result.   make test: the test suite.
PYTHON ?= python3
VENV := .venv
BIN := $(CURDIR)/$(VENV)/bin
WORKSPACE := quickstart

.PHONY: quickstart test clean

$(VENV)/installed: pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[test]'
	touch $@

quickstart: $(VENV)/installed
	mkdir -p $(WORKSPACE)
	cd $(WORKSPACE) && $(BIN)/rnnctl init
	cd $(WORKSPACE) && { $(BIN)/rnnctl train --workers 2 || [ $$? -eq 3 ]; }
	cd $(WORKSPACE) && $(BIN)/rnnctl examine --below 1.386

test: $(VENV)/installed
	$(BIN)/ruff check .
	$(BIN)/python -m pytest -q -n 2 --dist loadfile --no-loadscope-reorder

clean:
	rm -rf $(VENV) build *.egg-info
