# `make` alone lists what can be done.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
OTHERS := .venv-examples
SOURCES := quantmia hydra_plugins scripts tests examples noxfile.py
TORCH := 2.13.0
# Each process computes on one core. A slow file's tests share what they have computed.
PYTEST := OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n auto --maxprocesses 4

# Settings of `make efficiency`, each of which gets 150 reference runs and 150 others.
EFFICIENCY := outputs/efficiency
SETTING_synthetic := +experiment=synthetic
SETTING_two_modes := +experiment=synthetic dataset.modes=2 dataset.sigma=4
SETTING_100_members := +experiment=synthetic dataset.size=334
SETTING_lipophilicity := +experiment=lipophilicity dataset.duplicates=molecules
SETTING_freesolv := +experiment=freesolv dataset.duplicates=molecules
SETTING_logbb := +experiment=logbb dataset.duplicates=molecules
DATASETS := lipophilicity esol freesolv bbb logbb breast_cancer digits diabetes
FRONTS := synthetic $(DATASETS)
GAINS := $(FRONTS:%=outputs/datasets/%/ranking.csv) outputs/front/mixtures/ranking.csv
# Sweeps of `make tables`, each of conf/experiment/paper/, and settings of `make efficiency`.
PAPER := outputs/paper
STUDIES := mixtures lipophilicity esol freesolv logbb bbb validation regime quantizers
NEEDED := synthetic lipophilicity freesolv
RESULTS := results
# Of `make tables-quick`; data sets that take minutes to embed are left out.
QUICK := outputs/paper-quick
TENTH := mixtures freesolv validation regime quantizers
QUICK_mixtures := dataset.modes=8 dataset.sigma=2 dataset.size=1000 seed=0,1
QUICK_freesolv := seed=0,1
QUICK_validation := dataset=freesolv split.validation=0.4,0.5 split.seed=0,1
QUICK_regime := training.lr=1e-2 training.epochs=10,30 seed=0,1
QUICK_quantizers := dataset=freesolv seed=0
# Sweeps of `make open-questions` that are in the same folder.
TRAJECTORIES := trajectories trajectories_freesolv
SETTINGS := synthetic two_modes 100_members lipophilicity freesolv logbb

# Of `make open-questions`, each of conf/study/ and a data set.
OPEN := outputs/open_questions
QUESTIONS := synthetic lipophilicity esol freesolv logbb bbb digits
OPEN_STUDIES := $(foreach study,in_training calibration released,$(QUESTIONS:%=$(OPEN)/%/$(study)/ranking.csv))

# Of `make ship`: data sets large enough to set rows apart, and how many calibrate.
SHIP := outputs/ship
SHIPPED := synthetic lipophilicity bbb digits
APART_synthetic := dataset.size=12000 split.validation=0.2 split.calibration=8192
APART_digits := split.calibration=512
ROWS_synthetic := calibration.rows=16,64,128,256,512,1024,2048,4096
ROWS_digits := calibration.rows=16,64,128,256

# Measurements of `make scale`.
SCALE := outputs/scale

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help setup lipophilicity test test-fast test-slow lint docs bench datasets front efficiency tables open-questions ship scale tables-quick tables-sample check-tables slurm-demo slurm-chaos parity examples lock clean

help: ## List the targets.
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-15s%s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: $(STAMP) ## Make .venv with the locked dependencies; PYTHON=python3.12 chooses another one.

lipophilicity: $(STAMP) ## Rank the quantizers on Lipophilicity: the main experiment.
	$(BIN)/quantmia run +experiment=lipophilicity report=true

# Types are checked and a study is run while slow tests wait: for SLURM, a browser, a signal.
test: test-fast ## The fast tests, then the slow ones beside lint and one study of the paper.
	$(MAKE) --jobs 3 test-slow lint check-tables tables-sample

test-fast: $(STAMP) ## The fast tests alone.
	$(PYTEST) --dist worksteal -m "not slow"

# One worker more than cores, because they wait: for SLURM, a browser, a signal.
test-slow: $(STAMP) ## The slow tests alone.
	$(PYTEST) -n $$(( $$(nproc) < 4 ? $$(nproc) + 1 : 4 )) --dist loadfile --no-loadscope-reorder -m slow

lint: $(STAMP) ## Check style, format, types, the floors of the house and the dependencies.
	$(BIN)/ruff check $(SOURCES)
	$(BIN)/ruff format --check $(SOURCES)
	$(BIN)/pyright
	$(BIN)/lint-imports
	$(BIN)/deptry .

docs: $(STAMP) ## Build the documentation site into site/, which needs no network to be read.
	NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs build --strict

bench: $(STAMP) ## Time training against plain loops and against its own matrix products.
	$(BIN)/python -m scripts.bench

efficiency: $(SETTINGS:%=$(EFFICIENCY)/%/efficiency.csv) ## Measure how many runs each estimator needs (an hour).
	$(BIN)/python scripts/runs_by_setting.py $(^D)

$(EFFICIENCY)/%/efficiency.csv: | $(STAMP)
	$(BIN)/quantmia run $(SETTING_$*) runs=300 'attack=[lira,lira_eb,lira_shrunk,loss_threshold,rmia,whitebox]' \
	  release.checkpoints=last hydra.run.dir=$(@D) resume=true
	$(BIN)/quantmia efficiency $(@D) --reference-runs 150

datasets: $(DATASETS:%=outputs/datasets/%/ranking.csv) ## Run the experiment of every data set, and print one table.
	$(BIN)/python scripts/datasets.py $(^D)

front: $(GAINS) ## Does quantizing gain anything over stopping earlier? (half an hour)
	$(BIN)/python -m scripts.paper write outputs/front/results $(^D)
	cat outputs/front/results/tables/gains.md

outputs/front/mixtures/ranking.csv: | $(STAMP)
	$(BIN)/quantmia run -m +experiment=synthetic dataset.modes=2,4,8 dataset.sigma=1,2,4 \
	  dataset.size=334,1000 hydra/launcher=local hydra.sweep.dir=$(@D) resume=true

outputs/datasets/%/ranking.csv: | $(STAMP)
	$(BIN)/quantmia run +experiment=$* hydra.run.dir=$(@D) resume=true

tables: $(STUDIES:%=$(PAPER)/%/ranking.csv) $(NEEDED:%=$(EFFICIENCY)/%/efficiency.csv) $(GAINS) ## Run the paper's studies, and write results/.
	$(BIN)/python -m scripts.paper write $(RESULTS) $(^D)

$(PAPER)/%/ranking.csv: | $(STAMP)
	$(BIN)/quantmia run -m +experiment=paper/$* hydra/launcher=local hydra.sweep.dir=$(@D) resume=true

open-questions: $(OPEN_STUDIES) $(TRAJECTORIES:%=$(PAPER)/%/ranking.csv) ## Answer what the paper leaves open, with results/open_questions.md (an hour).
	$(BIN)/python -m scripts.open_questions write $(RESULTS) $(OPEN) $(TRAJECTORIES:%=$(PAPER)/%)

$(OPEN)/%/in_training/ranking.csv: | $(STAMP)
	$(BIN)/quantmia run -m +experiment=$* +study=in_training hydra/launcher=local hydra.sweep.dir=$(@D) resume=true

$(OPEN)/%/calibration/ranking.csv: | $(STAMP)
	$(BIN)/quantmia run -m +experiment=$* +study=calibration hydra/launcher=local hydra.sweep.dir=$(@D) resume=true

$(OPEN)/%/released/ranking.csv: | $(STAMP)
	$(BIN)/quantmia run +experiment=$* +study=released hydra.run.dir=$(@D) resume=true

ship: $(foreach study,rows noise runtimes,$(SHIPPED:%=$(SHIP)/%/$(study)/ranking.csv)) ## What calibrations give away, with results/ship.md (twenty minutes).
	$(BIN)/python -m scripts.ship write $(RESULTS) $(SHIP)

$(SHIP)/%/rows/ranking.csv: | $(STAMP)
	$(BIN)/quantmia run -m +experiment=$* +study=whose_rows $(APART_$*) $(ROWS_$*) hydra/launcher=local hydra.sweep.dir=$(@D) resume=true

$(SHIP)/%/noise/ranking.csv: | $(STAMP)
	$(BIN)/quantmia run +experiment=$* +study=whose_rows $(APART_$*) calibration.source=noise calibration.rows=4096 \
	  hydra.run.dir=$(@D) resume=true

$(SHIP)/%/runtimes/ranking.csv: | $(STAMP)
	$(BIN)/quantmia run +experiment=$* +study=runtimes $(APART_$*) hydra.run.dir=$(@D) resume=true

# Of molecules there are more by `python -m scripts.scale measure $(SCALE) --molecules 100000`.
scale: $(STAMP) ## How time, memory and disk grow, with results/growth.md (25 minutes, resumed).
	$(BIN)/python -m scripts.scale measure $(SCALE)
	$(BIN)/python -m scripts.scale write $(RESULTS) $(SCALE)

tables-quick: $(TENTH:%=$(QUICK)/%/ranking.csv) ## A tenth of `make tables`, and compare it with results/.
	$(BIN)/python -m scripts.paper write $(QUICK)/results $(^D)
	$(BIN)/python -m scripts.paper compare $(RESULTS) $(QUICK)/results

# The study that uses most of the code for its time: molecules, regression, both kinds of codebooks.
tables-sample: ## One study of `make tables-quick`, from its beginning.
	rm -rf $(QUICK)-sample
	$(MAKE) tables-quick QUICK=$(QUICK)-sample TENTH=freesolv

$(QUICK)/%/ranking.csv: | $(STAMP)
	$(BIN)/quantmia run -m +experiment=paper/$* $(QUICK_$*) hydra/launcher=local hydra.sweep.dir=$(@D) resume=true

check-tables: $(STAMP) ## Whether code and configurations still make results/.
	$(BIN)/python -m scripts.paper check $(RESULTS)
	$(BIN)/python -m scripts.open_questions check $(RESULTS)
	$(BIN)/python -m scripts.ship check $(RESULTS)
	$(BIN)/python -m scripts.scale check $(RESULTS)

slurm-demo: $(STAMP) ## Start a SLURM here, run a sweep of 8 jobs, kill two, rank everything (needs root).
	scripts/slurm/demo.sh $(BIN)/quantmia

slurm-chaos: $(STAMP) ## Kill jobs and SLURM's daemon 20 times, and compare the bits (needs root).
	$(BIN)/python -m scripts.slurm.chaos

parity: $(VENV)/.parity ## Compare with SACRO-ML: the same AUC, and how much faster.
	$(BIN)/python scripts/parity.py

$(VENV)/.parity: $(STAMP)
	$(BIN)/pip install -c requirements.lock -e ".[parity]"
	touch $@

examples: $(OTHERS)/.installed ## Run the examples of other libraries (extra `examples`), and rank them.
	@set -e; for script in examples/*.py; do \
	  name=$$(basename $$script .py); echo "$$script"; \
	  $(OTHERS)/bin/python $$script; $(OTHERS)/bin/quantmia rank outputs/$$name; \
	done

# An environment of its own, so that the locked one keeps its versions.
$(OTHERS)/.installed: pyproject.toml
	$(PYTHON) -m venv $(@D)
	$(@D)/bin/pip install "torch==$(TORCH)" -e ".[examples]"
	touch $@

lock: ## Resolve the dependencies anew into requirements.lock.
	@set -eu; folder=$$(mktemp -d); trap 'rm -rf "$$folder"' EXIT; \
	$(PYTHON) -m venv "$$folder/venv"; \
	"$$folder/venv/bin/pip" install "torch==$(TORCH)" ".[molecules,parquet,excel,report,slurm,torchao,gguf,onnxruntime,openvino,bitsandbytes,dp,docs,dev]"; \
	"$$folder/venv/bin/pip" freeze --exclude-editable --exclude quantmia --exclude pip \
	  --exclude setuptools > "$$folder/frozen"; \
	{ echo "# Made by 'make lock' (pip freeze); do not edit."; \
	  sed -E -e 's/\+[A-Za-z0-9.]+$$//' -e '/^chemloader==/s/$$/ ; python_version < "3.13"/' \
	    "$$folder/frozen"; } > requirements.lock

clean: ## Remove the environment and everything that tools left; results in outputs/ stay.
	rm -rf $(VENV) $(OTHERS) build dist site *.egg-info .pytest_cache .ruff_cache .hypothesis
	find $(SOURCES) -name __pycache__ -type d -prune -exec rm -rf {} +

$(STAMP): requirements.lock pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install -r requirements.lock
	$(BIN)/pip install --no-deps -e .
	touch $@
