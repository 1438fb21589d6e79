# Copyright: Contributors to the vya.backupdb project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

PYTHON ?= python3
# make demo KEEP=1 leaves the servers of the demo up.
KEEP ?=
# More for pytest: make unit PYTEST_ARGS="-k layout"
PYTEST_ARGS ?=
# make bench: how much text a dump has, how often each program runs, PEERS=all for the community's modules, too.
SIZE_MB ?= 200
REPEATS ?= 3
PEERS ?= vendor
MEASURE ?= dumps restores
# make bench-many: how many databases there are, and how much text the dump of each has.
DATABASES ?= 50
EACH_MB ?= 10

PACKAGES := ca-certificates git mariadb-client mariadb-server openssl postgresql postgresql-contrib \
	python3 python3-venv rsync shellcheck
ENVIRONMENT := .venv/.complete
COLLECTION := .collections/ansible_collections/vya/backupdb

export PATH := $(CURDIR)/.venv/bin:$(PATH)
export ANSIBLE_COLLECTIONS_PATH := $(CURDIR)/.collections
export PYTHONDONTWRITEBYTECODE := 1

.DEFAULT_GOAL := help
.NOTPARALLEL:
.DELETE_ON_ERROR:
.PHONY: help packages ready demo test test-all lint sanity unit integration molecule test-matrix peers bench bench-many \
	ecosystem coverage mutation docs changelog clean

help: ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' Makefile

demo: ready ## Back up, drop, restore and compare on private servers (KEEP=1 leaves them up)
	.venv/bin/python -m demo $(if $(KEEP),--keep)

test: lint sanity unit integration ## Run everything but the matrix

# Each ansible of a test is a program of its own here, too.
test-all: export BACKUPDB_TESTS_PLAIN_ANSIBLE := 1
test-all: PYTEST_ARGS += --thorough
test-all: test ## Run the long forms of tests, too

lint: ready ## Check style, types, YAML, the Ansible content, its documentation and the changelog
	.venv/bin/ruff check --output-format concise
	.venv/bin/ruff format --check --quiet
	.venv/bin/mypy
	.venv/bin/yamllint --strict .
	.venv/bin/ansible-lint --offline --profile production
	.venv/bin/antsibull-changelog lint
	.venv/bin/reuse lint --lines
	.venv/bin/antsibull-docs lint-collection-docs --plugin-docs --validate-collection-refs all \
		--disallow-unknown-collection-refs --check-extra-docs-refs .

sanity: ready ## Run ansible-test sanity on a copy of the collection
	.venv/bin/python -m tools.sanity

unit: ready ## Run the tests of the parts, each by itself
	.venv/bin/python -m pytest tests/unit $(PYTEST_ARGS)

integration: ready ## Run the tests on real private servers
	@tools/install_packages.sh chromium prometheus
	.venv/bin/python -m pytest tests/integration --numprocesses auto --dist loadfile $(PYTEST_ARGS)

# An interrupted run is cleaned up after, too.
molecule: ready ## Boot Debian hosts, set them up by the roles, see cron and timers back up, restore, destroy
	@tools/install_packages.sh debootstrap iproute2 nftables openssh-client systemd-container
	trap '.venv/bin/molecule destroy --all' EXIT INT TERM; .venv/bin/molecule test --all

test-matrix: ready ## Run on other servers, Pythons and ansible-cores, and show tables (PYTEST_ARGS=--write-docs)
	@tools/install_packages.sh debootstrap
	.venv/bin/python -m pytest tests/matrix -m matrix $(PYTEST_ARGS)

peers: ready ## Do the same to this collection and to what people use instead, and write docs/comparison.md
	@tools/install_packages.sh borgbackup gcc gzip libc6-dev pigz strace
	@PYTHONPATH=.collections .venv/bin/python -m tests.peers --write

bench: ready ## Measure backups, restores and what people use instead (SIZE_MB=200 REPEATS=3 PEERS=all MEASURE=restores)
	@tools/install_packages.sh gzip mydumper pigz
	@PYTHONPATH=.collections .venv/bin/python -m tests.benchmarks --size-mb $(SIZE_MB) --repeats $(REPEATS) --peers $(PEERS) \
		--measure $(MEASURE)

bench-many: ready ## Measure many small databases with one job and with two (DATABASES=50 EACH_MB=10 REPEATS=3)
	@PYTHONPATH=.collections .venv/bin/python -m tests.benchmarks.bench_many --databases $(DATABASES) --each-mb $(EACH_MB) \
		--repeats $(REPEATS)

ecosystem: ready ## Run what the ecosystem asks of a release: ansible-test units and integration, galaxy-importer, the tarball
	.venv/bin/python -m pip install --quiet "galaxy-importer>=0.4.44,<0.5"
	.venv/bin/python -m tools.ansible_test units tests/unit/plugins/
	.venv/bin/python -m tools.ansible_test integration
	.venv/bin/python -m tools.galaxy
	.venv/bin/python -m pytest tests/integration/test_tarball.py

coverage: ready ## Run the unit and integration tests, and show how much of the engine they reach
	@tools/install_packages.sh chromium prometheus
	rm -f .cache/coverage .cache/coverage.*
	.venv/bin/coverage run -m pytest tests/unit tests/integration --numprocesses auto --dist loadfile $(PYTEST_ARGS)
	.venv/bin/coverage combine --quiet
	.venv/bin/coverage report

mutation: ready ## Change the engine in many small ways, and show what no unit test notices (PARTS="planning drift")
	.venv/bin/python -m pip install --quiet "cosmic-ray>=8.7,<9"
	.venv/bin/python -m tools.mutation $(PARTS)

docs: ready ## Build the site of the documentation, the guides and the reference: .cache/docs/html/index.html
	.venv/bin/python -m tools.docsite

changelog: ready ## Write the fragments into the changelog of the version in galaxy.yml
	.venv/bin/antsibull-changelog release --update-existing --reload-plugins

clean: ## Remove what the other targets made here
	rm -rf .ansible .cache .collections .hypothesis .venv tests/output
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# The parts of being ready.

ready: packages $(ENVIRONMENT) $(COLLECTION)

packages:
	@tools/install_packages.sh $(PACKAGES)

$(ENVIRONMENT): requirements.txt requirements-dev.txt | packages
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed")'
	$(PYTHON) -m venv .venv
	.venv/bin/python -m pip --disable-pip-version-check install --quiet --requirement requirements-dev.txt
	touch $@

$(COLLECTION):
	mkdir -p $(@D)
	ln -s ../../.. $@
