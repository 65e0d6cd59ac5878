# What you can type here. `make` alone lists it.
#
# PYTHON=python3.12 make setup    another interpreter (3.11 or newer)
# VENV=/elsewhere make test       another environment, made when it is missing
# ARGS="-k cursor" make test      more arguments for the program behind a target

SHELL  := /bin/bash
VENV   ?= .venv
PYTHON ?= python3
ARGS   ?=
BIN    := $(VENV)/bin
READY  := $(VENV)/.stamp

# one more than there are cores: two workers begin with fleets, which wait most of their time
PYTEST := $(BIN)/python -m pytest -n 3 --dist worksteal

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.NOTPARALLEL:
.PHONY: help setup demo test test-browser screenshots trouble test-slow test-bluesky check format contract evaluate bench bench-console lock compose-env compose-test clean

help: ## list what you can type
	@awk -F ':.*## ' '/^[a-z][a-z-]*:.*## /{printf "  make %-13s %s\n", $$1, $$2}' $(firstword $(MAKEFILE_LIST))

$(READY): requirements/dev.txt requirements/package-lock.json pyproject.toml .ci/setup .ci/front-end
	@.ci/setup "$(VENV)" "$(PYTHON)"
	@touch $@

setup: $(READY) ## a .venv with the locked requirements and Earshot itself
	@echo "Ready in $(VENV). Next: make demo (watch it work), make test, make check; $(BIN)/earshot --help"

demo: $(READY) ## the whole journey on this machine, with a simulated world; Ctrl-C ends it
	@$(BIN)/earshot demo $(ARGS)

test: $(READY) ## the daily tests, real servers included
	@$(PYTEST) -m "not slow" $(ARGS)

test-browser: $(READY) ## the console in a real Chromium; brings one where there is none
	@.ci/browser "$(VENV)"
	@$(BIN)/python -m pytest -m browser $(ARGS)

screenshots: $(READY) ## take the pictures of README and docs/console.md again, of the demo in a real browser
	@.ci/browser "$(VENV)"
	@$(BIN)/python -m tests.screenshots

trouble: $(READY) ## ten minutes of 500 sources on all platforms while everything goes wrong; the account has to agree
	@$(BIN)/python -m tests.trouble --seconds 600 $(ARGS)

test-slow: $(READY) ## the tests that are too long for every day
	@$(PYTEST) -m slow --ignore=tests/test_bluesky_servers.py $(ARGS)

test-bluesky: $(READY) ## the journey against real Bluesky servers; says so and skips where there are none
	@$(BIN)/python -m pytest -m slow -rs tests/test_bluesky_servers.py $(ARGS)

check: $(READY) ## lint, format, types and the import rules; the same in CI
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports

format: $(READY) ## let ruff mend what it can
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .

contract: $(READY) ## every recorded answer and what it is held to be
	@$(BIN)/python -m tests.contract_table $(ARGS)

evaluate: $(READY) ## how right it is: scores, language and matches against what people said, each bar met or missed
	@$(BIN)/earshot evaluate all $(ARGS)

bench: $(READY) ## posts per second, and CPU beside stock VADER
	@$(BIN)/python -m bench $(ARGS)

bench-console: $(READY) ## every page over ten million posts, while fifty people follow it; builds them first
	@$(BIN)/python -m bench console $(ARGS)

lock: $(READY) ## resolve pyproject.toml into requirements/ again, with hashes
	@for kind in run dev; do \
	  extra=""; [ $$kind = dev ] && extra="--extra dev"; \
	  $(BIN)/uv pip compile pyproject.toml $$extra --python-version 3.11 --universal --generate-hashes --quiet \
	    --no-header --no-annotate --no-emit-index-url --no-emit-find-links -o requirements/$$kind.txt || exit 1; \
	done
	@$(BIN)/uv pip compile requirements/node.in --python-version 3.11 --universal --generate-hashes --quiet \
	  --no-header --no-annotate --no-emit-index-url --no-emit-find-links -o requirements/node.txt
	@cd requirements && npm install --package-lock-only --silent

compose-env: ## write .env with fresh secrets for docker compose; an existing one stays
	@.ci/compose-env .env

compose-test: ## bring the composed demo up on a real engine, wait for a ticket, take it down
	@.ci/compose-test $(ARGS)

clean: ## remove the environment and what tools left; never your data
	rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis
	find . -name __pycache__ -type d -not -path './.git/*' -prune -exec rm -rf {} +
