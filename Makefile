# make lab     set everything up and open the notebooks in JupyterLab
# make demo    the same path in the terminal
# make test    set up and run every test
# More: make help

PYTHON ?= $(firstword $(foreach p,python3.11 python3.12 python3,$(shell command -v $(p))))
ifeq ($(origin CXX),default)
CXX := $(firstword $(foreach c,c++ g++ clang++,$(shell command -v $(c))))
endif
export CXX

VENV := .venv
BIN := $(VENV)/bin
# Tools that the tests call, such as cmake, come with the environment.
export PATH := $(CURDIR)/$(BIN):$(PATH)
STAMP := $(VENV)/.installed
EXTRAS := train,notebooks,course,docs,test,dev
NATIVE := $(shell find native -name '*.cc' -o -name '*.h' -o -name CMakeLists.txt)
# Debian packages that some tests need: compiler, emulator and pipeline model for ARM; a fuzzer; a
# browser; a sandbox for student code; an SSH server on localhost; real images.
SYSTEM_PACKAGES := g++-aarch64-linux-gnu qemu-user pkg-config llvm-19 clang-14 libclang-rt-14-dev \
  chromium bubblewrap openssh-server openssh-client dataset-fashion-mnist

.PHONY: help check setup lab demo test test-deps bench docs lint format notebooks lock clean
.DEFAULT_GOAL := help

help:
	@echo "make lab        set up, open the notebooks in JupyterLab"
	@echo "make demo       set up, run the same story in the terminal"
	@echo "make test       set up, run every test"
	@echo "make test-deps  install the Debian packages that some tests need (root)"
	@echo "make bench      measure the kernels beside LCE and TFLite"
	@echo "make docs       build the documentation site; a warning is an error"
	@echo "make lint       check format, style and types;  make format mends the format"
	@echo "make notebooks  regenerate and run the .ipynb files from their .py sources"
	@echo "make lock       resolve constraints.txt anew"
	@echo "make clean      remove what make made"

# Each failure is one line that says what to install.
check:
	@test -n "$(PYTHON)" && "$(PYTHON)" -c "" 2>/dev/null || { \
	  echo "error: no Python found; install Python 3.11, or run: make PYTHON=/path/to/python3.11" >&2; \
	  exit 1; }
	@"$(PYTHON)" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 12))' || { \
	  echo "error: bnn_lab needs Python 3.11 or 3.12, but $(PYTHON) is $$("$(PYTHON)" -V 2>&1); run: make PYTHON=/path/to/python3.11" >&2; \
	  exit 1; }
	@"$(PYTHON)" -c 'import venv, ensurepip' 2>/dev/null || { \
	  echo "error: $(PYTHON) has no venv module; on Debian: apt-get install python3-venv" >&2; \
	  exit 1; }
	@"$(PYTHON)" -c 'import os, sys, sysconfig; sys.exit(not os.path.exists(os.path.join(sysconfig.get_paths()["include"], "Python.h")))' || { \
	  echo "error: the headers of $(PYTHON) are missing; on Debian: apt-get install python3-dev" >&2; \
	  exit 1; }
	@test -n "$(CXX)" && echo 'inline int i = 0; int main() { return i; }' \
	  | "$(CXX)" -std=c++17 -x c++ -fsyntax-only - 2>/dev/null || { \
	  echo "error: no C++17 compiler found (tried '$(CXX)'); on Debian: apt-get install g++, or run: make CXX=/path/to/compiler" >&2; \
	  exit 1; }

$(BIN)/python: | check
	"$(PYTHON)" -m venv $(VENV)

$(STAMP): pyproject.toml constraints.txt $(NATIVE) | $(BIN)/python
	@echo "installing into $(VENV) (some minutes the first time)"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check \
	  -c constraints.txt -e ".[$(EXTRAS)]"
	@touch $@

setup: $(STAMP)

# Jupyter refuses root, whom a container has, unless told. LAB_OPTIONS=--no-browser for a server.
ALLOW_ROOT := $(if $(filter 0,$(shell id -u)),--allow-root)
lab: setup
	$(BIN)/jupyter lab $(ALLOW_ROOT) $(LAB_OPTIONS) notebooks/lessons/00_start_here.ipynb

demo: setup
	@$(BIN)/bnn-lab demo

# A file's tests stay in one process: they share what is slow to make.
TEST_PROCESSES := 2
test: setup
	$(BIN)/python -m pytest -n $(TEST_PROCESSES) --dist loadfile -m "not exhaustive" \
	  --nbval notebooks/lessons tests

# update first: a fresh machine's package lists are empty or old
test-deps:
	@command -v apt-get >/dev/null || { echo "error: make test-deps needs apt-get; install by other means: $(SYSTEM_PACKAGES)" >&2; exit 1; }
	apt-get update -qq
	DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $(SYSTEM_PACKAGES)

bench: setup
	@$(BIN)/bnn-lab bench kernels --json bench-results/kernels.json

docs: setup
	$(BIN)/python -m sphinx -W --keep-going -q -b html docs docs/_build/html
	@echo "open docs/_build/html/index.html"

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

# With pip itself, in a fresh environment: other resolvers ignore upper bounds on Python.
lock: check
	rm -rf $(VENV)-lock && "$(PYTHON)" -m venv $(VENV)-lock
	$(VENV)-lock/bin/python -m pip install --quiet -e ".[$(EXTRAS)]"
	$(VENV)-lock/bin/python -m pip freeze --exclude-editable --exclude setuptools > constraints.txt
	rm -rf $(VENV)-lock

clean:
	rm -rf $(VENV) build dist bench-results docs/_build docs/lessons .pytest_cache .mypy_cache .ruff_cache .hypothesis
