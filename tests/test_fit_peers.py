"""What makes the comparison of fitting systems fair: its splits, its scores, its clock, its ranks."""

from __future__ import annotations

import sys
import xml.etree.ElementTree as ET
from pathlib import Path

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).parents[1]))
from benchmarks.fit_peers import ranks, report, run, scores, splits, tasks

pd = pytest.importorskip("pandas")


def task(split: str, kind: str = "binary", frame=None):
    return tasks.Task("t", kind, split, "y", lambda: frame)


def frame(n: int = 400, seed: int = 0, **beside):
    rng = np.random.default_rng(seed)
    y = np.where(rng.random(n) < 0.25, "yes", "no")
    return pd.DataFrame({"a": rng.normal(size=n).round(1), "b": rng.integers(0, 3, n), "y": y, **beside})


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_no_copy_of_a_row_is_on_both_sides_and_classes_keep_their_share(seed):
    f = frame()
    train, test = splits.outer(task("stratified"), f, seed)
    rows = [set(f.iloc[part].itertuples(index=False, name=None)) for part in (train, test)]
    assert not rows[0] & rows[1]
    assert len(set(train) | set(test)) == len(f) and not set(train) & set(test)
    assert len(test) == pytest.approx(80, abs=12)
    assert (f["y"].iloc[test] == "yes").mean() == pytest.approx((f["y"] == "yes").mean(), abs=0.02)
    assert f.duplicated().any()  # the ground has copies, or nothing was shown


def test_groups_are_whole_and_a_copy_in_another_group_leaves_the_test_set():
    f = frame(split_group=np.arange(400) // 4)
    train, test = splits.outer(task("group"), f, 0)
    assert not set(f["split_group"].iloc[train]) & set(f["split_group"].iloc[test])
    plain = f.drop(columns="split_group")
    rows = [set(plain.iloc[part].itertuples(index=False, name=None)) for part in (train, test)]
    assert not rows[0] & rows[1]


def test_time_goes_forward_from_another_origin_a_seed_and_a_moment_is_not_cut():
    f = frame(1_000, split_order=np.arange(1_000) // 7)
    starts = []
    for seed in (0, 1, 2):
        train, test = splits.outer(task("time"), f, seed)
        assert f["split_order"].iloc[train].max() < f["split_order"].iloc[test].min()
        assert (np.diff(train) > 0).all()
        starts.append(len(train))
    assert starts == [800, 700, 600]


def test_another_seed_is_another_draw_and_the_same_seed_the_same():
    f = frame()
    one, two, again = (splits.outer(task("stratified"), f, s) for s in (0, 1, 0))
    assert np.array_equal(one[0], again[0]) and np.array_equal(one[1], again[1])
    assert not np.array_equal(one[1], two[1])


def test_scores_equal_the_library_and_an_unseen_class_costs_the_floor():
    from sklearn.metrics import log_loss, roc_auc_score

    rng = np.random.default_rng(0)
    y, p = np.where(rng.random(300) < 0.4, "b", "a"), rng.random(300).round(1) * 0.9 + 0.05
    said = scores.score("binary", y, np.column_stack((1 - p, p)), ["a", "b"], scores.clusters(300))
    assert said["score"] == pytest.approx(log_loss(y, p)) and said["other"] == pytest.approx(roc_auc_score(y, p))
    assert scores.losses("multiclass", ["c"], [[0.5, 0.5]], ["a", "b"])[0] == pytest.approx(-np.log(scores.FLOOR))
    numbers = scores.score("regression", [1.0, 2.0, 3.0], [1.0, 2.0, 5.0], [], scores.clusters(3))
    assert numbers["score"] == pytest.approx(np.sqrt(4 / 3)) and numbers["other"] == pytest.approx(-1.0)
    with pytest.raises(ValueError, match="not finite"):
        scores.score("regression", [1.0], [np.nan], [], scores.clusters(1))


def test_the_standard_error_of_copied_rows_is_that_of_their_groups():
    values = np.random.default_rng(1).normal(size=200)
    alone = scores.mean_error(values, scores.clusters(200))
    copied = scores.mean_error(np.repeat(values, 5), scores.clusters(1_000, np.repeat(np.arange(200), 5)))
    assert alone == pytest.approx(values.std(ddof=1) / np.sqrt(200))
    assert copied == pytest.approx(alone)
    assert scores.mean_error(np.repeat(values, 5), scores.clusters(1_000)) < copied / 2
    assert len(set(scores.clusters(1_000, ordered=True))) == scores.BLOCKS


def test_critical_differences_are_those_of_the_paper():
    # Demsar 2006: table 5a has q .05 = 3.102 for 9 systems; section 3.2.4 has CD 1.25 for 4 systems on 14 tasks
    assert ranks.critical_difference(4, 14) == pytest.approx(1.25, abs=0.01)
    assert ranks.critical_difference(9, 10) == pytest.approx(3.102 * np.sqrt(90 / 60), abs=0.01)
    assert ranks.ranks(np.array([[0.2, 0.1, 0.2, np.nan]])).tolist() == [[2.5, 1.0, 2.5, 4.0]]
    assert ranks.cliques([1.0, 1.5, 3.0, 3.2], 1.0) == [(0, 1), (2, 3)]


def test_friedman_sees_an_order_that_holds_and_none_in_noise():
    rng = np.random.default_rng(0)
    ordered = np.arange(4) + rng.normal(0, 0.2, (12, 4))
    assert ranks.friedman(ordered) < 1e-6
    assert np.mean([ranks.friedman(rng.random((12, 4))) < 0.05 for _ in range(200)]) < 0.1


def test_the_picture_is_one_valid_svg_that_names_every_system():
    means = {"one & <two>": 1.2, "b": 2.1, "c": 2.7}
    svg = ET.fromstring(ranks.picture(means, 1.0, "ranks"))
    said = " ".join(t.text or "" for t in svg.iter("{http://www.w3.org/2000/svg}text"))
    assert all(f"{name} {mean:.2f}" in said for name, mean in means.items())
    left, top, wide, high = map(float, svg.attrib["viewBox"].split())
    for line in svg.iter("{http://www.w3.org/2000/svg}line"):
        assert all(left <= float(line.attrib[k]) <= wide for k in ("x1", "x2"))
        assert all(top <= float(line.attrib[k]) <= high for k in ("y1", "y2"))


def test_a_fit_is_stopped_by_its_own_cpu_seconds_not_by_the_wall(tmp_path):
    busy = "import pathlib; pathlib.Path('started').write_text('0.05')\nwhile True: pass"
    why, used = run.process([sys.executable, "-c", busy], tmp_path, 0.3)
    assert why == "stopped after 3 times the budget" and 0.9 < used < 4
    idle = "import time; time.sleep(1.2)"
    assert run.process([sys.executable, "-c", idle], tmp_path, 0.3)[0] is None
    broken = "raise ValueError('no such column')"
    why, _ = run.process([sys.executable, "-c", broken], tmp_path, 0.3)
    assert why is not None and "no such column" in why


def made(folder: Path, said: dict[str, list[float]]) -> None:
    """Results of three tasks with known losses."""
    import json

    (folder / "losses").mkdir()
    with (folder / "results.jsonl").open("w") as file:
        for system, shift in said.items():
            for k, name in enumerate(("t0", "t1", "t2")):
                doc = {"task": name, "seed": 0, "system": system, "budget": 60.0, "kind": "binary", "cpu": 5.0}
                doc |= {"split": "stratified", "train": 80, "test": 20}
                if np.isnan(shift[k]):
                    doc["failure"] = "stopped after 3 times the budget"
                else:
                    loss = np.random.default_rng(k).random(20) + shift[k]
                    doc |= {"score": float(loss.mean()), "se": 0.1, "other": 0.5, "mb": 1.0, "row": {"cpu_ms": 2.0}}
                    units = np.arange(20)
                    np.savez(folder / "losses" / f"{name}.0.{system}.60.npz", loss=loss, units=units)
                file.write(json.dumps(doc) + "\n")


def test_the_report_ranks_failures_last_and_pairs_the_losses(tmp_path):
    made(tmp_path, {"assay": [0.0, 0.2, 0.1], "flaml": [0.1, 0.1, np.nan], "ebm": [0.3, 0.3, 0.1]})
    text = report.report(tmp_path, ["assay", "flaml", "ebm"], ["t0", "t1", "t2"], 60.0, [0, 1], tmp_path / "cd.svg")
    assert "| t0 | flaml | -.1000 ± .0000 | 1 | better |" in text
    assert "| t1 | flaml | +.1000 ± .0000 | 1 | worse |" in text
    assert "| t2 | ebm | -.0000 ± .0000 | 1 | level |" in text
    assert "| assay | 1.50 |" in text and "| flaml | 2.00 |" in text and "| ebm | 2.50 |" in text
    assert "* t2, seed 0, flaml: stopped after 3 times the budget" in text
    assert (tmp_path / "cd.svg").read_text().startswith("<svg")


def test_what_is_known_is_not_run_again(tmp_path, monkeypatch):
    made(tmp_path, {"assay": [0.0, 0.2, 0.1]})
    ran = []

    def one(_, system, t, seed, budget):
        ran.append((system, t.name, seed))
        return {"task": t.name, "seed": seed, "system": system, "budget": budget, "failure": "none"}

    monkeypatch.setattr(run, "prepare", lambda *_: None)
    monkeypatch.setattr(run, "one", one)
    t0 = tasks.Task("t0", "binary", "stratified", "y", frame)
    for _ in range(2):
        run.run(tmp_path, ["assay", "ebm"], [t0], [0], 60.0)
    assert ran == [("ebm", "t0", 0)]


def test_tasks_are_twelve_of_all_kinds_with_time_and_groups():
    listed = tasks.TASKS.values()
    assert len(listed) >= 12
    assert {t.kind for t in listed} == {"binary", "multiclass", "regression"}
    assert all(sum(t.split == s for t in listed) >= 2 for s in ("time", "group"))
    if tasks.DATA.exists():
        wine = tasks.TASKS["wine"].frame()
        assert not wine.duplicated().any() and len(wine) > 5_000
