# Each target sets up what it needs: a private environment in .venv, of what is locked (envs/create.sh).
PYTHON ?=
PYTHONS ?= python3.11 python3.12 python3.13
TORCH ?=
CORES ?= 2
KILLS ?= 50
BENCH ?=
BIN := .venv/bin
export PATH := $(CURDIR)/$(BIN):$(PATH)
ifdef IMAGES
export RED_HERRING_IMAGES := $(IMAGES)
endif
ifdef RELEASED
export RELEASED
endif
SNAKEMAKE := snakemake --cores $(CORES) --show-failed-logs --rerun-incomplete
DEMO := results/demo
BENCHED := results/bench

.PHONY: help env demo published doses robust sanity spurious masker generation generated spurious_xray xray_small masks_small studies release reader reader_results compare counts plan check test acceptance chaos bench gpu lint format lock upgrade clean

help:
	@echo "make demo   the paper's finding on synthetic crosses, in minutes"
	@echo "make doses  how much shift, how many masks and whose; make robust: rivals without masks; crosses, in minutes"
	@echo "make sanity do maps of saliency depend on what was learnt? the crosses, in minutes"
	@echo "make spurious would an explanation have shown a signal that nobody told of? the crosses, in minutes"
	@echo "make masker do masks that are learned show what a classifier looks at? the crosses, in minutes"
	@echo "make generation do generated images help where few have boxes? the crosses, in minutes"
	@echo "make generated  do findings that are inserted where there are none repair a shortcut? the crosses, in minutes"
	@echo "make published   tables, figures and statistics of the authors' released runs, in a minute"
	@echo "make compare BEFORE=results/published AFTER=results/demo   what differs beyond noise"
	@echo "make xray_small IMAGES=folder   a study of real X-rays in minutes; so are masks_small and spurious_xray"
	@echo "make studies IMAGES=folder   all of these whole, and whether they show what they should"
	@echo "make release STUDY=my.yaml   pack a finished study without its images, to take along or to publish"
	@echo "make reader STUDY=my.yaml   offline pages that ask readers whether they would recommend models; of a study with signals"
	@echo "make reader_results STUDY=my.yaml ANSWERS=folder   what they said, by the files that the pages saved"
	@echo "make counts how many images the splits of the full study have, without any image"
	@echo "make plan STUDY=my.yaml   what a study costs before it is started: jobs, images passed, hours by what was measured"
	@echo "make check  lint, and the tests that are not slow, in minutes"
	@echo "make test   all tests"
	@echo "make chaos  a study of seconds under random kills; KILLS=50"
	@echo "make bench  one page of what takes how long: images, training, maps, start-up, plans, the demo;"
	@echo "            RELEASED=folder, a checkout of the authors' code: training against it, too"
	@echo "make gpu    what a machine with a GPU should show, one table, in under eight minutes"
	@echo "make lint   ruff, snakefmt, snakemake --lint, mypy"
	@echo "make env    the private environment; PYTHON=/path/to/python, TORCH=cpu (without NVIDIA's libraries) go with any target"
	@echo "make lock   add what pyproject.toml asks for and the locks lack; make upgrade resolves all anew"

env:
	@PYTHON="$(PYTHON)" sh envs/create.sh $(TORCH)

demo: env
	$(SNAKEMAKE) all --configfile=workflow/studies/demo.yaml --report $(DEMO)/report.html --report-after-run
	@echo
	@cat $(DEMO)/tables/synthetic.md
	@echo "Tables, figures and the page of all runs: $(DEMO)/tables $(DEMO)/figures $(DEMO)/explorer.html"
	@echo "The report: $(CURDIR)/$(DEMO)/report.html"

# The same analyses of the authors' released runs, without training.
published: env
	$(SNAKEMAKE) published --report results/published/report.html --report-after-run
	@echo "The report: $(CURDIR)/results/published/report.html"

# Small studies of crosses, and of real X-rays. IMAGES: the folder that holds nih_chestxray14, kermany and covid_chestxray.
doses robust sanity spurious masker generation generated spurious_xray xray_small masks_small: env
	$(SNAKEMAKE) all --configfile=workflow/studies/$@.yaml

# Every study of workflow/studies/ whole, the released runs, and the bounds of what they must show. Without covid: its images
# are on the internet.
studies: xray_small masks_small spurious_xray demo doses robust sanity spurious masker generation generated published
	python -m pytest tests/acceptance

# A finished study in one file, with its report if that is of the same results. STUDY: its file; without it config.yaml.
release: env
	$(SNAKEMAKE) release $(if $(STUDY),--configfile="$(STUDY)")

# Pages for readers, and what they answered. STUDY: its file; ANSWERS: the folder of the files that readers saved.
ifdef ANSWERS
export RED_HERRING_ANSWERS := $(ANSWERS)
endif
reader reader_results: env
	$(SNAKEMAKE) $@ $(if $(STUDY),--configfile="$(STUDY)")

# What differs between two folders of results beyond noise.
compare: env
	@: "$${BEFORE:?name the folder of a study}" "$${AFTER:?name the folder of the other}"
	@PYTHONPATH=workflow python -m red_herring.stages.compare_studies --before "$$BEFORE" --after "$$AFTER" \
		--csv "$$AFTER/compared.csv" --markdown "$$AFTER/compared.md"

counts: env
	$(SNAKEMAKE) --quiet all -- planned_splits
	@cat results/tables/planned_splits.md

# What a study costs before it is started. STUDY: its file; without it config.yaml.
plan: env
	@$(SNAKEMAKE) --quiet all $(if $(STUDY),--configfile="$(STUDY)") -- cost

# A file's tests stay in one process, as they share what is slow to make; files in the order of tests/conftest.py, not by
# how many tests they have. slow: marked so for what they take.
TESTS := python -m pytest tests --ignore tests/acceptance --numprocesses $(CORES) --dist loadfile --no-loadscope-reorder

check: lint
	$(TESTS) -m "not slow"

test: env
	$(TESTS) --cov --cov-report=term-missing:skip-covered --cov-fail-under=85

# Does the demo's result show what the paper found, and the released runs what is known of them? Reads what `make demo`
# and `make published` made.
acceptance: env
	python -m pytest tests/acceptance/test_demo.py tests/acceptance/test_published.py

# Is anything lost, double or different after random kills?
chaos: env
	python tests/chaos/chaos.py --kills $(KILLS)

# The page of what was measured is made even when a benchmark fails. BENCH="-k planner" runs some of them. RELEASED: a folder
# with a checkout of josephdviviano/saliency-red-herring, of which nothing is here.
bench: env
	mkdir -p $(BENCHED)
	rm -f $(BENCHED)/*
	python -m pytest tests/benchmarks -o python_files='bench_*.py' $(BENCH) \
		--benchmark-quiet --benchmark-json=$(BENCHED)/benchmarks.json; \
	failed=$$?; python tests/benchmarks/table.py $(BENCHED)/benchmarks.json $(BENCHED)/performance.md; exit $$failed

# Results, determinism and speed on this machine's GPU; on the CPU, and thinner, where there is none.
gpu: env
	python tests/gpu/check.py

lint: env
	ruff check workflow tests envs
	ruff format --check workflow tests envs
	snakefmt --check Snakefile workflow
	snakemake --lint
	mypy

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
