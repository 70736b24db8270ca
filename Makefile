# Every target sets itself up. Plain venv + pip; uv where it is installed.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.ready
export OMP_NUM_THREADS ?= 2
export PIP_DISABLE_PIP_VERSION_CHECK := 1

.PHONY: demo test prove bench lint docs lock clean

$(VENV)/bin/python:
	@if command -v uv >/dev/null 2>&1; then uv venv --seed -q $(VENV); else $(PYTHON) -m venv $(VENV); fi

$(VENV)/.demo: requirements.txt pyproject.toml | $(VENV)/bin/python
	@echo "installing what the demo needs (about 800 MB, once) ..."
	@if command -v uv >/dev/null 2>&1; then VIRTUAL_ENV=$(VENV) uv pip install -q -r requirements.txt -e .; \
	 else $(BIN)/python -m pip install -q -r requirements.txt -e .; fi
	@du -sm $(VENV) | awk '{print "environment: " $$1 " MB in $(VENV)"}'
	@touch $@

$(STAMP): $(VENV)/.demo requirements-dev.txt
	@if command -v uv >/dev/null 2>&1; then VIRTUAL_ENV=$(VENV) uv pip install -q -r requirements-dev.txt; \
	 else $(BIN)/python -m pip install -q -r requirements-dev.txt; fi
	@touch $@

demo: $(VENV)/.demo       ## the main job on 336,776 real flights
	@mkdir -p out && cd out && ../$(BIN)/assay demo --flights

test: $(STAMP)            ## every test but the long proofs
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n 2

# Both go on to the end, whatever fails on the way, and say what became of each part. FULL=1: all counts, a night.
prove: $(STAMP)           ## the long proofs: plants in real tables, null numbers, power of every plant, kills, slow tests
	$(BIN)/python benchmarks/all.py prove

$(VENV)/.bench: $(STAMP) requirements-bench.txt
	@$(BIN)/python -m pip install -q -r requirements-bench.txt
	@touch $@

bench: $(VENV)/.bench     ## the measurements of docs/benchmarks.md, smaller; FULL=1: as large as they stand there
	$(BIN)/python benchmarks/all.py bench

lint: $(STAMP)            ## ruff and mypy --strict
	$(BIN)/ruff check src tests benchmarks
	$(BIN)/ruff format --check src tests benchmarks
	$(BIN)/mypy

docs: $(STAMP)            ## what is generated from the code: challenge table, settings, pages
	$(BIN)/python -m tests.docs.generate

lock: $(STAMP)            ## pin what is installed, without any address
	$(BIN)/python -m pip freeze --exclude-editable > $(VENV)/freeze.txt
	@echo "compare $(VENV)/freeze.txt with requirements*.txt"

clean:
	rm -rf $(VENV) out build dist
