"""What a run used is measured; what cannot be measured is not made up."""

import time

import numpy as np
import pytest

from assay.fit.resources import METERED, NO_INTENSITY, NOT_SHOWN, Meter, energy_zones, peak_mb


def burn(seconds):
    end = time.process_time() + seconds
    while time.process_time() < end:
        np.sort(np.arange(1000.0)[::-1])


def zone(folder, name, energy, most=1e12):
    made = folder / name
    made.mkdir(parents=True, exist_ok=True)
    (made / "energy_uj").write_text(f"{energy:.0f}\n")
    (made / "max_energy_range_uj").write_text(f"{most:.0f}\n")
    return made


def test_cpu_and_wall_are_what_was_spent(tmp_path):
    meter = Meter(tmp_path)
    burn(0.2)
    time.sleep(0.1)
    used = meter.read()
    assert 0.2 <= used.cpu_seconds < 1.0
    assert used.wall_seconds >= 0.29
    assert used.joules is None and used.energy_says == NOT_SHOWN
    assert used.co2_grams is None and used.co2_says == NO_INTENSITY


def test_peak_memory_sees_a_large_array(tmp_path):
    before = peak_mb()
    held = np.ones(60 << 17)  # 60 MB
    assert peak_mb() >= before and peak_mb() > 60
    assert held.sum() > 0


def test_packages_are_added_and_a_counter_that_begins_anew_is_followed(tmp_path):
    zone(tmp_path, "intel-rapl:0", 1_000_000)
    zone(tmp_path, "intel-rapl:1", 9_000_000, most=10_000_000)
    zone(tmp_path, "intel-rapl:0:0", 5)  # a part of the first package: counted there already
    (tmp_path / "dtpm").mkdir()
    assert [z.name for z in energy_zones(tmp_path)] == ["intel-rapl:0", "intel-rapl:1"]
    meter = Meter(tmp_path)
    zone(tmp_path, "intel-rapl:0", 4_000_000)
    zone(tmp_path, "intel-rapl:1", 1_500_000, most=10_000_000)
    used = meter.read(grams_per_kwh=360.0)
    assert used.joules == pytest.approx(3.0 + 2.5)
    assert used.energy_says == METERED
    assert used.co2_grams == pytest.approx(5.5 / 3.6e6 * 360)
    assert "360 g" in used.co2_says


def test_a_meter_that_may_not_be_read_is_none(tmp_path):
    made = zone(tmp_path, "intel-rapl:0", 1)
    meter = Meter(tmp_path)
    (made / "energy_uj").unlink()
    assert meter.read().joules is None
    (made / "energy_uj").write_text("no number")
    assert energy_zones(tmp_path) == ()


def test_declared_watts_give_an_estimate_that_says_so(tmp_path):
    meter = Meter(tmp_path)
    burn(0.05)
    used = meter.read(watts=10.0)
    assert used.joules == pytest.approx(10 * used.cpu_seconds)
    assert used.energy_says.startswith("estimated")
    assert meter.read(grams_per_kwh=300).co2_grams is None  # no energy, so no grams
    assert set(used.to_doc()) >= {"cpu_seconds", "wall_seconds", "peak_mb", "joules", "co2_grams"}
