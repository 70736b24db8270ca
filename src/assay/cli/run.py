"""``assay run``: the whole way from the table to the registry, doing only what changed."""

from __future__ import annotations

import contextlib
import io
import shlex
import textwrap
import time
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from assay.core.errors import SettingsError
from assay.core.settings import Settings

from .options import FIT, OUT, Quiet, flag
from .run_state import Done, alone, changed, digest, digest_of, read_state, write_state
from .run_steps import WORK, Step, missing_folders, steps_of

FLAGS = {"check": ("--quiet",), "fix": ("--quiet",), "split": ("--quiet",), "fit": ("--quiet",), "sign": ("--quiet",)}

OF_FIT = frozenset({"budget", "watch", "constraints", "max_latency", "max_size", "co2", "watts", "runs", "coverage_by"})


def run(
    dry_run: Annotated[bool, flag("Say what would be done and why; do nothing.", FIT, "--dry-run")] = False,
    again: Annotated[bool, flag("Do every step, changed or not.", FIT, "--again")] = False,
    registry: Annotated[
        str | None, flag("Folder or postgresql:// address of the registry.", OUT, "--registry", metavar="PLACE")
    ] = None,
    quiet: Quiet = False,
) -> int:
    """Check, repair, part, fit, verify, sign and register, as assay.toml says; skip what has not changed."""
    from assay.core.settings import read_settings

    settings = read_settings(Path.cwd())
    name = named(settings)
    steps = steps_of(settings, name)
    if dry_run:
        return Way(settings, name, steps, registry, quiet, again).foretell()
    with alone():
        return Way(settings, name, steps, registry, quiet, again).go()


def named(settings: Settings) -> str:
    """The model's name: that of ``[run]``, else one made from the table's."""
    from assay.bundle.layout import name_from
    from assay.bundle.layout import named as checked

    return checked(settings.run.name) if settings.run.name else name_from(Path(settings.run.data).name)


class Way:
    """One run: which steps have to be done, and doing them."""

    def __init__(
        self, settings: Settings, name: str, steps: list[Step], registry: str | None, quiet: bool, again: bool
    ) -> None:
        from assay.bundle.make import EXTRAS, PACKAGES
        from assay.core.versions import versions

        self.settings, self.name, self.steps, self.registry = settings, name, steps, registry
        self.quiet, self.again, self.state = quiet, again, read_state()
        self.versions = versions((*PACKAGES, *EXTRAS))
        self.output = next(s for s in steps if s.name == "sign").writes[0]

    def reason(self, step: Step, inputs: Mapping[str, str]) -> str:
        """Why a step has to be done; empty where it need not be."""
        if self.again:
            return "--again"
        return changed(self.state.get(step.name), inputs, self.asked(step), self.versions, step.writes)

    def asked(self, step: Step) -> str:
        """Digest of everything that was said of a step."""
        own = {} if step.name in ("verify", "sign") else self.settings.of_evidence()
        if step.name == "fit":
            own |= {"name": self.settings.run.name, "version": self.settings.run.version}
        else:
            own = {k: v for k, v in own.items() if k not in OF_FIT}
        return digest([step.words, [str(p) for p in step.writes], own])

    def foretell(self) -> int:
        """Say what ``go`` would do."""
        waits: set[Path] = set()
        for step in self.steps:
            if not step.words and not step.writes:
                self.tell(step.name, "skipped", step.why)
                continue
            before = [p for p in step.reads if p in waits]
            why = f"{before[0]} is made anew" if before else self.reason(step, inputs_of(step))
            if why:
                waits.update(step.writes)
            done = self.state.get(step.name)
            same = f"nothing changed since {done.at if done else ''}"
            self.tell(step.name, "would run" if why else "skipped", why or same)
            if why and step.words:
                self.note(f"assay {shlex.join(step.words)}")
        if self.output in waits:
            self.tell("register", "would run", f"{self.output} is made anew")
        else:
            self.tell("register", "looked at", "the registry says whether the version is there")
        return 0

    def go(self) -> int:
        """Do what has to be done, in order; what ended well is kept even where a later step fails."""
        for folder in [WORK, *missing_folders(self.steps)]:
            folder.mkdir(parents=True, exist_ok=True)
        for step in self.steps:
            if not step.words and not step.writes:
                self.tell(step.name, "skipped", step.why)
                continue
            inputs = inputs_of(step)
            why = self.reason(step, inputs)
            if not why:
                self.tell(step.name, "skipped", f"nothing changed since {self.state[step.name].at}")
                continue
            start = time.monotonic()
            code = self.do(step)
            if code:
                self.tell(step.name, "stopped", f"exit code {code}: assay {shlex.join(step.words)}")
                return code
            self.state[step.name] = Done(inputs, self.asked(step), self.versions, outputs_of(step), now())
            write_state(self.state)
            told = [f"{time.monotonic() - start:.1f} s", why, *([step.why] if step.why else [])]
            self.tell(step.name, "done", "; ".join(told))
        return self.register()

    def do(self, step: Step) -> int:
        if not step.words:
            from assay.bundle.archive import write_file

            write_file(step.writes[0], step.reads[0].read_bytes())
            return 0
        from .app import command

        words = [*step.words, *FLAGS.get(step.words[0], ())]
        verb = partial(command(words[0]), args=words, prog_name="assay", standalone_mode=False)
        code = held(verb) if self.quiet or step.name == "verify" else verb()
        return code if isinstance(code, int) else 0

    def register(self) -> int:
        """Add the file to the registry and let the alias name it; what is so already is left alone."""
        from assay.bundle.archive import unpack
        from assay.registry import open_registry

        alias, start = self.settings.run.alias, time.monotonic()
        data = self.output.read_bytes()
        own = str(unpack(data)[0].get("version"))
        with open_registry(self.registry) as book:
            there = {v.digest for v in book.versions() if v.name == self.name}
            version = book.add(data, self.name, note="assay run")
            names = any(a.alias == alias and a.version == version.version for a in book.live() if a.name == self.name)
            book.promote(self.name, alias, version.version, reason="assay run")
            champion = any(a.alias == "champion" for a in book.live() if a.name == self.name)
        if own != version.version:
            self.tell("register", "counted on", f"the file says {own}, which is another file's: raise version in [run]")
        if version.digest in there and names:
            self.tell("register", "skipped", f"{version} is {self.name}@{alias} already")
        else:
            self.tell("register", "done", f"{time.monotonic() - start:.1f} s; {version} is {self.name}@{alias}")
        self.note(f"assay status {self.name}@{alias}" + ("" if champion else "      nothing is served yet"))
        return 0

    def tell(self, name: str, state: str, says: str) -> None:
        if not self.quiet:
            from .output import WIDTH

            line = f"{name:<10}{state:<11}{says}"
            typer.echo("\n".join(textwrap.wrap(line, WIDTH, subsequent_indent=" " * 21, break_on_hyphens=False)))

    def note(self, words: str) -> None:
        if not self.quiet:
            typer.echo(f"{'':21}$ {words}")


def held(work: Callable[[], object]) -> object:
    """Do work whose standard output nobody asked for."""
    with contextlib.redirect_stdout(io.StringIO()):
        return work()


def inputs_of(step: Step) -> dict[str, str]:
    """Path -> digest of what a step reads.

    Raises:
        SettingsError: something is not there.
    """
    found = {str(path): digest_of(path) for path in step.reads}
    for path, value in found.items():
        if value is None and not path.startswith(str(WORK)):
            raise SettingsError(f"assay run needs {path} for the step {step.name}; it is not there")
    return {path: value or "" for path, value in found.items()}


def outputs_of(step: Step) -> dict[str, str]:
    return {str(path): digest_of(path) or "" for path in step.writes}


def now() -> str:
    from datetime import UTC, datetime

    return datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
