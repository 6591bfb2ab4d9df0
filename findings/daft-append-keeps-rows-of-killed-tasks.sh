#!/bin/sh
# Daft on Ray: what a task wrote before its worker was killed.
#
# One would guess: when a worker dies, Daft gives its task to another one, and a folder that `write_parquet` has finished, with
# `write_success_file=True` even with `_SUCCESS` in it, holds every row once.
# Instead: files that the killed task had finished stay beside those of its retry. In the default mode, "append", every row in them
# is there twice, and `_SUCCESS` as well (on a disk sometimes a torn file, too); only the frame that `write_parquet` returns names
# the right files. With `write_mode="overwrite"` the others are removed before `_SUCCESS` is written, so the folder is right. So
# `benches/cluster/` and `docs/cluster.md` write with "overwrite", each query to a prefix of its own.
# Seen with Daft 0.7.26 on Ray 2.59.0; fails when that changes.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
venv/bin/pip install -q daft==0.7.26 ray==2.59.0 pyarrow==25.0.1 numpy==2.3.5
cat > query.py <<'PYTHON'
import os, signal, sys, time
from collections import Counter
from pathlib import Path
import daft, pyarrow as pa, pyarrow.parquet as pq, ray

mode = sys.argv[1]
home = Path(mode).resolve()
(home / "in").mkdir(parents=True)
for part in range(4):
    pq.write_table(pa.table({"n": list(range(part * 1000, part * 1000 + 1000))}), home / "in" / f"{part}.parquet")
ray.init(address="local", num_cpus=2, log_to_driver=False, include_dashboard=False)
daft.set_runner_ray()
# Small files, so that a task of a thousand rows writes some; with the defaults a task must be larger for it.
daft.set_execution_config(parquet_target_filesize=2000, parquet_target_row_group_size=2000)
flag = home / "killed"


@daft.func.batch(return_dtype=daft.DataType.int64(), batch_size=50)
def work(numbers):
    time.sleep(0.05)
    if 2700 in numbers.to_pylist() and not flag.exists():
        flag.touch()
        time.sleep(0.5)
        os.kill(os.getpid(), signal.SIGKILL)
    return numbers


table = daft.read_parquet(f"{home}/in/*.parquet").select(work(daft.col("n")).alias("n"), daft.lit("x" * 100).alias("padding"))
named = table.write_parquet(str(home / "out"), write_mode=mode, write_success_file=True).to_pydict()["path"]
rows = Counter()
for file in (home / "out").glob("*.parquet"):
    try:
        rows.update(pq.read_table(file)["n"].to_pylist())
    except pa.ArrowInvalid:
        print("torn:", file.name, mode)
        assert mode == "append"
right = Counter(n for file in named for n in pq.read_table(file.removeprefix("file://"))["n"].to_pylist())
assert flag.exists() and (home / "out" / "_SUCCESS").exists()
assert len(right) == right.total() == 4000
with open("answers", "a") as answers:
    print(mode, "twice" if rows.total() > 4000 else "once", file=answers)
PYTHON
for mode in append overwrite; do
    RAY_AUTH_MODE=disabled venv/bin/python query.py $mode >> log 2>&1 || { tail -n 20 log; exit 1; }
done
cat answers
test "$(cat answers)" = "append twice
overwrite once"
