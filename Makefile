# Each target sets up what it needs: a private environment in .venv, of what is locked (envs/create.sh).
PYTHON ?=
PYTHONS ?= python3.11 python3.12 python3.13
TORCH ?=
CORES ?= 2
KILLS ?= 50
BENCH ?=
IMAGES ?= ../shared/data/nih_chestxray14/images
BIN := .venv/bin
export PATH := $(CURDIR)/$(BIN):$(PATH)
SNAKEMAKE := snakemake --cores $(CORES) --show-failed-logs --rerun-incomplete
DEMO := results/demo
BENCHED := results/bench

.PHONY: help env demo published compare counts test acceptance chaos bench lint format lock upgrade clean

help:
	@echo "make demo   the paper's finding on synthetic crosses, in minutes"
	@echo "make published   tables, figures and statistics of the authors' released runs, in a minute"
	@echo "make compare BEFORE=results/published AFTER=results/demo   what differs beyond noise"
	@echo "make counts how many images the splits of the full study have, without any image"
	@echo "make test   all tests"
	@echo "make chaos  a study of seconds under random kills; KILLS=50"
	@echo "make bench  one page of what takes how long: images (IMAGES=folder), training, maps, start-up, plans, the demo"
	@echo "make lint   ruff, snakefmt, snakemake --lint"
	@echo "make env    the private environment; PYTHON=/path/to/python, TORCH=cpu (without NVIDIA's libraries) go with any target"
	@echo "make lock   add what pyproject.toml asks for and the locks lack; make upgrade resolves all anew"

env:
	@PYTHON="$(PYTHON)" sh envs/create.sh $(TORCH)

demo: env
	$(SNAKEMAKE) all --configfile workflow/studies/demo.yaml --report $(DEMO)/report.html --report-after-run
	@echo
	@cat $(DEMO)/tables/synthetic.md
	@echo "Tables, figures and the page of all runs: $(DEMO)/tables $(DEMO)/figures $(DEMO)/explorer.html"
	@echo "The report: $(CURDIR)/$(DEMO)/report.html"

# The same analyses of the authors' released runs, without training.
published: env
	$(SNAKEMAKE) published --report results/published/report.html --report-after-run
	@echo "The report: $(CURDIR)/results/published/report.html"

# What differs between two folders of results beyond noise.
compare: env
	@: "$${BEFORE:?name the folder of a study}" "$${AFTER:?name the folder of the other}"
	@PYTHONPATH=workflow python -m red_herring.stages.compare_studies --before "$$BEFORE" --after "$$AFTER" \
		--csv "$$AFTER/compared.csv" --markdown "$$AFTER/compared.md"

counts: env
	$(SNAKEMAKE) --quiet all -- planned_splits
	@cat results/tables/planned_splits.md

test: env
	python -m pytest tests --ignore tests/acceptance --numprocesses $(CORES) --dist loadfile --cov --cov-report=term-missing:skip-covered --cov-fail-under=85

# Does the demo's result show what the paper found? Reads what `make demo` made.
acceptance: env
	python -m pytest tests/acceptance

# Is anything lost, double or different after random kills?
chaos: env
	python tests/chaos/chaos.py --kills $(KILLS)

# The page of what was measured is made even when a benchmark fails. BENCH="-k planner" runs some of them.
bench: env
	mkdir -p $(BENCHED)
	rm -f $(BENCHED)/*
	IMAGES=$(IMAGES) python -m pytest tests/benchmarks -o python_files='bench_*.py' $(BENCH) \
		--benchmark-quiet --benchmark-json=$(BENCHED)/benchmarks.json; \
	failed=$$?; python tests/benchmarks/table.py $(BENCHED)/benchmarks.json $(BENCHED)/performance.md; exit $$failed

lint: env
	ruff check workflow tests envs
	ruff format --check workflow tests envs
	snakefmt --check Snakefile workflow
	snakemake --lint

format: env
	ruff check --fix workflow tests envs
	ruff format workflow tests envs
	snakefmt Snakefile workflow

# PYTHONS: an interpreter of each version that is supported, by name or path.
lock: env
	python envs/lock.py $(PYTHONS)

upgrade: env
	python envs/lock.py --upgrade $(PYTHONS)

clean:
	rm -rf .venv $(DEMO)
