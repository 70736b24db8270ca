"""Third-party clients against a real ``assay serve`` process, each in an environment of its own.

    python benchmarks/serving/clients.py [--only triton triton-grpc kserve kserve-grpc schemathesis] [--cases 2000]
                                         [--environments FOLDER]

* tritonclient[http]: health, metadata, JSON and binary both ways, gzip and deflate, async, errors;
* tritonclient[grpc]: the same over gRPC: raw and typed contents, text, deadlines, hostile metadata;
* the clients of KServe for REST and for gRPC: health, JSON, binary, raw and typed, errors;
* schemathesis against /openapi.json: at least ``--cases`` generated requests in all its phases and with all its checks.

The environments are made with pip (they need its usual index) and kept in FOLDER; a present one is used again.
"""

from __future__ import annotations

import argparse
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from process import Running, running

HERE = Path(__file__).parent / "third_party"
NEEDS = {
    "triton": "tritonclient[http]==2.73.0", "triton-grpc": "tritonclient[grpc]==2.73.0", "kserve": "kserve==0.21.0",
    "kserve-grpc": "kserve==0.21.0", "schemathesis": "schemathesis==4.32.5",
}  # fmt: skip
HOMES = {"kserve-grpc": "kserve"}  # whose environment is that of another
# What JSON Schema cannot say (columns of one length, a shape whose product is the length of its data, a date that
# there is) is refused with a documented status; everywhere else valid data must be accepted. 401: it sends credentials
# that it made up beside the good key.
CONFIGURATION = """
[[operations]]
include-path-regex = "^/(predict|explain|label|log)$"
checks.positive_data_acceptance.expected-statuses = ["2xx", "401", "422"]

[[operations]]
include-path-regex = "/infer$"
checks.positive_data_acceptance.expected-statuses = ["2xx", "400", "401"]
"""


def environment(folder: Path, name: str) -> Path:
    """The Python of an environment that has one client."""
    home = folder / HOMES.get(name, name)
    if not (home / "ready").exists():
        subprocess.run([sys.executable, "-m", "venv", str(home)], check=True)
        subprocess.run([home / "bin" / "python", "-m", "pip", "install", "-q", NEEDS[name]], check=True)
        (home / "ready").touch()
    return home / "bin"


def fuzz(tools: Path, server: Running, cases: int, folder: Path, examples: int = 60) -> bool:
    """Run schemathesis with other seeds until there were enough cases."""
    (folder / "schemathesis.toml").write_text(CONFIGURATION)
    total, failures, seed = 0, 0, 1
    while total < cases and seed < 50 and not failures:
        command = [
            str(tools / "schemathesis"), "--config-file", str(folder / "schemathesis.toml"), "run",
            f"http://127.0.0.1:{server.port}/openapi.json", "-H", f"x-api-key: {server.key}", "-n", str(examples),
            "--seed", str(seed),
            "--continue-on-failure", "--suppress-health-check", "all", "--request-timeout", "20", "--checks", "all",
        ]  # fmt: skip
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True)
        found = re.search(r"([\d,]+) generated", done.stdout)
        total += int(found[1].replace(",", "")) if found else 0
        if done.returncode or not found:
            failures += 1
            print("\n".join(line[:500] for line in done.stdout.splitlines()[-300:]), done.stderr[-2000:])
        seed += 1
    print(f"schemathesis: {total:,} cases, {'failures above' if failures else '0 failures'}")
    return not failures and total >= cases


def main() -> int:
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--only", nargs="+", choices=list(NEEDS), default=list(NEEDS))
    options.add_argument("--cases", type=int, default=2000)
    options.add_argument("--examples", type=int, default=60, help="generated for each operation in a run")
    options.add_argument("--environments", type=Path, default=Path(tempfile.gettempdir()) / "assay-clients")
    chosen = options.parse_args()
    fine = True
    with (
        tempfile.TemporaryDirectory() as place,
        running("--grpc-port", "0", "--log", f"{place}/log", "--audit", f"{place}/audit") as server,
    ):
        import json

        for name in chosen.only:
            tools, start = environment(chosen.environments, name), time.monotonic()
            if name == "schemathesis":
                good = fuzz(tools, server, chosen.cases, Path(place), chosen.examples)
            else:
                port = server.grpc if name.endswith("grpc") else server.port
                script = HERE / f"{name.replace('-', '_')}_checks.py"
                command = [tools / "python", script, f"127.0.0.1:{port}", server.key]
                good = subprocess.run([*command, json.dumps(server.row)]).returncode == 0
            print(
                f"{NEEDS[name]} ({name}): {'pass' if good else 'FAILED'} in {time.monotonic() - start:.0f} s",
                flush=True,
            )
            fine = fine and good and server.process.poll() is None
        print(f"{server.memory():.0f} MB at the end")
    return 0 if fine else 1


if __name__ == "__main__":
    sys.exit(main())
