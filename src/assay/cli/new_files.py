"""The files of a new project: path -> bytes. What only its team knows is left empty, and shown as EMPTY until then."""

from __future__ import annotations

import json

import assay

SETTINGS = """\
# Everything that assay does here is said in this file. `assay check --show-settings` prints what is not written.
budget = 60                # CPU seconds that a fit may take
registry = ".assay/registry"

[run]                      # assay run: check, fit, verify, sign, register
name = {name}
version = "0.1.0"          # raise it when something is promised anew
data = {data}
target = {target}
output = {output}
report = {report}
# stop_on = "critical"     # stop where the check finds something of this severity
# key = "assay.key.pem"           # made by: assay sign --new-key .   (never commit it)
# public_key = "assay.pub.pem"    # assay status asks for its signature

[roles]                    # what the columns are, where the guess is wrong: assay check shows it
# order = "date"
# group = "customer"
# asked_at = "date"        # the moment at which the question is asked: nothing later may feed the model

[question]                 # assay status blocks while decides, about or owner is empty
decides = ""               # what is done differently because of the answer
about = ""                 # whom or what a row stands for
owner = ""                 # who answers for it
forbidden = []             # uses that are ruled out
# enough = 0.75            # the score from which the model is worth its trouble
# cost_false_alarm = 1.0
# cost_miss = 5.0

[watch]                    # assay status blocks while alarm or truth_after is empty
alarm = ""                 # who is told when something moves
truth_after = 0            # days until the true outcome is known
"""
TESTS = '''\
"""What was promised of the model, checked on the very file that goes to production: pytest tests."""

from __future__ import annotations

import time
import tomllib
from pathlib import Path

import assay
import pytest

HOME = Path(__file__).parents[1]
SETTINGS = tomllib.loads((HOME / "assay.toml").read_text("utf-8"))
MODEL = HOME / SETTINGS["run"]["output"]
pytestmark = pytest.mark.skipif(not MODEL.exists(), reason="there is no model yet: assay run makes it")


@pytest.fixture(scope="module")
def model() -> assay.Model:
    """Loaded as production loads it: digests, graph policy and golden rows are checked on the way."""
    return assay.load(MODEL)


@pytest.fixture(scope="module")
def fitted(model: assay.Model) -> dict:
    return model.dossier["model"]


def test_it_is_the_model_that_the_settings_name(model: assay.Model):
    assert model.target == SETTINGS["run"]["target"]
    assert model.manifest["name"] == SETTINGS["run"]["name"]
    assert model.manifest["version"] == SETTINGS["run"]["version"]


def test_it_predicts_the_golden_rows_as_when_it_was_written(model: assay.Model):
    assert model.golden_difference <= 1e-5


def test_a_row_with_nothing_in_it_is_answered(model: assay.Model):
    assert len(model.predict([dict.fromkeys(model.columns)])) == 1


def test_a_row_that_lacks_a_column_is_refused(model: assay.Model):
    with pytest.raises(assay.InputError):
        model.predict([dict.fromkeys(model.columns[1:])])


def test_a_column_that_knows_the_answer_does_not_feed_it(model: assay.Model, fitted: dict):
    assert not set(model.columns) & set(fitted["left_out"])
    assert model.target not in model.columns


def test_the_score_is_enough(fitted: dict):
    score = next(s for s in fitted["scores"] if s["headline"])
    enough = SETTINGS.get("question", {}).get("enough")
    low = score["metric"] in ("log-loss", "MAE", "pinball loss", "mean class distance")  # of which lower is better
    there = enough is None or (score["value"] <= enough if low else score["value"] >= enough)
    assert there, f"{score['metric']} {score['value']:.3g}; {enough:g} is enough"


def test_one_row_is_answered_in_time(model: assay.Model):
    row, times = [dict.fromkeys(model.columns)], []
    for _ in range(50):
        start = time.perf_counter()
        model.predict(row)
        times.append(time.perf_counter() - start)
    assert sorted(times)[25] < 0.02  # seconds
'''
WORKFLOW = """\
# Data stay out of the repository; the model and its tests are in it. The check runs where the table is there.
name: model
on: [push, pull_request]
permissions:
  contents: read
jobs:
  model:
    runs-on: ubuntu-latest
    timeout-minutes: 20
    steps:
      - uses: actions/checkout@v4
      - uses: actions/setup-python@v5
        with:
          python-version: "3.12"
      - run: python -m pip install -r requirements.txt
      - name: the table
        run: if [ -f {data} ]; then assay check {data} --target {target} --output-format github; fi
      - name: the model
        run: if [ -f {output} ]; then assay verify {output}; fi
      - name: what was promised
        run: python -m pytest -q tests
      - name: the gates
        run: if [ -f {output} ]; then assay status {output} || true; fi
"""
DOCKERFILE = """\
# Trains: docker build -t {image}-train .
#         docker run --rm --user "$(id -u):$(id -g)" -e HOME=/tmp -v "$PWD":/project {image}-train
# Serves: make container (assay export docker writes a smaller image that holds the model and nothing to train with)
FROM python:3.12-slim-bookworm
RUN apt-get update && apt-get install -y --no-install-recommends libgomp1=12.2.* && rm -rf /var/lib/apt/lists/*
COPY requirements.txt /tmp/requirements.txt
RUN python -m pip install --no-cache-dir -r /tmp/requirements.txt && useradd --create-home --uid 10001 trainer
USER 10001
WORKDIR /project
ENTRYPOINT ["assay"]
CMD ["run"]
"""
MAKEFILE = """\
.PHONY: model test container

model:      ## do what has changed: check, fit, verify, sign, register
\tassay run

test:       ## what was promised of the model
\tpython -m pytest -q tests

container:  ## an image that serves the model
\tassay export docker {output} -o container --force
\tdocker build -t {image} container
"""
IGNORED = """\
# keys never, data and what can be made again neither
*.key.pem
keys.json
data/*
!data/README.md
.assay/
container/
__pycache__/
.pytest_cache/
"""
DATA = """\
# Data

Put the table here as `{data}` (CSV, TSV, JSON lines, Parquet, Arrow or Excel; .gz and .zst too), one row a case, with
the column that is to be predicted. Nothing in this folder but this page is committed. Another place: `data` of
`[run]` in `assay.toml`, also a glob such as `"exports/2026-*.parquet"`.

No table at hand? `assay demo -o .` writes one of parcels that come late.
"""
README = """\
# {name}

    python -m pip install -r requirements.txt
    assay check {data} --target {target}     # what is wrong with the table
    assay run --dry-run                      # what would be done, and why
    assay run                                # check, fit, verify, sign, register as challenger
    python -m pytest tests                   # what was promised
    assay status {output}                    # what stands between it and production
    assay sign --new-key .                   # once; then name both keys in [run]
    assay registry approve {name}@challenger --reason '...'
    assay registry promote {name}@challenger champion --reason '...'
    assay serve {name}@champion
    assay export docker {output} -o container

Settings are in `assay.toml`. Nothing is sent anywhere.
"""


def project_files(name: str, data: str, target: str) -> dict[str, bytes]:
    """Everything that ``assay new project`` writes."""
    output = f"{name}.assay"
    image = name.lower().replace(".", "-").replace("_", "-")
    said = {k: json.dumps(v, ensure_ascii=False) for k, v in (("name", name), ("data", data), ("target", target),
            ("output", output), ("report", f"{name}.html"))}  # fmt: skip
    words = {"name": name, "data": quoted(data), "target": quoted(target or "COLUMN"), "output": output, "image": image}
    files = {
        "assay.toml": SETTINGS.format(**said),
        "tests/test_model.py": TESTS,
        ".github/workflows/model.yml": WORKFLOW.format(**words),
        "Dockerfile": DOCKERFILE.format(**words),
        ".dockerignore": "*\n!requirements.txt\n",
        "Makefile": MAKEFILE.format(**words),
        "requirements.txt": f"assay[serve]=={assay.__version__}\npytest\n",
        ".gitignore": IGNORED,
        "data/README.md": DATA.format(data=data.rpartition("/")[2]),
        "README.md": README.format(**words),
    }
    return {path: text.encode() for path, text in files.items()}


def quoted(word: str) -> str:
    """As a shell takes it."""
    import shlex

    return shlex.quote(word)
