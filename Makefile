# Nightshift: background jobs on NATS JetStream.
.DEFAULT_GOAL := help
SHELL := /bin/sh
PYTHON ?= python3
VENV := .venv
RUN := $(VENV)/bin/python

.PHONY: help demo up seed test compose-test update backup restore check coverage contracts pact permissions guide new-job manifests architecture pictures chaos format bench-quick bench lock clean

help: ## This list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

$(VENV)/.run: requirements.lock
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] < (3, 15))' || { \
	  echo "Nightshift needs Python 3.11 to 3.14; $(PYTHON) is $$($(PYTHON) --version 2>&1). Try: make $(MAKECMDGOALS) PYTHON=python3.14"; exit 1; }
	@echo "Installing into $(VENV) ..."
	@$(PYTHON) -m venv $(VENV)
	@$(RUN) -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	@printf '%s\n' "$(CURDIR)/shared" > "$$($(RUN) -c 'import sysconfig; print(sysconfig.get_path("purelib"))')/nightshift.pth"
	@touch $@

# Found by its absolute path, so it works from any folder; -P keeps that folder's own modules out.
$(VENV)/bin/nightshift: $(VENV)/.run
	@printf '#!/bin/sh\nPROJECT_FOLDER="$${PROJECT_FOLDER:-%s}" exec "%s/$(RUN)" -P -m nightshift.cli "$$@"\n' "$(CURDIR)" "$(CURDIR)" > $@
	@chmod +x $@

$(VENV)/.dev: $(VENV)/.run requirements-dev.lock
	@echo "Installing the test tools into $(VENV) ..."
	@$(RUN) -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-dev.lock
	@touch $@

demo: $(VENV)/bin/nightshift ## Watch real jobs run on the whole stack, without Docker (FILES="a.jpg b.pdf", or FILES=folder/, for your own files)
	@$(RUN) -m demo $(FILES)

up: $(VENV)/bin/nightshift ## Run the whole stack in the foreground until Ctrl-C (SET="LOG_LEVEL=debug ADMIN_EMAIL=…")
	@$(RUN) -m nightshift.embedded.up $(foreach one,$(SET),--set '$(one)') --prepare demo.first_steps

seed: $(VENV)/.run ## Fill the database of make up with ROWS=100000 sample rows (more: another SEED=2)
	@$(RUN) -m demo.seed --rows $(or $(ROWS),100000) --seed $(or $(SEED),1)

test: $(VENV)/.dev $(VENV)/bin/nightshift ## Run every test on the embedded stack
	@$(RUN) -m pytest -n 2 --dist loadfile

compose-test: $(VENV)/.dev ## Run the tests of the compose stack, on a real Docker Engine: some minutes
	@$(RUN) -m pytest --timeout 900 tests/compose

check: $(VENV)/.dev ## Lint, types, import rules, unit and contract tests: half a minute
	@$(RUN) -m ruff check .
	@$(RUN) -m ruff format --check --quiet .
	@$(RUN) -m tools.contracts --check
	@$(RUN) -m mypy
	@$(RUN) -m pytest -q -n auto tests/unit tests/contract tests/test_architecture.py

# Processes that a test kills report nothing: the figure is a lower bound.
coverage: $(VENV)/.dev $(VENV)/bin/nightshift ## Run every test (or TESTS=tests/unit) and report the lines that none of them runs
	@$(RUN) -m coverage erase
	@$(RUN) -m coverage run -m pytest -n 2 --dist loadfile $(TESTS)
	@$(RUN) -m coverage combine --quiet
	@$(RUN) -m coverage report

update: ## Bring the compose stack to this checkout, one replica after another
	@sh deploy/update.sh

backup: ## Back up the compose stack TO=a folder: it stands still meanwhile
	@sh deploy/backup.sh "$(or $(TO),$(error say where: make backup TO=/backups/monday))"

restore: ## Bring the compose stack back to the backup FROM=a folder (YES=1: do not ask)
	@sh deploy/restore.sh "$(or $(FROM),$(error say what: make restore FROM=/backups/monday))" $(if $(YES),--yes)

contracts: $(VENV)/.dev ## Generate schemas, AsyncAPI document, page and clients from the contracts
	@$(RUN) -m tools.contracts

pact: $(VENV)/.dev ## Write what is expected of a message from its sample (WHO=billing TYPE=email.send)
	@$(RUN) -m tools.contracts --pact "$(WHO)" "$(TYPE)"

permissions: $(VENV)/.dev ## Write who may do what into docs/security.md
	@$(RUN) -m tools.permissions

guide: $(VENV)/.dev ## Write docs/operations.md into the console, as its page of what to do
	@$(RUN) -m tools.console_guide

new-job: $(VENV)/.dev ## Scaffold a job: contract, samples, handler, tests (NAME=email.digest)
	@$(RUN) -m tools.new_job "$(NAME)"

manifests: $(VENV)/.dev ## Generate the services' Kubernetes manifests from the topology
	@$(RUN) -m tools.kubernetes

architecture: $(VENV)/.dev ## Draw docs/architecture.svg from the imports
	@$(RUN) -m tools.architecture

pictures: $(VENV)/.dev ## Take the pictures of docs/console.md anew (needs chromium)
	@$(RUN) -m tests.pictures

chaos: $(VENV)/.dev ## Break it for MINUTES=2, by SEED=…, and see that nothing is lost and nothing twice
	@$(RUN) -m tests.chaos --minutes $(or $(MINUTES),2) $(if $(SEED),--seed $(SEED))

format: $(VENV)/.dev ## Format the code
	@$(RUN) -m ruff format .
	@$(RUN) -m ruff check --fix .

bench-quick: $(VENV)/.dev ## Jobs per second beside a plain pull, in a minute
	@$(RUN) -m bench.quick

bench: $(VENV)/.dev .venv-bench/.ready ## Every figure, and our peers beside us: some 50 minutes (needs redis-server and postgresql)
	@$(RUN) -m bench.compare
	@$(RUN) -m bench.publish
	@$(RUN) -m bench.enqueue
	@$(RUN) -m bench.schedules
	@$(RUN) -m bench.scale
	@$(RUN) -m bench.sustained
	@$(RUN) -m bench.gateway
	@$(RUN) -m bench.gateway --callers 400 --requests 40000 --name gateway_400
	@$(RUN) -m bench.waiting
	@$(RUN) -m bench.uploads --megabytes 400
	@$(RUN) -m bench.webhooks
	@$(RUN) -m bench.ledger
	@$(RUN) -m bench.console
	@$(RUN) -m bench.console_load
	@$(RUN) -m bench.console_busy
	@$(RUN) -m bench.console_redrive

.venv-bench/.ready: bench/requirements.lock
	@echo "Installing the peers into .venv-bench ..."
	@$(PYTHON) -m venv .venv-bench
	@.venv-bench/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r bench/requirements.lock
	@touch $@

COMPILE = uv pip compile --quiet --universal --generate-hashes --no-emit-index-url --no-header --python-version 3.11

lock: ## Pin the dependencies anew (needs uv)
	$(COMPILE) --no-emit-package nightshift-jobs --extra embedded pyproject.toml -o requirements.lock
	$(COMPILE) --no-emit-package nightshift-jobs -c requirements.lock pyproject.toml -o deploy/requirements.lock
	$(COMPILE) --no-emit-package nightshift-jobs --extra embedded --extra dev -c requirements.lock pyproject.toml -o requirements-dev.lock
	$(COMPILE) bench/requirements.in -o bench/requirements.lock
	$(COMPILE) tests/python_client/requirements.in -o tests/python_client/requirements.lock
	$(COMPILE) tests/recipes/requirements.in -o tests/recipes/requirements.lock

# Beside the folder of a stack that runs, which its lock names, nothing is in use.
clean: ## Remove what demos, tests and tools left; keeps the state of make up unless ALL=1
	@for path in var/* .coverage .coverage.* .pytest_cache .mypy_cache .ruff_cache .hypothesis; do \
	  [ -e "$$path" ] || continue; \
	  if [ "$$path" = var/up ] && [ -z "$(ALL)" ]; then echo "keeping  $$path, the state of make up (ALL=1 removes it)"; continue; fi; \
	  if pid=$$(cat "$$path/stack.lock" 2>/dev/null) && [ -n "$$pid" ] && kill -0 "$$pid" 2>/dev/null; then \
	    echo "keeping  $$path, where a stack runs (process $$pid): stop it first"; continue; fi; \
	  echo "removing $$path"; rm -rf "$$path"; \
	done
