#!/usr/bin/env python3
"""A bucket as an input and an output, on a real server of S3's interface (`moto`) that is in trouble.

    python3 tests/stores.py target/release/pokedex        (needs moto[server], boto3, pyarrow)

Between the program and the store stands a proxy that answers some requests with errors, cuts and delays.
"""

import http.client
import logging
import os
import random
import signal
import struct
import subprocess
import sys
import tempfile
import threading
import time
import zlib
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import boto3
import pyarrow.parquet as pq
from moto.server import ThreadedMotoServer

BINARY = str(Path(sys.argv[1]).resolve())
KEYS = int(os.environ.get("KEYS", "2500"))
checks = 0


def check(holds, what):
    global checks
    checks += 1
    if not holds:
        sys.exit(f"FAILED: {what}")


def picture(number, side=16, noise=False):
    """A PNG of one colour, or of none that could be compressed."""
    line = random.Random(number).randbytes if noise else lambda length: bytes([number % 256, number // 256 % 256, 7]) * (length // 3)
    rows = b"".join(b"\0" + line(3 * side) for _ in range(side))

    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0))
        + chunk(b"IDAT", zlib.compress(rows))
        + chunk(b"IEND", b"")
    )


class Trouble:
    """What the proxy does to requests; it begins with nothing."""

    def __init__(self):
        self.share = 0.0
        self.expired = False
        self.slow_parts = 0.0
        self.random = random.Random(1)
        self.lock = threading.Lock()
        self.done = {}

    def next(self):
        with self.lock:
            if self.random.random() >= self.share:
                return None
            what = self.random.choice(["500", "503", "cut", "slow"])
            self.done[what] = self.done.get(what, 0) + 1
            return what


def proxy(port, trouble):
    class Proxy(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *_):
            pass

        def forward(self):
            body = self.rfile.read(int(self.headers.get("content-length") or 0))
            if trouble.expired:
                return self.error(400, b"<Error><Code>ExpiredToken</Code><Message>The token has expired.</Message></Error>")
            what = trouble.next()
            if what in ("500", "503"):
                return self.error(int(what), b"<Error><Code>SlowDown</Code><Message>Reduce your rate.</Message></Error>")
            if self.command == "PUT" and "partNumber" in self.path and trouble.slow_parts:
                time.sleep(trouble.slow_parts)
            upstream = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
            headers = {name: value for name, value in self.headers.items() if name.lower() != "host"}
            upstream.request(self.command, self.path, body, headers)
            answer = upstream.getresponse()
            data = answer.read()
            if what == "slow":
                time.sleep(0.2)
            self.send_response(answer.status)
            for name, value in answer.getheaders():
                if name.lower() not in ("content-length", "connection", "transfer-encoding"):
                    self.send_header(name, value)
            self.send_header("content-length", str(len(data)))
            self.end_headers()
            if what == "cut" and len(data) > 1:
                self.wfile.write(data[: len(data) // 2])
                self.close_connection = True
                return None
            self.wfile.write(data)
            return None

        def error(self, status, body):
            self.send_response(status)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        do_GET = do_PUT = do_POST = do_DELETE = do_HEAD = forward

    server = ThreadingHTTPServer(("127.0.0.1", 0), Proxy)
    server.daemon_threads = True
    server.handle_error = lambda *_: None  # a program that was killed
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server.server_address[1]


def main():
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    store = ThreadedMotoServer(port=0, verbose=False)
    store.start()
    _, port = store.get_host_and_port()
    secrets = {"AWS_ACCESS_KEY_ID": "AKEXAMPLE", "AWS_SECRET_ACCESS_KEY": "very-secret", "AWS_REGION": "us-east-1"}
    s3 = boto3.client(
        "s3",
        endpoint_url=f"http://127.0.0.1:{port}",
        region_name="us-east-1",
        aws_access_key_id="AKEXAMPLE",
        aws_secret_access_key="very-secret",
    )
    trouble = Trouble()
    endpoint = f"http://127.0.0.1:{proxy(port, trouble)}"
    folder = tempfile.TemporaryDirectory()
    work = Path(folder.name)
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(work),
        "TMPDIR": str(work / "nowhere"),  # no bytes of a bucket are put there
        "AWS_ENDPOINT_URL": endpoint,
        **secrets,
    }

    def pokedex(*arguments, code=0, shell="", **more):
        line = ["bash", "-c", shell + 'exec "$0" "$@"', BINARY, *map(str, arguments)]
        run = subprocess.run(line, cwd=work, env={**environment, **more}, capture_output=True, text=True, timeout=600)
        check(run.returncode == code, f"{arguments}: {run.returncode}, not {code}: {run.stderr[-2000:]}")
        for secret in ("very-secret", "X-Amz-Signature"):
            check(secret not in run.stderr + run.stdout, f"a secret in {arguments}")
        return run.stderr

    # 2,500 keys are three pages of a listing, some of them odd.
    s3.create_bucket(Bucket="many")
    odd = ["a b.png", "ü ü.png", "plus+.png", "per%41cent.png", "q?ue=ry&.png", "ha#sh.png", "a//b.png", "quo'te\".png", "tab\t.png", "semi;:@=,.png"]
    keys = [f"pics/{number:04}.png" for number in range(KEYS - len(odd))] + [f"pics/odd/{name}" for name in odd]
    hashes = {}
    for number, key in enumerate(keys):
        bytes_ = picture(number)
        hashes[key.removeprefix("pics/")] = bytes_
        s3.put_object(Bucket="many", Key=key, Body=bytes_)
    expected = sorted(hashes)

    def rows(file):
        return pq.read_table(work / file).to_pylist()

    pokedex("scan", "s3://many/pics/", "-o", "clean.parquet")
    clean = rows("clean.parquet")
    check([row["key"] for row in clean] == expected, "every key once, in order")
    check(all(row["error"] is None for row in clean), "no errors")
    check(all(row["path"] == f"s3://many/pics/{row['key']}" for row in clean), "paths")

    trouble.share = 0.1
    pokedex("scan", "s3://many/pics", "-j", 4, "-o", "troubled.parquet", shell="ulimit -n 64; ")
    trouble.share = 0.0
    check((work / "troubled.parquet").read_bytes() == (work / "clean.parquet").read_bytes(), "trouble changes nothing")
    check(min(trouble.done.get(what, 0) for what in ("500", "503", "cut", "slow")) > (20 if KEYS >= 2500 else 0), f"there was trouble: {trouble.done}")

    # Shards, patterns of names, and tables in the bucket. What must be read twice is spooled.
    for number in range(90):
        s3.put_object(Bucket="many", Key=f"few/{number:02}.png", Body=picture(number * 31))
    disk = {"TMPDIR": "/tmp"}
    for shard in range(1, 4):
        pokedex("embed", "s3://many/few/", "--shard", f"{shard}/3", "-o", f"s3://many/shards/{shard}.parquet", "--no-cache")
    pokedex("embed", "s3://many/few", "-o", "whole.parquet", "--no-cache")
    pokedex("index", "s3://many/shards/*.parquet", "-o", "s3://many/index.parquet", **disk)
    pokedex("index", "whole.parquet", "-o", "index.parquet", "--kind", "table", **disk)
    pokedex("query", "red", "--index", "s3://many/index.parquet", "--columns", "rank,score,key", "--top", 50, "-o", "a.csv", **disk)
    pokedex("query", "red", "--index", "index.parquet", "--columns", "rank,score,key", "--top", 50, "-o", "b.csv", **disk)
    a, b = ((work / name).read_text() for name in ("a.csv", "b.csv"))
    check(a == b, "the same answers")

    # A table of many megabytes goes up in parts, through trouble, and is that of a run without a store.
    s3.create_bucket(Bucket="large")
    (work / "large").mkdir()
    for number in range(60):
        (work / "large" / f"{number:02}.png").write_bytes(picture(number, 360, noise=True))
    pokedex("convert-rgb", "large", "-o", "large.parquet")
    trouble.share = 0.2
    pokedex("convert-rgb", "large", "-o", "s3://large/large.parquet")
    trouble.share = 0.0
    there = s3.get_object(Bucket="large", Key="large.parquet")
    check("-" in there["ETag"], f"it went up in parts: {there['ETag']}, {there['ContentLength']} bytes")
    check(there["Body"].read() == (work / "large.parquet").read_bytes(), "the same bytes")

    # Whoever stops it half-way leaves nothing that can be seen.
    # (Whoever asks for an upload and loses the answer asks again, and knows nothing of the first: those of the run above do not count.)
    uploads = lambda: s3.list_multipart_uploads(Bucket="large").get("Uploads", [])
    half = lambda: [upload for upload in uploads() if upload["Key"] == "half.parquet"]
    trouble.slow_parts = 1.5
    for how in (signal.SIGINT, signal.SIGTERM, signal.SIGKILL):
        line = [BINARY, "convert-rgb", "large", "-o", "s3://large/half.parquet"]
        run = subprocess.Popen(line, cwd=work, env=environment, stderr=subprocess.PIPE)
        until = time.monotonic() + 60
        while not half() and time.monotonic() < until:
            time.sleep(0.05)
        run.send_signal(how)
        run.communicate(timeout=60)
        check(run.returncode in (130, 143, -9), f"{how}: {run.returncode}")
        names = [content["Key"] for content in s3.list_objects_v2(Bucket="large")["Contents"]]
        check(names == ["large.parquet"], f"{how}: {names}")
        left = half()
        check(how == signal.SIGKILL or not left, f"{how}: an upload is left")
        for upload in left:
            s3.abort_multipart_upload(Bucket="large", Key=upload["Key"], UploadId=upload["UploadId"])
    trouble.slow_parts = 0.0

    # A listing that changes underneath: what is gone is a row that says so.
    listed = threading.Event()

    def change():
        listed.wait()
        for key in keys[KEYS // 2 : KEYS // 2 + 100]:
            s3.delete_object(Bucket="many", Key=key)
        s3.put_object(Bucket="many", Key="pics/new.png", Body=picture(1))

    changer = threading.Thread(target=change)
    changer.start()
    trouble.share = 0.02
    threading.Timer(1.0, listed.set).start()
    run = subprocess.run(
        [BINARY, "scan", "s3://many/pics/", "-j", "1", "-o", "changed.parquet"], cwd=work, env=environment, capture_output=True, text=True
    )
    changer.join()
    trouble.share = 0.0
    changed = rows("changed.parquet")
    names = [row["key"] for row in changed]
    check(len(set(names)) == len(names) and set(names) >= set(expected) - {key.removeprefix("pics/") for key in keys[KEYS // 2 : KEYS // 2 + 100]}, "every row once")
    gone = [row for row in changed if row["error"] is not None]
    check(all("404" in row["error"] for row in gone), "and the reason where there is none")
    check(run.returncode == (3 if gone else 0), f"the exit code says it: {run.returncode}")

    trouble.expired = True
    said = pokedex("scan", "s3://many/pics/", "-o", "expired.parquet", code=1)
    check("ExpiredToken" in said and "fresh credentials" in said, said)
    check(not (work / "expired.parquet").exists(), "no output")
    said = pokedex("embed", "whole.parquet", "-o", "expired.parquet", "--no-cache", code=3)
    check(all("ExpiredToken" in row["error"] for row in rows("expired.parquet")), "an error each")
    trouble.expired = False

    said = pokedex("scan", "s3://nothing/", "-o", "x.parquet", code=1)
    check("NoSuchBucket" in said, said)
    said = pokedex("scan", "s3://many/empty/", "-o", "x.parquet", code=1)
    check("there is no object below it" in said, said)
    store.stop()
    print(f"stores: {checks} checks; trouble: {trouble.done}")


main()
