#!/usr/bin/env python3
"""Daft on Ray over hosts that share nothing but an S3 server, and that lose workers, actors and raylets while they work.

    python -m venv venv && venv/bin/pip install -r benches/cluster/requirements.txt    # and pokedex
    sudo venv/bin/python benches/cluster/run.py --data PICTURES [PICTURES ...] [--pictures 20000] [--kills 30]

Needs root (network and mount namespaces), Linux with iproute2 and util-linux, and folders of pictures; nothing is kept of them.
Every host is a network namespace on a bridge, with processes, a /tmp and a /dev/shm of its own, all other files read-only and
the pictures hidden. One has a moto server, the others a Ray head without processors and two workers of one slot each. Of every
thousand pictures one is missing in the store and one is no picture.

calm      The query reads a list of keys and the pictures from s3://, embeds, and writes Parquet to s3://. The table must be that of
          one plain process, row by row and bit by bit.
waiting   The same with a model that only waits (--ms-per-picture): what the engine costs, where the processors of this machine
          are not the limit. Overhead: how much longer than one process of as many threads as the cluster has slots, that
          reads local files.
kills     Queries during which, at random moments (--seed), a worker process is killed, an actor is ended in order (SIGTERM), or
          a raylet is killed and started again, --kills in all.
          Nothing may be lost, twice or wrong, no file be visible before it is whole, and nothing change after `_SUCCESS`.
resume    The process that asked is killed at a random moment, and asks again with Daft's checkpoint.

For 20,000 pictures it took about 40 minutes on two busy processors, most of it for the built-in model. Try --pictures 500
--kills 3 first. Ends with 1 where anything was wrong. When this process ends, however it ends, all hosts do, with what was on them.
"""

import argparse
import contextlib
import ctypes
import importlib.util
import json
import os
import random
import re
import secrets
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
INSIDE = str(HERE / "inside.py")
PORT = 6379
TOKEN = secrets.token_hex(32)
PARTS = ("calm", "waiting", "kills", "resume")


def die_with_parent() -> None:
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)


def sh(*command: str, check: bool = True) -> None:
    subprocess.run(command, check=check, stdout=subprocess.DEVNULL, stderr=None if check else subprocess.DEVNULL)


class Network:
    """A bridge in a namespace of its own; nothing of it is seen from outside. Several runs do not see one another."""

    def __init__(self):
        self.bridge = self.name("bridge")

    @staticmethod
    def name(kind: str) -> str:
        return f"pokedex-{os.getpid()}-{kind}"

    def __enter__(self):
        self.clear()
        sh("ip", "netns", "add", self.bridge)
        sh("ip", "-n", self.bridge, "link", "add", "bridge", "type", "bridge")
        sh("ip", "-n", self.bridge, "link", "set", "bridge", "up")
        return self

    def __exit__(self, *_):
        self.clear()

    def clear(self) -> None:
        """Removes the names of this run's namespaces, and those of runs that were killed."""
        names = subprocess.run(["ip", "netns", "list"], capture_output=True, text=True, check=True).stdout.split()
        for name in names:
            found = re.fullmatch(r"pokedex-(\d+)-\w+", name)
            if found and (int(found[1]) == os.getpid() or not Path("/proc", found[1]).exists()):
                sh("ip", "netns", "delete", name, check=False)

    def join(self, kind: str, address: str) -> str:
        name = self.name(kind)
        sh("ip", "netns", "add", name)
        # The kernel takes its time to remove the link of a host of this kind that is gone.
        sh("ip", "-n", self.bridge, "link", "delete", kind, check=False)
        sh("ip", "-n", name, "link", "add", "eth0", "type", "veth", "peer", "name", kind, "netns", self.bridge)
        sh("ip", "-n", self.bridge, "link", "set", kind, "master", "bridge", "up")
        sh("ip", "-n", name, "address", "add", f"{address}/24", "dev", "eth0")
        for link in ("lo", "eth0"):
            sh("ip", "-n", name, "link", "set", link, "up")
        return name


class Host:
    """Namespaces of network, mounts, processes and shared memory. They end with this object, and with this process."""

    def __init__(self, network: Network, number: int, kind: str, hidden: list[str]):
        self.kind, self.address = kind, f"10.77.0.{number}"
        self.name = network.join(kind, self.address)
        setup = [f"hostname {kind}", "mount -o remount,bind,ro /"]
        setup += [f"mount -t tmpfs tmpfs {place}" for place in ("/tmp", "/var/tmp", "/dev/shm", *hidden)]
        setup += ["echo ready", "exec sleep infinity"]
        self.process = subprocess.Popen(
            ["ip", "netns", "exec", self.name, "unshare", "--mount", "--pid", "--ipc", "--uts", "--fork", "--kill-child",
             "--mount-proc", "--propagation", "private", "sh", "-ec", "\n".join(setup)],
            stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, preexec_fn=die_with_parent,
        )  # fmt: skip
        if self.process.stdout.readline() != "ready\n":
            raise RuntimeError(f"{kind} did not start")
        self.init = int(Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text().split()[0])

    def start(self, command: list[str], environment: dict[str, str], **options) -> subprocess.Popen:
        return subprocess.Popen(
            ["nsenter", "--target", str(self.init), "--net", "--mount", "--pid", "--ipc", "--uts", "--wd=/tmp", "--", *command],
            env=environment, preexec_fn=die_with_parent, **options,
        )  # fmt: skip

    def processes(self, fits) -> list[int]:
        """Processes of this host whose command line fits."""
        mine, found = os.readlink(f"/proc/{self.init}/ns/pid"), []
        for entry in Path("/proc").iterdir():
            with contextlib.suppress(OSError):
                if entry.name.isdigit() and os.readlink(entry / "ns/pid") == mine:
                    if fits((entry / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")):
                        found.append(int(entry.name))
        return found

    def end(self) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.init, signal.SIGKILL)
        self.process.wait()
        sh("ip", "netns", "delete", self.name, check=False)


class Cluster:
    """A Ray head and workers, each on a host of its own."""

    def __init__(self, network: Network, arguments: argparse.Namespace, environment: dict[str, str]):
        self.network, self.arguments, self.environment = network, arguments, environment

    def __enter__(self):
        began = time.monotonic()
        self.head = Host(self.network, 2, "head", self.arguments.data)
        self.workers = []
        self.ray(self.head, "--head", f"--port={PORT}", "--num-cpus=0", "--include-dashboard=false")
        for number in range(self.arguments.workers):
            host = Host(self.network, 3 + number, f"worker{number + 1}", self.arguments.data)
            self.workers.append(host)
            self.join(host)
        self.seconds = time.monotonic() - began
        return self

    def __exit__(self, *_):
        for host in [*self.workers, self.head]:
            host.end()

    def ray(self, host: Host, *options: str) -> None:
        command = [str(Path(sys.executable).parent / "ray"), "start", f"--node-ip-address={host.address}",
                   f"--object-store-memory={256 << 20}", "--disable-usage-stats", *options]  # fmt: skip
        done = host.start(command, self.environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        words, _ = done.communicate(timeout=120)
        if done.returncode:
            raise RuntimeError(f"{host.kind}: {words}")

    def join(self, host: Host) -> None:
        self.ray(host, f"--address={self.head.address}:{PORT}", f"--num-cpus={self.arguments.slots}")

    def query(self, name: str, *options: str) -> subprocess.Popen:
        command = [sys.executable, INSIDE, "query", "--address", f"{self.head.address}:{PORT}", "--name", name, *options]
        self.errors = tempfile.TemporaryFile("w+")
        return self.head.start(command, self.environment, stdout=subprocess.PIPE, stderr=self.errors, text=True)

    def why(self) -> str:
        self.errors.seek(0)
        lines = [line for line in self.errors.read().splitlines() if line.strip()]
        return " | ".join(lines[-3:])[-600:]


class Killer:
    """Kills something at random moments while a query runs."""

    KINDS = ("worker", "actor", "raylet")

    def __init__(self, cluster: Cluster, chance: random.Random, left: int, pause: tuple[float, float]):
        self.cluster, self.chance, self.left, self.pause = cluster, chance, left, pause
        self.counts = dict.fromkeys(self.KINDS, 0)

    def watch(self, query: subprocess.Popen, began: float) -> None:
        while self.left:
            moment = time.monotonic() + self.chance.uniform(*self.pause)
            while time.monotonic() < moment:
                if query.poll() is not None:
                    return
                time.sleep(0.05)
            kind, host = self.chance.choice(self.KINDS), self.chance.choice(self.cluster.workers)
            if self.kill(kind, host):
                self.left -= 1
                self.counts[kind] += 1
                print(f"    {time.monotonic() - began:6.1f} s  {kind} on {host.kind} killed", flush=True)

    def kill(self, kind: str, host: Host) -> bool:
        # A process of Daft's actor has the name of the query's steps while it computes ("ray::PhysicalScan->…"), else the actor's.
        fits = raylet if kind == "raylet" else actor
        killed = self.signal(host, fits, signal.SIGTERM if kind == "actor" else signal.SIGKILL)
        if killed and kind == "raylet":
            # As a supervisor would: what is left of it is ended, and it is started again.
            time.sleep(2)
            self.signal(host, lambda line: "ray" in line, signal.SIGKILL)
            self.cluster.join(host)
        return killed

    def signal(self, host: Host, fits, number: int) -> bool:
        processes = host.processes(fits)
        for process in processes:
            with contextlib.suppress(ProcessLookupError):
                os.kill(process, number)
        return bool(processes)


def raylet(line: str) -> bool:
    return "raylet/raylet" in line


def actor(line: str) -> bool:
    return line.startswith("ray::") and ("->" in line or "RaySwordfishActor" in line)


class Bench:
    def __init__(self, network: Network, arguments: argparse.Namespace, work: Path):
        self.network, self.arguments, self.work = network, arguments, work
        self.wrong: list[str] = []
        self.figures: list[tuple[str, str]] = []
        self.alone: dict[str, float] = {}
        self.slots = arguments.workers * arguments.slots
        self.environment = {
            "PATH": os.environ["PATH"], "HOME": "/tmp", "PYTHONPATH": os.environ.get("PYTHONPATH", ""), "LC_ALL": "C.UTF-8",
            "RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": TOKEN, "DO_NOT_TRACK": "1", "DAFT_PROGRESS_BAR": "0",
            "AWS_EC2_METADATA_DISABLED": "true", "PYTHONDONTWRITEBYTECODE": "1", "RAY_DEDUP_LOGS": "0",
        }  # fmt: skip
        spec = importlib.util.find_spec("pokedex.daft")
        self.waiting = {
            **self.environment, "PYTHONPATH": str(HERE / "stand_in"), "POKEDEX_MS": str(arguments.ms_per_picture),
            "POKEDEX_PACKAGE": str(Path(spec.origin).parent),
        }  # fmt: skip

    def run(self) -> int:
        arguments = self.arguments
        network = self.network
        network.join("store", "10.77.0.1")
        server = self.at_store("store", stdout=subprocess.PIPE)
        try:
            if server.stdout.readline() != "ready\n":
                raise RuntimeError("the store did not start")
            self.finish(self.at_store("prepare", "--task", str(arguments.task)))
            if set(arguments.only) - {"waiting"}:
                self.plain("pokedex", self.environment)
            if "calm" in arguments.only:
                self.calm("pokedex", self.environment)
            if "waiting" in arguments.only:
                self.plain("waiting", self.waiting)
                self.calm("waiting", self.waiting)
            if "kills" in arguments.only:
                self.kills()
            if "resume" in arguments.only:
                self.resume()
            watched = self.watched()
            self.figure("the store: tables marked, faults", f"{len(watched['marked'])}, {len(watched['faults'])}")
            self.wrong += watched["faults"]
        finally:
            server.kill()
            server.wait()
        self.report()
        return 1 if self.wrong else 0

    def at_store(self, what: str, *options: str, environment=None, **popen) -> subprocess.Popen:
        """A process on the store's host, which sees all files."""
        command = ["ip", "netns", "exec", self.network.name("store"), sys.executable, INSIDE, what, "--data", *self.arguments.data,
                   "--pictures", str(self.arguments.pictures), *options]  # fmt: skip
        return subprocess.Popen(command, env=environment or self.environment, text=True, preexec_fn=die_with_parent, **popen)

    def finish(self, process: subprocess.Popen) -> str:
        words, _ = process.communicate(timeout=3 * 3600)
        if process.returncode:
            raise RuntimeError(f"{' '.join(process.args)} ended with {process.returncode}")
        return words or ""

    def ask(self, what: str, *options: str, environment=None) -> dict:
        return json.loads(
            self.finish(self.at_store(what, *options, environment=environment, stdout=subprocess.PIPE)).splitlines()[-1]
        )

    def watched(self) -> dict:
        curl = "import urllib.request; print(urllib.request.urlopen('http://10.77.0.1:9000/watch').read().decode())"
        done = subprocess.run(
            ["ip", "netns", "exec", self.network.name("store"), sys.executable, "-c", curl],
            capture_output=True,
            text=True,
            check=True,
        )
        return json.loads(done.stdout)

    def figure(self, name: str, value: str) -> None:
        self.figures.append((name, value))
        print(f"{name}: {value}", flush=True)

    def expected(self, kind: str) -> str:
        return str(self.work / f"{kind}.npz")

    def check(self, name: str, kind: str = "pokedex") -> str:
        found = self.ask("verify", "--name", name, "--output", self.expected(kind))
        if found["lost"] or found["twice"] or found["wrong"] or not found["marked"]:
            self.wrong.append(f"{name}: {found}")
        return ", ".join(f"{what} {count}" for what, count in found.items())

    def plain(self, kind: str, environment: dict[str, str]) -> None:
        options = ["--threads", str(self.slots), "--output", self.expected(kind), "--model", self.arguments.model]
        alone = self.ask("plain", *options, environment=environment)
        self.alone[kind] = alone["seconds"]
        self.figure(
            f"{kind}: one plain process, {self.slots} threads", f"{alone['seconds']:.1f} s, {alone['failed']} rows with errors"
        )

    def calm(self, kind: str, environment: dict[str, str]) -> None:
        alone = self.alone[kind]
        self.figure(f"{kind}: load of this machine before", f"{os.getloadavg()[0]:.1f} on {os.cpu_count()} processors")
        with Cluster(self.network, self.arguments, environment) as cluster:
            self.figure(f"{kind}: hosts and Ray started", f"{cluster.seconds:.1f} s")
            for run in range(2):
                name = f"{kind}-calm-{run + 1}"
                began = time.monotonic()
                query = cluster.query(name, "--model", self.arguments.model)
                words, _ = query.communicate(timeout=3 * 3600)
                whole = time.monotonic() - began
                if query.returncode:
                    self.wrong.append(f"{name}: {cluster.why()}")
                    continue
                took = json.loads(words.splitlines()[-1])["query"]
                self.figure(
                    f"{kind}: query {run + 1} on {self.arguments.workers} workers",
                    f"{took:.1f} s, overhead {took / alone - 1:+.1%} (with start and end of the asking process "
                    f"{whole:.1f} s, {whole / alone - 1:+.1%})",
                )
                self.figure(f"{kind}: table {run + 1}", self.check(name, kind))

    def kills(self) -> None:
        chance, left, run, failed = random.Random(self.arguments.seed), self.arguments.kills, 0, 0
        total = dict.fromkeys(Killer.KINDS, 0)
        with Cluster(self.network, self.arguments, self.environment) as cluster:
            while left:
                run += 1
                name = f"kills-{run}"
                print(f"  {name}", flush=True)
                killer = Killer(cluster, chance, left, self.arguments.pause)
                began = time.monotonic()
                query = cluster.query(name, "--model", self.arguments.model)
                thread = threading.Thread(target=killer.watch, args=(query, began))
                thread.start()
                try:
                    query.communicate(timeout=self.arguments.patience)
                except subprocess.TimeoutExpired:
                    query.kill()
                    self.wrong.append(f"{name}: no end within {self.arguments.patience} s")
                thread.join()
                seconds, here = time.monotonic() - began, left - killer.left
                left = killer.left
                for kind, count in killer.counts.items():
                    total[kind] += count
                if query.returncode:
                    # A query that says that it failed has lost nothing: its table has no mark. It is asked again.
                    failed += 1
                    self.figure(f"{name}: {here} kills", f"failed after {seconds:.1f} s: {cluster.why()}")
                    if f"/tables/{name}" in self.watched()["marked"]:
                        self.wrong.append(f"{name}: failed, and its table is marked")
                else:
                    self.figure(f"{name}: {here} kills", f"{seconds:.1f} s, {self.check(name)}")
                if failed > 10:
                    self.wrong.append("more than ten queries failed")
                    break
        self.figure("kills", f"{total}, {run} queries, of which {failed} failed")

    def resume(self) -> None:
        """The asking process dies; the next one goes on."""
        chance = random.Random(self.arguments.seed + 1)
        with Cluster(self.network, self.arguments, self.environment) as cluster:
            before = self.watched()["reads"]
            reads = []
            moment = self.arguments.pictures * chance.uniform(0.3, 0.7)
            query = cluster.query("resumed", "--resumable", "--model", self.arguments.model)
            while query.poll() is None and self.watched()["reads"] - before < moment:
                time.sleep(0.5)
            query.kill()
            for process in cluster.head.processes(lambda line: "inside.py query" in line):
                os.kill(process, signal.SIGKILL)
            query.communicate()
            # Ray needs a while until it has ended what the dead process had asked for.
            time.sleep(10)
            reads.append(self.watched()["reads"] - before)
            query = cluster.query("resumed", "--resumable", "--model", self.arguments.model)
            words, _ = query.communicate(timeout=3 * 3600)
            reads.append(self.watched()["reads"] - before - reads[0])
            if query.returncode:
                self.wrong.append(f"resumed: {cluster.why()}")
                return
            took = json.loads(words.splitlines()[-1])["query"]
            self.figure(
                "resume: pictures read before the asking process was killed, and after",
                f"{reads[0]}, {reads[1]} of {self.arguments.pictures} ({took:.1f} s)",
            )
            self.figure("resume: table", self.check("resumed"))

    def report(self) -> None:
        print("\n| what | measured |\n| --- | --- |")
        for name, value in self.figures:
            print(f"| {name} | {value} |")
        for fault in self.wrong:
            print(f"WRONG: {fault}")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--data", nargs="+", required=True, help="folders of pictures; they come again under other keys if they are few"
    )
    parser.add_argument("--pictures", type=int, default=20_000)
    parser.add_argument("--kills", type=int, default=30)
    parser.add_argument("--ms-per-picture", type=float, default=10.0)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--model", default="pokedex-mini")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--slots", type=int, default=1, help="processors of a worker")
    parser.add_argument("--task", type=int, default=500, help="pictures in a list: what is computed again when a worker dies")
    parser.add_argument("--pause", type=float, nargs=2, default=(8.0, 30.0), help="seconds between two kills")
    parser.add_argument("--only", nargs="+", choices=PARTS, default=PARTS)
    parser.add_argument("--patience", type=float, default=3600.0, help="seconds after which a query with kills counts as stuck")
    arguments = parser.parse_args()
    if os.geteuid() != 0:
        parser.error("network and mount namespaces need root")
    for tool in ("ip", "unshare", "nsenter", "mount"):
        if shutil.which(tool) is None:
            parser.error(f"{tool} is not installed")
    arguments.data = [str(Path(folder).resolve(strict=True)) for folder in arguments.data]
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    with tempfile.TemporaryDirectory(prefix="pokedex-cluster-") as work, Network() as network:
        return Bench(network, arguments, Path(work)).run()


if __name__ == "__main__":
    sys.exit(main())
