# Every target installs what it needs into .venv. Required: Python 3.11, 3.12 or 3.13, git and make. "make help" lists the targets.
PYTHON ?= $(shell for v in 3.11 3.12 3.13; do python$$v -c '' 2>/dev/null && { command -v python$$v; exit; }; done; command -v python3)
# The newest installed Python also runs the tests of the core.
NEWEST ?= $(shell sh .ci/newest_python)
VENV := .venv
BIN := $(VENV)/bin
DEMO ?= demo
# torch is installed first, in one exact version: newer releases install gigabytes of CUDA packages.
TORCH := torch==2.13.0
CONSTRAINTS := --constraint constraints.txt
PIP := $(BIN)/pip install -qq --disable-pip-version-check
PYTEST := $(BIN)/python -m pytest -q -n auto --maxprocesses 8 --dist loadfile --no-loadscope-reorder
# What the newest Python runs in continuous integration, in a minute or two on 2 cores: of DTW what compiles its kernels once.
MOST_IMPORTANT := "tests/unit/dtw/test_dtw.py::test_all_verbs_compute_the_definition_for_unequal_lengths[1-float64]" tests/unit/lake/test_commit.py tests/unit/lake/test_version.py tests/unit/ingest/readers tests/spec/test_joint_angles.py tests/spec/test_spatiotemporal.py
# Tests of loops that numba compiles and that are fast enough as plain Python. Compiled integers wrap around silently, where NumPy warns.
KERNELS := tests/unit/ingest/geometry tests/unit/ingest/landmarks/test_filters.py tests/unit/ingest/readers/trees/test_numbers.py
KERNELS += tests/unit/dtw/test_dtw.py::test_path_is_the_best_and_breaks_ties_as_stated tests/unit/dtw/test_dtw.py::test_path_of_equal_series_is_the_diagonal tests/unit/dtw/test_dtw.py::test_path_length_of_a_constant_offset_is_the_offset tests/unit/dtw/test_dtw.py::test_missing_values_propagate_only_to_their_own_pairs tests/unit/dtw/test_dtw.py::test_angles_are_compared_around_the_circle
KERNELS += tests/unit/ingest/body/test_inverse.py::test_normal_equations_are_the_jacobians
# Tests that have nearly all kernels compiled.
COMPILING := tests/property/test_dtw.py tests/unit/dtw/test_dtw.py tests/unit/ingest/body/test_inverse.py tests/unit/ingest/body/test_body_in_the_lake.py::test_ingest_writes_the_body_and_says_so tests/unit/ingest/multiview/test_key_points.py

.PHONY: help demo demo-all pictures notebooks site test test-slow test-clients quick test-core test-newest kernels test-kernels check fix docs constraints report-demo torture fuzz audit clean

help:  ## list the targets
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1|\2/p' $(MAKEFILE_LIST) | awk -F'|' '{ printf "%-22s%s\n", $$1, $$2 }'

$(VENV)/.installed: pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; v = sys.version_info[:2]; sys.exit(0 if (3, 11) <= v <= (3, 13) else f"Python 3.11, 3.12 or 3.13 is needed, found {v[0]}.{v[1]}; run make PYTHON=/path/to/python3.11")'
	$(PYTHON) -m venv $(VENV)
	$(PIP) --upgrade pip
	$(PIP) "$(TORCH)"
	$(PIP) $(CONSTRAINTS) --editable ".[all,test,check]"
	@touch $@ $(VENV)/.core

# The core alone: no TensorFlow, torch, MediaPipe or Ray. An environment that has everything has the core.
$(VENV)/.core: pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; v = sys.version_info[:2]; sys.exit(0 if (3, 11) <= v <= (3, 13) else f"Python 3.11, 3.12 or 3.13 is needed, found {v[0]}.{v[1]}; run make PYTHON=/path/to/python3.11")'
	@if [ $(VENV)/.installed -nt pyproject.toml ]; then touch $@; else \
	$(PYTHON) -m venv $(VENV) && $(PIP) $(CONSTRAINTS) --editable . && touch $@; fi

demo: $(VENV)/.core  ## install the core, create a cohort, ingest it, print gait parameters, write the report
	$(BIN)/neurostore demo $(DEMO)

demo-all: $(VENV)/.installed  ## the same with everything installed, with figures as PNG, and a treatment study
	$(BIN)/neurostore demo $(DEMO)
	$(BIN)/neurostore demo $(DEMO)-study --study

pictures: $(VENV)/.installed  ## draw the pictures of the README from the demonstration, with Chromium
	$(BIN)/python docs/pictures.py

test: $(VENV)/.installed  ## the test suite
	$(PYTEST) -m "not slow"

test-slow: $(VENV)/.installed  ## kills at random moments and damage on S3, which take minutes; make torture runs them longer
	$(PYTEST) -m slow

test-clients: $(VENV)/.installed  ## a catalogue in DuckDB 1.2 and in the newest command line of PyPI, which pip installs
	$(BIN)/python -m pytest -q -m slow tests/packaging/test_old_clients.py

quick: $(VENV)/.installed  ## style and the fastest tests, in under a minute
	$(BIN)/ruff check .
	$(PYTEST) tests/unit/test_layers.py tests/unit/test_tests.py tests/unit/test_schema.py tests/unit/ingest/cohort tests/unit/ingest/geometry tests/unit/ingest/readers/markers tests/unit/walker tests/spec/test_spatiotemporal.py

test-core:  ## tests of the core with coverage, on the newest installed Python and numpy 2, without mediapipe, tensorflow, torch and ray
	$(NEWEST) -m venv .venv-core
	.venv-core/bin/pip install --quiet --disable-pip-version-check "numpy>=2,<3" --editable ".[report,app,s3,dtaidistance,test]"
	.venv-core/bin/python -m pytest -q -n auto --maxprocesses 8 --dist loadfile --no-loadscope-reorder --cov --cov-report=term tests/unit tests/spec

test-newest:  ## the most important tests of the core (readers, lake, views, DTW) on the newest installed Python: two minutes
	@test -n "$(NEWEST)" || { echo "no Python 3.11, 3.12 or 3.13 was found; run make test-newest NEWEST=/path/to/python3.13"; exit 1; }
	$(NEWEST) -m venv .venv-newest
	.venv-newest/bin/pip install -qq --disable-pip-version-check $(CONSTRAINTS) "numpy>=2,<3" --editable . pytest pytest-timeout pytest-xdist hypothesis
	.venv-newest/bin/python -m pytest -q -n auto --maxprocesses 8 --dist loadfile --no-loadscope-reorder $(MOST_IMPORTANT)

kernels: $(VENV)/.installed  ## compile the kernels by the tests that use most of them, before the workers of the suite do so one by one
	$(BIN)/python -m pytest -q $(COMPILING)

test-kernels: $(VENV)/.installed  ## tests of compiled loops without the compiler, so that a debugger can step through them
	NUMBA_DISABLE_JIT=1 $(PYTEST) -W "ignore:overflow encountered:RuntimeWarning" $(KERNELS)

check: $(VENV)/.installed  ## style, types, SQL style, the website of the documentation, spelling
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/python .ci/types.py
	$(BIN)/sqlfluff lint --disable-progress-bar queries
	NO_MKDOCS_2_WARNING=true $(BIN)/python -m mkdocs build --strict --quiet
	$(BIN)/codespell neurostore ingest queries schemas tests benchmarks docs README.md CONTRIBUTING.md CHANGELOG.md

fix: $(VENV)/.installed  ## repair what ruff and sqlfluff can repair automatically, and write the generated pages again
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .
	$(BIN)/sqlfluff fix --disable-progress-bar queries
	$(BIN)/python docs/build.py

report-demo: $(VENV)/.installed  ## create the report of the demonstration cohort and open it in a browser
	[ -d $(DEMO)/lake ] || $(BIN)/neurostore demo $(DEMO)
	$(BIN)/neurostore report $(DEMO)/report.html --reference control --lake $(DEMO)/lake
	@$(BIN)/python -c 'import pathlib, webbrowser; page = pathlib.Path("$(DEMO)/report.html").resolve(); print("Opened" if webbrowser.open(page.as_uri()) else "Open it in a browser:", page)'

torture: $(VENV)/.installed  ## 200 kills at random moments, and everything that takes too long for the suite
	$(BIN)/python -m tests.torture.run --kills 200

fuzz: $(VENV)/.installed  ## 10,000 mutated files for every reader
	$(BIN)/python -m tests.fuzz.run --cases 10000

audit: $(VENV)/.installed  ## known vulnerabilities of the installed packages; fails if a package could not be looked up
	-$(BIN)/python -m pip install --quiet --disable-pip-version-check "pip-audit>=2.7,<3"
	$(BIN)/python benchmarks/audit.py

docs: $(VENV)/.installed  ## write docs/tables.md, docs/commands.md and docs/MODEL_ARTIFACTS.md from the code
	$(BIN)/python docs/build.py

notebooks: $(VENV)/.installed  ## run the notebooks in docs/notebooks and store their outputs
	$(BIN)/python docs/notebooks/run.py

site: docs  ## build the documentation as a website with search, in build/site
	NO_MKDOCS_2_WARNING=true $(BIN)/python -m mkdocs build --strict

constraints: $(VENV)/.installed  ## write constraints.txt from the versions in .venv and, if it exists, .venv-core
	$(BIN)/python .ci/constraints.py

clean:  ## remove the environments, builds and the demonstration
	rm -rf $(VENV) .venv-core .venv-newest build dist *.egg-info demo demo-study
