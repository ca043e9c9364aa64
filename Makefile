# `make demo` and `make test` are all that a fresh machine needs: python3 (>= 3.10), make and a package index.
# Everything goes into $(VENV); a second call installs nothing. PYTHON=python3.12 chooses the interpreter.
PYTHON ?= python3
VENV ?= .venv
PIP_FLAGS ?= --quiet

RUN := $(VENV)/bin/python
INSTALL := $(RUN) -m pip install --disable-pip-version-check --no-compile $(PIP_FLAGS) --constraint constraints.txt
PACKAGING := setup.cfg pyproject.toml constraints.txt pedseg/__init__.py

# The stamp holds this folder's path: an environment that was moved, copied or lost its interpreter is made again.
STALE := $(shell test "$$(cat "$(VENV)/.made" 2>/dev/null)" = "$(CURDIR)" && $(RUN) -c '' 2>/dev/null || echo stale)

.PHONY: demo test test-slow lint bench clean stale
.DELETE_ON_ERROR:

demo: $(VENV)/.installed
	$(RUN) -m benchmarks.demo

# A process a processor, one thread each: the tests are many and short.
test: lint
	OMP_NUM_THREADS=1 $(RUN) -m pytest -m "not slow" --numprocesses logical --maxprocesses 8 --dist loadscope

test-slow: $(VENV)/.installed-test
	$(RUN) -m pytest -m slow

lint: $(VENV)/.installed-test
	$(RUN) -m ruff check .
	$(RUN) -m mypy
	$(VENV)/bin/lint-imports

bench: $(VENV)/.installed
	$(RUN) -m benchmarks.costs
	$(RUN) -m benchmarks.surface

clean:
	rm -rf "$(VENV)" build dist demo fuzz-faults pedseg.egg-info .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis

stale:

$(VENV)/.made: $(STALE)
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 10))' 2>/dev/null || \
		{ echo "make: pedseg needs Python 3.10 or later, $(PYTHON) is $$($(PYTHON) -V 2>&1 || true): choose another, as in make PYTHON=python3.12" >&2; exit 1; }
	$(PYTHON) -m venv --clear "$(VENV)"
	@echo "$(CURDIR)" > $@

$(VENV)/.installed: $(VENV)/.made $(PACKAGING)
	@echo "Installing the tested versions into $(VENV): once, some minutes."
	$(INSTALL) --editable .
	@touch $@

# After .installed, so that two installations never run at a time.
# torchvision without its dependencies: they would have pip change the torch that is there (see CONTRIBUTING.md).
$(VENV)/.installed-test: $(VENV)/.installed
	$(INSTALL) --editable ".[test]"
	$(INSTALL) --no-deps torchvision
	@touch $@
