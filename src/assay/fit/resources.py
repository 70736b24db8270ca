"""What a run used: CPU seconds, wall time, peak memory, energy where the machine shows it, CO2 where it was declared.

Energy is read from the processor's own meters (RAPL, Intel SDM volume 3B, section 16.10; powercap in the kernel's
documentation). They meter whole packages, so everything else that ran on the machine is in the number. Without a meter
nothing is guessed: only where the user declares the watts of a busy core is there an estimate, and it is called one.
"""

from __future__ import annotations

import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from .clock import cpu_seconds

POWERCAP = Path("/sys/class/powercap")
METERED = "metered by the processor (RAPL): whatever else ran on this machine is in it"
NOT_SHOWN = "this machine does not show its energy; settings.watts gives an estimate"
NO_INTENSITY = "no grams per kWh were declared (--co2)"
JOULES_PER_KWH = 3.6e6


@dataclass(frozen=True, slots=True)
class Resources:
    """``joules`` and ``co2_grams`` are None where they cannot be told; ``energy_says`` and ``co2_says`` say why.

    ``peak_mb`` is the most memory that the process held since it began, MB of 2^20 bytes.
    """

    cpu_seconds: float
    wall_seconds: float
    peak_mb: float
    joules: float | None
    energy_says: str
    co2_grams: float | None
    co2_says: str

    def to_doc(self) -> dict[str, Any]:
        return {k: round(v, 4) if isinstance(v, float) else v for k, v in asdict(self).items()}


class Meter:
    """Runs from the moment it is made.

    Args:
        powercap: the folder of the kernel's power meters; given by tests only.
    """

    def __init__(self, powercap: Path = POWERCAP) -> None:
        self._cpu, self._wall = cpu_seconds(), time.perf_counter()
        self._zones = energy_zones(powercap)
        self._start = {zone: read_energy(zone) for zone in self._zones}

    @property
    def cpu(self) -> float:
        """CPU seconds so far."""
        return cpu_seconds() - self._cpu

    def read(self, watts: float = 0.0, grams_per_kwh: float = 0.0) -> Resources:
        """What was used so far.

        Args:
            watts: of one busy core, as the user declares them; 0 for nothing declared.
            grams_per_kwh: CO2 of the electricity; 0 for nothing declared.
        """
        cpu, wall = self.cpu, time.perf_counter() - self._wall
        joules, says = self._joules(), METERED
        if joules is None and watts > 0:
            joules, says = cpu * watts, f"estimated: CPU seconds at the {watts:g} W a core that were declared"
        elif joules is None:
            says = NOT_SHOWN
        grams, why = None, NO_INTENSITY
        if grams_per_kwh > 0:
            why = f"at the {grams_per_kwh:g} g per kWh that were declared"
            if joules is not None:
                grams = joules / JOULES_PER_KWH * grams_per_kwh
            else:
                why = "unknown, because the energy is"
        return Resources(cpu, wall, peak_mb(), joules, says, grams, why)

    def _joules(self) -> float | None:
        """Since the start, over all packages; None where a meter is missing or cannot be read any more."""
        total = 0.0
        for zone in self._zones:
            before, now, most = self._start[zone], read_energy(zone), read_energy(zone, "max_energy_range_uj")
            if before is None or now is None:
                return None
            if now < before:  # the counter begins anew at its largest value
                now += most or 0.0
            total += max(0.0, now - before) / 1e6
        return total if self._zones else None


def energy_zones(powercap: Path) -> tuple[Path, ...]:
    """Meters of whole packages (``intel-rapl:0``, not its parts ``intel-rapl:0:0``) that this user may read."""
    if not powercap.is_dir():
        return ()
    zones = sorted(z for z in powercap.glob("*rapl:*") if z.name.count(":") == 1)
    return tuple(z for z in zones if read_energy(z) is not None)


def read_energy(zone: Path, name: str = "energy_uj") -> float | None:
    """A counter in microjoules; None where it is not there or may not be read."""
    try:
        return float((zone / name).read_text("ascii"))
    except (OSError, ValueError):
        return None


def peak_mb() -> float:
    """The most memory that this process ever held (MB); 0 where the system does not say."""
    try:
        import resource
    except ImportError:  # no such module on Windows
        return 0.0
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (1 << 20) if sys.platform == "darwin" else peak / 1024
