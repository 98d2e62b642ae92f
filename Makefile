# make run: the main job. make test: everything that must hold. Both make their own environment in .venv when there is none.
# An installed PyTorch is used as it is; to choose another one: make run TORCH="torch==2.13.0 torchvision==0.28.0"
PYTHON ?= python3
TORCH ?=
ARGS ?=
BIN = .venv/bin

run: .venv/ready
	$(BIN)/python -m colddiff_nb demo $(ARGS)

test: check suite

check: .venv/ready
	$(BIN)/ruff check .
	$(BIN)/mypy --strict colddiff_nb
	$(BIN)/mypy studies benchmarks tools

suite: .venv/ready
	OMP_NUM_THREADS=1 $(BIN)/pytest -n 2 --dist loadscope --no-loadscope-reorder tests
	OMP_NUM_THREADS=1 COLDDIFF_NB=smoke,offline $(BIN)/pytest -n 2 --dist loadscope --nbval-lax --nbval-current-env notebooks

colab: .venv/ready
	$(BIN)/python -m tools.colab $(ARGS)

soak: .venv/ready
	OMP_NUM_THREADS=1 PYTHONPATH=. $(BIN)/python tests/helpers/soak.py

bench: .venv/ready
	$(BIN)/python -m benchmarks $(ARGS)
	$(BIN)/python -m studies report

lab: .venv/ready
	JUPYTER_CONFIG_PATH="$(CURDIR)/tools/jupyter" JUPYTER_PATH="$(CURDIR)/tools/jupyter" \
	$(BIN)/jupyter lab --ServerApp.root_dir=. $(ARGS)

notebooks: .venv/ready
	$(BIN)/python -m tools.notebooks build

badges: .venv/ready
	$(BIN)/python -m tools.notebooks badges $(REPO)

site: .venv/ready
	PYTHONPATH=. $(BIN)/python site/build.py

class: .venv/ready
	$(BIN)/python -m tools.class

figures: .venv/ready
	$(BIN)/python -m tools.figures

results: .venv/ready
	$(BIN)/python -m studies report

.venv/ready: requirements.txt pyproject.toml tools/environment.sh
	PYTHON="$(PYTHON)" TORCH="$(TORCH)" sh tools/environment.sh

.PHONY: run test check suite colab soak bench lab notebooks badges site class figures results
