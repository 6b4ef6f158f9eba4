# foryou: `make` lists the targets. Needs Python 3.11 or newer, pip and make, nothing else.

SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
MAKEFLAGS += --no-builtin-rules

# The Python that .venv is made with.
PYTHON ?= python3
# A name of dbt_project/datasets/datasets.yml.
DATASET ?= ml-100k
# DATASET=synthetic is made with so many ratings: 1m, 5m, 25m, 100m. EXPAND=ml-1m makes a real data set
# as large: 5m, 25m, 100m.
SCALE ?= 1m
EXPAND ?=
ifeq ($(DATASET),synthetic)
override DATASET := synthetic-$(SCALE)
endif
ifneq ($(EXPAND),)
override DATASET := $(EXPAND)-x$(SCALE:m=)
endif
# A local archive of the data set, used instead of a download.
ARCHIVE ?=
# The category of the Amazon data sets, to fetch and to read.
AMAZON_CATEGORY ?= All_Beauty
# More vars for dbt, in YAML: VARS='trending_half_life_days: 7, als_factors: 32'
VARS ?=
# A file of vars, for `dataset: custom`; it stands for DATASET and VARS.
VARS_FILE ?=
# Your files, for `make init`.
INTERACTIONS ?=
ITEMS ?=
USERS ?=
INTO ?= custom.yml
# What `make tune` searches the vars of, and for how long at most.
MODEL ?= als
TRIALS ?= 30
MINUTES ?= 30
# Cutoffs that `make backtest` measures at: holdout, tune, and those before them.
FOLDS ?= 4
# For `make experiment-plan`: relative effects, days, and the share of users who are treated.
EFFECTS ?= 0.01 0.02 0.05 0.1 0.2
DAYS ?= 7 14 28
SHARE ?= 0.5
# For `make bench`: a protocol of tests/benchmarks/protocols.yml and the folder of its data, or two
# Parquet files; sources instead of the protocol's; whether to measure on what is kept for tuning.
PROTOCOL ?=
DATA ?=
TRAIN ?=
TEST ?=
K ?= 20
SOURCES ?=
TUNE ?=
# Runs that stay published.
KEEP ?= 5
# What `make bench-serving` measures.
RUNS ?= million
# Folders of `make bench-scale` for its pipeline; what it measures, if not all.
PIPELINE_DATA ?=
PARTS ?=
# The boards that `make boards` draws, if not all, and whom the one about one user is about.
BOARD ?=
USER_ID ?=
# What `make metrics` asks, as for `mf query`.
QUERY ?= --metrics ctr --group-by experiment__variant
# Where `make publish` sends the run to besides: postgres, redis.
TO ?=
# The Python that Superset's own environment is made with: 3.11 or 3.12.
SUPERSET_PYTHON ?= $(PYTHON)
# The database to build.
FORYOU_DATABASE ?= warehouse.duckdb
# What metrics_history says was built with.
FORYOU_COMMIT ?= $(shell git describe --always --dirty 2>/dev/null)
export AMAZON_CATEGORY ARCHIVE DATA DATASET FORYOU_COMMIT FORYOU_DATABASE INTERACTIONS INTO ITEMS K KEEP
export MINUTES
export MODEL PROTOCOL SHARE SOURCES TEST TRAIN TRIALS USER_ID USERS VARS VARS_FILE

BIN := .venv/bin
DBT_OPTIONS := --project-dir dbt_project
# Shell text that dbt reads as {dataset: …, …}; a comma at the end is fine in YAML.
DBT_VARS := --vars $(if $(VARS_FILE),"$$(cat "$$VARS_FILE"; echo; \
    printf "$${EARLIER_FOLDS:+earlier_folds: $$EARLIER_FOLDS\\nbacktest: true\\n}")",\
    "{dataset: $$DATASET, amazon_category: $$AMAZON_CATEGORY,\
    $${EARLIER_FOLDS:+earlier_folds: $$EARLIER_FOLDS, backtest: true,} $$VARS}")
# What is to be there before a build: the data set, or the mapping of one's own files; and what was
# posted to the online service.
DATA_FILES := $(if $(VARS_FILE),$(VARS_FILE),data/$(DATASET) $(wildcard data/$(DATASET)/*)) \
    $(wildcard exports/events/$(if $(VARS_FILE),custom,$(DATASET))/*.jsonl)

# All that a build is made from. Their names count as well as their times, so that a file that
# was removed is noticed.
CODE := $(sort $(shell find dbt_project models_py -type f \
    -not -path 'dbt_project/target/*' -not -path 'dbt_project/logs/*' \
    -not -path 'dbt_project/tuning/*' -not -path 'dbt_project/charts/*' -not -name dbt_charts.yml \
    -not -path '*/__pycache__/*' -not -name '.*')) profiles.yml

.PHONY: help build data init publish boards boards-serve boards-pictures superset superset-check metrics serve bench-serving bench-scale features tune backtest experiment-plan test bench docs clean FORCE

help: ## list the targets and the variables
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-16s %s\n", $$1, $$2 }' Makefile
	@echo
	@echo '  DATASET=ml-1m          build from this data set (default: ml-100k)'
	@echo '  DATASET=synthetic SCALE=25m  ratings drawn in the shape of MovieLens 25M: 1m, 5m, 25m, 100m'
	@echo '  EXPAND=ml-1m SCALE=25m a real data set, 25 times as large: 5m, 25m, 100m'
	@echo '  ARCHIVE=ml-1m.zip      unpack this file instead of downloading'
	@echo '  AMAZON_CATEGORY=Books  category of an Amazon data set (default: All_Beauty)'
	@echo '  FORYOU_ARCHIVES=folder  look for archives here before downloading'
	@echo '  MODEL=als              what make tune searches the vars of, a source or blend'
	@echo '  VARS_FILE=custom.yml   build from your own files (make init writes one)'
	@echo "  VARS='als_factors: 32' more vars for dbt, as in dbt_project/dbt_project.yml"
	@echo '  PROTOCOL=gowalla DATA=folder  what `make bench` measures; SOURCES="als popular", TUNE=1'
	@echo '  TO="postgres redis"    where make publish sends the run to, by FORYOU_POSTGRES, FORYOU_REDIS_URL'
	@echo '  PYTHON=python3.12      make .venv with this Python, 3.11 or newer'

build: target/built ## build the recommendations and print some (only what changed is built)
	@$(BIN)/python -m exports.report

data: data/$(DATASET) ## fetch the data set, unless it is there

init: .venv/.installed ## guess how your files map to the inputs: INTERACTIONS=, ITEMS=, USERS=, INTO=
	@$(BIN)/python dbt_project/datasets/init.py --interactions "$$INTERACTIONS" --into "$$INTO" \
	    $(if $(ITEMS),--items "$$ITEMS") $(if $(USERS),--users "$$USERS")

tune: .venv/.installed $(DATA) ## search the vars of one source on the fold tune: MODEL=, TRIALS=, MINUTES=
	@$(BIN)/python dbt_project/tuning/tune.py "$$MODEL" --trials "$$TRIALS" --minutes "$$MINUTES" \
	    $(DBT_VARS)

# In a database of its own: the warehouse keeps its folds.
backtest: override FORYOU_DATABASE := target/backtest.duckdb
backtest: export EARLIER_FOLDS := $(shell expr $(FOLDS) - 2)
backtest: .venv/.installed $(DATA_FILES) ## measure at several cutoffs, one after the other: FOLDS=
	@mkdir -p target
	$(BIN)/dbt build $(DBT_OPTIONS) --exclude-resource-types unit_test $(DBT_VARS)
	@$(BIN)/python -m exports.backtest

experiment-plan: .venv/.installed ## users that an experiment needs: EFFECTS=, DAYS=, SHARE=
	@$(BIN)/python -m exports.experiment_plan --effects $(EFFECTS) --days $(DAYS) --share "$$SHARE"

# In the order of cost: the first to fail is the first to say so. None of it opens the warehouse.
test: override FORYOU_DATABASE := target/test.duckdb
test: .venv/.installed data/ml-100k ## lint, parse, build on nothing, then run every test
	@mkdir -p target
	@rm -f $(FORYOU_DATABASE)*
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports --no-logo
	$(BIN)/dbt parse $(DBT_OPTIONS) --no-partial-parse --warn-error --show-all-deprecations
	$(BIN)/sqlfluff lint --processes 2 dbt_project/models dbt_project/tests
	$(BIN)/dbt seed $(DBT_OPTIONS)
	$(BIN)/dbt run --empty $(DBT_OPTIONS)
	@rm -f $(FORYOU_DATABASE)*
	OMP_NUM_THREADS=1 $(BIN)/pytest --numprocesses 2 --dist loadfile

bench: .venv/.installed ## measure under a published protocol: PROTOCOL=, DATA=; or on TRAIN=, TEST=, K=
	@$(BIN)/python tests/benchmarks/protocols.py "$$PROTOCOL" --data "$$DATA" --train "$$TRAIN" \
	    --test "$$TEST" --k "$$K" --sources "$$SOURCES" --vars "$$VARS" $(if $(TUNE),--tune)

publish: target/built ## make what was built exports/published/current: Parquet, a DuckDB file for BI; TO=
	@$(BIN)/python -m exports.snapshot --keep "$$KEEP" $(addprefix --to ,$(TO))

boards: publish ## draw the boards of what was built: pages and pictures in target/boards; BOARD=, USER_ID=
	@$(BIN)/python -m exports.boards $(if $(USER_ID),--user "$$USER_ID") $(addprefix --board ,$(BOARD))

boards-serve: .venv/.installed ## show the boards of what is published live, on http://127.0.0.1:8080
	@cd dbt_project && DO_NOT_TRACK=1 ../$(BIN)/dct --no-send-anonymous-usage-stats serve \
	    --host 127.0.0.1 --port 8080

boards-pictures: boards ## take pictures of the boards in Chromium: target/pictures, and the README's
	@$(BIN)/python -m tests.browsers.board_pictures

superset: .venv-superset/.installed publish ## show what is published in Apache Superset, on http://127.0.0.1:8088
	@$(BIN)/python -m exports.superset.bundle
	@.venv-superset/bin/python exports/superset/start.py target/superset/foryou.zip

superset-check: .venv-superset/.installed publish ## open that dashboard in Chromium: a picture, and what is wrong with it
	@$(BIN)/python -m tests.browsers.superset

metrics: .venv/.installed ## ask the semantic layer: QUERY="--metrics ctr --group-by experiment__variant"
	@$(BIN)/python -m exports.semantic_layer $(QUERY)

features: .venv/.installed ## fill the feature store with what is published: FORYOU_ONLINE_STORE=redis
	@$(BIN)/python -m exports.feature_store

serve: .venv/.installed ## serve what was published on http://127.0.0.1:8000 (settings: FORYOU_SERVE_…)
	@$(BIN)/python -m exports.serving

bench-serving: .venv/.installed ## time the online service: RUNS="million ml-1m soak", DATA= the folder of ml-1m
	@$(BIN)/python tests/benchmarks/serving.py $(RUNS) $(if $(DATA),--data "$$DATA")

bench-scale: .venv/.installed .venv-bench/.installed ## time us beside implicit, Polars, RecTools, ranx: DATA= a folder like ml-25m, PIPELINE_DATA=, PARTS=
	@$(BIN)/python tests/benchmarks/scale.py "$${DATA:-data/ml-25m}" \
	    $(if $(PIPELINE_DATA),--pipeline-data $(PIPELINE_DATA)) $(if $(PARTS),--parts $(PARTS))

docs: target/built ## write the dbt docs as one page
	$(BIN)/dbt docs generate --static $(DBT_OPTIONS) $(DBT_VARS)
	@mkdir -p target/docs
	@cp dbt_project/target/static_index.html target/docs/index.html
	@echo "$(CURDIR)/target/docs/index.html"

clean: ## remove what was built (not the data, not .venv)
	rm -rf target logs dbt_project/target dbt_project/logs warehouse.duckdb*

.venv/.installed: requirements.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || { \
	    echo "foryou needs Python 3.11 or newer; $(PYTHON) is $$($(PYTHON) --version 2>&1 | head -1)." \
	    "Name another one: make PYTHON=python3.12" >&2; exit 1; }
	@$(BIN)/python -m pip --version >/dev/null 2>&1 || $(PYTHON) -m venv --clear .venv
	$(BIN)/python -m pip install --disable-pip-version-check -r requirements.txt
	@touch $@

# 900 MB, in a few minutes; `make clean` leaves it.
.venv-superset/.installed: exports/superset/requirements.txt
	@$(SUPERSET_PYTHON) -c 'import sys; sys.exit(sys.version_info[:2] not in ((3, 11), (3, 12)))' || { \
	    echo "Superset is pinned for Python 3.11 and 3.12; $(SUPERSET_PYTHON) is" \
	    "$$($(SUPERSET_PYTHON) --version 2>&1 | head -1)." \
	    "Name another one: make superset SUPERSET_PYTHON=python3.12" >&2; exit 1; }
	$(SUPERSET_PYTHON) -m venv --clear .venv-superset
	.venv-superset/bin/python -m pip install --disable-pip-version-check -r $<
	@touch $@

# Libraries that foryou is compared with, 1.1 GB; `make clean` leaves it.
.venv-bench/.installed: tests/benchmarks/rivals/requirements.txt
	$(PYTHON) -m venv --clear .venv-bench
	.venv-bench/bin/python -m pip install --disable-pip-version-check -r $<
	@touch $@

# fetch.py looks every time whether the files are there; the folder is only newer if it fetched.
$(sort data/$(DATASET) data/ml-100k): FORCE | .venv/.installed
	@$(BIN)/python dbt_project/datasets/fetch.py $(@F) --into data \
	    $(and $(ARCHIVE),$(filter $(DATASET),$(@F)),--archive "$$ARCHIVE")

# Rewritten only when it would differ: what was built last, and from which files.
target/build-vars: FORCE
	@mkdir -p target
	@printf '%s\n' "$$DATASET $$AMAZON_CATEGORY $$VARS $$VARS_FILE $$FORYOU_DATABASE" \
	    $(CODE) > $@.new
	@if cmp -s $@.new $@; then rm $@.new; else mv $@.new $@; fi

# Numerical libraries take what the processor at hand does best, each with last digits of its own, and of
# those a ranker makes other lists. Here they take what all x86 processors with AVX2 do alike. Two towers
# take twice as long for it; MKL_CBWR=AUTO gives that back.
ifneq ($(shell grep -m 1 -ow avx2 /proc/cpuinfo 2>/dev/null),)
target/built test: export MKL_CBWR ?= COMPATIBLE
target/built test: export OPENBLAS_CORETYPE ?= Haswell
target/built test: export ATEN_CPU_CAPABILITY ?= avx2
target/built test: export ONEDNN_MAX_CPU_ISA ?= AVX2
target/built test: export FAISS_SIMD_LEVEL ?= AVX2
target/built test: export NPY_DISABLE_CPU_FEATURES ?= X86_V4 AVX512_ICL AVX512_SPR
endif

# The stamp goes first and comes back last, so that a build that failed or was killed is redone.
target/built: target/build-vars .venv/.installed $(DATA_FILES) $(CODE)
# Whether your own files changed only dbt can tell.
target/built: $(if $(VARS_FILE),FORCE) $(if $(wildcard $(FORYOU_DATABASE)),,FORCE)
	@rm -f $@
	$(BIN)/dbt build $(DBT_OPTIONS) $(DBT_VARS)
	@touch $@
