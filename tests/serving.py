"""A running `pokedex serve`, and small indexes to serve, for the scripts of this folder and of benches/.

    with serving.Server(binary, "--index", "i.parquet", folder=folder) as server:
        print(server.get("/health").json())

Pictures are made here: discs of a colour on another, which the built-in model tells apart. Needs Pillow.
"""

import dataclasses
import http.client
import json
import os
import random
import re
import signal
import socket
import subprocess
import time
from pathlib import Path
from urllib.parse import urlsplit

from PIL import Image, ImageDraw

COLOURS = {"red": (210, 30, 30), "green": (30, 150, 40), "blue": (20, 50, 210), "yellow": (240, 220, 30), "black": (10, 10, 10), "white": (245, 245, 245)}
PAGE = os.sysconf("SC_PAGE_SIZE")


@dataclasses.dataclass
class Answer:
    status: int
    headers: dict  # names in lower case
    body: bytes

    def json(self):
        return json.loads(self.body)

    def text(self):
        return self.body.decode("utf-8", "replace")

    @property
    def media_type(self):
        return self.headers.get("content-type", "").split(";")[0].strip().lower()


class Running:
    """A server that somebody else started, at an address."""

    process = None

    def __init__(self, address):
        parts = urlsplit(address)
        self.address = f"http://{parts.netloc}"
        self.host, self.port = parts.hostname, parts.port or 80

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()

    def stop(self):
        pass

    def connect(self, timeout=30):
        """A socket, for whoever writes requests by hand."""
        return socket.create_connection((self.host, self.port), timeout)

    def ask(self, method, path, headers=None, body=None, timeout=60):
        """One request on a connection of its own; the path goes out as it is."""
        connection = http.client.HTTPConnection(self.host, self.port, timeout=timeout)
        try:
            connection.putrequest(method, path, skip_accept_encoding=True, skip_host="Host" in (headers or {}))
            for name, value in (headers or {}).items():
                if value is not None:
                    connection.putheader(name, value)
            if body is not None:
                connection.putheader("Content-Length", str(len(body)))
            connection.endheaders(body)
            got = connection.getresponse()
            return Answer(got.status, {name.lower(): value for name, value in got.getheaders()}, got.read())
        finally:
            connection.close()

    def get(self, path, **headers):
        return self.ask("GET", path, {name.replace("_", "-"): value for name, value in headers.items()})

    def post(self, path, body, media_type):
        body = body if isinstance(body, bytes) else json.dumps(body).encode()
        return self.ask("POST", path, {"Content-Type": media_type} if media_type else {}, body)


class Server(Running):
    """A server that is started here and ends with its block."""

    def __init__(self, binary, *arguments, folder=None, env=None, wait=60):
        started = time.perf_counter()
        command = [str(Path(binary).resolve()), "serve", "--port", "0", *map(str, arguments)]
        environment = {**os.environ, **(env or {})}
        environment.pop("POKEDEX_INDEX", None)
        environment.pop("POKEDEX_TOKEN", None)
        self.errors = open(Path(folder or ".") / f"serve-{os.getpid()}-{time.monotonic_ns()}.log", "w+") if folder else subprocess.DEVNULL
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=self.errors, cwd=folder, env=environment, text=True)
        line = self.process.stdout.readline()
        found = re.search(r"http://\S+", line)
        if not found:
            self.process.wait(wait)
            raise SystemExit(f"{' '.join(command)}: no address on standard output but {line!r}; {self.said()}")
        self.seconds_until_address = time.perf_counter() - started
        super().__init__(found.group())

    def said(self):
        """What it wrote to standard error."""
        if self.errors == subprocess.DEVNULL:
            return ""
        self.errors.seek(0)
        return self.errors.read()

    def alive(self):
        return self.process.poll() is None

    def memory(self):
        """Bytes that are resident now, and the most that ever were."""
        resident = int(Path(f"/proc/{self.process.pid}/statm").read_text().split()[1]) * PAGE
        most = re.search(r"VmHWM:\s+(\d+) kB", Path(f"/proc/{self.process.pid}/status").read_text())
        return resident, int(most.group(1)) * 1024

    def stop(self):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)
            try:
                self.process.wait(10)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        self.process.stdout.close()


def form(fields=(), file=None, name="file", file_name="a.png", media_type="image/png"):
    """A form's body and its Content-Type, as browsers send it."""
    boundary = "----pokedexBoundary7MA4YWxkTrZu0gW"
    parts = [f'--{boundary}\r\nContent-Disposition: form-data; name="{key}"\r\n\r\n{value}\r\n'.encode() for key, value in fields]
    if file is not None:
        head = f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"; filename="{file_name}"\r\nContent-Type: {media_type}\r\n\r\n'
        parts.insert(0, head.encode() + file + b"\r\n")
    return b"".join(parts) + f"--{boundary}--\r\n".encode(), f"multipart/form-data; boundary={boundary}"


def draw(path, colour, ground, seed):
    """A picture of some discs, boxes or stripes of one colour."""
    chance = random.Random(seed)
    picture = Image.new("RGB", (240, 200), ground)
    pen = ImageDraw.Draw(picture)
    for _ in range(1 + seed % 3):
        x, y, r = chance.randrange(30, 210), chance.randrange(30, 170), chance.randrange(25, 60)
        [pen.ellipse, pen.rectangle, pen.pieslice][seed % 3]([x - r, y - r, x + r, y + r], *([20, 160] if seed % 3 == 2 else []), fill=colour)
    for at in range(0, 240, 12) if seed % 4 == 3 else ():
        pen.line([at, 0, at + 60, 200], fill=colour, width=4)
    path.parent.mkdir(parents=True, exist_ok=True)
    picture.save(path)


def pokedex(binary, *arguments, folder):
    """Runs a command, which must succeed; what it printed."""
    command = [str(Path(binary).resolve()), *map(str, arguments)]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(f"{' '.join(command)}: {done.stderr}")
    return done.stdout


def photographs(binary, folder, each=4):
    """Makes FOLDER/photos/COLOUR/N.png and an index of them, FOLDER/i.parquet, which is a map; labels are colours."""
    folder = Path(folder)
    for at, (name, colour) in enumerate(COLOURS.items()):
        for number in range(each):
            draw(folder / "photos" / name / f"{number}.png", colour, [(128, 128, 128), (250, 250, 250), (70, 110, 60)][number % 3], 101 * at + number)
    pokedex(binary, "scan", "photos", "-o", "m.parquet", folder=folder)
    pokedex(binary, "embed", "m.parquet", "-o", "e.parquet", folder=folder)
    pokedex(binary, "map", "e.parquet", "-o", "map.parquet", folder=folder)
    pokedex(binary, "index", "map.parquet", "--columns", "width,height", "--kind", "exact", "-o", "i.parquet", folder=folder)
    return folder / "i.parquet"


def png(size=(64, 64), colour=(210, 30, 30)):
    """A small PNG, as bytes."""
    import io

    out = io.BytesIO()
    Image.new("RGB", size, colour).save(out, "PNG")
    return out.getvalue()


class Checks:
    """A line for every check; how it ended is the exit code."""

    def __init__(self):
        self.done, self.wrong = 0, []

    def __call__(self, right, name, detail=""):
        """`right` is whether it is so, or a function that says it; one that fails says no."""
        if callable(right):
            try:
                right = right()
            except (LookupError, TypeError, ValueError) as e:
                right, detail = False, f"{detail} {type(e).__name__}: {e}"
        self.done += 1
        print(f"{'ok' if right else 'WRONG'}  {name}{'' if right or not detail else f': {detail}'}", flush=True)
        if not right:
            self.wrong.append(name)
        return right

    def end(self):
        print(f"{self.done} checks, {len(self.wrong)} wrong" + "".join(f"\n  {name}" for name in self.wrong))
        raise SystemExit(1 if self.wrong else 0)
