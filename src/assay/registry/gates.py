"""The gates between a table and production: what each asks, what the bundle and the registry show, and which blocks.

A gate judges evidence that somebody can look at: the dossier in the bundle, the checks of the file, the events of the
registry. Nothing is asked of a network, and a gate that cannot be judged does not count as passed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Literal

from assay.bundle.archive import contents
from assay.bundle.layout import SIGNATURE
from assay.bundle.model import Model
from assay.bundle.verify import Verified
from assay.core.aim import FALLING

from .registry import Registry
from .state import APPROVED, RETIRED, Version

if TYPE_CHECKING:
    from .state import Live

State = Literal["passed", "blocked"]
ASKED = (("decides", "what is decided"), ("about", "about whom"), ("owner", "who owns it"))
SERVED = "champion"


@dataclass(frozen=True, slots=True)
class Gate:
    """One gate: its state, the evidence in a sentence, where that stands, and the next command where it blocks."""

    name: str
    state: State
    evidence: str
    source: str
    next: str = ""

    def to_doc(self) -> dict[str, Any]:
        return asdict(self)


def gates(
    model: Model, verified: Verified, shown: str, registry: Registry | None = None, keyed: bool = False
) -> tuple[Gate, ...]:
    """All gates of one model, in order.

    Args:
        verified: the checks of its file, made with the public keys that it should be signed with.
        shown: how the user names it: the commands speak of it so.
        registry: where versions and aliases are; None where there is none.
        keyed: whether public keys were given.
    """
    report = model.dossier.get("report") or {}
    made = model.dossier.get("model") or {}
    listed = [] if registry is None else [v for v in registry.versions() if v.digest == model.digest]
    live = [] if registry is None else [a for a in registry.live() if a.digest == model.digest]
    return (
        question(report),
        audit(report, made),
        fitted(model.dossier, made),
        proof(verified, made, shown),
        signed(model, verified, shown, keyed),
        approved(model, listed, shown, registry),
        watch(report),
        served(model, listed, live, registry),
    )


def blocking(all_gates: Sequence[Gate]) -> Gate | None:
    """The first gate that blocks."""
    return next((gate for gate in all_gates if gate.state == "blocked"), None)


def question(report: Mapping[str, Any]) -> Gate:
    asked = report.get("question") or {}
    empty = [words for key, words in ASKED if not asked.get(key)]
    where = "dossier, question"
    if empty:
        return Gate("question", "blocked", f"EMPTY: {', '.join(empty)}", where,
                    "fill in [question] in assay.toml, then: assay run")  # fmt: skip
    return Gate("question", "passed", f"{asked['decides']}; about {asked['about']}; owner {asked['owner']}", where)


def audit(report: Mapping[str, Any], made: Mapping[str, Any]) -> Gate:
    """Passed where every critical finding on the table was answered: repaired with proof, left out, or accepted."""
    where = "dossier, report"
    if not report.get("verdicts"):
        return Gate(
            "audit", "blocked", "the table of this model was not audited", where, "assay fit TABLE --target COLUMN"
        )
    broken = [v["code"] for v in report["verdicts"] if v["verdict"] == "error"]
    done = {step["code"] for step in made.get("recipe") or [] if step.get("applied")}
    left = set(made.get("left_out") or {})
    critical = [f for f in report.get("findings") or [] if f["severity"] == "critical"]
    standing = [f for f in critical if f["code"] not in done and not (f["columns"] and set(f["columns"]) <= left)]
    if broken:
        return Gate("audit", "blocked", f"failed to run: {', '.join(broken)}", where, f"assay rule {broken[0]}")
    if standing:
        first = standing[0]
        more = f", and {len(standing) - 1} more" if len(standing) > 1 else ""
        then = f"assay rule {first['code']}, then repair or accept it ([[ignore]] with a reason) and fit again"
        return Gate("audit", "blocked", f"{first['code']} stands: {first['message']}{more}", where, then)
    looked = len(report["verdicts"])
    said = f"{len(critical)} critical {'finding' if len(critical) == 1 else 'findings'}, each answered"
    return Gate("audit", "passed", f"{looked} challenges; {said if critical else 'no critical finding'}", where)


def fitted(dossier: Mapping[str, Any], made: Mapping[str, Any]) -> Gate:
    """Passed where a held-out score is known, is not worse than what is enough, and M05 saw no rule of thumb win."""
    where = "dossier, model"
    score = next((s for s in made.get("scores") or [] if s.get("headline")), None)
    if score is None:
        return Gate("fit", "blocked", "no score on held-out rows is known", where, "assay check TABLE --model MODEL")
    between = score.get("interval")
    said = f"{score['metric']} {score['value']:.3g}" + (f" ({between[0]:.3g} to {between[1]:.3g})" if between else "")
    said += f" on {score['label']}"
    beaten = [v for v in made.get("verdicts") or [] if v["code"] == "M05" and v["verdict"] == "found"]
    if beaten:
        return Gate("fit", "blocked", f"{said}: a rule of thumb does better (M05)", where, "assay rule M05")
    enough = ((dossier.get("report") or {}).get("question") or {}).get("enough")
    falls = score["metric"] in FALLING
    if enough is not None and (score["value"] > enough if falls else score["value"] < enough):
        return Gate(
            "fit", "blocked", f"{said}; {enough:g} would be enough", where, "more budget, rows or columns: assay fit"
        )
    return Gate("fit", "passed", said + ("" if enough is None else f"; {enough:g} is enough"), where)


def proof(verified: Verified, made: Mapping[str, Any], shown: str) -> Gate:
    """Passed where the file is whole, its graph is the trained model, and no promise was found broken."""
    where = "assay verify; dossier, model"
    bad = [c for c in verified.checks if c.result in ("failed", "not reached") and c.name != "signature"]
    if bad:
        return Gate("proof", "blocked", f"{bad[0].name}: {bad[0].says}", where, f"assay verify {shown}")
    parity = next((c for c in verified.checks if c.name == "parity"), None)
    if parity is None or parity.result != "ok":
        return Gate(
            "proof", "blocked", "no record says that the graph is the trained model", where, f"assay verify {shown}"
        )
    found = [v for v in made.get("verdicts") or [] if v["verdict"] in ("found", "error") and v["code"] != "M05"]
    critical = {f["code"] for f in made.get("findings") or [] if f["severity"] == "critical"}
    if stands := [v for v in found if v["code"] in critical or v["verdict"] == "error"]:
        messages = {f["code"]: f["message"] for f in made.get("findings") or []}
        said = messages.get(stands[0]["code"], stands[0]["reason"])
        return Gate("proof", "blocked", f"{stands[0]['code']} {stands[0]['name']}: {said}", where,
                    f"assay rule {stands[0]['code']}")  # fmt: skip
    kept = sum(1 for step in made.get("recipe") or [] if (step.get("proof") or {}).get("state") == "kept")
    return Gate("proof", "passed", f"{parity.says}; {kept} {'repair' if kept == 1 else 'repairs'} with proof", where)


def signed(model: Model, verified: Verified, shown: str, keyed: bool) -> Gate:
    where = "signature.json"
    check = next(c for c in verified.checks if c.name == "signature")
    if SIGNATURE not in contents(model.to_bytes()):
        return Gate("signed", "blocked", "nobody signed it", where, f"assay sign {shown} --key assay.key.pem")
    if not keyed:
        return Gate("signed", "blocked", check.says, where,
                    f"assay status {shown} --key assay.pub.pem (or public_key in [run])")  # fmt: skip
    if check.result != "ok" or not verified.trusted:
        return Gate("signed", "blocked", check.says, where, f"assay verify {shown} --key assay.pub.pem")
    return Gate("signed", "passed", check.says, where)


def approved(model: Model, listed: Sequence[Version], shown: str, registry: Registry | None) -> Gate:
    where = "no registry" if registry is None else f"registry {registry.place}"
    if not listed:
        return Gate("approved", "blocked", "it is in no registry", where, f"assay registry add {shown}")
    assert registry is not None
    known = registry.state().approvals
    yes = [v for v in listed if v.stage == APPROVED]
    if yes:
        best = max(yes, key=lambda v: len(known.of(v.name, v.version)))
        given, missing = known.of(best.name, best.version), known.lacks(SERVED, best.name, best.version)
        by = " and ".join(str(a.by) for a in given)
        said = f"{best} was approved, signed by {by}" if given else f"{best} is said to be approved by {best.staged_by}"
        if missing:
            then = f"assay registry approve {best.name}@{best.version} --key approver.pem"
            said += f"; {SERVED} asks for {known.asked[SERVED]} signed approvals"
            return Gate("approved", "blocked", said, where, then)
        return Gate("approved", "passed", said + ("" if given else ", which nobody signed"), where)
    last = listed[-1]
    said = f"{last} was retired by {last.staged_by}" if last.stage == RETIRED else f"{last} is proposed by {last.by}"
    return Gate("approved", "blocked", said, where, f"assay registry approve {last.name}@{last.version} --reason TEXT")


def watch(report: Mapping[str, Any]) -> Gate:
    said = (report.get("settings") or {}).get("watch") or {}
    where = "dossier, settings"
    empty = [key for key in ("alarm", "truth_after") if not said.get(key)]
    if empty:
        return Gate("watch policy", "blocked", f"EMPTY: {', '.join(empty)}", where,
                    "fill in [watch] in assay.toml, then: assay run")  # fmt: skip
    review = f"; looked at again on {said['review']}" if said.get("review") else ""
    told = f"{said['alarm']} is told; the truth is known after {said['truth_after']:g} days{review}"
    return Gate("watch policy", "passed", told, where)


def served(model: Model, listed: Sequence[Version], live: Sequence[Live], registry: Registry | None) -> Gate:
    """Passed where the alias that is served names this very file; whether a process answers is not looked at."""
    where = "no registry" if registry is None else f"registry {registry.place}"
    if now := next((a for a in live if a.alias == SERVED), None):
        return Gate(
            "served", "passed", f"{now.name}@{SERVED} since {now.since[:16].replace('T', ' ')} UTC, by {now.by}", where
        )
    others = ", ".join(f"{a.name}@{a.alias}" for a in live)
    name = f"{listed[-1].name}@{listed[-1].version}" if listed else "NAME@VERSION"
    said = f"only {others} names it" if others else "no alias names it"
    return Gate("served", "blocked", said, where, f"assay registry promote {name} {SERVED} --reason TEXT")
