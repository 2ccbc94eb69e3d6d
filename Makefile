# Everything runs in a virtual environment, .venv; nothing but make and Python is needed before.
# A sourced ROS installation is left out of it: its libraries do not mix with the wheels.

PYTHON ?= $(shell for p in python3 python3.12 python3.11 python3.13 python3.10; do \
	$$p scripts/python_version.py >/dev/null 2>&1 && { echo $$p; break; }; done)
PY := .venv/bin/python
CHECK_GL = test -e .venv/.gl-stamp || { sh scripts/check_gl.sh $(PY) && touch .venv/.gl-stamp; }

export MUJOCO_GL ?= egl
export PYTHONPATH := $(CURDIR):$(CURDIR)/test
# What runs here must not be heard by a robot on the network.
export ROS_AUTOMATIC_DISCOVERY_RANGE := LOCALHOST
unexport AMENT_PREFIX_PATH LD_LIBRARY_PATH RMW_IMPLEMENTATION ROS_DISTRO

.DEFAULT_GOAL := help
.PHONY: help demo test checkpoint benchmark bench results strategies scaling realdrives faults soak fuzz audit holes mutants reference lint clean

help:  ## show this
	@echo 'make TARGET [PYTHON=python3.12]'
	@sed -n 's/^\([a-z]*\):.*## \(.*\)/  \1|\2/p' Makefile | awk -F'|' '{printf "%-12s %s\n", $$1, $$2}'

# The environment, not make, carries the text: quotes and Korean arrive as they are.
demo: .venv/.demo-stamp  ## drive in the simulator; INSTRUCTION='...' SEED=7
	@$(CHECK_GL)
	@$(PY) -m mobile_vla_ros demo $${INSTRUCTION:+--instruction "$$INSTRUCTION"} \
		$${SEED:+--seed "$$SEED"} $(ARGS)

# First what computes, then what waits, then what is compared with a clock. Each part runs, and
# even alone in a worker: a crash of the middleware is one test's, which is tried again.
test: .venv/.test-stamp  ## run the tests; ARGS='-k drive'
	@$(CHECK_GL)
ifdef ARGS
	@$(PY) -m pytest $(ARGS)
else
	@failed=0; \
	OMP_NUM_THREADS=1 LP_NUM_THREADS=1 $(PY) -m pytest -m 'not (nodes or alone)' -n 2 --dist worksteal || failed=1; \
	LP_NUM_THREADS=1 $(PY) -m pytest -m 'nodes and not alone' -n 3 || failed=1; \
	$(PY) -m pytest -m alone -n 1 || failed=1; \
	exit $$failed
endif

checkpoint: .venv/.train-stamp  ## rebuild the shipped checkpoint from seeds (an hour or two); ARGS='--model hybrid'
	@$(CHECK_GL)
	@$(PY) -m mobile_vla_ros checkpoint $(ARGS)

benchmark: .venv/.demo-stamp  ## score the policy in the simulator
	@$(CHECK_GL)
	@$(PY) -m mobile_vla_ros benchmark $(ARGS)

bench: .venv/.test-stamp  ## measure speed, each figure beside a rival's (half an hour); ARGS='P1 P5'
	@$(CHECK_GL)
	@$(PY) -m bench.speed $(ARGS)

results: .venv/.demo-stamp  ## measure the shipped policy beside its baselines (an hour)
	@$(CHECK_GL)
	@$(PY) -m bench.learning.results $(ARGS)

strategies: .venv/.train-stamp  ## train every strategy, write docs/results/strategies.md
	@$(CHECK_GL)
	@$(PY) -m bench.learning.strategies $(ARGS)

scaling: .venv/.train-stamp  ## success by recorded episodes, and yaw damped or not (40 minutes)
	@$(CHECK_GL)
	@$(PY) -m bench.learning.scaling $(ARGS)

realdrives: .venv/.train-stamp  ## hold out each of a real car's drives; ARGS='tub_1 tub_2'
	@$(PY) -m bench.learning.real_drives $(ARGS)

faults: .venv/.test-stamp  ## inject every fault, write docs/safety.md's table; TRIALS=100
	@$(CHECK_GL)
	@$(PY) -m bench.robustness.faults $${TRIALS:+--trials "$$TRIALS"} $(ARGS)

soak: .venv/.test-stamp  ## drive for hours, the camera stalling: memory, stops; HOURS=8
	@$(PY) -m bench.robustness.soak $${HOURS:+--hours "$$HOURS"} $(ARGS)

fuzz: .venv/.audit-stamp  ## mutate what comes from outside, guided by coverage; SECONDS_EACH=60
	@$(PY) -m bench.robustness.fuzz $${SECONDS_EACH:+--seconds "$$SECONDS_EACH"} $(ARGS)

audit: .venv/.audit-stamp  ## scan for unsafe code
	@$(PY) -m bandit -q -c bandit.yaml -r mobile_vla_ros bench scripts launch setup.py

holes: .venv/.audit-stamp  ## ask PyPI for known holes in what is installed (needs the network)
	@$(PY) -m pip_audit --disable-pip --require-hashes -r requirements/locked/test.txt $(ARGS)

mutants: .venv/.audit-stamp  ## change the code bit by bit: do the tests notice? (half an hour)
	@OMP_NUM_THREADS=1 $(PY) scripts/mutants.py $(ARGS)

reference: .venv/.test-stamp  ## write docs/reference from what nodes, launch files and verbs declare
	@$(PY) -m scripts.reference $(ARGS)

# Types are those of the packages that the tests use too.
lint: .venv/.test-stamp  ## check style, layers and types
	@$(PY) -m ruff check $(ARGS) .
	@.venv/bin/lint-imports
	@$(PY) -m mypy

clean:  ## remove what the other targets made
	rm -rf .venv out build install log .pytest_cache .hypothesis .ruff_cache .mypy_cache .import_linter_cache .coverage *.egg-info

# torch comes by version, not by hash: see requirements/torch.txt.
TORCH_train := requirements/torch.txt
TORCH_test := requirements/torch.txt
TORCH_audit := requirements/torch.txt

.venv/.train-stamp .venv/.test-stamp .venv/.audit-stamp: requirements/torch.txt

.venv/.%-stamp: requirements/locked/%.txt | .venv/.python-stamp
	@$(PY) scripts/pip_install.py $< $(TORCH_$*)
	@touch $@

.venv/.python-stamp:
	@test -n '$(PYTHON)' || { \
		echo 'no Python 3.10 to 3.13 found; give one: make PYTHON=/path/to/python3'; exit 1; }
	@$(PYTHON) scripts/python_version.py
	@$(PYTHON) -m venv .venv || { rm -rf .venv; \
		echo '$(PYTHON) -m venv failed; on Debian and Ubuntu: apt-get install python3-venv'; \
		exit 1; }
	@touch $@
