"""What runs on the hosts of `run.py`: the store, the query, and one plain process to compare with."""

import argparse
import hashlib
import io
import json
import os
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

SUFFIXES = {".png", ".jpg", ".jpeg", ".gif", ".webp", ".bmp"}
ENDPOINT = "http://10.77.0.1:9000"
BATCH = 32
# Of every thousand pictures one is missing in the store and one is no picture: their rows have errors.
MISSING, TEXT = 100, 200


def pictures(folders: list[str], count: int) -> list[tuple[str, Path | None]]:
    """Keys and files; the files come again under other keys until there are enough. No file: there is none by that key."""
    files = sorted(file for folder in folders for file in Path(folder).rglob("*") if file.suffix.lower() in SUFFIXES)
    if not files:
        sys.exit(f"no pictures below {' '.join(folders)}")
    return [
        (f"{number:07}-{files[number % len(files)].name}", None if number % 1000 == MISSING else files[number % len(files)])
        for number in range(count)
    ]


def content(number: int, file: Path) -> bytes:
    return b"this is no picture" if number % 1000 == TEXT else file.read_bytes()


class Store:
    """moto, with a short way for the pictures, and with a watch over what readers of the tables can see.

    A table is a prefix with `_SUCCESS` in it. When that mark appears, all files must be there, and none may come or go after.
    """

    def __init__(self, rows: list[tuple[str, Path | None]]):
        from moto.server import DomainDispatcherApplication, create_backend_app

        self.moto = DomainDispatcherApplication(create_backend_app)
        self.pictures = {f"/pictures/{key}": content(number, file) for number, (key, file) in enumerate(rows) if file is not None}
        self.lock = threading.Lock()
        self.marked: set[str] = set()
        self.faults: list[str] = []
        self.reads = 0

    def __call__(self, environ, start_response):
        path, method = environ["PATH_INFO"], environ["REQUEST_METHOD"]
        if path == "/watch":
            body = json.dumps({"faults": self.faults, "marked": sorted(self.marked), "reads": self.reads}).encode()
            start_response("200 OK", [("Content-Length", str(len(body)))])
            return [body]
        body = self.pictures.get(path) if method == "GET" and "HTTP_RANGE" not in environ else None
        if body is not None:
            self.reads += 1
            etag = '"' + hashlib.md5(body).hexdigest() + '"'
            start_response("200 OK", [("Content-Length", str(len(body))), ("ETag", etag), ("Content-Type", "image/png")])
            return [body]
        if method in ("PUT", "POST", "DELETE") and path.startswith("/tables/"):
            self.watch(path, method, environ)
        return self.moto(environ, start_response)

    def watch(self, path: str, method: str, environ) -> None:
        prefix, _, name = path.rpartition("/")
        with self.lock:
            if prefix in self.marked and not (method == "POST" and not name):
                self.faults.append(f"{method} {path} after the mark")
            if name == "_SUCCESS" and method == "PUT":
                self.marked.add(prefix)
            if name.endswith(".parquet") and method == "PUT" and "uploadId" not in environ["QUERY_STRING"]:
                length = int(environ.get("CONTENT_LENGTH") or 0)
                data = environ["wsgi.input"].read(length)
                environ["wsgi.input"] = io.BytesIO(data)
                if b"PAR1" not in data[-40:]:
                    self.faults.append(f"{path} is not whole")


def store(arguments) -> None:
    import logging

    from werkzeug.serving import WSGIRequestHandler, make_server

    logging.getLogger("werkzeug").setLevel(logging.ERROR)

    class Handler(WSGIRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_request(self, *_):
            pass

    application = Store(pictures(arguments.data, arguments.pictures))
    server = make_server("10.77.0.1", 9000, application, threaded=True, request_handler=Handler)
    print("ready", flush=True)
    server.serve_forever()


def client():
    import boto3

    return boto3.client("s3", endpoint_url=ENDPOINT, aws_access_key_id="any", aws_secret_access_key="any", region_name="us-east-1")


def io_config():
    from daft.io import IOConfig, S3Config

    return IOConfig(s3=S3Config(endpoint_url=ENDPOINT, key_id="any", access_key="any", region_name="us-east-1"))


def prepare(arguments) -> None:
    """The lists of pictures, a file for each task, and the buckets."""
    import pyarrow
    import pyarrow.parquet

    s3 = client()
    for bucket in ("pictures", "lists", "tables", "checkpoints"):
        s3.create_bucket(Bucket=bucket)
    rows = pictures(arguments.data, arguments.pictures)
    for start in range(0, len(rows), arguments.task):
        keys = [key for key, _ in rows[start : start + arguments.task]]
        table = pyarrow.table({"key": keys, "url": [f"s3://pictures/{key}" for key in keys]})
        file = io.BytesIO()
        pyarrow.parquet.write_table(table, file)
        s3.put_object(Bucket="lists", Key=f"{start:07}.parquet", Body=file.getvalue())


def query(arguments) -> None:
    """The query itself, on the head. Prints what it took."""
    import daft
    import ray

    started = time.monotonic()
    ray.init(address=arguments.address, log_to_driver=False, logging_level="ERROR")
    daft.set_runner_ray()
    from pokedex.daft import embed

    config = io_config()
    checkpoint, mode = None, "overwrite"
    if arguments.resumable:
        # "overwrite" would remove the files of the run that is being resumed, whose rows are not computed again.
        store = daft.CheckpointStore(f"s3://checkpoints/{arguments.name}", config)
        # By default what looks up the keys takes whole processors, and on workers of one slot nothing is left for Daft's actors.
        settings = daft.KeyFilteringSettings(num_workers=1, cpus_per_worker=0.1)
        checkpoint, mode = daft.CheckpointConfig(store=store, on="key", settings=settings), "append"
    lists = daft.read_parquet("s3://lists/*.parquet", io_config=config, checkpoint=checkpoint)
    table = lists.select(embed("url", key="key", model=arguments.model, urls=True, io_config=config, batch_size=BATCH).unnest())
    began = time.monotonic()
    table.write_parquet(f"s3://tables/{arguments.name}", write_mode=mode, write_success_file=True, io_config=config)
    print(json.dumps({"query": time.monotonic() - began, "start": began - started}), flush=True)


def plain(arguments) -> None:
    """One process over the local files, with as many threads as the cluster has slots."""
    import numpy

    import pokedex

    rows = pictures(arguments.data, arguments.pictures)
    model = pokedex.Model(arguments.model, threads=1)

    def work(start: int):
        batch = rows[start : start + BATCH]
        images = [content(start + row, file) if file else None for row, (_, file) in enumerate(batch)]
        vectors = model.embed(images)
        return numpy.asarray(vectors), list(vectors.errors), list(vectors.content_hashes)

    began = time.monotonic()
    with ThreadPoolExecutor(arguments.threads) as pool:
        parts = list(pool.map(work, range(0, len(rows), BATCH)))
    seconds = time.monotonic() - began
    failed = [error is not None for part in parts for error in part[1]]
    hashes = [hash or bytes(32) for part in parts for hash in part[2]]
    numpy.savez(
        arguments.output,
        keys=[key for key, _ in rows],
        vectors=numpy.concatenate([part[0] for part in parts]),
        failed=failed,
        hashes=numpy.frombuffer(b"".join(hashes), dtype=numpy.uint8).reshape(-1, 32),
        model=model.name,
    )
    print(json.dumps({"seconds": seconds, "failed": sum(failed)}), flush=True)


def verify(arguments) -> None:
    """Whether a table in the store is that of the plain process, row by row and bit by bit."""
    import daft
    import numpy

    config = io_config()
    table = daft.read_parquet(f"s3://tables/{arguments.name}/*.parquet", io_config=config).to_arrow()
    names = [entry["Key"] for entry in client().list_objects_v2(Bucket="tables", Prefix=f"{arguments.name}/").get("Contents", [])]
    expected = numpy.load(arguments.output)
    keys = table["key"].to_numpy(zero_copy_only=False).astype(str)
    order = numpy.argsort(keys, kind="stable")
    distinct, first = numpy.unique(keys[order], return_index=True)
    twice = len(keys) - len(distinct)
    order = order[first]
    lost = len(numpy.setdiff1d(expected["keys"], distinct))
    wrong = len(expected["keys"])
    if not lost and len(distinct) == len(expected["keys"]):
        failed = numpy.array([value is not None for value in table["error"].to_pylist()])
        column = table["embedding"].combine_chunks()
        column = getattr(column, "storage", column)
        vectors = numpy.zeros((len(keys), expected["vectors"].shape[1]), dtype=numpy.float32)
        valid = column.is_valid().to_numpy(zero_copy_only=False)
        vectors[valid] = column.flatten().to_numpy().reshape(-1, vectors.shape[1])
        hashes = numpy.frombuffer(
            b"".join(value or bytes(32) for value in table["content_hash"].to_pylist()), dtype=numpy.uint8
        ).reshape(-1, 32)
        models = numpy.array([value or "" for value in table["embedding_model"].to_pylist()])
        right_vectors = numpy.where(expected["failed"][:, None], numpy.float32(0), expected["vectors"])
        same = (vectors[order].view(numpy.uint32) == right_vectors.view(numpy.uint32)).all(axis=1)
        same &= failed[order] == expected["failed"]
        same &= valid[order] != expected["failed"]
        same &= (hashes[order] == expected["hashes"]).all(axis=1)
        same &= models[order] == numpy.where(expected["failed"], "", expected["model"])
        wrong = int((~same).sum())
    print(json.dumps({
        "rows": len(keys), "lost": lost, "twice": twice, "wrong": wrong,
        "files": sum(name.endswith(".parquet") for name in names), "marked": f"{arguments.name}/_SUCCESS" in names,
    }), flush=True)  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("what", choices=["store", "prepare", "query", "plain", "verify"])
    parser.add_argument("--data", nargs="+")
    parser.add_argument("--pictures", type=int)
    parser.add_argument("--task", type=int)
    parser.add_argument("--threads", type=int)
    parser.add_argument("--model", default="pokedex-mini")
    parser.add_argument("--address")
    parser.add_argument("--name")
    parser.add_argument("--output")
    parser.add_argument("--resumable", action="store_true")
    arguments = parser.parse_args()
    globals()[arguments.what](arguments)
    # Daft's and Ray's threads are not waited for.
    sys.stdout.flush()
    os._exit(0)


if __name__ == "__main__":
    main()
