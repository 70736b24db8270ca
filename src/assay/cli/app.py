"""The application: verbs in the order in which they are used, and one place that turns errors into one sentence.

Exit codes: 0 nothing at the level, 1 findings at the level, 2 usage or input error, 3 a challenge (or assay itself)
failed to run.
"""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Sequence
from copy import copy
from functools import cache
from typing import Annotated, Any

import typer

from assay.core.errors import AssayError, is_interrupt
from assay.core.stopping import asked, listening

from . import (
    bench,
    check,
    compress,
    cost,
    demo,
    diff,
    explain,
    export,
    fit,
    fix,
    import_,
    keys,
    new,
    plant,
    predict,
    prove,
    registry,
    rule,
    runs,
    schema,
    serve,
    show,
    sign,
    split,
    status,
    verify,
)
from . import (
    run as run_,
)

STOPPED = "stopped; nothing was written"
INTERRUPTED = 130  # what typer makes of Ctrl-C; older versions raise Abort
NOT_SERVING = frozenset({"duckdb", "pyarrow", "scipy", "sklearn", "lightgbm", "onnx", "jinja2", "vl_convert"})
SERVE = frozenset({"uvicorn", "httptools", "orjson", "msgspec", "cryptography", "prometheus_client"})
SERVING = "an environment made for serving serves, verifies, signs and registers; pip install assay has the rest"
app = typer.Typer(
    name="assay",
    help="Measure every well-known way machine learning fails on your own table; repair, prove, ship one file.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
for verb in (
    check,
    fix,
    split,
    fit,
    import_,
    show,
    predict,
    explain,
    sign,
    verify,
    diff,
    status,
    run_,
    serve,
    bench,
    export,
    cost,
    compress,
    runs,
    rule,
    plant,
    prove,
    demo,
):
    spelled = verb.__name__.rpartition(".")[2]
    app.command(spelled.rstrip("_"))(getattr(verb, spelled))
app.add_typer(schema.schema)
app.add_typer(registry.registry)
app.add_typer(keys.keys)
app.add_typer(new.new)


def version(asked: bool) -> None:
    if asked:
        import assay

        typer.echo(f"assay {assay.__version__}")
        raise typer.Exit


@app.callback()
def start(
    version: Annotated[
        bool, typer.Option("--version", help="Print the version and exit.", callback=version, is_eager=True)
    ] = False,
) -> None:
    """Run before any verb."""


@cache
def command(first: str = "") -> Any:
    """The command line, built once a process: to build it takes longer than most verbs need to begin.

    Only the verb that ``first`` names is built; where it names none, all are.
    """
    verbs = [v for v in app.registered_commands if v.callback is not None and (v.name or v.callback.__name__) == first]
    groups = [g for g in app.registered_groups if g.typer_instance and g.typer_instance.info.name == first]
    if not verbs and not groups:
        return typer.main.get_command(app)
    part = copy(app)
    part.registered_commands, part.registered_groups = verbs, groups
    return typer.main.get_command(part)


def run(arguments: Sequence[str] | None = None) -> int:
    """Run a command line (by default the process's own) and return its exit code. Never raises, never a traceback."""
    open_streams()
    with listening():
        return _run(arguments)


def _run(arguments: Sequence[str] | None) -> int:
    try:
        words = sys.argv[1:] if arguments is None else list(arguments)
        code = command(words[0] if words else "")(args=words, prog_name="assay", standalone_mode=False)
        sys.stdout.flush()
        if code == INTERRUPTED:
            raise KeyboardInterrupt
        return code if isinstance(code, int) else 0
    except AssayError as error:
        return say(str(error), error.exit_code)
    except (KeyboardInterrupt, typer.Abort):
        return say(STOPPED, 2)
    except MemoryError:
        return say(
            "there is not enough memory for this table; set sample_rows lower in assay.toml, or use fewer rows", 2
        )
    except BrokenPipeError:
        return quiet()
    except OSError as error:
        if error.errno == errno.EPIPE:
            return quiet()
        return say(f"{error.filename or 'a file'} could not be used: {error.strerror or error}; nothing was written", 2)
    except Exception as error:
        if os.environ.get("ASSAY_TRACEBACK"):
            raise
        if is_interrupt(error) or asked():
            return say(STOPPED, 2)
        lacks = (error.name or "").partition(".")[0] if isinstance(error, ModuleNotFoundError) else ""
        if lacks in NOT_SERVING:
            return say(f"this needs the package {lacks}, which is not installed here: {SERVING}", 2)
        if lacks in SERVE:
            return say(f"this needs the package {lacks}, which is not installed: pip install 'assay[serve]'", 2)
        if hasattr(error, "format_message"):
            told = plain(error.format_message())
            return say(told and f"{told} (assay --help lists what there is)", 2)
        what = f"{type(error).__name__}: {error}".splitlines()[0]
        return say(f"assay itself failed ({what}); nothing was written; ASSAY_TRACEBACK=1 shows where", 3)


def open_streams() -> None:
    """Whoever starts a process may close its standard streams (``assay ... >&-``): what is said then goes nowhere."""
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):  # in this order they get the numbers 0, 1, 2
        if getattr(sys, name) is None:
            setattr(sys, name, os.fdopen(os.open(os.devnull, os.O_RDWR), mode))


def say(sentence: str, code: int) -> int:
    if sentence:
        print(f"error: {sentence}", file=sys.stderr)
    return code


def plain(message: str) -> str:
    return " ".join(message.split()).rstrip(".")


def quiet() -> int:
    """The reader went away (``assay check ... | head``): nothing is left to say, and Python must not try at exit."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return 0
