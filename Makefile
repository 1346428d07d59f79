# Everything here needs Python 3.11 to 3.13 and nothing else that pip cannot install.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
DEMO_DIR ?=

# What is compiled is kept, whatever the environment says: a network alone starts a hundred processes.
export PYTHONDONTWRITEBYTECODE :=

# Where the tests are that bring up whole networks: to collect all others costs half a minute. tests/test_networks.py
# fails when one is elsewhere.
NETWORKS := tests/e2e tests/test_wheel.py tests/console/cli tests/console/devnet

.PHONY: demo test test-peers soak check format contracts contracts-test contracts-gas slither peers older-peers tables pictures bench clean

demo: $(VENV)/.runtime
	$(BIN)/upgrade-console --network devnet $(if $(DEMO_DIR),--dir $(DEMO_DIR))

# Four side by side, since they wait as long as they work; a worker without tests takes some of another's. Fault runs are
# side by side within a test already: a second process has work where the first waits for the last runs of a group. Of
# whole networks three: with more, blocks would be made faster than two cores get ready for them.
test: $(VENV)/.dev
	$(BIN)/pytest -q -n 4 --dist worksteal -m "not e2e and not peer and not soak" --ignore tests/faults
	$(BIN)/pytest -q -n 2 --dist worksteal tests/faults
	$(BIN)/pytest -q -n 3 --dist loadgroup -m "e2e and not peer and not soak" $(NETWORKS)

# What needs a program of another maker: the Solidity compiler, Docker, systemd, sshd, promtool, anvil; then networks of their
# nodes: CometBFT, Cosmos SDK chains, cosmovisor. What is not here or `make peers` has not built skips, and says so. The
# first are all over the tree, and some are known only by what they ask for: all are collected, so that none is missed.
test-peers: $(VENV)/.dev
	$(BIN)/pytest -q -n 3 --dist loadfile -m "peer and not e2e and not soak"
	$(BIN)/pytest -q -n 3 --dist loadgroup -m "e2e and peer and not soak" $(NETWORKS)

# A thousand more fault runs and every planted bug (docs/faults.md), the longest stories of whole networks, wide sweeps.
soak: $(VENV)/.dev
	$(BIN)/pytest -q -m soak tests/faults tests/console/log_store
	$(BIN)/pytest -q -n 2 --dist loadfile -m soak --ignore tests/faults

check: $(VENV)/.dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache

format: $(VENV)/.dev
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

# The compiler and forge, as the lockfile pins them. Their install scripts are not needed, so none runs.
NPM := contracts/node_modules/.package-lock.json
$(NPM): contracts/package.json contracts/package-lock.json
	cd contracts && npm ci --ignore-scripts --no-audit --no-fund --silent
	touch $@

FORGE := PATH="$(CURDIR)/contracts/node_modules/.bin:$$PATH"

# Recompiles the committed artefacts; needs Node.js and npm, as the two below.
contracts: $(NPM)
	node contracts/compile.mjs

# Unit, fuzz and invariant tests, gas against contracts/snapshots, coverage, static analysis.
contracts-test: $(NPM)
	cd contracts && $(FORGE) FORGE_SNAPSHOT_CHECK=true forge test
	node contracts/coverage.mjs
	$(MAKE) slither

# The gas that contracts-test compares with.
contracts-gas: $(NPM)
	cd contracts && $(FORGE) forge test --match-contract Gas

# No finding above informational that is not explained beside the code. Sources alone, in a folder of their own: what
# another run left of other sources would be analysed with them.
SLITHER := contracts/.slither
slither: $(NPM) $(SLITHER)/.done
	rm -rf contracts/out/slither
	cd contracts && export $(FORGE) FOUNDRY_OUT=out/slither FOUNDRY_CACHE_PATH=out/slither/cache \
		&& forge build --build-info --force *.sol && .slither/bin/slither .

$(SLITHER)/.done: contracts/slither-requirements.txt
	$(PYTHON) -m venv $(SLITHER)
	$(SLITHER)/bin/pip install -q --disable-pip-version-check -r contracts/slither-requirements.txt
	touch $@

# Real CometBFT, anvil, cosmovisor and the node of a small Cosmos SDK chain, in two versions, for the tests that want
# them, as tests/peers pins them; needs Go and npm. Kept in .peers.
peers: $(VENV)/.dev
	$(BIN)/python -m tests.peers.build

# Real nodes of older SDKs (0.45, 0.46, 0.47), for the long tests of `make soak` that want them; needs Go, and from
# nothing some ten minutes of two cores.
older-peers: $(VENV)/.dev
	$(BIN)/python -m tests.peers.build older

# What the documentation prints from the code.
tables: $(VENV)/.dev
	$(BIN)/python docs/tables.py

pictures: $(VENV)/.dev
	$(BIN)/python docs/pictures.py

bench: $(VENV)/.dev
	$(BIN)/python -m benchmarks

$(VENV)/bin/python:
	$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13) and "Python 3.11 to 3.13 is needed, this is %d.%d" % sys.version_info[:2])'
	$(PYTHON) -m venv $(VENV)

$(VENV)/.runtime: pyproject.toml constraints.txt | $(VENV)/bin/python
	$(BIN)/pip install -q --disable-pip-version-check -c constraints.txt -e .
	touch $@

$(VENV)/.dev: pyproject.toml constraints.txt | $(VENV)/bin/python
	$(BIN)/pip install -q --disable-pip-version-check -c constraints.txt -e '.[dev]'
	touch $@ $(VENV)/.runtime

clean:
	rm -rf $(VENV) dist build .mypy_cache .ruff_cache .pytest_cache contracts/node_modules contracts/out contracts/cache $(SLITHER) .peers
