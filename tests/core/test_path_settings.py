"""``[run]`` and ``[watch]`` of the settings."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from assay.core.errors import SettingsError
from assay.core.settings import Settings, read_settings


def test_both_tables_are_read(tmp_path: Path):
    (tmp_path / "assay.toml").write_text(
        '[run]\ndata = "d.csv"\ntarget = "late"\nkeep = "x"\nstop-on = "critical"\n'
        '[watch]\nalarm = "ops"\ntruth_after = 14\n', "utf-8",
    )  # fmt: skip
    found = read_settings(tmp_path)
    assert (found.run.data, found.run.keep, found.run.stop_on) == ("d.csv", ("x",), "critical")
    assert found.watch.truth_after == 14.0 and found.run.alias == "challenger"


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("[run]\ndta = 'x'", "unknown key 'dta' in [run] - did you mean data?"),
        ("[run]\nunsafe = 1", "unsafe in [run] must be true or false"),
        ("[run]\ndata = ['a', 'b']", "data in [run] must be text"),
        ("[run]\nstop_on = 'critcal'", "did you mean critical?"),
        ("[watch]\ntruth_after = true", "truth_after in [watch] must be a number"),
        ("watch = 3", "[watch] must be a table"),
    ],
)
def test_what_is_wrong_is_one_sentence(text: str, says: str, tmp_path: Path):
    (tmp_path / "assay.toml").write_text(text, "utf-8")
    with pytest.raises(SettingsError) as caught:
        read_settings(tmp_path)
    assert says in str(caught.value)


def test_addresses_stay_out_of_evidence():
    kept = json.dumps(Settings(registry="postgresql://u:secret@h/db").of_evidence())
    assert "secret" not in kept and '"run"' not in kept and '"watch"' in kept
