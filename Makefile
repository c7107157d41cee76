# make serve      the sample portal on http://127.0.0.1:8080/ (PORT=8000 for another port)
# make test-fast  the tests that start no process and no browser: under a minute
# make test       all tests: in parallel, then those that need a quiet machine
# make matrix     the fast tests on each supported Python that this machine has
# make check      style, types, layers, documentation
# make docs       the documentation       make bench   side-by-side measurements
#
# Each installs what it needs: Debian's packages when run as root (else it says which), the rest into .venv.

PYTHON ?= python3
PORT ?= 8080

BIN := .venv/bin
VERSIONS := 3.11 3.12 3.13 3.14
JOBS ?= $(shell nproc)
PARALLEL = -n $(JOBS) --dist worksteal
FAST = $(PARALLEL) --hypothesis-profile fast -m "not browser and not process and not quiet and not slow"
TEST_PACKAGES := curl chromium fonts-dejavu-core nghttp2-client nginx-light haproxy openssl slowhttptest
BENCH_PACKAGES := wrk nginx-light

# python VERSION: the program, from PATH or from pyenv; nothing where the machine has none.
python = $(firstword $(shell python$(1) -c 'import ensurepip, sys; print(sys.executable)' 2>/dev/null) \
	$(wildcard $(HOME)/.pyenv/versions/$(1).*/bin/python$(1)))
FOUND := $(foreach version,$(VERSIONS),$(if $(call python,$(version)),$(version)))
NEWER := $(firstword $(filter-out 3.11,$(FOUND)))

.PHONY: serve test test-fast matrix check docs bench clean

serve: .venv/installed
	$(BIN)/scriptsite serve --root examples/portal --listen tcp:$(PORT):interface=127.0.0.1 --debug

test: .venv/installed-for-tests $(NEWER:%=.venv-%/installed-for-tests)
	@$(call need,$(TEST_PACKAGES))
	@failed=; \
	$(BIN)/pytest $(PARALLEL) -m "not quiet" || failed=1; \
	$(if $(NEWER),.venv-$(NEWER)/bin/pytest -m python312 || failed=1;) \
	$(BIN)/pytest -m quiet || failed=1; \
	test -z "$$failed"

test-fast: .venv/installed-for-tests
	$(BIN)/pytest $(FAST)

matrix:
	@$(MAKE) --no-print-directory --keep-going $(addprefix fast-,$(FOUND))

fast-%: .venv-%/installed-for-tests
	.venv-$*/bin/pytest $(FAST)

check: .venv/installed-for-tests
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports
	@$(MAKE) --no-print-directory docs

docs: .venv/installed-for-tests
	$(BIN)/sphinx-build --fail-on-warning --builder html docs docs/_build/html

bench: .venv/installed-for-tests
	@$(call need,$(BENCH_PACKAGES))
	$(BIN)/python -m benchmarks

clean:
	rm -rf .venv .venv-3.* build dist docs/_build .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

.venv/made:
	@$(PYTHON) -c 'import ensurepip' 2>/dev/null || { $(call need,python3-venv); }
	$(PYTHON) -m venv .venv
	touch $@

.venv/installed: pyproject.toml | .venv/made
	$(BIN)/pip install --quiet --disable-pip-version-check --editable .
	touch $@

.venv/installed-for-tests: pyproject.toml | .venv/made
	$(BIN)/pip install --quiet --disable-pip-version-check --editable '.[test,docs]'
	touch $@ .venv/installed

.PRECIOUS: .venv-%/installed-for-tests
.venv-%/installed-for-tests: pyproject.toml
	$(call python,$*) -m venv .venv-$*
	.venv-$*/bin/pip install --quiet --disable-pip-version-check --editable '.[test,docs]'
	touch $@

# need PACKAGES: see that Debian's packages are installed.
define need
missing=; \
for package in $(1); do \
	dpkg-query -W -f '$${db:Status-Status}' $$package 2>/dev/null | grep -qx installed || missing="$$missing $$package"; \
done; \
if [ -z "$$missing" ]; then :; \
elif [ "$$(id -u)" != 0 ]; then echo "Please run as root: apt-get install$$missing" >&2; exit 1; \
else apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $$missing; fi
endef
