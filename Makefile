# Everything a person types. Works with spaces in the path and with no environment activated; parsed by GNU make 3.81.

.DEFAULT_GOAL := help
.PHONY: help env lab test lock wheels

# A Python to use instead of the first one that suits: make env PYTHON=/path/to/python3.12
PYTHON =
# Options of `labkit lab`: make lab LAB_ARGS="--no-browser --port 0"
LAB_ARGS =
# Options of the lock: make lock LOCK_ARGS=--upgrade
LOCK_ARGS =

# Packages of another environment must not leak into this one.
unexport PYTHONPATH PYTHONHOME

# nbgrader calls `alembic`, and JupyterLab its kernels, by name.
BIN = export PATH="$$PWD/.venv/bin:$$PATH"

help:  ## Say what there is to do.
	@echo "make lab    open the course in JupyterLab (installs on the first run)"
	@echo "make test   check everything: style, tests, notebooks"
	@echo "make env    make or update .venv, and nothing else"
	@echo "make lock   resolve pyproject.toml into requirements.lock (LOCK_ARGS=--upgrade for newer versions)"
	@echo "make wheels say which packages of the lock have no wheel for which platform"

# Any Python can start the installer, which looks for one that suits; a pyenv shim is a file that may not run.
env:
	@for python in python3 python3.12 python3.11 python3.13 python; do \
	  if "$$python" -c "" >/dev/null 2>&1; then \
	    LABKIT_PYTHON="$(PYTHON)" exec "$$python" labkit/environment/install.py; \
	  fi; \
	done; \
	echo "There is no Python here: install Python 3.11, 3.12 or 3.13 (python.org, apt, brew or pyenv)." >&2; exit 1

lab: env
	@$(BIN); labkit doctor || echo "The lab opens all the same; what doctor found may stop a cell." >&2
	@$(BIN); exec labkit lab $(LAB_ARGS)

test: env
	@$(BIN); ruff check .
	@$(BIN); ruff format --check .
	@$(BIN); python -m pytest tests
	@$(BIN); python -m pytest --nbval notebooks/

lock: env
	@.venv/bin/python -m labkit.environment.lock $(LOCK_ARGS)

wheels: env
	@.venv/bin/python -m labkit.environment.wheels
