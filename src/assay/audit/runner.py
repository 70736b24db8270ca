"""Runs challenges: each gets facts and probes by parameter name, and each fact and probe is made once."""

from __future__ import annotations

import inspect
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from types import ModuleType
from typing import Any

from assay.core.challenge import Challenge
from assay.core.claim import Claim
from assay.core.errors import AssayError, NotApplicable, is_interrupt
from assay.core.settings import Settings
from assay.core.subject import Subject
from assay.core.table import Ask, Table

from .catalogue import probes
from .needs import missing

Progress = Callable[[str, float], None]  # what is being done, share done (0..1)


class Lookup:
    """Facts by ask. Asks declared before are made in one plan; any other costs a scan when it is looked up."""

    def __init__(self, table: Table) -> None:
        self.table = table
        self.known: dict[Ask, Any] = {}

    def declare(self, asks: Iterable[Ask]) -> None:
        wanted = [ask for ask in dict.fromkeys(asks) if ask not in self.known]
        if wanted:
            self.known.update(self.table.facts(wanted))

    def __getitem__(self, ask: Ask) -> Any:
        self.declare([ask])
        return self.known[ask]


class Thresholds(Mapping[str, float]):
    """A challenge's materiality thresholds with the user's changes. An unknown name is a KeyError."""

    def __init__(self, challenge: Challenge, settings: Settings) -> None:
        changed = settings.thresholds.get(challenge.code, {})
        self.values_by_name = {t.name: float(changed.get(t.name, t.default)) for t in challenge.materiality}

    def __getitem__(self, name: str) -> float:
        return self.values_by_name[name]

    def __iter__(self) -> Any:
        return iter(self.values_by_name)

    def __len__(self) -> int:
        return len(self.values_by_name)


@dataclass(frozen=True, slots=True)
class Run:
    """What one challenge yielded: claims, or the reason for none, or the error."""

    challenge: Challenge
    claims: tuple[Claim, ...] = ()
    not_applicable: str | None = None
    error: str | None = None
    seconds: float = 0.0


@dataclass
class Runner:
    subject: Subject
    settings: Settings
    made: dict[str, Any] = field(default_factory=dict)
    facts: Lookup = field(init=False)

    def __post_init__(self) -> None:
        self.facts = Lookup(self.subject.table)

    def run(self, modules: Mapping[str, ModuleType], progress: Progress | None = None) -> dict[str, Run]:
        """Measure every challenge. One that fails does not stop the others."""
        ready: dict[str, ModuleType] = {}
        runs: dict[str, Run] = {}
        asks: list[Ask] = []
        for code, module in modules.items():
            why = missing(self.subject, module.CHALLENGE.needs)
            if why:
                runs[code] = Run(module.CHALLENGE, not_applicable=why)
                continue
            ready[code] = module
            if hasattr(module, "asks"):
                asks.extend(module.asks(self.subject))
        if progress:
            progress("scanning the table", 0.0)
        self.facts.declare(asks)
        for done, (code, module) in enumerate(ready.items()):
            if progress:
                progress(f"{code} {module.CHALLENGE.name}", 0.2 + 0.7 * done / max(1, len(ready)))
            runs[code] = self.one(module)
        return {code: runs[code] for code in modules}

    def one(self, module: ModuleType) -> Run:
        challenge: Challenge = module.CHALLENGE
        start = time.perf_counter()
        try:
            options = Thresholds(challenge, self.settings)
            self.facts.declare(module.asks(self.subject) if hasattr(module, "asks") else ())
            claims = tuple(self.call(module.measure, options=options))
        except NotApplicable as reason:
            return Run(challenge, not_applicable=str(reason), seconds=time.perf_counter() - start)
        except (KeyboardInterrupt, MemoryError):
            raise
        except Exception as error:  # the contract is broken, and the report says so instead of stopping
            if is_interrupt(error):
                raise KeyboardInterrupt from None
            what = str(error) if isinstance(error, AssayError) else f"{type(error).__name__}: {error}"
            return Run(challenge, error=what, seconds=time.perf_counter() - start)
        return Run(challenge, claims, seconds=time.perf_counter() - start)

    def call(self, function: Callable[..., Any], **own: Any) -> Any:
        """Call a function with what its parameters name: subject, facts, settings, or a probe."""
        named = inspect.signature(function).parameters
        return function(**{n: own[n] if n in own else self.perhaps(n, p.default) for n, p in named.items()})

    def perhaps(self, name: str, default: Any) -> Any:
        """What a parameter names; its default, where it has one and the subject lacks what the probe needs."""
        if default is inspect.Parameter.empty:
            return self.give(name)
        try:
            return self.give(name)
        except NotApplicable:
            return default

    def give(self, name: str) -> Any:
        if name in ("subject", "facts", "settings"):
            return getattr(self, name)
        if name not in self.made:
            known = probes()
            if name not in known:
                raise LookupError(f"no fact table, setting or probe is called {name!r}; probes: {', '.join(known)}")
            why = missing(self.subject, known[name].needs)
            if why:
                raise NotApplicable(why)
            self.made[name] = self.call(known[name].make)
        return self.made[name]
