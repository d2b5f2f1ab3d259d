# make run    train the digits recipe on real data and show the result   (make run ARGS="--epochs 1 --model cnn")
# make test   the test suite, without PyTorch and without what is marked slow   (make test ARGS="tests/native -x")
# make test-all lint oracle browser page check widths pythons docs bench overhead scaling recipes stability clean   see below

PYTHON ?= python3
VENV ?= .venv
BIN = $(VENV)/bin
ARGS ?=
PYTHONS ?= python3.11 python3.12 python3.13 python3.14
# bytecode is kept even where the environment says not to: the tests start Python some hundred times
PYTEST = PYTHONDONTWRITEBYTECODE= $(BIN)/python -m pytest --numprocesses 2

.PHONY: run test test-all lint oracle browser page check widths pythons core docs bench instructions overhead scaling recipes stability clean

run: $(VENV)/installed-recipes
	$(BIN)/microgradient train digits $(ARGS)

test: $(VENV)/installed-test
	$(PYTEST) --ignore tests/oracle --ignore tests/browser -m "not slow" $(ARGS)

test-all: $(VENV)/installed-test
	$(PYTEST) --ignore tests/oracle --ignore tests/browser $(ARGS)

lint: $(VENV)/installed-lint
	$(BIN)/ruff check .
	$(BIN)/ruff format --check src tests benchmarks tools
	$(BIN)/mypy

# The same numbers as PyTorch (CPU build), in tests that have no place in `make test`
oracle: $(VENV)/installed-peers
	$(PYTEST) tests/oracle --ignore tests/oracle/test_control_flow.py -m "not jax"
	$(PYTEST) tests/oracle/test_control_flow.py  # JAX and PyTorch in processes of their own
	$(PYTEST) tests/oracle/test_complex.py -m jax

# Every screen of the page in Debian's Chromium   (packages chromium and chromium-driver)
browser: $(VENV)/installed-browser web/node_modules
	$(BIN)/python -m pytest tests/browser $(ARGS)

# Build the page from web/ into the package; needs Node.js
page: web/node_modules
	cd web && npm run --silent check && npm run --silent build

web/node_modules: web/package-lock.json
	cd web && npm ci --silent
	touch $@

# The compiler's tests with every call of a compiled function run eagerly as well, and compared
check: $(VENV)/installed-test
	MICROGRADIENT_CHECK=1 $(PYTEST) tests/program tests/native tests/test_train_compiled.py -m "not slow" $(ARGS)

# The compiler's tests as on processors with narrower vectors than this one's
NARROWER = from microgradient.native.runtime.engine import TARGETS, host; \
	print(*[target for target, (_, bits) in TARGETS.items() if bits < host().vector_bits])
widths: $(VENV)/installed-test
	@for target in $$($(BIN)/python -c '$(NARROWER)'); do \
		echo "MICROGRADIENT_TARGET=$$target"; \
		MICROGRADIENT_TARGET=$$target $(PYTEST) tests/native tests/program tests/test_train_compiled.py -m "not slow" || exit 1; \
	done

# What may depend on the version of Python, under each that is here   (make pythons PYTHONS=/path/to/python3.13)
pythons:
	@for python in $(PYTHONS); do \
		if $$python -c '' 2>/dev/null; then \
			$(MAKE) --no-print-directory core PYTHON=$$python VENV=.venvs/$$(basename $$python) || exit 1; \
		else echo "$$python: not found, skipped"; fi; \
	done

core: $(VENV)/installed-test
	$(PYTEST) --ignore tests/oracle --ignore tests/browser --ignore tests/native -m "not slow"

# The site of docs/, into site/
docs: $(VENV)/installed-docs
	$(BIN)/python tools/import_graph.py --check
	NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs build --strict --quiet

# What whole training steps cost beside PyTorch, JAX, TensorFlow and micrograd; these go into .bench
bench:
	@$(MAKE) --no-print-directory VENV=.bench .bench/installed-bench
	.bench/bin/python benchmarks/steps.py $(ARGS)

# How many instructions compiled kernels take, by valgrind, beside what they took before   (ARGS=--renew keeps the new counts)
instructions: $(VENV)/installed-test
	$(BIN)/python benchmarks/instructions.py $(ARGS)

# What one eager operation costs beside NumPy, PyTorch, autograd and micrograd
overhead: $(VENV)/installed-peers
	$(BIN)/python benchmarks/overhead.py $(ARGS)

# What a compiled step costs against depth and batch; writes the picture and the tables of docs/scaling.md
scaling: $(VENV)/installed-recipes
	$(BIN)/python benchmarks/scaling.py $(ARGS)

# Train every recipe with five seeds and write docs/results.md   (make recipes ARGS="--only fashion --seed 0")
recipes: $(VENV)/installed-test
	$(BIN)/python benchmarks/results.py $(ARGS)

# Train fifty layers with each remedy and write docs/stability.md
stability: $(VENV)/installed-test
	$(BIN)/python benchmarks/stability.py $(ARGS)

$(VENV)/installed-recipes $(VENV)/installed-test $(VENV)/installed-lint $(VENV)/installed-peers $(VENV)/installed-docs $(VENV)/installed-bench $(VENV)/installed-browser: pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
		|| { echo "Microgradient needs Python 3.11 or later: make PYTHON=/path/to/python3.11 $(MAKECMDGOALS)"; exit 1; }
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[$(EXTRAS)]'
	touch $@

$(VENV)/installed-recipes: EXTRAS = recipes
$(VENV)/installed-test: EXTRAS = test
$(VENV)/installed-lint: EXTRAS = test,lint
$(VENV)/installed-peers: EXTRAS = test,peers
$(VENV)/installed-docs: EXTRAS = docs
$(VENV)/installed-bench: EXTRAS = bench
$(VENV)/installed-browser: EXTRAS = browser

clean:
	rm -rf $(VENV) .venvs .bench site .mypy_cache .ruff_cache .pytest_cache .hypothesis
