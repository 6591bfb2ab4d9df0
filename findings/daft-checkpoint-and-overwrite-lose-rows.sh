#!/bin/sh
# Daft's checkpoints and `write_mode="overwrite"`.
#
# One would guess: a query that is asked again with the same checkpoint ends with the whole table, or is refused where that cannot
# be; other writers (Iceberg, Delta Lake) do refuse "overwrite" with a checkpoint.
# Instead: rows whose keys the checkpoint holds are not computed again, and "overwrite" removes the files in which they are. What
# is left is the rows of the last run alone, without an error or a warning: none at all where the query is asked again after it
# had finished. With "append" all rows are there. So `benches/cluster/` resumes with "append".
# Seen with Daft 0.7.26 on Ray 2.59.0; fails when that changes.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
venv/bin/pip install -q daft==0.7.26 ray==2.59.0 pyarrow==25.0.1 numpy==2.3.5
cat > query.py <<'PYTHON'
import sys
from pathlib import Path
import daft, pyarrow as pa, pyarrow.parquet as pq, ray

mode = sys.argv[1]
home = Path(mode).resolve()
(home / "in").mkdir(parents=True)
ray.init(address="local", num_cpus=4, log_to_driver=False, include_dashboard=False)
daft.set_runner_ray()
found = []
for run in range(3):
    # A list of pictures that grew between the first two runs.
    if run < 2:
        pq.write_table(pa.table({"key": [f"{run}-{number}" for number in range(100)]}), home / "in" / f"{run}.parquet")
    store = daft.CheckpointStore(f"file://{home}/checkpoint")
    lists = daft.read_parquet(f"{home}/in/*.parquet", checkpoint=daft.CheckpointConfig(store=store, on="key"))
    lists.write_parquet(str(home / "out"), write_mode=mode)
    found.append(sum(pq.read_table(file).num_rows for file in (home / "out").glob("*.parquet")))
with open("answers", "a") as answers:
    print(mode, *found, file=answers)
PYTHON
for mode in append overwrite; do
    RAY_AUTH_MODE=disabled venv/bin/python query.py $mode >> log 2>&1 || { tail -n 20 log; exit 1; }
done
cat answers
test "$(cat answers)" = "append 100 200 200
overwrite 100 100 0"
