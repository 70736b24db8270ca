"""Columns that are flagged as personal: the flag gets into the file, and their values into no file of the service."""

from __future__ import annotations

import json
import time

import jsonschema
import numpy as np
import pytest

from assay.bundle.diff import diff
from assay.bundle.personal import flagged, known
from assay.bundle.published import schema as published
from assay.cli.app import run
from assay.core.errors import SettingsError
from assay.core.settings import Settings, settings_from
from assay.log import read_log
from assay.registry import open_registry
from assay.serve.log_entries import WITHHELD, Kept

from .test_process import ask, serving

KNOWN, SECRET, FAR = "aardvark-lane-12", "zebra-crossing-4711", 98765432.0


def test_the_flag_is_carried_into_schema_and_card(late):
    made = flagged(late, ["town", "amount"])
    assert made.schema["x-assay"]["columns"]["town"]["personal"] is True
    assert {i.column for i in made._schema.inputs if i.personal} == {"town", "amount"}
    assert "Personal data, by the word of who made the model: " in made._files["dossier/model_card.md"].decode()
    jsonschema.Draft202012Validator(published("row")).validate(made.schema)
    assert {c.what for c in diff(late, made) if c.part == "columns"} == {"town, personal", "amount, personal"}
    again = flagged(made, ["town", "amount"], on=False)
    assert again.to_bytes() == late.to_bytes() and flagged(made, ["town"]) is made
    with pytest.raises(SettingsError, match="did you mean town"):
        flagged(late, ["twon"])


def test_settings_name_personal_columns_and_a_slip_is_told():
    assert settings_from({"personal": ["town"]}, Settings()).personal == ("town",)
    with pytest.raises(SettingsError, match=r"'twon', which rows\.csv does not have - did you mean town"):
        known(["twon"], ["town", "late"], "rows.csv")


def test_the_verb_flags_a_file_that_is_there(late, tmp_path, capsys):
    path = late.save(tmp_path / "late.assay")
    assert run(["schema", "personal", str(path), "town,amount", "-o", str(path)]) == 0
    assert run(["schema", "personal", str(path), "amount", "--off", "-o", str(path)]) == 0
    assert "personal: town" in capsys.readouterr().err
    assert run(["schema", "personal", str(path), "twon", "-o", str(path)]) == 2
    assert run(["serve", str(path), "--port", "0", "--log", str(tmp_path / "log"), "--log-id", "town"]) == 2
    assert "flags as personal" in capsys.readouterr().err


def test_no_value_of_a_personal_column_is_in_any_file_of_the_service(late, later, row, tmp_path):
    """Also after a promotion to the first model that flags them, and in the reasons why a row cannot be real."""
    with open_registry(tmp_path / "registry") as registry:
        registry.add(late.to_bytes(), "late", by="tests")
        registry.add(flagged(later, ["town", "amount"]).to_bytes(), "late", by="tests")
        first, second = registry.versions("late")
        registry.promote("late", "champion", first.version, by="tests")
        kept = ("--log", tmp_path / "log", "--audit", tmp_path / "audit", "--log-requests")
        with serving(tmp_path, "late@champion", "--registry", tmp_path / "registry", *kept) as (process, port, token):
            assert ask(port, token, "/predict", [{**row, "town": KNOWN}])[0] == 200
            until = time.monotonic() + 20
            while not list(read_log(tmp_path / "log").parts()):
                assert time.monotonic() < until
                time.sleep(0.05)
            registry.promote("late", "champion", second.version, by="tests")
            while json.loads(ask(port, token, "/predict", [row])[1])["model"]["digest"] != second.digest:
                assert time.monotonic() < until
                time.sleep(0.05)
            asked = [{**row, "town": SECRET, "amount": FAR}]
            status, said = ask(port, token, "/predict", asked)
            assert status == 200 and b"9.87654e+07 is far away" in said, "the caller is told all the same"
            process.terminate()
            out, err = process.communicate(timeout=20)
    files = [p for folder in ("log", "audit") for p in (tmp_path / folder).rglob("*") if p.is_file()]
    written = b"".join(p.read_bytes() for p in files) + out.encode() + err.encode()
    numbers = [np.array(FAR, form).tobytes() for form in ("<f8", "<f4", "<i4", "<i8")]
    for word in (SECRET.encode(), b"98765432", b"9.87654e+07", b"far away", *numbers):
        assert word not in written
    assert KNOWN.encode() in written, "what the first model, without flags, was asked is found: the search works"
    parts = [p for p in read_log(tmp_path / "log").parts() if p.model == second.digest]
    assert parts and all("town" not in p.asked and "amount" not in p.asked and "colour" in p.asked for p in parts)
    assert WITHHELD in str([p.answered.get("odd") for p in parts])


def test_what_a_further_model_flags_is_left_out_and_what_was_hashed_stays_hashed():
    kept = Kept(None, {"email": "hash"}, b"salt")
    kept.learn({"x-assay": {"columns": {"email": {"personal": True}, "age": {"personal": True}, "size": {}}}})
    assert kept.personal == {"email": "hash", "age": "drop"}
