# make demo, make test: everything is set up by itself in .venv (Python 3.11 or 3.12, git and make are all that is needed).
PYTHON ?= $(shell command -v python3.11 || command -v python3.12 || command -v python3)
VENV := .venv
BIN := $(VENV)/bin
DEMO ?= demo
# torch is named first and exactly: newer releases bring gigabytes of CUDA packages along.
TORCH := torch==2.13.0
PIP := $(BIN)/pip install -qq --disable-pip-version-check

.PHONY: demo test test-core check bench docs report-demo torture fuzz audit clean

$(VENV)/.installed: pyproject.toml
	@$(PYTHON) -c 'import sys; v = sys.version_info[:2]; sys.exit(0 if (3, 11) <= v <= (3, 12) else f"Python 3.11 or 3.12 is needed, found {v[0]}.{v[1]}; say make PYTHON=/path/to/python3.11")'
	$(PYTHON) -m venv $(VENV)
	$(PIP) --upgrade pip
	$(PIP) "$(TORCH)"
	$(PIP) --editable ".[all,test,check]"
	@touch $@

demo: $(VENV)/.installed  ## make a cohort, ingest it, print gait parameters, draw the distance matrix
	$(BIN)/neurostore demo $(DEMO)

test: $(VENV)/.installed  ## the whole test suite
	$(BIN)/python -m pytest -q -n 2 --dist loadfile

test-core:  ## the core's tests on numpy 2, without mediapipe, tensorflow, torch and ray, in .venv-core
	$(PYTHON) -m venv .venv-core
	.venv-core/bin/pip install --quiet --disable-pip-version-check "numpy>=2,<3" --editable ".[report,s3,dtaidistance,test]"
	.venv-core/bin/python -m pytest -q -n 2 --dist loadfile tests/unit tests/spec tests/property tests/cli

check: $(VENV)/.installed  ## style, types, SQL style
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy neurostore ingest
	$(BIN)/sqlfluff lint --disable-progress-bar queries

report-demo: $(VENV)/.installed  ## the report of the demonstration cohort, opened in the browser where there is one
	[ -d $(DEMO)/lake ] || $(BIN)/neurostore demo $(DEMO)
	$(BIN)/neurostore report $(DEMO)/report.html --reference control --lake $(DEMO)/lake
	@$(BIN)/python -c 'import pathlib, webbrowser; page = pathlib.Path("$(DEMO)/report.html").resolve(); print("Opened" if webbrowser.open(page.as_uri()) else "Open it in a browser:", page)'

torture: $(VENV)/.installed  ## 200 kills at random moments, and everything that is too long for the suite
	$(BIN)/python -m tests.torture.run --kills 200

fuzz: $(VENV)/.installed  ## 10,000 mutated files into every reader
	$(BIN)/python -m tests.fuzz.run --cases 10000

audit: $(VENV)/.installed  ## known holes in what is installed; fails if anything could not be looked up
	$(BIN)/python -m pip install --quiet --disable-pip-version-check "pip-audit>=2.7,<3"
	$(BIN)/python benchmarks/audit.py

docs: $(VENV)/.installed  ## docs/tables.md, docs/commands.md and docs/MODEL_ARTIFACTS.md from the code
	$(BIN)/python docs/build.py

clean:
	rm -rf $(VENV) .venv-core build dist *.egg-info demo
