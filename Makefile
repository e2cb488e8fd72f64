# make quickstart: an environment, then a study from YAML to an examined result.
# make lint: style and types.
# make test: lint, then all tests that take seconds; a quarter of an hour on two cores.
# make test-slow: the tests that take minutes each, those of GPU kernels that need no GPU, and all property tests with
#   four times as many examples; about an hour on two cores. It installs Triton, which takes 1 GB, and Ray.
#   It opens pages in Chromium, Chrome or Edge, one of which must be there.
# make test-long: what tests draw, more than twice as much of it as make test-slow, and every setting of the kernels for
#   compute capability 9.0; about half an hour.
# make test-gpu: the tests that need a GPU; under eight minutes. They are skipped where there is none.
# make test-gpu INSTALLED=python3: the same with a Python that has all that is needed (torch, Triton, pytest,
#   pytest-xdist and what rnnctl depends on), and without an installation. Other plugins of pytest that are there are
#   not loaded: some load numpy before its environment is set.
PYTHON ?= python3
INSTALLED ?=
VENV := .venv
BIN := $(CURDIR)/$(VENV)/bin
WORKSPACE := quickstart
PYTEST := $(BIN)/python -m pytest -q -n 2
# What the tests of a file share is made once. Where they share nothing, each process takes tests as long as there are.
BY_FILE := --dist loadfile --no-loadscope-reorder
ONE_BY_ONE := --dist worksteal
# Collecting all tests takes each process a minute: only files with property tests are named, of those in make test.
WITH_PROPERTIES = $(shell grep -rl --include='test_*.py' 'hypothesis' tests | grep -Ev '^tests/(slow|interpreted|gpu)/')
# A test that hangs is ended after this many seconds, with the stacks of its threads, and is a failure.
ENDED_AFTER := --max-worker-restart 0 -o faulthandler_timeout=1200 -o faulthandler_exit_on_timeout=true

# Where this is set, each process that a test starts compiles all modules anew, which costs it two seconds more.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: quickstart lint test test-slow test-long test-gpu clean

$(VENV)/installed: pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[test]'
	touch $@

$(VENV)/installed-gpu: $(VENV)/installed
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[test,gpu-test]'
	touch $@

$(VENV)/installed-slow: $(VENV)/installed
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[test,gpu-test,ray,web-test]'
	touch $@

quickstart: $(VENV)/installed
	mkdir -p $(WORKSPACE)
	cd $(WORKSPACE) && $(BIN)/rnnctl init
	cd $(WORKSPACE) && { $(BIN)/rnnctl train --workers 2 || [ $$? -eq 3 ]; }
	cd $(WORKSPACE) && $(BIN)/rnnctl examine --below 1.386
	@echo
	@echo 'to go on: . $(VENV)/bin/activate; cd $(WORKSPACE); rnnctl --help'

lint: $(VENV)/installed
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

test: lint
	$(PYTEST) $(BY_FILE) $(ENDED_AFTER)

# Nothing collected is a failure too (pytest's exit status 5). Kernels that one process compiles, another interprets.
test-slow: export RNNCTL_TEST_EXAMPLES := 4
test-slow: $(VENV)/installed-slow
	@$(BIN)/python -m tests.slow.browser
	$(PYTEST) $(BY_FILE) $(ENDED_AFTER) tests/slow
	$(PYTEST) $(ONE_BY_ONE) $(ENDED_AFTER) tests/interpreted
	$(PYTEST) $(ONE_BY_ONE) $(ENDED_AFTER) -m hypothesis $(WITH_PROPERTIES)

test-long: export RNNCTL_TEST_EXAMPLES := 10
test-long: $(VENV)/installed-slow
	$(PYTEST) $(ONE_BY_ONE) $(ENDED_AFTER) tests/slow/test_drawn_packs.py tests/slow/test_compiled_kernels.py
	$(PYTEST) $(ONE_BY_ONE) $(ENDED_AFTER) -m hypothesis $(WITH_PROPERTIES)

test-gpu: $(if $(INSTALLED),,$(VENV)/installed-gpu)
	PYTHONPATH=$(CURDIR) PYTEST_DISABLE_PLUGIN_AUTOLOAD=1 $(or $(INSTALLED),$(BIN)/python) -m pytest -q -rs \
		-p xdist.plugin -n 8 tests/gpu

clean:
	rm -rf $(VENV) build *.egg-info
