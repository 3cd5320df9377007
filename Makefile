# Everything sets itself up: a virtual environment in .venv, and the Debian packages that are missing
# (.ci/need: as root or by sudo; else one line says what to install). A second run starts at once.
#
#   make sim                     a capture through driver, Python NIC and Verilog NIC, with a verdict
#   make sim CAPTURE=my.pcap ARGS="--kernel 6.1/x86_64 --mtu 9000"
#   make waves                   the same on the Verilog NIC with an FST; its path is printed
#   make synth                   cells of the write path (alignment shifter) at each width of the bus
#   make test | lint | bench | wheel | captures | registers | clean | distclean

PYTHON  ?= python3
VENV    := .venv
BIN     := $(VENV)/bin
CAPTURE ?=
ARGS    ?=
JOBS    ?= 2
WIDTHS  := 64 128 256 512
# Coarse synthesis: what is not synthesizable, has two drivers, a loop or a latch shows there; mapping the
# FIFOs to gates would take minutes and show no more.
SYNTH   = read_verilog -I. $(shell cat rtl/vnic.f); synth -top vnic -run begin:fine; check -assert; \
          select -assert-none t:$$dlatch t:$$adlatch

# Debian's name for the shared library of this Python.
LIBPYTHON = libpython$(shell $(BIN)/python -c 'import sysconfig; print(sysconfig.get_python_version())')

RUN   := $(VENV)/.stamp-run
DEV   := $(VENV)/.stamp-dev
SIM   := build/.stamp-sim
TOOLS := build/.stamp-tools

.DEFAULT_GOAL := help
.PHONY: help sim waves synth test lint bench wheel captures registers clean distclean
.DELETE_ON_ERROR:

help:
	@sed -n 's/^#   \{0,1\}//p' Makefile

# --- set-up -----------------------------------------------------------------------------------------------
$(BIN)/python:
	@PYTHON=$(PYTHON) .ci/need python3-venv
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and \
	  "vnic needs Python 3.11 or newer, $(PYTHON) is " + sys.version.split()[0] + ": make PYTHON=/path/to/python3.11")'
	@$(PYTHON) -m venv $(VENV)

# --group wants pip 25.1, which no Debian release before 13 carries.
$(RUN): pyproject.toml | $(BIN)/python
	@$(BIN)/python -m pip install -q --disable-pip-version-check --upgrade 'pip>=25.1'
	@$(BIN)/python -m pip install -q --disable-pip-version-check -e .
	@touch $@

$(DEV): $(RUN)
	@$(BIN)/python -m pip install -q --disable-pip-version-check --group dev -e .
	@touch $@

$(SIM): .ci/need | $(BIN)/python
	@PYTHON=$(BIN)/python .ci/need iverilog gcc libc6-dev $(LIBPYTHON)
	@mkdir -p build && touch $@

$(TOOLS): .ci/need | $(BIN)/python
	@PYTHON=$(BIN)/python .ci/need iverilog gcc g++ libc6-dev $(LIBPYTHON) verilator yosys \
	  qemu-system-x86 busybox-static ethtool chromium
	@mkdir -p build && touch $@ $(SIM)

# --- runs -------------------------------------------------------------------------------------------------
sim: $(RUN) $(SIM)
	@$(BIN)/vnic sim $(CAPTURE) --target both $(ARGS)

waves: $(RUN) $(SIM)
	@$(BIN)/vnic sim $(CAPTURE) --target icarus --waves --out build/waves --force $(ARGS)

bench: $(DEV) $(TOOLS)
	@$(BIN)/python -m tests.bench $(ARGS)

# Generic cells, flattened: a measure of what a width costs, not of any one technology.
synth: $(TOOLS)
	@set -e; cd rtl; for width in $(WIDTHS); do \
	  yosys -Q -T -p "read_verilog -I. vnic_axi_wdata.v vnic_fifo.v vnic_fifo_ram.v; \
	    chparam -set DATA_WIDTH $$width vnic_axi_wdata; synth -flatten -top vnic_axi_wdata; tee -o /dev/stderr stat" \
	    2>&1 >/dev/null | sed -n "s/.*Number of cells: */vnic_axi_wdata at $$width bits, cells: /p"; done

# --- judgement --------------------------------------------------------------------------------------------
# Lint first: it is quick, and pytest's summary is then the last thing printed.
# Tests on real kernels take Debian's own, from where VNIC_KERNELS says or fetched.
test: lint
	@VNIC_KERNELS="$${VNIC_KERNELS:-$$($(BIN)/python -m tests.kernels)}" && export VNIC_KERNELS && \
	  VNIC_REQUIRE_TOOLS=1 $(BIN)/python -m pytest -q -n $(JOBS) --dist loadgroup $(ARGS)

lint: $(DEV) $(TOOLS)
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python -m vnic.nic.regmap --check
	@set -e; for width in $(WIDTHS); do \
	  echo "verilator --lint-only -Wall -GDATA_WIDTH=$$width"; \
	  (cd rtl && verilator --lint-only -Wall -GDATA_WIDTH=$$width --top-module vnic -f vnic.f); done
	cd rtl && yosys -q -p '$(SYNTH)'

# --- products ---------------------------------------------------------------------------------------------
wheel: $(DEV)
	@rm -rf dist && $(BIN)/python -m build -q --outdir dist
	@ls dist

captures: $(DEV) $(TOOLS)
	@$(BIN)/python tests/data/make_captures.py

registers: $(DEV)
	@$(BIN)/python -m vnic.nic.regmap

clean:
	@rm -rf build dist out .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	@find vnic sim tests -name __pycache__ -prune -exec rm -rf {} +

distclean: clean
	@rm -rf $(VENV)
