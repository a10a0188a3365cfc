# make lab     set everything up and open the notebooks in JupyterLab
# make demo    the same path in the terminal
# make test    set up and run every test
# More: make help

VENV := .venv
BIN := $(VENV)/bin
# Tools that the tests call, such as cmake, come with the environment.
export PATH := $(CURDIR)/$(BIN):$(PATH)

# The first Python that fits; TensorFlow has wheels for 3.11 to 3.13. A name alone proves nothing: it
# may be a launcher of a version that is not there.
fits = import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))
ifndef PYTHON
PYTHON := $(shell for p in python3.11 python3.12 python3.13 python3; do \
  "$$p" -c '$(fits)' 2>/dev/null && command -v "$$p" && break; done)
endif
# PYTHON=auto: uv downloads a Python, run by whatever Python is there.
MANAGED := 3.12
ifeq ($(PYTHON),auto)
RUNNER := $(shell for p in python3 python3.11 python3.12 python3.13 python3.14 python; do \
  "$$p" -c 'import sys; sys.exit(sys.version_info < (3, 8))' 2>/dev/null && command -v "$$p" && break; done)
else
RUNNER := $(PYTHON)
endif

ifeq ($(origin CXX),default)
CXX := $(firstword $(foreach c,c++ g++ clang++,$(shell command -v $(c))))
endif
export CXX

# uv installs, from the lock; make PIP=1 leaves everything to pip.
UV_VERSION := 0.13.9
UV ?= $(VENV)/tools/bin/uv
INSTALL = $(UV) pip install --quiet --python $(BIN)/python -c $(LOCK)
PIP_INSTALL = $(BIN)/python -m pip install --quiet --disable-pip-version-check -c $(LOCK)
LOCK := requirements.lock
NATIVE := $(shell find native -name '*.cc' -o -name '*.h' -o -name '*.def' -o -name CMakeLists.txt)
stage = printf '%-12s %s\n'
comma := ,

# What each target needs.
EXTRAS_demo := train
EXTRAS_lab := train,notebooks
EXTRAS_bench := train,lce
EXTRAS_all := test,dev

.PHONY: help machine setup lab demo check test test-deps fresh bench docs wasm lint format notebooks lock clean FORCE
.DEFAULT_GOAL := help
.PRECIOUS: .venv/.packages-% .venv/.installed-%

help:
	@echo "make lab        set up, open the notebooks in JupyterLab"
	@echo "make demo       set up, run the same story in the terminal"
	@echo "make test       set up, run every test"
	@echo "make check      format, style, types, law of imports, the site and the tests without TensorFlow, in minutes"
	@echo "make fresh      the demo and tests in a fresh Debian in a folder (root, debootstrap)"
	@echo "make test-deps  install the packages that some tests need (Debian, Ubuntu; root)"
	@echo "make bench      measure the kernels beside LCE and TFLite"
	@echo "make docs       build the documentation site; a warning is an error"
	@echo "make wasm       compile the kernels for a page, with Debian's clang-19"
	@echo "make docs-serve build it, serve it on port 8000 (DOCS_PORT) and open it"
	@echo "make lint       check format, style and types;  make format reformats the code"
	@echo "make notebooks  regenerate and run the .ipynb files from their .py sources"
	@echo "make lock       resolve requirements.lock anew"
	@echo "make clean      remove what make made"
	@echo
	@echo "PYTHON=/path/to/python3 chooses a Python; PYTHON=auto has uv download one."
	@echo "PIP=1 leaves all installing to pip."

# Each failure is one line that says what to install, or the command that goes on without it.
auto = make PYTHON=auto $(filter-out machine,$(MAKECMDGOALS))
machine:
ifeq ($(PYTHON),auto)
	@test -n "$(RUNNER)" || { \
	  echo "error: no Python at all, and uv is installed by one; on Debian: apt-get install python3-venv" >&2; \
	  exit 1; }
else
	@test -n "$(PYTHON)" && "$(PYTHON)" -c "" 2>/dev/null || { \
	  echo "error: no Python 3.11, 3.12 or 3.13 found; to download one: $(auto)   or: make PYTHON=/path/to/python3.12" >&2; \
	  exit 1; }
	@"$(PYTHON)" -c '$(fits)' || { \
	  echo "error: bnn_lab needs Python 3.11, 3.12 or 3.13, but $(PYTHON) is $$("$(PYTHON)" -V 2>&1); to download one: $(auto)" >&2; \
	  exit 1; }
	@"$(PYTHON)" -c 'import os, sys, sysconfig; sys.exit(not os.path.exists(os.path.join(sysconfig.get_paths()["include"], "Python.h")))' || { \
	  echo "error: the headers of $(PYTHON) are missing; on Debian: apt-get install python3-dev" >&2; \
	  exit 1; }
endif
	@"$(RUNNER)" -c 'import venv, ensurepip' 2>/dev/null || { \
	  echo "error: $(RUNNER) has no venv module; on Debian: apt-get install python3-venv" >&2; \
	  exit 1; }
	@test -n "$(CXX)" && echo 'inline int i = 0; int main() { return i; }' \
	  | "$(CXX)" -std=c++17 -x c++ -fsyntax-only - 2>/dev/null || { \
	  echo "error: no C++17 compiler found (tried '$(CXX)'); on Debian: apt-get install g++, or run: make CXX=/path/to/compiler" >&2; \
	  exit 1; }
ifneq ($(filter command% environment%,$(origin PYTHON)),)
ifneq ($(PYTHON),auto)
	@test ! -x $(BIN)/python || { \
	  had=$$($(BIN)/python -V 2>&1); asked=$$("$(PYTHON)" -V 2>&1); test "$${had%.*}" = "$${asked%.*}" || { \
	    echo "error: $(VENV) was made with $$had, but $(PYTHON) is $$asked; run: make clean" >&2; \
	    exit 1; }; }
endif
endif

# A new interpreter in an old environment has none of its packages.
STAMPS := $(VENV)/.packages-* $(VENV)/.kernels $(VENV)/.installed-*

# An editable installation knows its modules by name.
MODULES := $(VENV)/.modules
$(MODULES): FORCE | $(BIN)/python
	@find bnn_lab -name '*.py' | sort > $@.new
	@cmp -s $@.new $@ && rm $@.new || mv $@.new $@

ifdef PIP
$(BIN)/python: | machine
	@$(stage) environment "$(PYTHON) in $(VENV)"
	@rm -f $(STAMPS)
	@"$(PYTHON)" -m venv $(VENV)

# larq's metadata ask for NumPy 1, which has no wheel for Python 3.13; larq works with NumPy 2.
$(VENV)/.installed-%: pyproject.toml $(LOCK) $(NATIVE) $(MODULES) | $(BIN)/python
	@$(stage) packages "$(EXTRAS_$*), and the kernels; by pip, some minutes the first time"
	@$(PIP_INSTALL) -e ".[$(EXTRAS_$*)]"
	@$(PIP_INSTALL) --no-deps larq
	@touch $@
	@$(stage) ready
else
$(UV): | machine
	@$(stage) environment "uv $(UV_VERSION), run by $(RUNNER)"
	@"$(RUNNER)" -m venv $(VENV)/tools
	@$(VENV)/tools/bin/python -m pip install --quiet --disable-pip-version-check uv==$(UV_VERSION)

$(BIN)/python: | machine $(UV)
	@rm -f $(STAMPS)
ifeq ($(PYTHON),auto)
	@$(stage) environment "Python $(MANAGED), downloaded by uv, in $(VENV)"
	@$(UV) venv --quiet --seed --allow-existing --python $(MANAGED) $(VENV)
else
	@$(stage) environment "$(PYTHON) in $(VENV)"
	@$(UV) venv --quiet --seed --allow-existing --no-python-downloads --python "$(PYTHON)" $(VENV)
endif

$(VENV)/.packages-%: pyproject.toml $(LOCK) | $(BIN)/python
	@$(stage) packages "$(EXTRAS_$*)"
	@$(INSTALL) -r pyproject.toml --extra $(subst $(comma), --extra ,$(EXTRAS_$*)) --group larq
	@touch $@

# With the build's tools in the environment: CMake finds them in the same place the next time, and
# compiles only what changed.
$(VENV)/.kernels: pyproject.toml $(LOCK) $(NATIVE) $(MODULES) | $(BIN)/python
	@$(stage) kernels "compiled by $(CXX)"
	@$(INSTALL) --group build
	@$(INSTALL) --no-deps --no-build-isolation -e .
	@touch $@

$(VENV)/.installed-%: $(VENV)/.packages-% $(VENV)/.kernels
	@touch $@
	@$(stage) ready
endif

setup: $(VENV)/.installed-all

# Jupyter refuses root, whom a container has, unless told. No news: they are a question over the
# lesson, and come from another host. LAB_OPTIONS=--no-browser for a server.
ALLOW_ROOT := $(if $(filter 0,$(shell id -u)),--allow-root)
lab: $(VENV)/.installed-lab
	@$(BIN)/jupyter trust notebooks/lessons/*.ipynb > /dev/null
	$(BIN)/jupyter lab $(ALLOW_ROOT) --LabApp.news_url=None $(LAB_OPTIONS) notebooks/lessons/00_start_here.ipynb

demo: $(VENV)/.installed-demo
	@$(BIN)/bnn-lab demo

# A file's tests stay in one process: they share what is slow to make.
TEST_PROCESSES := 2
test: setup
	$(BIN)/python -m pytest -n $(TEST_PROCESSES) --dist loadfile -m "not exhaustive" \
	  --nbval notebooks/lessons tests

# For daily work. Only the site, whose API pages import everything, starts TensorFlow.
CHECKED := tests/kernels tests/measure tests/tflite tests/figures tests/docs tests/lessons/test_copies.py \
  tests/cli/test_main.py tests/test_dependencies.py tests/test_makefile.py tests/test_notebooks.py \
  tests/test_packaging.py tests/test_reference.py tests/test_release.py
check: lint
	$(BIN)/python -m pytest -q -n $(TEST_PROCESSES) --dist loadfile $(CHECKED)

test-deps:
	@.ci/test-deps

bench: $(VENV)/.installed-bench
	@$(BIN)/bnn-lab bench kernels --json bench-results/kernels.json

# PEERS=no: without LiteRT.js, beside which "Measure your device" times the kernels.
docs: setup
ifneq ($(PEERS),no)
	$(BIN)/python docs/fetch_peers.py
endif
	$(BIN)/python -m sphinx -W --keep-going -q -b html docs docs/_build/html
	@echo "open docs/_build/html/index.html, or: make docs-serve"

# As on the web: from a disk a browser refuses some of what a page loads.
DOCS_PORT := 8000
docs-serve: docs
	@$(BIN)/python docs/serve.py docs/_build/html $(DOCS_PORT)

wasm: setup
	$(BIN)/python native/tools/build_wasm.py

# Debian in a folder, with what the README names and nothing else; SUITE=bookworm for Debian 12.
SUITE := trixie
fresh:
	.ci/fresh $(SUITE)

lint: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/clang-format --dry-run -Werror $(filter %.cc %.h,$(NATIVE))

format: setup
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .
	$(BIN)/clang-format -i $(filter %.cc %.h,$(NATIVE))

notebooks: setup
	$(BIN)/python notebooks/sync.py --execute

# One file for all Pythons and systems.
lock: $(UV)
	@UV_CUSTOM_COMPILE_COMMAND="make lock" $(UV) pip compile --quiet --upgrade --universal \
	  --python-version 3.11 --all-extras --group larq --group torch --group build --no-annotate \
	  pyproject.toml -o $(LOCK)

clean:
	rm -rf $(VENV) build dist bench-results docs/_build docs/lessons .pytest_cache .mypy_cache .ruff_cache .hypothesis
