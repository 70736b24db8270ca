"""What a one-row request costs: assay serve with everything on, against bare uvicorn echo and other servers.

    python benchmarks/serving/run.py late.assay                       # echo and assay
    python benchmarks/serving/run.py late.assay --peers out/peers    # and peers, each in its own environment there

Every server has core 0 to itself, the loader (wrk) core 1. Rounds are interleaved: echo, assay, peers, echo, ...; what
is printed are medians over rounds, and ratios are of pairs within a round. Processor time is that of the whole tree of
the server's processes, from /proc, divided by the requests answered.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from assay.bundle.model import Model
from assay.serve.bench import cpu_seconds
from assay.serve.scoring import Served

HERE = Path(__file__).parent
MLFLOW = ["mlflow", "uvicorn[standard]", "onnx", "onnxruntime", "numpy"]
PEERS = {  # name: packages of its environment, adapter, words for the adapter; "A, way" shares the environment of "A"
    "FastAPI": (["fastapi", "uvicorn[standard]", "onnxruntime", "numpy"], "fastapi_app"),
    "MLServer": (["mlserver", "uvloop<0.22", "onnxruntime", "numpy"], "mlserver_app"),
    "MLflow": (MLFLOW, "mlflow_app"),
    "MLflow, tensors": (MLFLOW, "mlflow_app", "tensors"),
    "BentoML": (["bentoml", "onnxruntime", "numpy"], "bentoml_app"),
}


@dataclass
class Server:
    """A way to serve: the command, where it answers, what it is asked."""

    name: str
    command: list[str]
    path: str
    body: bytes
    headers: dict[str, str]
    port: int
    process: subprocess.Popen | None = None
    cold: float = 0.0
    rss: float = 0.0

    def start(self, core: str) -> None:
        begun = time.perf_counter()
        environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": ""}
        command = (["taskset", "-c", core] if shutil.which("taskset") else []) + self.command
        self.process = subprocess.Popen(
            command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
        )
        while True:
            try:
                if self.once() == 200:
                    break
            except OSError:
                pass
            if time.perf_counter() - begun > 120 or self.process.poll() is not None:
                raise SystemExit(f"{self.name} does not start: {' '.join(self.command)}")
            time.sleep(0.002)
        self.cold = time.perf_counter() - begun

    def once(self) -> int:
        with socket.create_connection(("127.0.0.1", self.port), 2) as wire:
            head = f"POST {self.path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: {len(self.body)}\r\n"
            head += "".join(f"{k}: {v}\r\n" for k, v in self.headers.items())
            wire.sendall(head.encode() + b"\r\n" + self.body)
            got = wire.recv(64)
            return int(got[9:12]) if got else 0

    def stop(self) -> None:
        if self.process is None:
            return
        members = tree(self.process.pid)  # some start a session of their own for what answers
        tell(members, signal.SIGTERM)
        deadline = time.monotonic() + 15
        with suppress(subprocess.TimeoutExpired):
            self.process.wait(15)
        while (members := [one for one in members if Path(f"/proc/{one}").exists()]) and time.monotonic() < deadline:
            time.sleep(0.01)
        tell(members, signal.SIGKILL)
        self.process.wait()


def tell(members: list[int], what: int) -> None:
    for one in members:
        with suppress(ProcessLookupError):
            os.kill(one, what)


def tree(pid: int) -> list[int]:
    found = [pid]
    for one in found:
        try:
            found += map(int, Path(f"/proc/{one}/task/{one}/children").read_text().split())
        except OSError:
            continue
    return found


def megabytes(pid: int) -> float:
    total = 0
    for one in tree(pid):
        try:
            total += int(re.search(r"^Pss:\s+(\d+)", Path(f"/proc/{one}/smaps_rollup").read_text(), re.M)[1])
        except (OSError, TypeError):
            continue
    return total / 1024


def load(server: Server, connections: int, seconds: float, folder: Path) -> dict[str, float]:
    """One measured burst."""
    script = folder / f"{server.name}.lua"
    lines = ['wrk.method="POST"', f"wrk.body=[==[{server.body.decode()}]==]"]
    lines += [f'wrk.headers["{k}"]="{v}"' for k, v in server.headers.items()]
    script.write_text("\n".join(lines))
    pin = ["taskset", "-c", "1"] if shutil.which("taskset") else []
    before = cpu_seconds(server.process.pid)
    said = subprocess.run(
        [*pin, "wrk", "-t1", f"-c{connections}", f"-d{max(1, round(seconds))}s", "--latency", "-s", str(script),
         f"http://127.0.0.1:{server.port}{server.path}"], capture_output=True, text=True, check=True,
    ).stdout  # fmt: skip
    used = cpu_seconds(server.process.pid) - before
    if "Non-2xx" in said:
        raise SystemExit(f"{server.name} answered with errors")
    done = int(re.search(r"(\d+) requests in", said)[1])
    unit = {"us": 1e-3, "ms": 1.0, "s": 1e3}
    at = {p: float(v) * unit[u] for p, v, u in re.findall(r"(50|99)%\s+([\d.]+)(us|ms|s)", said)}
    return {"cpu": used / done * 1e6, "p50": at["50"], "p99": at["99"], "rps": done / seconds}


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as sock:
        return int(sock.getsockname()[1])


def ours(model: Path, folder: Path, python: str, name: str, *more: str) -> Server:
    """assay serve with a key, validation, metrics, and whatever else is asked for."""
    keys = folder / "keys.json"
    assay = [python, "-c", "from assay.cli import main; main()"]
    if not keys.exists():
        said = subprocess.run([*assay, "keys", "new", "bench", "--keys", str(keys)], capture_output=True, text=True)
        (folder / "token").write_text(re.search(r"assay_\w{8}_[\w-]+", said.stdout + said.stderr)[0])
    token = (folder / "token").read_text()
    port = free_port()
    command = [*assay, "serve", str(model), "--port", str(port), "--keys", str(keys), *more]
    body = json.dumps({"rows": [Served(Model.load(model)).typical]}).encode()
    return Server(name, command, "/predict", body, headers(token), port)


def headers(token: str = "") -> dict[str, str]:
    return {"content-type": "application/json"} | ({"authorization": f"Bearer {token}"} if token else {})


def echo(body: bytes) -> Server:
    port = free_port()
    command = [sys.executable, "-m", "uvicorn", "echo:app", "--app-dir", str(HERE), "--port", str(port), "--loop"]
    command += ["uvloop", "--http", "httptools", "--no-access-log", "--lifespan", "off", "--log-level", "critical"]
    return Server("uvicorn echo", command, "/predict", body, headers(), port)


def peers(model: Path, place: Path, row: dict, only: list[str]) -> list[Server]:
    """Other people's servers over the same graph; one that does not install is named and left out."""
    found = []
    graph = place / "model.onnx"
    place.mkdir(parents=True, exist_ok=True)
    loaded = Model.load(model)
    graph.write_bytes(loaded._files["model/model.onnx"])
    (place / "schema.json").write_text(json.dumps(loaded.schema))
    for name, (packages, module, *words) in PEERS.items():
        if only and name not in only:
            continue
        home = place / name.partition(",")[0].lower()
        python = home / "bin" / "python"
        if not python.exists():
            subprocess.run([sys.executable, "-m", "venv", str(home)], check=True)
            made = subprocess.run(
                [str(python), "-m", "pip", "install", "-q", *packages], capture_output=True, text=True
            )
            if made.returncode:
                print(f"{name} does not install: {made.stderr.splitlines()[-1][:160]}", file=sys.stderr)
                shutil.rmtree(home)
                continue
        port = free_port()
        command = [str(python), str(HERE / "peers" / f"{module}.py"), str(place), str(port), *words]
        asking = subprocess.run([*command, "--spec", json.dumps(row)], capture_output=True, text=True)
        if asking.returncode:
            raise SystemExit(f"{name} cannot be asked about this model: {asking.stderr.strip()[-300:]}")
        spec = json.loads(asking.stdout.splitlines()[-1])
        found.append(Server(name, command, spec["path"], json.dumps(spec["body"]).encode(), headers(), port))
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model", type=Path)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=3.0)
    parser.add_argument("--peers", type=Path)
    parser.add_argument("--only", action="append", default=[], metavar="PEER", help="of the peers, those named")
    parser.add_argument("--python", default=sys.executable, help="of the environment that serves, such as one made of "
                        "the requirements of assay export docker; this one by default")  # fmt: skip
    parser.add_argument("--durable", action="store_true", help="also with --durable")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as text:
        folder = Path(text)
        own = asked.model, folder, asked.python
        full = ours(*own, "assay", "--log", str(folder / "log"))
        servers = [echo(full.body), full, ours(*own, "assay, no log")]
        if asked.durable:
            servers.append(ours(*own, "assay, durable", "--log", str(folder / "safe"), "--durable"))
        if asked.peers:
            servers += peers(asked.model, asked.peers, json.loads(full.body)["rows"][0], asked.only)
        got: dict[tuple[str, int], list[dict[str, float]]] = {}
        try:
            for server in servers:
                server.start("0")
            for _ in range(2):  # once more: files are in the page cache now
                for server in servers:
                    server.stop()
                    server.start("0")
            for server in servers:
                load(server, 1, 0.5, folder)
            for _ in range(asked.rounds):
                for connections in (1, 8):
                    for server in servers:
                        got.setdefault((server.name, connections), []).append(
                            load(server, connections, asked.seconds, folder)
                        )
            for server in servers:
                server.rss = megabytes(server.process.pid)
        finally:
            for server in servers:
                server.stop()
    print(f"{asked.model.name}: {asked.rounds} rounds of {asked.seconds:g} s, medians\n")
    print("| server | CPU us, 1 conn. | x | CPU us, 8 conn. | x | p99 ms, 1 | p99 ms, 8 | x | cold s | MB |")
    print("|-|-|-|-|-|-|-|-|-|-|")
    yard = {c: got["uvicorn echo", c] for c in (1, 8)}
    for server in servers:
        mine = {c: got[server.name, c] for c in (1, 8)}
        cells = [server.name]
        for c in (1, 8):
            cells += [f"{middle(mine[c], 'cpu'):.0f}", f"{ratio(mine[c], yard[c], 'cpu'):.2f}"]
        cells += [f"{middle(mine[c], 'p99'):.2f}" for c in (1, 8)]
        cells += [f"{ratio(mine[8], yard[8], 'p99'):.2f}", f"{server.cold:.2f}", f"{server.rss:.0f}"]
        print(f"| {' | '.join(cells)} |")


def middle(bursts: list[dict[str, float]], key: str) -> float:
    return median(b[key] for b in bursts)


def ratio(mine: list[dict[str, float]], yard: list[dict[str, float]], key: str) -> float:
    """The median over rounds of what one took against the other in the same round."""
    return median(a[key] / b[key] for a, b in zip(mine, yard, strict=True))


if __name__ == "__main__":
    main()
