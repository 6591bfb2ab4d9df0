"""Searches over HTTP beside a FastAPI + FAISS flat server built as cerebro is: the same ten rows? how many answers a second?

    cargo build --release
    python3 benches/peers/serve.py target/release/pokedex [--rows 153000] [--seconds 6] [--rounds 3] [--json FILE]

Two matters, each over the same vectors on both sides:
  vectors  clustered vectors of 512 numbers (see vectors.py): ours is given each vector by POST /api/search, the peer the name of
           a query whose vector it looks up in place of its text tower
  words    vectors of 256 numbers in the space of the built-in model (of made-up captions, moved a little): ours is given words by
           GET /search/text and by GET /api/search and embeds them, the peer looks up the vectors of the very same words
First 200 queries are asked of both and compared: the ten rows must be the same in the same order, but for swaps where the scores
in float64 differ by less than 1e-6. Then wrk asks each in turn with 1, 8 and 32 connections, in rounds, so that what else the
machine does falls on all alike. The peer runs as its authors start it (uvicorn's one process, FAISS's threads as they are), and
besides with one thread a search, and with a process a core: the ratio is told to the first and to the best of them. What the
machine does besides changes the answers a second; the processor time an answer costs (CPU ms) it changes little.

Needs wrk, and numpy, pyarrow, faiss-cpu, fastapi, uvicorn. Ends with 1 where rows differ, an answer failed, or a bar was missed:
ten times the answers a second of the peer as its authors start it, p99 below a third of its, at each number of connections.
"""

import argparse
import json
import os
import pathlib
import platform
import random
import re
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from urllib.parse import quote

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

import vectors

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent.parent / "tests"))
import serving  # noqa: E402

# Asks the requests of a file in turn, and says in one line what wrk measured.
LUA = """
local requests, at = {}, 0
function init(args)
  for line in io.lines(args[1]) do
    local path, body = line:match("^([^\\t]*)\\t?(.*)$")
    if body ~= "" then
      requests[#requests + 1] = wrk.format("POST", path, {["Content-Type"] = "application/json"}, body)
    else
      requests[#requests + 1] = wrk.format("GET", path)
    end
  end
end
function request()
  at = at % #requests + 1
  return requests[at]
end
function done(summary, latency, requests)
  local e = summary.errors
  io.write(string.format("RESULT %d %d %d %.1f %.1f %.1f %.1f\\n", summary.requests, summary.duration,
    e.connect + e.read + e.write + e.status + e.timeout, latency:percentile(50), latency:percentile(99), latency.max, latency.mean))
end
"""


def phrases(count, seed):
    """Captions that somebody could write."""
    chance = random.Random(seed)
    words = [["a", "one", "the"], ["small", "big", "round", "tall", "old", "young", "furry", "shiny", "spiky", "sleepy"], ["red", "blue", "green", "yellow", "brown", "black", "white", "pink", "purple", "orange", "grey"], ["bird", "dog", "cat", "fish", "mouse", "dragon", "flower", "tree", "rock", "ghost", "snake", "turtle", "fox", "horse", "bear", "butterfly", "robot", "car", "house", "shell"], ["in the grass", "with wings", "by the sea", "on fire", "at night", "with big ears", "under a tree", "with a long tail", "in the snow", "that sleeps", "in a cave", "with sharp teeth", "on a stone", "in the rain"]]
    made = set()
    while len(made) < count:
        made.add(" ".join(map(chance.choice, words)))
    return sorted(made, key=lambda text: chance.random())


def embed(pokedex, folder, texts):
    """Vectors of texts by the built-in model, and its name."""
    pq.write_table(pa.table({"key": [f"t{at:06}" for at in range(len(texts))], "text": texts}), folder / "texts.parquet")
    subprocess.run([pokedex, "embed", "texts.parquet", "--text", "text", "-o", "texts-embedded.parquet", "-q"], cwd=folder, check=True)
    table = pq.read_table(folder / "texts-embedded.parquet").sort_by("key")
    return np.array(table["embedding"].to_pylist(), np.float32), table["embedding_model"][0].as_py()


def free_port():
    with socket.socket() as own:
        own.bind(("127.0.0.1", 0))
        return own.getsockname()[1]


class Peer:
    """The peer over a folder of vectors and queries."""

    def __init__(self, folder, workers=1, threads=None):
        self.port = free_port()
        env = {**os.environ, "FLAT": str(folder), **({"OMP_NUM_THREADS": str(threads)} if threads else {})}
        command = [sys.executable, "-m", "uvicorn", "flat_server:app", "--port", str(self.port), "--log-level", "warning", "--no-access-log", "--workers", str(workers)]
        self.process = subprocess.Popen(command, cwd=HERE, env=env)
        self.address = f"http://127.0.0.1:{self.port}"

    def wait(self, path):
        for _ in range(600):
            try:
                return urllib.request.urlopen(self.address + path).read()
            except OSError:
                if self.process.poll() is not None:
                    raise SystemExit("the peer ended")
                time.sleep(0.1)
        raise SystemExit("the peer does not answer")

    def stop(self):
        self.process.terminate()
        self.process.wait()


def cpu_seconds(pid):
    """Processor time of a process and its children so far."""
    ticks = os.sysconf("SC_CLK_TCK")
    own = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    children = pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return (int(own[11]) + int(own[12])) / ticks + sum(map(cpu_seconds, children))


def wrk(address, pid, requests, connections, seconds, script):
    # One thread: it has time enough, and both sides lose the same core to it.
    command = ["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "--timeout", "30s", "-s", script, address, "--", requests]
    before = cpu_seconds(pid)
    out = subprocess.run(command, capture_output=True, text=True, check=True, timeout=seconds + 120).stdout
    done, took, errors, p50, p99, most, mean = map(float, re.search(r"RESULT (.*)", out).group(1).split())
    spent = (cpu_seconds(pid) - before) / done * 1e3
    return {"a second": done / took * 1e6, "errors": int(errors), "p50": p50 / 1e3, "p99": p99 / 1e3, "max": most / 1e3, "mean": mean / 1e3, "cpu": spent}


def same_rows(base, asked, ours, peer):
    """What is wrong with the rows of one query: swaps of equal scores are allowed."""
    if ours == peer:
        return None
    exact = lambda row: float(base[int(row[:8])].astype(np.float64) @ asked.astype(np.float64))
    for own, other in zip(ours, peer):
        if own != other and abs(exact(own) - exact(other)) > 1e-6:
            return f"{own} instead of {other}"
    return None if len(ours) == len(peer) else f"{len(ours)} rows instead of {len(peer)}"


def prepare(folder, name, base, asked, texts, pokedex, model):
    """An index for us and a folder for the peer."""
    place = folder / name
    place.mkdir()
    np.save(place / "vectors.npy", base)
    np.save(place / "queries.npy", asked)
    (place / "queries.json").write_text(json.dumps(texts))
    vectors.write_parquet(place / "base.parquet", base)
    start = time.perf_counter()
    subprocess.run([pokedex, "index", "base.parquet", "--model", model, "--kind", "exact", "-o", "i.parquet", "-q"], cwd=place, check=True)
    print(f"{name}: {base.shape[0]} x {base.shape[1]}, index made in {time.perf_counter() - start:.1f} s", flush=True)
    return place


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("pokedex")
    parser.add_argument("--rows", type=int, default=153_000)
    parser.add_argument("--seconds", type=int, default=6, help="of one run of wrk")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--connections", default="1,8,32")
    parser.add_argument("--only", choices=["vectors", "words"])
    parser.add_argument("--json")
    args = parser.parse_args()
    pokedex = str(pathlib.Path(args.pokedex).resolve())
    if hasattr(os, "sched_setaffinity") and len(os.sched_getaffinity(0)) > 2:
        os.sched_setaffinity(0, set(sorted(os.sched_getaffinity(0))[:2]))
    processor = re.search(r"model name\s*: (.*)", pathlib.Path("/proc/cpuinfo").read_text())
    machine = f"{len(os.sched_getaffinity(0))} cores of {processor.group(1) if processor else platform.processor()}, {platform.system()} {platform.release()}"
    import faiss
    import fastapi
    import uvicorn

    versions = f"faiss {faiss.__version__}, fastapi {fastapi.__version__}, uvicorn {uvicorn.__version__}, Python {platform.python_version()}; {subprocess.run([pokedex, '--version'], capture_output=True, text=True).stdout.strip()}"
    print(machine, versions, sep="\n", flush=True)
    wrong, told = [], {"machine": machine, "versions": versions, "rows": args.rows, "runs": []}
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        script = folder / "ask.lua"
        script.write_text(LUA)
        matters = {}
        if args.only in (None, "vectors"):
            asked = vectors.queries(1000)
            texts = [f"query {at}" for at in range(len(asked))]
            place = prepare(folder, "vectors", vectors.make(args.rows), asked, texts, pokedex, "unknown")
            bodies = [json.dumps({"vector": [round(float(x), 9) for x in v], "top": 10}) for v in asked]
            matters["vectors"] = place, asked, texts, {"POST /api/search": [f"/api/search\t{body}" for body in bodies]}
        if args.only in (None, "words"):
            made = phrases(6000, 1)
            space, model = embed(pokedex, folder, made)
            texts, asked, space = made[:1000], space[:1000], space[1000:]
            rng = np.random.default_rng(0)
            base = space[rng.integers(len(space), size=args.rows)]
            base = base + 0.7 / np.sqrt(base.shape[1]) * rng.standard_normal(base.shape, dtype=np.float32)
            base /= np.linalg.norm(base, axis=1, keepdims=True)
            place = prepare(folder, "words", base, asked, texts, pokedex, model.split("@")[0])
            matters["words"] = place, asked, texts, {"GET /search/text": [f"/search/text?query={quote(text)}&top_n=10" for text in texts], "GET /api/search": [f"/api/search?q={quote(text)}&top=10" for text in texts]}
        for matter, (place, asked, texts, ways) in matters.items():
            base = np.load(place / "vectors.npy", mmap_mode="r")
            peers = {"peer": Peer(place), "peer, 1 thread a search": Peer(place, threads=1), "peer, 2 processes": Peer(place, workers=2, threads=1)}
            questions = [f"/search/text?query={quote(text)}&top_n=10" for text in texts]
            (place / "peer.txt").write_text("\n".join(questions))
            for peer in peers.values():
                peer.wait(questions[0])
            with serving.Server(pokedex, "--index", place / "i.parquet", folder=place) as server:
                contestants = {name: (peer.address, peer.process.pid, place / "peer.txt") for name, peer in peers.items()}
                for name, requests in ways.items():
                    file = place / (re.sub(r"\W+", "-", name) + ".txt")
                    file.write_text("\n".join(requests))
                    contestants[name] = server.address, server.process.pid, file
                    differ = 0
                    for at in range(0, min(200, len(texts))):
                        theirs = [hit["file_path"] for hit in json.loads(urllib.request.urlopen(peers["peer"].address + questions[at]).read())]
                        path, _, body = requests[at].partition("\t")
                        answer = server.post(path, body.encode(), "application/json") if body else server.get(path)
                        if answer.status != 200:
                            raise SystemExit(f"{path}: {answer.status} {answer.text()[:200]}")
                        found = answer.json()
                        ours = [hit["file_path"] for hit in found] if isinstance(found, list) else [hit["key"] for hit in found["hits"]]
                        problem = same_rows(base, asked[at], ours, theirs)
                        if problem:
                            differ += 1
                            wrong.append(f"{name}, query {at}: {problem}")
                    print(f"{matter}: {name}: 200 queries compared, {differ} differ", flush=True)
                runs = {}
                for _ in range(args.rounds):
                    for connections in map(int, args.connections.split(",")):
                        for name, whom in contestants.items():
                            runs.setdefault((connections, name), []).append(wrk(*whom, connections, args.seconds, script))
                now, most = server.memory()
            for peer in peers.values():
                peer.stop()
            print(f"\n{matter}: {len(base)} x {base.shape[1]}, medians of {args.rounds} rounds of {args.seconds} s; our memory {now >> 20} MB, {most >> 20} MB at most")
            print(f"{'connections':>11}  {'':24} {'answers/s':>10} {'p50 ms':>9} {'p99 ms':>9} {'max ms':>9} {'CPU ms':>8}  errors")
            summary = {}
            for (connections, name), measured in runs.items():
                # The median round, by answers a second; errors of all.
                middle = sorted(measured, key=lambda run: run["a second"])[len(measured) // 2]
                summary[connections, name] = middle = {**middle, "errors": sum(run["errors"] for run in measured)}
                told["runs"].append({"matter": matter, "connections": connections, "who": name, **middle, "rounds": measured})
                print(f"{connections:>11}  {name:24} {middle['a second']:>10.1f} {middle['p50']:>9.2f} {middle['p99']:>9.2f} {middle['max']:>9.1f} {middle['cpu']:>8.2f}  {middle['errors']}")
                if middle["errors"]:
                    wrong.append(f"{matter}, {connections} connections, {name}: {middle['errors']} errors")
            for connections in map(int, args.connections.split(",")):
                for name in ways:
                    ours, usual = summary[connections, name], summary[connections, "peer"]
                    best = max((summary[connections, peer] for peer in peers), key=lambda run: run["a second"])
                    times, tail = ours["a second"] / usual["a second"], ours["p99"] / usual["p99"]
                    print(f"{matter}, {connections} connections, {name}: {times:.1f} x the answers of the peer ({ours['a second'] / best['a second']:.1f} x of its best), p99 {tail:.3f} of its ({ours['p99'] / best['p99']:.3f})")
                    if times < 10 or tail > 1 / 3:
                        wrong.append(f"{matter}, {connections} connections, {name}: {times:.1f} x, p99 {tail:.3f}")
            print(flush=True)
    if args.json:
        pathlib.Path(args.json).write_text(json.dumps(told, indent=1))
    print("all bars met" if not wrong else "not met:\n  " + "\n  ".join(wrong[:20]))
    raise SystemExit(1 if wrong else 0)


if __name__ == "__main__":
    main()
