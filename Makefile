# make run    train the digits recipe on real data and show the result   (make run ARGS="--epochs 1 --model cnn")
# make test   the test suite, without PyTorch and without what is marked slow
# make test-all lint oracle bench overhead scaling clean   see below

PYTHON ?= python3
VENV ?= .venv
BIN = $(VENV)/bin
ARGS ?=

.PHONY: run test test-all lint oracle bench overhead scaling clean

run: $(VENV)/installed-recipes
	$(BIN)/microgradient train digits $(ARGS)

test: $(VENV)/installed-test
	$(BIN)/python -m pytest --numprocesses 2 --ignore tests/oracle -m "not slow" $(ARGS)

test-all: $(VENV)/installed-test
	$(BIN)/python -m pytest --numprocesses 2 --ignore tests/oracle $(ARGS)

lint: $(VENV)/installed-lint
	$(BIN)/ruff check .
	$(BIN)/ruff format --check src tests benchmarks
	$(BIN)/mypy

# The same numbers as PyTorch (CPU build), in tests that have no place in `make test`
oracle: $(VENV)/installed-peers
	$(BIN)/python -m pytest --numprocesses 2 tests/oracle

# What whole training steps cost beside PyTorch, JAX, TensorFlow and micrograd; these go into .bench
bench:
	@$(MAKE) --no-print-directory VENV=.bench .bench/installed-bench
	.bench/bin/python benchmarks/steps.py $(ARGS)

# What one eager operation costs beside NumPy, PyTorch, autograd and micrograd
overhead: $(VENV)/installed-peers
	$(BIN)/python benchmarks/overhead.py $(ARGS)

# What a compiled step costs against depth and batch; writes the picture and the tables of docs/scaling.md
scaling: $(VENV)/installed-recipes
	$(BIN)/python benchmarks/scaling.py $(ARGS)

$(VENV)/installed-recipes $(VENV)/installed-test $(VENV)/installed-lint $(VENV)/installed-peers $(VENV)/installed-bench: pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
		|| { echo "Microgradient needs Python 3.11 or later: make PYTHON=/path/to/python3.11 $(MAKECMDGOALS)"; exit 1; }
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[$(EXTRAS)]'
	touch $@

$(VENV)/installed-recipes: EXTRAS = recipes
$(VENV)/installed-test: EXTRAS = test
$(VENV)/installed-lint: EXTRAS = test,lint
$(VENV)/installed-peers: EXTRAS = test,peers
$(VENV)/installed-bench: EXTRAS = bench

clean:
	rm -rf $(VENV) .bench .mypy_cache .ruff_cache .pytest_cache .hypothesis
