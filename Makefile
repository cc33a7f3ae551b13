# `make` or `make help` lists the targets. Everything is built inside of the repository:
# .venv (Python and its packages), target (Rust), dist (wheels).

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
MAKEFLAGS += --no-print-directory

VENV   := .venv
BIN    := $(VENV)/bin
STAMPS := $(VENV)/stamps

# The first interpreter that is new enough; `make PYTHON=/some/python` chooses another.
PYTHON ?= $(shell for python in python3 python3.11 python3.12 python3.13 python3.14; do \
	"$$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo "$$python" && break; done)

# rustup puts cargo here; a shell that was open at that time does not know it yet.
export PATH := $(PATH):$(HOME)/.cargo/bin
# maturin installs into this environment, whatever else is active.
export VIRTUAL_ENV := $(abspath $(VENV))
unexport CONDA_PREFIX PYTHONHOME PYTHONPATH

# What the extension is made of. Folders are listed so that a deleted file is noticed too.
SOURCES := pyproject.toml Cargo.toml Cargo.lock \
	$(shell find rust -type d -o -name '*.rs' -o -name Cargo.toml)

# Benchmarks compare one thread with one thread; a case that wants more asks for them itself.
ONE_THREAD := OPENBLAS_NUM_THREADS=1 OMP_NUM_THREADS=1 MKL_NUM_THREADS=1 POLARS_MAX_THREADS=1
BENCH_JSON := target/bench.json

.PHONY: help test lint demo bench wheel clean need-cargo need-python

help: ## list the targets
	@sed -n 's/^\([a-z]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | while IFS="$$(printf '\t')" read -r target text; do \
		printf '  make %-6s %s\n' "$$target" "$$text"; done

test: $(STAMPS)/extension ## set everything up and run all Rust and Python tests
	cargo test --release --workspace --locked
	$(BIN)/pytest

lint: $(STAMPS)/extension $(STAMPS)/lint ## check format, lints, types and the extension's stub
	@if cargo fmt --version >/dev/null 2>&1; then echo "cargo fmt --all --check"; cargo fmt --all --check; \
	else echo "NOT CHECKED: Rust format; get it with: rustup component add rustfmt"; fi
	@if cargo clippy --version >/dev/null 2>&1; then echo "cargo clippy"; \
		cargo clippy --workspace --all-targets --locked -- -D warnings; \
	else echo "NOT CHECKED: Rust lints; get them with: rustup component add clippy"; fi
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/stubtest --mypy-config-file pyproject.toml gruemarket._core

demo: $(STAMPS)/extension $(STAMPS)/voices ## run the example: five voices in a market, trained in three stages
	$(BIN)/gruemarket run examples/voices.toml

bench: $(STAMPS)/extension $(STAMPS)/bench ## time the engine against numpy and others, print the table
	@mkdir -p $(dir $(BENCH_JSON))
	$(ONE_THREAD) $(BIN)/pytest benches --benchmark-json=$(BENCH_JSON)
	$(ONE_THREAD) $(BIN)/python benches/table.py $(BENCH_JSON)

wheel: $(STAMPS)/test ## build one wheel for every CPython from 3.11 on into dist
	rm -rf dist
	$(BIN)/maturin build --release --locked --out dist

clean: ## remove everything that was built
	rm -rf $(VENV) target dist .mypy_cache .pytest_cache .ruff_cache .hypothesis .benchmarks
	find python tests benches examples -name __pycache__ -prune -exec rm -rf {} + 2>/dev/null || true
	rm -f python/gruemarket/_core*.so

# The editable installation: Python files count as they stand, only these sources need a build.
$(STAMPS)/extension: $(SOURCES) $(STAMPS)/test
	PIP_QUIET=1 $(BIN)/maturin develop --release --locked
	@touch $@

# $(STAMPS)/lint: what builds the extension, what it needs, and the extra `lint` of pyproject.toml.
$(STAMPS)/%: pyproject.toml | need-cargo $(STAMPS)/venv
	@echo "installing the packages for: $*"
	@$(BIN)/python -c 'import tomllib; \
		file = tomllib.load(open("pyproject.toml", "rb")); project = file["project"]; \
		print(*file["build-system"]["requires"], *project["dependencies"], \
			*project["optional-dependencies"]["$*"], sep="\n")' > $@.txt
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --requirement $@.txt
	@touch $@

$(STAMPS)/venv: | need-python
	$(PYTHON) -m venv $(VENV)
	@mkdir -p $(STAMPS) && touch $@

need-cargo:
	@command -v cargo >/dev/null || { \
		echo "cargo is missing: the engine is written in Rust." >&2; \
		echo "Get it from https://rustup.rs:  curl --proto '=https' --tlsv1.2 -sSf https://sh.rustup.rs | sh" >&2; \
		echo "then run make again." >&2; exit 1; }

need-python:
	@test -n "$(PYTHON)" || { \
		echo "No CPython 3.11 or newer was found. Get one from https://www.python.org/downloads/" >&2; \
		echo "or your system's packages, or name it: make PYTHON=/path/to/python3.11 test" >&2; exit 1; }
