# Each target sets up what it needs: a private environment in .venv, made from requirements.lock.
PYTHON ?= python3.11
CORES ?= 2
KILLS ?= 50
IMAGES ?= ../shared/data/nih_chestxray14/images
BIN := .venv/bin
export PATH := $(CURDIR)/$(BIN):$(PATH)
SNAKEMAKE := snakemake --cores $(CORES) --show-failed-logs --rerun-incomplete
DEMO := results/demo

.PHONY: help env demo counts test acceptance chaos bench lint format lock clean

help:
	@echo "make demo   the paper's finding on synthetic crosses, in minutes"
	@echo "make counts how many images the splits of the full study have, without any image"
	@echo "make test   all tests"
	@echo "make chaos  a study of seconds under random kills; KILLS=50"
	@echo "make bench  how fast images are prepared and read (IMAGES=folder), and what Snakemake costs"
	@echo "make lint   ruff, snakefmt, snakemake --lint"
	@echo "make lock   write requirements.lock anew from requirements.in"

env: .venv/.installed

.venv/.installed: requirements.lock
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	touch $@

demo: env
	$(SNAKEMAKE) all --configfile workflow/studies/demo.yaml
	@echo
	@cat $(DEMO)/tables/synthetic.md
	@echo "Tables and figures: $(DEMO)/tables $(DEMO)/figures"

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

bench: env
	PYTHONPATH=workflow python tests/benchmarks/data.py $(IMAGES)
	python tests/benchmarks/snakemake_share.py --cores $(CORES)

lint: env
	ruff check workflow tests envs
	ruff format --check workflow tests envs
	snakefmt --check Snakefile workflow
	snakemake --lint

format: env
	ruff check --fix workflow tests envs
	ruff format workflow tests envs
	snakefmt Snakefile workflow

lock: env
	python envs/lock.py requirements.in requirements.lock

clean:
	rm -rf .venv $(DEMO)
