# Every target sets itself up. Plain venv + pip; uv where it is installed.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.ready
RELEASE := tests/releases/assay-0.1.0.assay
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

# About 50 minutes on two free cores. The commands' own defaults draw more: run them alone for the full counts.
prove: $(STAMP)           ## the long proofs: plants in real tables, null numbers, power of every plant
	$(BIN)/assay prove -o docs/proof.md
	$(BIN)/python benchmarks/nulls.py --part a --replicates 40 --rows 3000
	$(BIN)/python benchmarks/nulls.py --part b --replicates 10
	$(BIN)/python benchmarks/nulls.py --part c --replicates 5
	$(BIN)/python benchmarks/nulls.py --part d --replicates 2
	$(BIN)/python benchmarks/power.py --seeds 10
	$(BIN)/python benchmarks/registry_kills.py --kills 200
	$(BIN)/python benchmarks/serving/log_kills.py --kills 200
	$(BIN)/python -m pytest -n 2 -m slow

$(VENV)/.bench: $(STAMP) requirements-bench.txt
	@$(BIN)/python -m pip install -q -r requirements-bench.txt
	@touch $@

bench: $(VENV)/.bench     ## every number of docs/benchmarks.md
	$(BIN)/python benchmarks/check.py
	$(BIN)/python benchmarks/facts.py
	$(BIN)/python benchmarks/graph.py
	$(BIN)/python benchmarks/learners.py
	$(BIN)/python benchmarks/scale.py
	$(BIN)/python benchmarks/truths.py
	$(BIN)/python benchmarks/dirty_cells.py
	$(BIN)/python benchmarks/near_duplicates.py
	$(BIN)/python benchmarks/label_errors.py
	$(BIN)/python benchmarks/labelling.py
	$(BIN)/python benchmarks/audit_peers/build.py
	$(BIN)/python benchmarks/audit_peers/run.py --large
	$(BIN)/python benchmarks/holes.py
	$(BIN)/python benchmarks/bundle.py $(RELEASE) --imports
	$(BIN)/python benchmarks/registry_speed.py
	$(BIN)/python benchmarks/batch_predict.py
	$(BIN)/python benchmarks/c_export.py --tables
	$(BIN)/python benchmarks/sql_export.py
	$(BIN)/python benchmarks/serving/install.py $(RELEASE)
	$(BIN)/python benchmarks/serving/run.py $(RELEASE) --rounds 5 --durable
	$(BIN)/python benchmarks/serving/guard_cost.py
	$(BIN)/python benchmarks/serving/log_cost.py
	$(BIN)/python benchmarks/serving/hostile.py
	$(BIN)/python benchmarks/serving/clients.py

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
