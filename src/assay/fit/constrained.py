"""What the user rules out, as a fit keeps it: columns left out, directions, and what may act together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from assay.core.constraints import ADDITIVE, Constraints
from assay.core.errors import RoleError, SettingsError, did_you_mean
from assay.core.remedy import ADDS, Recipe
from assay.core.subject import Roles, Subject
from assay.core.table import Table
from assay.core.words import listed
from assay.learn.learners import Config
from assay.learn.limits import cannot_keep

from .material import Material

NUMBERS = ("number", "clock", "bool")
LEFT_OUT = "ruled out on your word (--without)"
PROTECTED = "protected: kept out of the model and in the audit; --keep overrides"


def ruled_out(table: Table, roles: Roles, constraints: Constraints, keep: Sequence[str]) -> dict[str, str]:
    """Columns that the model must not use, with the reason: those ruled out, and protected ones that the user named.

    Raises:
        RoleError: a constraint names no column of the table, or the target.
        SettingsError: a column is both kept and ruled out.
    """
    names = [c.name for c in table.columns]
    for column, option in sorted(constraints.named.items()):
        if column not in names:
            raise RoleError(f"{option} names {column!r}, which {table.name} does not have{did_you_mean(column, names)}")
        if column in roles.named("target"):
            raise RoleError(f"{option} names {column!r}, which is what is predicted")
    if both := sorted(set(keep) & set(constraints.without)):
        raise SettingsError(f"--keep and --without both name {both[0]!r}; it can be one of them")
    used = {*keep, *(c for c in constraints.named if c not in constraints.without)}
    own = roles.named("protected") if roles.protected is not None and roles.protected.source == "user" else ()
    return dict.fromkeys(constraints.without, LEFT_OUT) | {c: PROTECTED for c in own if c not in used} | {
        c: LEFT_OUT for c in own if c in constraints.without
    }  # fmt: skip


def spared(recipe: Recipe, out: Mapping[str, str]) -> Recipe:
    """The recipe without the steps that write what a column left out says into another one."""
    tainted, kept = set(out), []
    for i, (_, remedy, _) in enumerate(recipe.steps):
        if not recipe.replays(i):
            continue
        if any(op.name == "look_up" and op.columns[0] in tainted and op.columns[1] not in tainted for op in remedy.ops):
            continue
        kept.append(i)
        tainted |= {str(op.args["name"]) for op in remedy.ops
                    if op.name in ADDS and tainted & set(op.columns)}  # fmt: skip
    return recipe if len(kept) == sum(map(recipe.replays, range(len(recipe.steps)))) else replace(
        recipe, applied=frozenset(kept)
    )  # fmt: skip


def constrained(material: Material, subject: Subject, constraints: Constraints, recipe: Recipe) -> Material:
    """The material with constraints on its features, and notes on those that have nothing to bear on.

    Raises:
        SettingsError: a direction for a column that is no number, or for a target of more than two classes.
    """
    if not constraints.shapes:
        return material
    if constraints.monotone and material.labels.outputs > 2:
        raise SettingsError(
            f"--increasing and --decreasing need a number or two classes to predict; "
            f"{subject.roles.named('target')[0]!r} has {material.labels.outputs} classes"
        )
    now = {c: c for c in constraints.named}
    for op in recipe.ops():
        if op.name == "rename":
            now |= {c: str(op.args["name"]) for c, name in now.items() if name == op.columns[0]}
    kinds = {c.name: c.kind for c in material.sample.columns}
    notes = []
    for column, sign in constraints.monotone.items():
        option, name = "--increasing" if sign > 0 else "--decreasing", now[column]
        if kinds.get(name, "number") not in NUMBERS:
            raise SettingsError(
                f"{option} needs a column of numbers; {column!r} is of kind {kinds[name]}: its values have no order"
            )
        if name not in material.features:
            notes.append(f"{option} {column}: the model does not use that column")
    if constraints.interactions == (ADDITIVE,):
        notes.append("each column acts alone, on the scale on which the model adds up (--interactions additive)")
    elif constraints.interactions:
        said = "; ".join(" with ".join(group) for group in constraints.groups)
        notes.append(f"only these columns may act together, every other one alone (--interactions): {said}")
    inside = Constraints(
        tuple(now[c] for c in constraints.increasing), tuple(now[c] for c in constraints.decreasing), (),
        constraints.interactions if not constraints.groups else
        tuple(",".join(now[c] for c in group) for group in constraints.groups),
    )  # fmt: skip
    return replace(material, constraints=inside, notes=(*material.notes, *notes))


def admitted(configs: Sequence[Config], material: Material) -> tuple[list[Config], list[str]]:
    """The candidates that can keep the constraints, and a note on those that cannot.

    Raises:
        SettingsError: none can.
    """
    holes = bool(np.any([material.sample.null(c)[material.dev].any() for c in material.features]))
    kept: list[Config] = []
    reasons: dict[str, list[str]] = {}
    for config in configs:
        why = cannot_keep(config.family, material.constraints, material.labels.aim)
        if not why and holes and material.constraints.monotone and config.family in ("extra-trees", "tree"):
            why = "its directions do not hold beside missing values"
        if why:
            reasons.setdefault(why, []).append(config.name)
        else:
            kept.append(config)
    if not kept:
        raise SettingsError("no family of models can keep these constraints for this target; leave one of them out")
    return kept, [f"no turn for {listed(names)}: {why}" for why, names in reasons.items()]


def must_stand_alone(material: Material) -> bool:
    """Whether a mix of models would break what each of them keeps: columns that act alone in the log-odds of each do
    not in those of their mean."""
    return bool(material.constraints.interactions) and (
        material.labels.task != "regression" or material.labels.aim.kind == "count"
    )
