# make help tells what there is. Needs make, Python 3.11 or newer, and a package index for pip.
PYTHON ?= python3
VENV ?= .venv
ARGS ?=

BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
TOOLS := PYTHONPATH=tools $(BIN)/python
SCRIPTS := .ci/run tools/kind/e2e tools/release/publish

.DEFAULT_GOAL := help
.PHONY: help install binaries generate format check check-charts test test-namespaced demo soak \
    soak-selftest soak-real test-upgrade test-kubernetes bench e2e-pods e2e-argocd e2e-kind test-image test-release lock \
    api-diff clean

help: ## show this help
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / { printf "  make %-15s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

$(STAMP): requirements/dev.txt pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	    echo "$(PYTHON) is missing or older than Python 3.11; try: make $(MAKECMDGOALS) PYTHON=/path/to/python3.12" >&2; \
	    exit 1; }
	@echo "installing the locked dependencies into $(VENV), one to two minutes"
	@$(PYTHON) -m venv $(VENV) || { \
	    echo "no virtual environment; on Debian and Ubuntu: apt-get install python3-venv" >&2; exit 1; }
	@$(BIN)/python tools/install.py $(BIN)/pip requirements/dev.txt
	@$(BIN)/pip --disable-pip-version-check install --quiet --no-deps --no-build-isolation --editable .
	@touch $@

install: $(STAMP) ## create .venv with the locked dependencies and this project

# Before anything is built or installed, for targets that run for minutes.
needs-%:
	@command -v $* >/dev/null || { echo "make $(MAKECMDGOALS) needs $*, which is not on PATH;" \
	    "on Debian and Ubuntu: apt-get install $*" >&2; exit 1; }

binaries: $(STAMP) ## find or build kube-apiserver, etcd, kubectl, helm, promtool (once; about ten minutes)
	@$(TOOLS) -m controlplane build

generate: $(STAMP) ## write CRDs, charts, health checks and reference pages from their sources
	@$(BIN)/agentrun-operator generate
	@$(TOOLS) -m charttools generate
	@$(TOOLS) -m argocd generate
	@$(TOOLS) -m apimap generate

format: $(STAMP) ## format the code and fix what can be fixed
	@$(BIN)/ruff format .
	@$(BIN)/ruff check --fix .

check: $(STAMP) ## lint, types, imports, stale generated files, gaps in coverage, dead pointers
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/agentrun-operator generate --check
	$(TOOLS) -m charttools generate --check
	$(TOOLS) -m argocd generate --check
	$(TOOLS) -m openapi --check
	$(TOOLS) -m apimap generate --check
	$(BIN)/pytest --quiet tests/unit/test_glossary.py tests/unit/test_layout.py \
	    tests/unit/test_pointers.py
	@for script in $(SCRIPTS); do echo "bash -n $$script"; bash -n $$script || exit 1; done

check-charts: $(STAMP) ## lint charts, Dockerfile, scripts, workflows (ARGS=--complete: leave out nothing)
	@$(TOOLS) -m charttools check $(ARGS)

test: binaries ## run all tests: unit, engine, drift, contract, integration, end to end
	@$(BIN)/python tools/lanes.py $(ARGS)

# What does not apply: a namespace that is deleted takes the Role along; one counts cluster-wide lists;
# a ClusterAccount is not served; leaders contend in the operator's own namespace, whatever they watch.
test-namespaced: binaries ## the engine's integration tests once more, under the Roles of a namespaced install
	AGENTRUN_TEST_SCOPE=namespaced $(BIN)/pytest $(ARGS) \
	    $(filter-out %_leaders.py %_grants.py,$(wildcard tests/integration/test_engine_*.py)) \
	    --deselect tests/integration/test_engine_references.py::test_a_namespace_takes_everything_along \
	    --deselect tests/integration/test_engine_counting.py::test_a_fleet_costs_no_more_and_then_nothing \
	    --deselect tests/integration/test_engine_secrets.py::test_no_secret_of_a_cluster_account_is_ever_told

demo: $(STAMP) ## see it work, without a cloud account or a cluster (ARGS=--once: verify and end)
	@$(TOOLS) -m demo $(ARGS)

soak: $(STAMP) ## run the engine through random histories (ARGS="--seed N", "--schedules N", "--sweep")
	@PYTHONPATH=tests:tests/harness:tools $(BIN)/python -m soak $(ARGS)

soak-selftest: $(STAMP) ## prove that the histories find planted bugs
	@PYTHONPATH=tests:tests/harness:tools $(BIN)/python -m soak --selftest $(ARGS)

soak-real: binaries ## put real processes into trouble, round by round (ARGS="--rounds N --seed N")
	@PYTHONPATH=operator:tests:tests/harness:tools $(BIN)/python -m soak_real $(ARGS)

test-upgrade: needs-git binaries ## objects of an older version live on under this one (ARGS="--from REVISION")
	@PYTHONPATH=operator:tests:tests/harness:tools $(BIN)/python -m upgrade $(ARGS)

test-kubernetes: $(STAMP) ## CRDs, policies and client on each supported Kubernetes (ARGS="1.35", "-k Tool")
	@$(BIN)/python tools/minor_versions.py $(ARGS)

bench: $(STAMP) ## measure operator and simulator; JSON on standard output (ARGS="--objects N", --accounts, --kinds, --big-objects, --real)
	@PYTHONPATH=operator:tests:tests/harness:tools $(BIN)/python -m bench $(ARGS)

e2e-pods: needs-git binaries ## install the chart with helm, on fake nodes (builds kwok and a scheduler once)
	$(BIN)/pytest --verbose --capture=no --durations=15 $(ARGS) tests/pods

e2e-argocd: needs-git needs-redis-server binaries ## sync the samples with a real Argo CD (builds it once)
	$(BIN)/pytest --verbose --capture=no --durations=15 $(ARGS) tests/e2e_argocd

e2e-kind: $(STAMP) ## install the chart with helm on a kind cluster (needs docker, kind, kubectl, helm)
	@tools/kind/e2e

test-image: $(STAMP) ## build the container image and start it once
	@$(TOOLS) -m image $(ARGS)

test-release: $(STAMP) ## publish images and charts to a registry here, sign, tamper (builds cosign once)
	@$(TOOLS) -m release $(ARGS)

lock: ## write requirements/ anew from pyproject.toml (needs uv)
	uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header \
	    --no-emit-index-url --no-emit-find-links --extra dev pyproject.toml --output-file requirements/dev.txt
	uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header \
	    --no-emit-index-url --no-emit-find-links --constraint requirements/dev.txt --extra traces \
	    pyproject.toml --output-file requirements/runtime.txt
	uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header \
	    --no-emit-index-url --no-emit-find-links --constraint requirements/dev.txt requirements/simulator.in \
	    --output-file requirements/simulator.txt

# Exit code of the program: 0 no difference, 1 differences, 2 not read. make itself says 2 for both.
api-diff: $(STAMP) ## what another official SDK adds, removes, changes, by kind (SDK=X.Y.Z; the newest)
	@$(TOOLS) -m apimap diff $(SDK)

clean: ## remove .venv, caches and build results (the built programs stay in ~/.cache)
	rm -rf $(VENV) build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	find operator tests tools -name __pycache__ -type d -prune -exec rm -rf {} +
