"""`pokedex index --kind graph` beside usearch: same vectors, same cores, one run.

    python3 benches/peers/graph.py --pokedex target/release/pokedex --rows 153750 --work /tmp/graph
    python3 benches/peers/graph.py --pokedex target/release/pokedex --rows 1000000 --work /tmp/graph --peers bf16:16:128

Clustered vectors of 512 numbers (vectors.py) are indexed, then 1000 held-out ones are searched for, with ever more rows in
sight (our --beam, usearch's expansion_search). Each index is built and searched in a process of its own: time, processor
seconds and peak memory are that process's. Ours reads Parquet and writes a table, packed vectors and a graph; usearch adds an
array that is in memory already, and its peak holds that array. A peer is DTYPE:CONNECTIVITY:EXPANSION_ADD; usearch's own
choice is bf16 or f32 by processor, 16 and 128. Its scores come from its own numbers, ours are exact cosines.

The figure that counts is the last table: queries a second at the recalls of --targets, read off the line between measured
points. Searches are run three times and the fastest counts. Ours is timed by what `query -v` says, start-up and reading of
queries excluded; the time of a whole process with one query is told apart. Files in --work are kept for the next run.
Needs numpy, pyarrow and usearch.
"""

import argparse
import json
import os
import re
import subprocess
import sys
import time
from pathlib import Path

import numpy as np

import vectors

TOP = 10
SIGHTS = (16, 24, 32, 48, 64, 96, 128, 192, 256, 384, 512)
REPEATS = 3


def run(command, cores):
    """Wall seconds, processor seconds, peak MB, standard output, standard error."""
    start = time.perf_counter()
    process = subprocess.Popen(
        [str(part) for part in command],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: os.sched_setaffinity(0, cores),
    )
    out, err = process.communicate()
    wall = time.perf_counter() - start
    if process.returncode:
        sys.exit(f"{' '.join(map(str, command))}: {err}")
    return wall, out, err


def measured(command, cores):
    """As `run`, under a Python of its own that knows what its only child took."""
    script = (
        "import json,resource,subprocess,sys;code=subprocess.call(sys.argv[1:]);"
        "u=resource.getrusage(resource.RUSAGE_CHILDREN);"
        "print(json.dumps([u.ru_utime+u.ru_stime,u.ru_maxrss/1e3]));sys.exit(code)"
    )
    wall, out, err = run([sys.executable, "-c", script, *command], cores)
    *lines, last = out.strip().splitlines()
    return wall, *json.loads(last), lines, err


def ours(args, table, queries, truth, cores):
    index = args.work / f"ours_{args.rows}.parquet"
    command = [args.pokedex, "index", table, "--model", "unknown", "--kind", "graph", "-j", len(cores), "-o", index]
    wall, processor, peak, _, _ = measured(command, cores)
    print(f"ours: built in {wall:.1f} s ({processor:.1f} s of processor time), peak {peak:.0f} MB", flush=True)
    search = [args.pokedex, "query", "--index", index, "--top", TOP, "--format", "jsonl"]
    points = {1: [], len(cores): []}
    for beam in SIGHTS:
        for threads, line in points.items():
            seconds = []
            for _ in range(REPEATS):
                some = set(sorted(cores)[:threads])
                _, out, err = run([*search, "--queries", queries, "--beam", beam, "-v"], some)
                said = re.search(r"query: \d+ queries in ([0-9.]+) s", err)
                if not said:
                    sys.exit("`query -v` does not say how long the queries took")
                seconds.append(float(said[1]))
            hits = [json.loads(row) for row in out.splitlines()]
            found = [[] for _ in truth]
            number = -1
            for hit in hits:
                number += hit["rank"] == 1
                found[number].append(int(hit["key"][:8]))
            line.append((beam, vectors.recall(found, truth), len(truth) / min(seconds)))
    one = args.work / "one.npy"
    np.save(one, np.load(queries)[:1])
    whole = min(run([*search, "--queries", one], cores)[0] for _ in range(10))
    print(f"ours: a whole process with one query, warm: {whole * 1e3:.0f} ms", flush=True)
    return points


def usearch_worker(base, queries, rows, dtype, connectivity, expansion_add, threads):
    import resource

    from usearch.index import Index

    base, queries = np.load(base)[:rows], np.load(queries)
    index = Index(
        ndim=base.shape[1],
        metric="cos",
        dtype=dtype,
        connectivity=int(connectivity),
        expansion_add=int(expansion_add),
    )
    start, used = time.perf_counter(), time.process_time()
    index.add(np.arange(len(base)), base, threads=threads)
    told = {"build": time.perf_counter() - start, "processor": time.process_time() - used, "points": []}
    told["peak"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3
    told["kernels"] = index.hardware_acceleration
    for sight in SIGHTS:
        index.expansion_search = sight
        for count in (1, threads):
            seconds = []
            for _ in range(REPEATS):
                start = time.perf_counter()
                found = index.search(queries, TOP, threads=count)
                seconds.append(time.perf_counter() - start)
            told["points"].append((count, sight, found.keys.tolist(), len(queries) / min(seconds)))
    print(json.dumps(told))


def peer(args, name, base, queries, truth, cores):
    command = [sys.executable, __file__, "--worker", base, queries, str(args.rows), *name.split(":"), str(len(cores))]
    told = json.loads(run(command, cores)[1])
    print(
        f"usearch {name}: built in {told['build']:.1f} s ({told['processor']:.1f} s of processor time), "
        f"peak {told['peak']:.0f} MB, kernels {told['kernels']}",
        flush=True,
    )
    points = {1: [], len(cores): []}
    for count, sight, found, speed in told["points"]:
        points[count].append((sight, vectors.recall(found, truth), speed))
    return points


def show(name, points):
    for threads, line in points.items():
        print(f"\n{name}, {threads} thread{'s' * (threads > 1)}\n   sight  recall@{TOP}  none found  queries/s")
        for sight, recall, speed in line:
            print(f"{sight:8} {recall.mean():10.4f} {np.sum(recall == 0):11} {speed:10.0f}")


def at(line, target):
    """Queries a second at a recall, read off between two points; nothing where it is not reached."""
    recalls = [recall.mean() for _, recall, _ in line]
    for (a, left), (b, right) in zip(zip(recalls, line), zip(recalls[1:], line[1:])):
        if a < target <= b:
            share = (target - a) / (b - a)
            return left[2] ** (1 - share) * right[2] ** share
    return line[0][2] if recalls[0] >= target else None


def main():
    if sys.argv[1:2] == ["--worker"]:
        base, queries, rows, dtype, connectivity, expansion_add, threads = sys.argv[2:]
        return usearch_worker(base, queries, int(rows), dtype, connectivity, expansion_add, int(threads))
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pokedex", default="target/release/pokedex", help="the program")
    parser.add_argument("--rows", type=int, default=153_750)
    parser.add_argument("--queries", type=int, default=1000)
    parser.add_argument("--work", type=Path, default=Path("graph_work"), help="folder for vectors and indexes")
    parser.add_argument("--base", type=Path, help="vectors that vectors.py made, at least as many rows")
    parser.add_argument("--peers", nargs="*", default=["f32:16:128", "bf16:16:128", "i8:16:128", "bf16:32:256"])
    parser.add_argument("--targets", nargs="*", type=float, default=[0.95, 0.97, 0.98, 0.99, 0.995])
    args = parser.parse_args()
    args.work.mkdir(parents=True, exist_ok=True)
    cores = os.sched_getaffinity(0)

    base = args.base or args.work / f"base_{args.rows}.npy"
    queries, truth = args.work / f"queries_{args.queries}.npy", args.work / f"truth_{args.rows}_{args.queries}.npy"
    table = args.work / f"base_{args.rows}.parquet"
    if not base.exists():
        np.save(base, vectors.make(args.rows))
    if not queries.exists():
        np.save(queries, vectors.queries(args.queries))
    rows = np.load(base, mmap_mode="r")[: args.rows]
    if not truth.exists():
        np.save(truth, vectors.ground_truth(rows, np.load(queries), TOP)[0])
    if not table.exists():
        vectors.write_parquet(table, rows)
    truth = np.load(truth)

    results = {"ours": ours(args, table, queries, truth, cores)}
    for name in args.peers:
        results[f"usearch {name}"] = peer(args, name, base, queries, truth, cores)
    for name, points in results.items():
        show(name, points)
    for threads in dict.fromkeys((1, len(cores))):
        print(f"\nqueries/s at equal recall@{TOP}, {threads} thread{'s' * (threads > 1)}")
        print(" " * 24 + "".join(f"{target:>10}" for target in args.targets))
        for name, points in results.items():
            speeds = [at(points[threads], target) for target in args.targets]
            print(f"{name:24}" + "".join(f"{speed:10.0f}" if speed else f"{'-':>10}" for speed in speeds))


if __name__ == "__main__":
    main()
