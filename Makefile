# SPDX-License-Identifier: MIT OR Apache-2.0
# `make demo` shows what Evenkeel does, `make test` shows that it is right. Both install what is
# missing first (scripts/setup.sh), both need root for all they can do.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
# Steps build on each other and share two cores: one at a time.
.NOTPARALLEL:
.PHONY: help demo test setup fmt lint deny house doc-test nextest scx-test bench-vm gen clean

export PATH := $(CURDIR)/target/tools/bin:$(PATH)
# The profile of .config/nextest.toml: `ci` runs everything even after a failure.
NEXTEST_PROFILE ?= $(if $(CI),ci,default)

help: ## This list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F':.*## ' '{printf "make %-9s %s\n", $$1, $$2}'

demo: ## Two virtual machines on one core, one keeps its deadline: one table, 4 minutes
	@scripts/setup.sh demo
	@cargo build --quiet --release --locked --bin evenkeel
	@target="$${CARGO_TARGET_DIR:-target}"; exec "$$target/release/evenkeel" lab demo

# Of bench-vm the short tests only: the rest takes half an hour of emulation.
test: setup fmt lint deny house doc-test nextest scx-test ## Everything that must hold: style, lints, licences, house rules, tests

setup: ## Installs what is missing, once
	@scripts/setup.sh test

fmt: ## Formatting, as rustfmt has it
	@echo "== formatting"
	@cargo fmt --all --check

lint: ## Clippy, warnings are errors
	@echo "== clippy"
	@cargo clippy --quiet --workspace --all-targets --locked -- -D warnings

deny: ## Licences, sources and banned crates
	@echo "== cargo deny"
	@cargo deny --log-level error check bans licenses sources

house: ## House rules and generated files
	@echo "== house rules"
	@cargo xtask check
	@cargo xtask gen --check

doc-test: ## Examples in the documentation
	@echo "== doc tests"
	@cargo test --quiet --doc --workspace --locked

nextest: ## All tests
	@echo "== tests"
	@cargo nextest run --workspace --locked --profile $(NEXTEST_PROFILE)

scx-test: ## The short tests of the scheduler, on a stock kernel in a virtual machine
	@echo "== tests on a kernel with sched_ext"
	@cargo xtask bench-vm --deterministic --short --tests --or-skip

bench-vm: ## Tests and short measurements on a stock kernel with sched_ext, in a virtual machine
	@echo "== bench in a virtual machine"
	@cargo xtask bench-vm --deterministic --tests --or-skip
	@cargo xtask bench-vm --deterministic --short --or-skip

gen: ## Writes man pages and shell completions
	@cargo xtask gen

clean: ## Removes everything that was built, target/tools included
	@cargo clean
