# SPDX-License-Identifier: Apache-2.0
# A list of entry points; the work is in cargo and in scripts/.

CONFIG ?= small
FREQ ?= 90
SEED ?= 1

.DEFAULT_GOAL := help
.PHONY: help docs setup run test programs test-long netlist test-random-init verify slurm-try lint formal formal-long gen bench ort-cases scalesim mutate cov cov-rust plain integration litex rustdoc package verilator-versions rram-campaigns report-look synth fpga fpga-report fpga-image prog prog-flash clean

help: ## print this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-18s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: ## install what is missing (Debian, Ubuntu); asks nothing
	scripts/setup.sh

run: setup ## the digits network on simulated hardware
	cargo run --release -p systole-cli --bin systole -- run digits

test: setup ## lint, proofs and the quick test suite
	+$(MAKE) --no-print-directory -j3 --output-sync=target lint LINT_MODE=--quick formal programs # each leaves a core idle at times
	VERILATED_OPT=-O1 cargo test --workspace # half of its time is the building of models

programs:
	env -u MAKEFLAGS -u MFLAGS cargo test --workspace --no-run # its jobs are cargo's own, not those of this make

test-long: setup lint formal netlist ## lint, proofs, netlist and the long test suite
	SYSTOLE_LONG=1 cargo test --workspace

netlist: setup ## nano as Yosys makes it for an ECP5 and for a Gowin, simulated: digits, 250 random graphs each
	for family in ecp5 gowin; do scripts/netlist.sh nano --family $$family && \
	cargo run --release -p systole-cli --bin systole -- run digits --config nano --images 50 --netlist build/netlist/nano-$$family && \
	SYSTOLE_LONG=1 SYSTOLE_NETLIST=$(CURDIR)/build/netlist/nano-$$family cargo test -p systole-verif --test machine random_graphs::random_graphs_on_nano || exit 1; done

test-random-init: setup ## the chip's suites, registers and memories beginning at random by three seeds, and as ones
	scripts/random_init.sh

verify: ## the quick suite by cargo-nextest: the slowest tests, JUnit in build/junit.xml (SUITE=quick SEED=)
	scripts/setup.sh --verify
	cargo nextest run --workspace --no-run # and the program, which tests of it run: built alone it would have other features
	mkdir -p build && target/debug/systole verify --suite $(or $(SUITE),quick) \
		$(if $(filter command line,$(origin SEED)),--seed $(SEED)) --junit build/junit.xml

slurm-try: ## the suite as an array of jobs on a Slurm of its own on this host, one of its nodes killed
	scripts/setup.sh --slurm
	scripts/slurm_try.sh

lint: setup ## every configuration of the RTL in Verilator, Icarus and Yosys
	scripts/lint.sh $(LINT_MODE)

formal: setup ## proofs over the RTL, those that take seconds: by induction in Yosys, each tried on a faulty RTL too
	scripts/formal.sh

formal-long: setup ## all of them, with larger bounds, and again by SymbiYosys with Z3
	scripts/setup.sh --formal
	scripts/formal.sh --long

gen: ## write the Verilog header and the tables in docs/ from sw/isa
	cargo run -p systole-isa --bin gen

docs: ## the pages as a site with search, in build/docs
	scripts/setup.sh --docs
	.venv-docs/bin/mdbook build

bench: setup ## speed of model, RTL and harness, beside a C++ loop and cocotb
	scripts/setup.sh --bench
	cargo run --release -p systole-verif --bin bench

ort-cases: setup ## random networks by ONNX Runtime itself, run by the chip
	scripts/ort_cases.sh

scalesim: setup ## cycles beside SCALE-Sim 3.0.0, as a table
	scripts/scalesim.sh

mutate: setup ## mutants of the RTL against its tests (docs/mutation.md): all groups, or GROUP=post; SEED=
	cargo run -p systole-mutate -- --seed $(SEED) $(if $(GROUP),--group $(GROUP))

cov: setup ## lines, toggles, states and functional points of the RTL that tests reach; fails below the goals
	scripts/setup.sh --coverage
	scripts/coverage.sh

cov-rust: setup ## lines of the Rust that its own tests reach
	scripts/coverage_rust.sh

plain: setup ## digits in Icarus Verilog and a bench in plain Verilog: four states, no X behind reset
	cargo run --release -q -p systole-cli -- script digits --config nano -o target/nano.script
	scripts/plain.sh nano target/nano.script

integration: setup ## file lists, FuseSoC, Bender, SystemRDL, the driver in C for RISC-V: each by its own tool
	scripts/setup.sh --integration
	scripts/integration.sh

litex: setup ## a system of LiteX with the chip in it, simulated: digits through its bus and streams
	scripts/setup.sh --litex
	scripts/litex.sh

rustdoc: ## documentation of all crates in target/doc, no warning let through
	RUSTDOCFLAGS="-D warnings" cargo doc --no-deps --workspace

package: ## the crates that others can use, each built from the archive that cargo would publish
	cargo package $(addprefix -p ,verilated harness-macros harness systole-isa systole-files systole-model systole-compiler systole-host systole-llm)

verilator-versions: setup ## binding, harness and a sample of blocks on each Verilator of the README
	scripts/setup.sh --verilators
	scripts/verilator_versions.sh

rram-campaigns: setup ## what the RRAM controller promises, in full (docs/rram.md): an hour of one core
	scripts/rram_campaigns.sh

report-look: setup ## pages of systole report in a real browser: light, dark, on a phone, printed; pictures in build/report (PAGES="F.html .." more)
	scripts/setup.sh --report
	SYSTOLE_BROWSER=chromium SYSTOLE_PAGES="$(PAGES)" cargo test -p systole-cli --test all look::

synth: ## place and route one configuration for ECP5 (CONFIG=small FREQ=90 SEED=1)
	scripts/synth.sh $(CONFIG) --freq $(FREQ) --seed $(SEED)

fpga: ## bitstream of a board: BOARD=ulx3s-85f, and CONFIG, MHZ, SEED where its own are not wanted
	scripts/fpga.sh $(BOARD) $(if $(filter command line,$(origin CONFIG)),--config $(CONFIG)) $(if $(MHZ),--mhz $(MHZ)) $(if $(filter command line,$(origin SEED)),--seed $(SEED))

fpga-report: ## every board routed with five seeds: Fmax, use, slowest path (hours); BOARD= for one, SEEDS=
	scripts/fpga.sh $(BOARD) --report $(or $(SEEDS),5) $(if $(MHZ),--mhz $(MHZ))

fpga-image: setup ## what BOARD does when power comes, for its flash: IMAGE=digits, an image or a model in ONNX; CONFIG=
	config=$(if $(filter command line,$(origin CONFIG)),$(CONFIG),$$(scripts/fpga.sh $(BOARD) --config-name)) && mkdir -p build/fpga/$(BOARD) && \
	cargo run --release -p systole-cli --bin systole -- board boot $(or $(IMAGE),digits) --config $$config \
		$(if $(filter digits%,$(or $(IMAGE),digits)),--images 10) -o build/fpga/$(BOARD)/boot.bin

prog-flash: ## write the last bitstream and boot file of BOARD into its flash: it starts without a host
	scripts/fpga.sh $(BOARD) --prog-flash

prog: ## write the last bitstream of BOARD into the board
	scripts/fpga.sh $(BOARD) --prog

clean: ## remove what was built; the tools in .venv* stay
	rm -rf target build
