# DigiOne. Newcomers: `make up`; developers: `make test`. Each does all the set-up that it needs.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
# Every start of a command would compile its modules anew where the environment forbids to keep them compiled.
unexport PYTHONDONTWRITEBYTECODE
CHECKS := format lint types layers roles spelling
.PHONY: help setup static texts up down test fast check $(CHECKS:%=check-%) bench clean

VENV := .venv
BIN := $(VENV)/bin
# One process of tests more than cores: those with hosts wait much. Hosts that tests share are shared within
# a process (tests/conftest.py).
PYTEST := $(BIN)/python -m pytest --numprocesses $(shell expr $$(nproc) + 1) --dist loadgroup

# Debian packages: what the lab needs, and what tests need besides.
LAB_PACKAGES := mmdebstrap systemd-container iproute2 iptables nftables openssh-client
TEST_PACKAGES := chromium-headless-shell fonts-dejavu-core libnss3-tools pebble slapd ldap-utils

# What the command says in Finnish and Swedish, compiled.
CATALOGUES := $(patsubst %.po,%.mo,$(wildcard digione_cli/locale/*/LC_MESSAGES/digione.po))

help:  ## Say what there is
	@sed -nE 's/^([a-z]+):.*## (.*)/make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 14

setup: $(VENV)/installed static $(CATALOGUES)  ## The set-up alone: .venv with the command digione, pinned by hash

$(VENV)/installed: requirements/uv.txt requirements/dev.txt pyproject.toml
	@requirements/debian-packages python3-venv
	@echo "Setting up $(VENV)"
	@python3 -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/uv.txt
	@$(BIN)/uv pip install --quiet --python $(BIN)/python --require-hashes -r requirements/dev.txt
	@$(BIN)/uv pip install --quiet --python $(BIN)/python --no-deps --no-build-isolation --editable .
	@touch $@

ASSETS := digione_platform/web/assets
STATIC := digione_platform/web/static/vendor

static: $(STATIC)/.built  ## Fetch and lay out the platform's static files

$(STATIC)/.built: $(VENV)/installed $(wildcard $(ASSETS)/*)
	@echo "Building static files"
	@$(BIN)/python -m digione_cli.world.build
	@touch $@

$(CATALOGUES): %.mo: %.po $(VENV)/installed
	@$(BIN)/pybabel --quiet compile --input-file $< --output-file $@

texts: $(VENV)/installed  ## Bring the command's catalogues of texts up to date with its code
	@$(BIN)/python docs/catalogues.py
	@$(MAKE) --no-print-directory $(CATALOGUES)

up: setup  ## Bring up the sample municipality Mallila on a lab host
	@requirements/debian-packages $(LAB_PACKAGES) || { echo "Without a lab: $(BIN)/digione sandbox" >&2; exit 3; }
	@$(BIN)/digione lab up mallila1
	@$(BIN)/digione lab relay posti1
	@$(BIN)/digione lab up varasto1 --memory 256
	@test -e inventories/mallila/instance.yml || $(BIN)/digione init mallila --lab mallila1 \
	  --code 999 --oid 1.2.246.562.99.00000009993 --name-fi Mallila --name-sv Modellby \
	  --domain mallila.digione.test --contact operator@mallila.example --mail-relay posti1 \
	  --backup-host varasto1
	@$(BIN)/digione lab storage varasto1 mallila
	@$(BIN)/digione lab resolve mallila1 mallila
	@$(BIN)/digione apply mallila --yes
	@$(BIN)/digione sample install mallila
	@$(BIN)/digione backup create mallila

down:  ## Remove the sample municipality: its hosts and its inventory
	@$(BIN)/digione lab down mallila1 posti1 varasto1
	@if grep -qsF "$${DIGIONE_LAB:-.lab}/id_ed25519" inventories/mallila/instance.yml; then \
	  rm -rf inventories/mallila "$${DIGIONE_KEYS:-$${XDG_CONFIG_HOME:-$$HOME/.config}/digione/keys}/mallila"; fi

test: setup  ## Run every check and every test
	@requirements/debian-packages $(LAB_PACKAGES) $(TEST_PACKAGES)
	@$(MAKE) --no-print-directory check
	@$(PYTEST) tests

fast: setup  ## Checks and the tests that need no database, host or browser
	@$(MAKE) --no-print-directory check
	@$(PYTEST) tests/unit tests/conformance tests/golden

check: setup  ## Format, lint, types, layers, roles, spelling
	@$(MAKE) --no-print-directory --jobs --output-sync $(CHECKS:%=check-%)

check-format:
	@$(BIN)/ruff format --check --quiet .

check-lint:
	@$(BIN)/ruff check --quiet .

check-types:
	@$(BIN)/mypy

check-layers:
	@$(BIN)/lint-imports --no-cache

check-roles:
	@PATH=$(CURDIR)/$(BIN):$$PATH ansible-lint -q roles digione_cli/world/playbook

check-spelling:
	@$(BIN)/codespell

bench: setup  ## Measure; tables with medians and ratios (part=platform: of that part alone)
	@$(BIN)/python -m tests.bench $(part)

clean:  ## Delete what was built
	@rm -rf $(VENV) dist $(STATIC) $(ASSETS)/node_modules test-output
