# make demo    the environment, then the main job on the embedded H200 trace
# make test    the environment, what the tests need (the real nsys included), then the tests
# make check   every rule that the code keeps: format, lint, types, layers, tests
# make fuzz    10,000 damaged traces through every command that reads one; takes a quarter of an hour
# make lower-bounds   the tests of reading traces, with the lowest versions that pyproject.toml allows
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
TOOLS := .tools

.PHONY: demo test check lint bench clean lower-bounds fuzz

demo: $(VENV)/.core
	$(BIN)/nsysprof demo

test: $(VENV)/.dev $(TOOLS)/nsys/.ready $(TOOLS)/.chromium
	PATH="$(CURDIR)/$(TOOLS)/nsys/bin:$$PATH" $(BIN)/pytest -n auto

lint: $(VENV)/.dev
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

check: lint test

# In an environment of its own: what the lowest versions cannot do, pyproject.toml may not allow.
lower-bounds: $(BIN)/python
	$(BIN)/python tests/lower_bounds.py $(TOOLS)/lower-bounds

bench: $(VENV)/.dev $(TOOLS)/nsys/.ready
	PATH="$(CURDIR)/$(TOOLS)/nsys/bin:$$PATH" PYTHONPATH=tests $(BIN)/python -m bench

# Damaged and nonsensical traces through every command that reads one; `--case N` looks at one alone.
fuzz: $(VENV)/.dev
	PYTHONPATH=tests $(BIN)/python -m fuzz

$(BIN)/python:
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "nsysprof needs Python 3.11 or newer, this is " + sys.version)'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install -q --upgrade pip

$(VENV)/.core: pyproject.toml constraints.txt | $(BIN)/python
	$(BIN)/python -m pip install -q -c constraints.txt -e .
	touch $@

$(VENV)/.dev: pyproject.toml constraints.txt | $(BIN)/python
	$(BIN)/python -m pip install -q -c constraints.txt torch
	$(BIN)/python -m pip install -q -c constraints.txt -e '.[sdxl,dev]'
	touch $@ $(VENV)/.core

$(TOOLS)/nsys/.ready: | $(VENV)/.dev
	$(BIN)/nsysprof doctor --install-nsys $(TOOLS)/nsys
	touch $@

# The browser that the tests look at the page with; Debian's packages, so this one step needs root.
$(TOOLS)/.chromium:
	command -v chromium >/dev/null && command -v chromedriver >/dev/null || { \
	  as_root=$$([ "$$(id -u)" = 0 ] || echo sudo); \
	  $$as_root apt-get update -q && $$as_root apt-get install -q -y --no-install-recommends chromium chromium-driver; }
	mkdir -p $(TOOLS)
	touch $@

clean:
	rm -rf $(VENV) $(TOOLS) dist build nsysprof-out .mypy_cache .ruff_cache .pytest_cache .hypothesis
