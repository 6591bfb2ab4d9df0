#!/bin/sh
# Arrow streams whose producer died between two batches.
#
# One would guess: the end mark, eight bytes that pyarrow writes when a stream is closed, tells a whole stream from one that
# broke off: a reader at the end of a pipe without it says so.
# Instead: the format lets a stream end without the mark, and readers never ask for it. What a producer wrote before it was killed
# reads as a complete, shorter table: of three rows two, without an error or a warning, in pyarrow and in Polars alike.
# Seen with pyarrow 25.0.1 and Polars 2.1.0; fails when that changes.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
venv/bin/pip install -q pyarrow==25.0.1 polars==2.1.0
cat > producer.py <<'PYTHON'
import os, signal, sys
import pyarrow as pa

schema = pa.schema([("number", pa.int64())])
writer = pa.ipc.new_stream(sys.stdout.buffer, schema)
for number in range(3):
    if number == 2 and "--killed" in sys.argv:
        sys.stdout.buffer.flush()
        os.kill(os.getpid(), signal.SIGKILL)
    writer.write_batch(pa.record_batch([pa.array([number])], schema))
writer.close()
PYTHON
cat > consumer.py <<'PYTHON'
import io, sys
import polars, pyarrow as pa

stream = sys.stdin.buffer.read()
counts = pa.ipc.open_stream(stream).read_all().num_rows, polars.read_ipc_stream(io.BytesIO(stream)).height
print(stream[-8:] == bytes.fromhex("ffffffff00000000"), *counts)
PYTHON
whole=$(venv/bin/python producer.py | venv/bin/python consumer.py)
broken=$(venv/bin/python producer.py --killed | venv/bin/python consumer.py)
echo "end mark, rows by pyarrow, by Polars: $whole; of the killed one: $broken"
test "$whole" = "True 3 3" && test "$broken" = "False 2 2"
