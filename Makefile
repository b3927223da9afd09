# Every target does its own set-up. PYTHON=python3.12 chooses the interpreter.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
WORKERS ?= auto
FULL ?=
PRESETS := nano edge mid

# Every file that runs Verilog, and the hardware's units in the Amaranth simulator.
VERILOG_TESTS = $(sort $(shell grep -l 'mark\.verilator' tests/test_*.py) $(wildcard tests/test_rtl_*.py))
REGRESSION = $(if $(FULL),,-m 'not slow') $(VERILOG_TESTS)

# Run pytest with the arguments $(2), then report what it has seen of what the set $(1) must see. The
# report comes even where tests fail: what is missing then often says why.
define tests_with_report
	@rm -rf build/coverage
	@status=0; \
	HWSIM_COVERAGE="$(CURDIR)/build/coverage/functional" $(if $(filter full,$(1)),VERILOG_COVERAGE=1) \
	    $(BIN)/python -m pytest -n $(WORKERS) --dist worksteal --durations=20 $(2) || status=1; \
	$(BIN)/python -m tools.regress_report --set $(1) || status=1; \
	exit $$status
endef

# What `make verify` runs, each with every external memory.
VERIFIED = $(if $(FULL),tiny-yolov2 "condensation-net --unfused",\
    tiny-yolov2-mini "condensation-net-mini --unfused")
MEMORIES = ideal latency=60,bandwidth=16 latency=60,bandwidth=8

# Files of darknet's that it runs too, each with these options, where the folder has them.
export HWSIM_NETWORKS ?= $(abspath ../shared/networks)
VERIFIED_FILES = yolov3-tiny.cfg yolov4-tiny.cfg
FILE_OPTIONS = $(if $(FULL),"--config edge","--size 96 --config nano" "--size 96 --config edge")
# Quantized files, each with either preset; tests run them, and those that take no picture, on their
# reference inputs.
VERIFIED_TFLITE = resnet8_int8.tflite vww_96_int8.tflite \
    $(if $(FULL),mobilenet_v1_025_128_uint8.tflite mobilenet_v2_224_int8.tflite)
TFLITE_OPTIONS = "--config nano" "--config edge"

.DEFAULT_GOAL := help
.PHONY: help check run test lint types units rtl regress verify formal bench calibrate docs clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-9s %s\n", $$1, $$2 }' Makefile

# Where it is older than pyproject.toml, everything is installed anew.
STAMP := $(VENV)/.installed

check:
	@sh tools/check_machine.sh "$(PYTHON)"

$(STAMP): pyproject.toml | check
	@test -x $(BIN)/python || "$(PYTHON)" -m venv $(VENV)
	@echo "installing hwsim and its tools into $(VENV)/ (once; a few minutes)"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check \
	    -e '.[golden,onnx,rtl,html,notebook,sweep,verify,synth,dev,judges]'
	@touch $@

run: $(STAMP) ## run both networks on a photograph; results in report/
	@XDG_CACHE_HOME="$(CURDIR)/build/cache" $(BIN)/hwsim report --out report

test: lint types units ## format, lint, types and all tests but the slow ones

lint: $(STAMP) ## format and lint
	@$(BIN)/ruff format --check --quiet . || { $(BIN)/ruff format --diff . 2>&1 | head -40; exit 1; }
	@$(BIN)/ruff check --quiet .

types: $(STAMP) ## strict types
	@$(BIN)/mypy

units: $(STAMP) ## unit tests and what `make regress` runs, with its report
	$(call tests_with_report,quick,-m 'not slow')

rtl: $(STAMP) ## the Verilog of every preset, ready to integrate; in build/<preset>/
	@for preset in $(PRESETS); do \
	    $(BIN)/hwsim rtl --config $$preset --out build/$$preset || exit 1; done

regress: $(STAMP) ## Verilog against model, and what it has seen; FULL=1: all of it, lines counted
	$(call tests_with_report,$(if $(FULL),full,quick),$(REGRESSION))

verify: $(STAMP) ## Verilog against golden and model on small networks; FULL=1: 416x416
	@status=0; \
	for memory in $(MEMORIES); do \
	    for network in $(VERIFIED); do \
	        $(BIN)/hwsim verify $$network --config edge --memory $$memory || status=1; \
	    done; \
	done; \
	verify_file() { \
	    if [ ! -f "$$1" ]; then echo "skipped: there is no $$1"; return; fi; \
	    $(BIN)/hwsim verify "$$@" || status=1; \
	}; \
	for options in $(FILE_OPTIONS); do \
	    for file in $(VERIFIED_FILES:%=$(HWSIM_NETWORKS)/%); do verify_file $$file $$options; done; \
	done; \
	for options in $(TFLITE_OPTIONS); do \
	    for file in $(VERIFIED_TFLITE:%=$(HWSIM_NETWORKS)/%); do verify_file $$file $$options; done; \
	done; \
	exit $$status

formal: $(STAMP) ## prove of the bus and stream components what docs/formal.md says
	@$(BIN)/python -m formal

bench: $(STAMP) ## medians of time and memory, each against its bound
	@$(BIN)/python -m benchmarks

calibrate: $(STAMP) ## synthesize configurations, and fit the gate model to them
	@$(BIN)/python -m tools.calibrate_gates

docs: $(STAMP) ## write the generated documents anew
	@$(BIN)/python -m tools.write_docs

clean: ## remove .venv/, build/ and report/
	rm -rf $(VENV) build report hwsim.egg-info
