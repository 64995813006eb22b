# Everything happens in .venv, made on first use; `make help` lists what there is to ask for.

PYTHON ?= python3
BIN := .venv/bin
PYTEST := $(BIN)/pytest

# Debian packages that tests use beside Python: a browser, and who the collector sends to.
SYSTEM_PACKAGES := chromium openssl prometheus victoria-metrics

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: bench bench-peers clean demo help lint picture soak system test test-old-stack types

demo: .venv/with-demo ## train small models on real images, then look at their runs in a browser
	@echo 'otel-trackio is in .venv/bin: source .venv/bin/activate'; echo
	@$(BIN)/otel-trackio demo

test: lint types system ## every check, and the short form of every test
	$(PYTEST) --numprocesses=logical --maxprocesses=4 --dist=loadgroup

soak: .venv/with-dev system ## every test at the sizes that we promise, which takes long
	$(PYTEST) --soak --timeout=7200

bench: .venv/with-bench system ## what a call costs, what a point weighs, how fast it is read
	@$(BIN)/python -m tests.bench

bench-peers: .venv/with-dev ## the same training loop under Trackio, W&B and TensorBoardX
	@$(BIN)/python -m tests.bench.peers

picture: .venv/with-dev system ## the picture at the top of the README, taken anew
	@$(BIN)/python -m tests.space.picture

OLD_STACK := transformers==4.57.6 trl==0.24.0 huggingface_hub==0.36.2 datasets==4.4.2 tokenizers==0.22.1

test-old-stack: .venv/with-dev ## trainers of transformers 4.57 and TRL 0.24 are recorded, too
	$(BIN)/python -m pip install -qq --upgrade --no-deps --target .old-stack $(OLD_STACK)
	PYTHONPATH=.old-stack $(PYTEST) tests/trainer

lint: .venv/with-dev ## formatting, style, and which package may import which
	$(BIN)/ruff format --check
	$(BIN)/ruff check
	$(BIN)/lint-imports --no-logo

types: .venv/with-dev ## mypy, strict
	$(BIN)/mypy

clean: ## remove .venv and whatever else was built
	rm -rf .venv .bench-venvs .old-stack .coverage* .hypothesis .*_cache dist
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

# An editable install, and one dependency group of pyproject.toml; the demo needs no collector.
.venv/with-%: pyproject.toml | .venv/ready
	@echo 'installing into .venv; the first time this takes about a minute'
	@$(BIN)/python -m pip install -qq --editable '.[$(if $(filter demo,$*),space,all)]' --group $*
	@touch $@

# The first of these that is new enough. `pip install --group` came with pip 25.1.
.venv/ready:
	@for python in "$(PYTHON)" python3.13 python3.12 python3.11; do \
	  if "$$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then \
	    "$$python" -m venv --clear .venv && \
	    exec $(BIN)/python -m pip install -qq --upgrade 'pip>=25.1'; \
	  fi; \
	done; \
	echo 'no Python 3.11 or newer found; name one: make PYTHON=/path/to/python3' >&2; exit 1
	@touch $@

system:
	@missing=$$(for name in $(SYSTEM_PACKAGES); do \
	  dpkg --status $$name >/dev/null 2>&1 || echo $$name; \
	done); \
	if [ -z "$$missing" ]; then \
	  exit 0; \
	elif [ "$$(id -u)" = 0 ]; then \
	  apt-get update -qq && apt-get install -qq --no-install-recommends $$missing; \
	else \
	  echo 'the tests need: sudo apt-get install' $$missing >&2; exit 1; \
	fi
