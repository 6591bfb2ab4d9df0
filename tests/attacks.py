#!/usr/bin/env python3
"""Attacks on `pokedex serve` that must come to nothing.

    python3 tests/attacks.py target/release/pokedex [--only NAME,...] [--seed 0] [--requests 10000]

Each attack is a function below; its first line says what it tries. Servers of generated pictures, of a table that a stranger
wrote, and with a token are attacked. After each attack /health must answer at once, the server must not have grown beyond its
bound, and it must not have panicked. No answer, head or body, of any attack may hold the path of the folder that is served, of
the binary or of the home folder, nor what stands in files beside the pictures. Standard library, numpy, pyarrow and Pillow.
Takes some minutes. Ends with 1 where anything was wrong.
"""

import argparse
import base64
import concurrent.futures
import contextlib
import json
import os
import random
import re
import resource
import socket
import struct
import tempfile
import threading
import time
import zlib
from pathlib import Path
from urllib.parse import quote, unquote_to_bytes

import numpy
import pyarrow
import pyarrow.parquet

import serving

check = serving.Checks()
# Bytes that the server may have resident after an attack, and at its worst within one.
SETTLED, WORST = 700 << 20, 1500 << 20
SECRET = "SECRET-7f3a9c"
TOKEN = "0123456789abcdef0123456789abcdef"
PNG = serving.png()
MARKUP = ["<script>alert(1)</script>", '"><img src=x onerror=alert(1)>', "'\"\\&lt;</title>", "\u2028\u202e\x7f", "${7*7}{{7*7}}", "a\r\nSet-Cookie: b=c"]


class Target:
    """A server that is attacked, which keeps what all answers say."""

    def __init__(self, server, folder):
        self.server, self.folder = server, Path(folder)
        self.leaks, self.fives, self.lock = set(), [], threading.Lock()
        self.forbidden = [str(folder), str(Path(folder).resolve()), str(Path.home()) + "/", str(Path(server.process.args[0]).parent) + "/", SECRET, "root:x:", "panicked"]

    def heard(self, what, answer):
        """Looks through the bytes of an answer."""
        text = answer.decode("latin-1")
        with self.lock:
            self.leaks.update((name, what[:100]) for name in self.forbidden if name in text)
            # An error of the server's own: no attack should come as far as that.
            if re.match(r"HTTP/1\.[01] 5(?!03)", text):
                self.fives.append((what[:120], text.split("\r\n\r\n", 1)[-1][:200]))

    def ask(self, method, path, headers=None, body=None, timeout=60):
        answer = self.server.ask(method, path, headers, body, timeout)
        head = "".join(f"{name}: {value}\r\n" for name, value in answer.headers.items())
        self.heard(f"{method} {path}", f"HTTP/1.1 {answer.status}\r\n{head}\r\n".encode("utf-8", "replace") + answer.body)
        return answer

    def get(self, path, **headers):
        return self.ask("GET", path, headers)

    def post(self, path, body, media_type="application/json"):
        body = body if isinstance(body, bytes) else json.dumps(body).encode()
        return self.ask("POST", path, {"Content-Type": media_type}, body)

    def raw(self, request, timeout=5, shut=True, pieces=None):
        """Sends bytes as they are, and gives all that comes back."""
        got = b""
        with contextlib.suppress(OSError), self.server.connect(timeout) as connection:
            with contextlib.suppress(OSError):
                for piece in pieces or [request]:
                    connection.sendall(piece)
                if shut:
                    connection.shutdown(socket.SHUT_WR)
            while piece := connection.recv(1 << 16):
                got += piece
        self.heard(repr(request[:80]), got)
        return got

    def well(self, name):
        """What must hold after each attack."""
        start = time.perf_counter()
        status = 0
        with contextlib.suppress(OSError):
            status = self.server.get("/health").status
        took = time.perf_counter() - start
        alive = self.server.alive()
        check(alive and status == 200 and took < 1, f"{name}: afterwards /health answers at once", f"{status} after {took:.2f} s; {'it runs' if alive else 'it ended'}")
        if alive:
            now, most = self.server.memory()
            check(now < SETTLED and most < WORST, f"{name}: memory is bounded", f"{now >> 20} MB now, {most >> 20} MB at worst")
        check(not self.leaks, f"{name}: no answer tells of the machine", str(sorted(self.leaks))[:400])
        check(not self.fives, f"{name}: nothing failed within", str(self.fives[:3])[:500])
        said = self.server.said()
        check("panicked" not in said, f"{name}: nothing panicked", said[-400:])
        self.leaks, self.fives = set(), []


def status_of(answer):
    found = re.match(rb"HTTP/1\.[01] (\d{3})", answer)
    return int(found.group(1)) if found else None


def traversal(target):
    """Files outside are asked for by every path and every parameter."""
    tries = ["../secret.txt", "../../etc/passwd", "..%2fsecret.txt", "%2e%2e%2fsecret.txt", "%252e%252e/secret.txt", "....//secret.txt", "..%5csecret.txt", "..\\secret.txt", "/etc/passwd", "//etc/passwd", "%2fetc%2fpasswd", "file:///etc/passwd", "~/.ssh/id_rsa", "secret.txt%00.png", "secret.txt", "./secret.txt", "..%c0%afsecret.txt", "%u002e./secret.txt", "photos/../secret.txt", "i.parquet", "/proc/self/environ", "\u2025/secret.txt", "img:../secret.png", "vec:../secret.npy", "http://127.0.0.1:1/", "pokedex:", "-", "*"]
    wrong = []
    for text in tries:
        address = quote(text, safe="/%:~.\\*", encoding="utf-8")
        for path in (f"/{address}", f"/page/{address}", f"/page/x/{address}", f"/api/{address}", f"/api/rows/{address}", f"/api/rows/{address}/thumbnail", f"/api/rows/0/{address}"):
            answer = target.get(path)
            if answer.status not in (400, 404) and not (answer.status == 200 and path in ("/", "//")):
                wrong.append(f"{path}: {answer.status}")
        escaped = quote(text, safe="")
        parameters = {"/api/rows": ("from", "count", "where", "sort", "group", "index"), "/api/groups": ("group", "where"), "/api/map": ("colour", "index"), "/api/passing": ("where",), "/api/search": ("q", "row", "where", "top", "min_score"), "/api/rows/0/thumbnail": ("size",), "/api/rows/0/similar": ("where", "top", "diverse"), "/search/text": ("query", "filter_media", "top_n")}
        for path, names in parameters.items():
            for name in names:
                answer = target.get(f"{path}?{name}={escaped}")
                # Words and filters of cerebro may be anything; of files nothing may come.
                if answer.status not in (400, 404, 409) and (path, name) not in (("/search/text", "query"), ("/search/text", "filter_media"), ("/api/search", "q")):
                    wrong.append(f"{path}?{name}={text}: {answer.status}")
        for question in (text, f"red + {text}", f"2:{text} - blue"):
            answer = target.post("/api/search", {"q": question})
            if text.startswith(("./", "../", "/", "~/", "img:", "vec:")) and answer.status != 400:
                wrong.append(f"q={question}: {answer.status}")
        target.post("/knn-service", {"text": text, "image_url": text, "indice_name": text, "num_images": 1, "modality": "image"})
        target.post("/knn-service", {"image_url": text, "indice_name": text, "num_images": 1, "modality": "image"})
        target.post("/metadata", {"ids": [0], "indice_name": text})
        body, media = serving.form([("q", text), ("where", text)], PNG, file_name=text)
        target.post("/api/search", body, media)
    check(not wrong, f"{len(tries)} ways out lead nowhere", "; ".join(wrong[:8]))


def strangers(target):
    """Other names, and pages of other origins."""
    own = f"{target.server.host}:{target.server.port}"
    wrong = []
    for host in ("evil.example", f"evil.example:{target.server.port}", "localhost.evil.example", "127.0.0.1.evil.example", f"{own}.evil.example", f"evil@{own}", f"{own}@evil.example", f"{own}/evil", "", " ", "localhost:x", "127.0.0.1:7025:80", "0x7f000001.example", "evil.example#127.0.0.1", "evil.example\\@127.0.0.1", "xn--lcalhost-3ya"):
        got = status_of(target.raw(f"GET /api/about HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n".encode()))
        if got not in (400, 403):
            wrong.append(f"Host {host!r}: {got}")
    for heads, name in ((b"", "no Host"), (f"Host: {own}\r\nHost: evil.example\r\n".encode(), "two hosts"), (f"Host: evil.example\r\nHost: {own}\r\n".encode(), "two hosts, the strange one first")):
        got = status_of(target.raw(b"GET /api/about HTTP/1.1\r\n" + heads + b"Connection: close\r\n\r\n"))
        # Of two hosts one may count, as long as it is not the page of a stranger that is answered: browsers send one.
        if got not in (400, 403) and name != "two hosts":
            wrong.append(f"{name}: {got}")
    for origin in ("http://evil.example", "https://" + own, "http://127.0.0.1:1", "null", "", "http://localhost:1", f"http://{own}.evil.example", f"http://evil.example/{own}", f"http://evil.example#{own}", f"http://evil@{own}", "file://", f"http://{own}/", own, "chrome-extension://abc"):
        for method, path, body in (("GET", "/api/about", None), ("POST", "/api/search", b'{"q": "red"}'), ("POST", "/knn-service", b'{"text": "red"}')):
            answer = target.ask(method, path, {"Origin": origin, "Content-Type": "text/plain" if path == "/knn-service" else "application/json"}, body)
            allowed = answer.headers.get("access-control-allow-origin")
            # What is the server's own origin by another scheme or with a slash no page of a stranger can send.
            if (answer.status == 200 and "evil" in origin) or allowed or (answer.status == 200 and origin in ("null", "http://localhost:1", "http://127.0.0.1:1")):
                wrong.append(f"Origin {origin!r} {path}: {answer.status} {allowed}")
        preflight = target.ask("OPTIONS", "/api/search", {"Origin": origin, "Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "content-type"})
        if "access-control-allow-origin" in preflight.headers:
            wrong.append(f"preflight of {origin!r} is allowed")
    for site in ("cross-site", "same-site"):
        for path in ("/api/about", "/api/rows/0/thumbnail", "/metrics", "/search/text?query=red"):
            answer = target.ask("GET", path, {"Sec-Fetch-Site": site, "Sec-Fetch-Mode": "no-cors"})
            if answer.status != 403:
                wrong.append(f"Sec-Fetch-Site {site} {path}: {answer.status}")
    page = target.get("/")
    policy = page.headers.get("content-security-policy", "")
    if "unsafe" in policy or "frame-ancestors 'none'" not in policy or "default-src 'none'" not in policy:
        wrong.append(f"policy {policy}")
    check(not wrong, "strangers get 403", "; ".join(wrong[:8]))


def markup(target):
    """Keys, labels, names of columns and questions that are markup, and columns named as the server's own."""
    wrong = []
    about = target.get("/api/about").json()
    rows = target.get("/api/rows?count=100")
    columns = [column["name"] for column in about["columns"]]
    labels = {row["label"] for row in rows.json()["rows"]}
    if not set(MARKUP) <= labels:
        wrong.append(f"labels came out as {labels}")
    if [row["row"] for row in rows.json()["rows"]] != list(range(rows.json()["total"])):
        wrong.append("a column of the table stands where the number of the row should")
    hits = target.get("/api/rows/0/similar?top=3&explain=true").json()["hits"]
    if [hit["rank"] for hit in hits] != [1, 2, 3] or not all(isinstance(hit["score"], float) and -1.01 < hit["score"] < 1.01 and isinstance(hit["row"], int) for hit in hits):
        wrong.append(f"columns of the table stand where rank and score should: {hits[0]}")
    answers = [rows]
    for text in MARKUP + columns:
        escaped = quote(text, safe="")
        answers += [target.get(f"{path}={escaped}") for path in ("/api/search?q", "/api/rows?where", "/api/rows?sort", "/api/rows?group", "/api/groups?group", "/api/rows?count", "/api/rows?nothing", "/search/text?query", "/health?index", "/api/rows?index")]
        answers += [target.get(f"/{escaped}"), target.get(f"/api/rows/{escaped}"), target.get(f"/page/{escaped}"), target.get(f"/api/search?q=key:{escaped}")]
        answers += [target.post("/api/search", {"q": text}), target.post("/api/search", {text: text}), target.post("/knn-service", {"text": text, "indice_name": text})]
    for answer in answers:
        head = answer.headers
        if answer.media_type != "application/json" or head.get("x-content-type-options") != "nosniff" or "set-cookie" in head:
            wrong.append(f"{answer.status} {head.get('content-type')} {answer.body[:60]!r}")
            continue
        try:
            answer.json()
        except ValueError:
            wrong.append(f"no JSON: {answer.body[:80]!r}")
    text = target.get("/metrics").text()
    lines = [line for line in text.splitlines() if not re.fullmatch(r'# (HELP|TYPE) .*|[a-z_]+(\{([a-z_]+="([^"\\\n]|\\["\\n])*",?)*\})? [-+0-9.eInf]+', line)]
    if lines:
        wrong.append(f"/metrics: {lines[:3]}")
    check(not wrong, "markup stays text", "; ".join(wrong[:8]))


def uploads(target):
    """Bodies of a gigabyte: declared, in chunks, many at once, and many that never end."""
    wrong = []
    host = f"Host: {target.server.host}:{target.server.port}\r\n"
    block = b"x" * (1 << 20)

    def push(path, head, pieces, wait=20):
        """Status, and bytes that the server took before it closed."""
        sent = 0
        with contextlib.suppress(OSError), target.server.connect(wait) as connection:
            connection.sendall(f"POST {path} HTTP/1.1\r\n{host}{head}\r\n".encode())
            with contextlib.suppress(OSError):
                for piece in pieces:
                    connection.sendall(piece)
                    sent += len(piece)
            with contextlib.suppress(OSError):
                answer = connection.recv(1 << 16)
                target.heard(path, answer)
                return status_of(answer), sent
        return None, sent

    for path, media in (("/api/search", "image/png"), ("/api/classify", "image/jpeg"), ("/api/search", "application/json"), ("/search/image", "multipart/form-data; boundary=b"), ("/knn-service", "application/json"), ("/metadata", "text/plain"), ("/api/search", "application/octet-stream")):
        status, sent = push(path, f"Content-Type: {media}\r\nContent-Length: {1 << 30}\r\n", [block] * 1024)
        # The refusal may be lost where the sender goes on sending: then the connection is closed.
        if status not in (413, None) or sent > 100 << 20:
            wrong.append(f"{path} {media} declared: {status} after {sent >> 20} MB")
        chunk = b"%x\r\n" % len(block) + block + b"\r\n"
        status, sent = push(path, f"Content-Type: {media}\r\nTransfer-Encoding: chunked\r\n", [chunk] * 1024)
        if status not in (413, 400, None) or sent > 120 << 20:
            wrong.append(f"{path} {media} in chunks: {status} after {sent >> 20} MB")
    for path in ("/health", "/api/about", "/api/rows", "/nothing"):
        status, sent = push(path, f"Content-Type: image/png\r\nContent-Length: {1 << 30}\r\n", [block] * 1024)
        if sent > 100 << 20:
            wrong.append(f"{path}: {status} after {sent >> 20} MB")
    check(not wrong, "a gigabyte is refused", "; ".join(wrong))
    target.well("one upload after another")
    # Bodies that are as large as may be, and do not end: what they hold must be bounded too.
    open_ones, room = [], 60
    for _ in range(40):
        with contextlib.suppress(OSError):
            connection = target.server.connect(20)
            connection.settimeout(3)
            connection.sendall(f"POST /api/search HTTP/1.1\r\n{host}Content-Type: image/png\r\nContent-Length: {room << 20}\r\n\r\n".encode())
            with contextlib.suppress(OSError):
                for _ in range(room - 1):
                    connection.sendall(block)
            open_ones.append(connection)
    now, most = target.server.memory()
    check(now < WORST, f"40 uploads of {room} MB that do not end are not all kept", f"{now >> 20} MB resident")
    start = time.perf_counter()
    answer = target.get("/api/search?q=red")
    check(answer.status == 200 and time.perf_counter() - start < 2, "and words are answered meanwhile", f"{answer.status} after {time.perf_counter() - start:.1f} s")
    for connection in open_ones:
        connection.close()
    time.sleep(1)


def chunk_of(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def bombs():
    """Small files that say they are huge pictures."""

    def png(width, height, depth=8, colour=6, body=b""):
        header = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0)
        return b"\x89PNG\r\n\x1a\n" + chunk_of(b"IHDR", header) + chunk_of(b"IDAT", body) + chunk_of(b"IEND", b"")

    zeros = zlib.compressobj(9)
    flood = b"".join(zeros.compress(bytes(1 << 20)) for _ in range(900)) + zeros.flush()
    yield "PNG of 60000 x 60000 without pixels", png(60000, 60000)
    yield "PNG of 15000 x 15000, all there", png(15000, 15000, body=flood)
    yield "PNG of 2^31 x 2^31", png(2**31 - 1, 2**31 - 1, 16)
    yield "PNG of 1 x 2^31", png(1, 2**31 - 1, body=flood)
    text = zlib.compress(bytes(200 << 20), 9)
    small = PNG[:33] + chunk_of(b"zTXt", b"Comment\0\0" + text) + chunk_of(b"iCCP", b"x\0\0" + text) + PNG[33:]
    yield "PNG with 400 MB of packed text and profile", small
    yield "GIF of 65535 x 65535", b"GIF89a" + struct.pack("<HH", 65535, 65535) + b"\x80\0\0\0\0\0\xff\xff\xff,\0\0\0\0" + struct.pack("<HH", 65535, 65535) + b"\0\x02\x02D\x01\0;"
    frame = b",\0\0\0\0" + struct.pack("<HH", 4000, 4000) + b"\0\x02\x02D\x01\0"
    yield "GIF of 20000 frames", b"GIF89a" + struct.pack("<HH", 4000, 4000) + b"\x80\0\0\0\0\0\xff\xff\xff" + frame * 20000 + b";"
    yield "BMP of 30000 x 30000", b"BM" + struct.pack("<IHHI", 60, 0, 0, 54) + struct.pack("<IiiHHIIiiII", 40, 30000, 30000, 1, 32, 0, 0, 0, 0, 0, 0)
    sof = b"\xff\xc0\x00\x11\x08\xff\xff\xff\xff\x03\x01\x22\x00\x02\x11\x01\x03\x11\x01"
    yield "JPEG of 65535 x 65535", b"\xff\xd8" + sof + b"\xff\xda\x00\x0c\x03\x01\x00\x02\x11\x03\x11\x00\x3f\x00" + bytes(100) + b"\xff\xd9"
    progressive = b"\xff\xd8" + sof.replace(b"\xff\xc0", b"\xff\xc2", 1) + b"\xff\xda\x00\x0c\x03\x01\x00\x02\x11\x03\x11\x00\x3f\x00" * 2000 + b"\xff\xd9"
    yield "JPEG of 65535 x 65535 in 2000 scans", progressive
    yield "WebP of 16383 x 16383", b"RIFF" + struct.pack("<I", 30) + b"WEBPVP8L" + struct.pack("<I", 13) + b"\x2f" + struct.pack("<I", 16382 | 16382 << 14) + bytes(8)
    entries = [(256, 4, 1, 100000), (257, 4, 1, 100000), (258, 3, 1, 8), (259, 3, 1, 1), (262, 3, 1, 1), (273, 4, 1, 8), (277, 3, 1, 1), (278, 4, 1, 100000), (279, 4, 1, 2**32 - 1)]
    yield "TIFF of 100000 x 100000", b"II*\0\x08\0\0\0" + struct.pack("<H", len(entries)) + b"".join(struct.pack("<HHII", *entry) for entry in entries) + bytes(4)
    loop = struct.pack("<H", 1) + struct.pack("<HHII", 256, 4, 1, 1) + struct.pack("<I", 8)
    yield "TIFF whose directories run in a circle", b"II*\0\x08\0\0\0" + loop
    yield "ICO of itself", b"\0\0\1\0\1\0\0\0\0\0\1\0\x20\0" + struct.pack("<II", 1 << 30, 0)
    yield "PPM of 99999 x 99999", b"P6 99999 99999 255\n" + bytes(100)
    yield "SVG that grows", b"<svg xmlns='http://www.w3.org/2000/svg'><!DOCTYPE a [<!ENTITY b 'bbbbbbbbbb'>]><text>&b;</text></svg>"


def pictures(target):
    """Small files that become huge when they are decoded, one by one and sixteen at once."""
    all_of_them = list(bombs())
    slow = []
    for name, data in all_of_them:
        for path in ("/api/search", "/api/classify"):
            start = time.perf_counter()
            answer = target.ask("POST", path, {"Content-Type": "image/png"}, data)
            took = time.perf_counter() - start
            # The one that is whole is a picture of 225 million pixels: it may be refused, or take its time.
            if answer.status not in (400, 413, 415, 200) or took > 10:
                slow.append(f"{name} {path}: {answer.status} after {took:.1f} s")
    named, media = serving.form([], all_of_them[0][1])
    target.ask("POST", "/search/image", {"Content-Type": media}, named)
    target.post("/knn-service", {"image": base64.b64encode(all_of_them[0][1]).decode(), "num_images": 1})
    check(not slow, f"{len(all_of_them)} pictures that say they are huge", "; ".join(slow))
    target.well("pictures one by one")
    with concurrent.futures.ThreadPoolExecutor(16) as pool:
        jobs = [pool.submit(target.ask, "POST", "/api/classify", {"Content-Type": "image/png"}, all_of_them[1][1], 120) for _ in range(16)]
        time.sleep(0.3)
        start = time.perf_counter()
        health = target.get("/health").status
        took = time.perf_counter() - start
        statuses = {job.result().status for job in jobs}
    check(health == 200 and took < 1, "meanwhile /health answers", f"{took:.2f} s")
    check(statuses <= {200, 400, 413, 415, 503}, "sixteen at once", str(statuses))


def slowness(target):
    """500 sockets that send a byte a second, 200 that never read their answers, 4500 that say nothing."""
    limit = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (limit[1], limit[1]))
    many = max(0, min(4500, limit[1] - 1000))
    head = f"GET /api/about HTTP/1.1\r\nHost: {target.server.host}\r\nX: ".encode()
    body = f"POST /api/search HTTP/1.1\r\nHost: {target.server.host}\r\nContent-Type: image/png\r\nContent-Length: 100000\r\n\r\n".encode()
    slow = [target.server.connect(60) for _ in range(500)]
    for number, connection in enumerate(slow):
        connection.sendall((head if number % 2 else body)[: 20 if number % 4 == 0 else None])
    greedy = [target.server.connect(60) for _ in range(200)]
    for connection in greedy:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        with contextlib.suppress(OSError):
            connection.setblocking(False)
            connection.send((f"GET /api/rows?count=1000 HTTP/1.1\r\nHost: {target.server.host}\r\n\r\n" * 200).encode())
    took, until = [], time.perf_counter() + 10
    tick = 0
    while time.perf_counter() < until:
        if time.perf_counter() > until - 10 + tick:
            tick += 1
            for connection in slow:
                with contextlib.suppress(OSError):
                    connection.send(b"x")
        start = time.perf_counter()
        answer = target.get("/api/search?q=red&top=3" if len(took) % 2 else "/api/about")
        took.append(time.perf_counter() - start)
        if answer.status != 200:
            check(False, "a normal client among slow ones", str(answer.status))
            break
        time.sleep(0.01)
    took.sort()
    check(took[-1] < 1 and took[len(took) // 2] < 0.1, f"{len(took)} normal clients among 700 slow ones are answered at once", f"median {took[len(took) // 2] * 1e3:.1f} ms, slowest {took[-1] * 1e3:.0f} ms")
    start = time.perf_counter()
    left = list(slow)
    while left and time.perf_counter() - start < 60:
        for connection in list(left):
            with contextlib.suppress(BlockingIOError):
                connection.setblocking(False)
                try:
                    if not connection.recv(1 << 16):
                        left.remove(connection)
                except ConnectionError:
                    left.remove(connection)
        time.sleep(0.2)
    check(not left, "slow ones are dropped within a minute", f"{len(left)} of 500 are still there")
    for connection in slow + greedy:
        connection.close()
    target.well("slow clients")
    idle = []
    with contextlib.suppress(OSError):
        for _ in range(many):
            idle.append(target.server.connect(5))
    start = time.perf_counter()
    status = 0
    with contextlib.suppress(OSError):
        status = target.server.ask("GET", "/health", timeout=60).status
    check(status == 200 and time.perf_counter() - start < 40, f"{len(idle)} silent connections do not keep others out for long", f"{status} after {time.perf_counter() - start:.1f} s")
    for connection in idle:
        connection.close()


def fuzz(target, seed, count):
    """Mutated requests, thousands of them, as raw bytes."""
    host = f"Host: {target.server.host}:{target.server.port}\r\n"
    named, media = serving.form([("top", 2), ("q", "red")], PNG)
    seeds = [f"GET {path} HTTP/1.1\r\n{host}Accept: */*\r\n\r\n".encode() for path in ("/", "/api/about", "/api/rows?from=1&count=3&where=width%20%3E%201&sort=-key&group=label", "/api/groups?group=label", "/api/map?colour=label", "/api/passing?where=width%20%3E%201", "/api/rows?rows=1,2", "/api/rows/1", "/api/rows/1/similar?top=3&diverse=0.5&explain=true", "/api/rows/1/thumbnail?size=128", "/api/search?q=2:red+%2B+blue+-+key:red/0.png&top=3&min_score=0.1", "/health", "/metrics", "/openapi.json", "/search/text?query=red&top_n=2&filter_media=image", "/indices-list")]
    seeds += [f"POST {path} HTTP/1.1\r\n{host}Content-Type: {kind}\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body for path, kind, body in (("/api/search", "application/json", b'{"q": "red", "top": 2, "where": "width > 1"}'), ("/api/search", "image/png", PNG), ("/api/search", media, named), ("/search/image", media, named), ("/knn-service", "text/plain", b'{"text": "red", "num_images": 2, "modality": "image", "indice_name": null, "deduplicate": true}'), ("/metadata", "application/json", b'{"ids": [1, 2], "indice_name": "x"}'), ("/api/search", "application/json", json.dumps({"vector": [0.5] * 256}).encode()))]
    seeds.append(f"POST /api/search HTTP/1.1\r\n{host}Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n".encode() + b'{"q":\r\n8\r\n "red"}\n\r\n0\r\n\r\n')
    queries = [data.split(b" ", 2)[1].partition(b"?")[2] for data in seeds if b"?" in data.split(b" ", 2)[1]]
    pieces = [b"\r\n", b"\r\n\r\n", b"\0", b"%00", b"%", b"%ff", b"\xff\xfe", b"../", b"?", b"&", b"=", b"#", b" ", b"\t", b":", b"'", b'"', b"(" * 300, b"not " * 200, b"1e999", b"-1", b"18446744073709551616", b"NaN", b"A" * 5000, b"HTTP/1.0", b"HTTP/2", b"Transfer-Encoding: chunked\r\n", b"Content-Length: 0\r\n", b"Content-Length: 99999999999999999999\r\n", b"Expect: 100-continue\r\n", b"Connection: close\r\n", b"Connection: upgrade\r\nUpgrade: h2c\r\n", b"{", b"[", b'\\ud800', "é😀\u202e".encode(), b"ffffffffffffffff\r\n", b"-- ", b";", b"like '%" + b"%a" * 50 + b"'"]

    def spoil(chance, data, times, near):
        """Bytes with some of them changed, most of them among the first `near`."""
        data = bytearray(data)
        for _ in range(times):
            at = chance.randrange(len(data) + 1)
            at = min(at, chance.randrange(near)) if chance.random() < 0.6 else at
            what = chance.randrange(7)
            if what == 0:
                data[at : at + 1] = bytes([chance.randrange(256)])
            elif what == 1:
                data[at:at] = chance.choice(pieces)
            elif what == 2:
                del data[at : at + chance.choice((1, 1, 4, 30))]
            elif what == 3:
                data[at:at] = data[at : at + chance.choice((2, 20, 200))]
            elif what == 4:
                other = chance.choice(seeds)
                data[at:] = other[chance.randrange(len(other)) :][:2000]
            elif what == 5 and data:
                data[min(at, len(data) - 1)] ^= 1 << chance.randrange(8)
            else:
                data[at : at + 8] = chance.choice(pieces)
        return bytes(data)

    def mutated(number):
        """A third of them raw, a third with a spoilt address, a third with a spoilt body of the right length."""
        chance = random.Random(seed * 1_000_003 + number)
        data, times = chance.choice(seeds), chance.choice((1, 1, 2, 3, 6, 12))
        if number % 3 == 0:
            return spoil(chance, data, times, 160)
        head, _, body = data.partition(b"\r\n\r\n")
        method, address, rest = head.split(b" ", 2)
        if number % 3 == 1 or not body or b"chunked" in head:
            # The path itself is left alone mostly: behind it is more to be spoilt.
            path, mark, query = address.partition(b"?")
            if chance.random() < 0.2:
                path = b"/" + quote(spoil(chance, unquote_to_bytes(path[1:]), times, 60), safe="/:").encode()
            if not mark:
                mark, query = b"?", chance.choice(queries)
            query = quote(spoil(chance, unquote_to_bytes(query), times, 100), safe="=&:+-.,").encode()
            address = path + mark + query
        else:
            body = spoil(chance, body, times, 200)
            rest = re.sub(rb"Content-Length: \d+", b"Content-Length: %d" % len(body), rest)
        return b"%s %s %s\r\n\r\n%s" % (method, address, rest, body)

    statuses, silent = {}, []

    def one(number):
        request = mutated(number)
        start = time.perf_counter()
        answer = target.raw(request, timeout=15)
        took = time.perf_counter() - start
        status = status_of(answer)
        with target.lock:
            statuses[status] = statuses.get(status, 0) + 1
            if took > 5:
                silent.append((number, round(took, 1), request[:120]))
        for part in re.split(rb"(?=HTTP/1\.[01] \d{3} )", answer):
            head, _, body = part.partition(b"\r\n\r\n")
            length = re.search(rb"\r\ncontent-length: (\d+)", head)
            if b"application/json" in head and length and len(body) >= int(length.group(1)) > 0:
                json.loads(body[: int(length.group(1))])
        return number

    broken = []
    with concurrent.futures.ThreadPoolExecutor(12) as pool:
        for number, job in [(number, pool.submit(one, number)) for number in range(count)]:
            try:
                job.result()
            except ValueError as e:
                broken.append(f"{number}: {e}")
    check(not broken, "answers to mutated requests are JSON where they say so", "; ".join(broken[:4]))
    check(not silent, f"{count} mutated requests are answered or closed within 5 s", str(silent[:4]))
    check(not [status for status in statuses if status and status >= 500], f"mutated requests: {dict(sorted(statuses.items(), key=str))}")


def outside(target):
    """A table whose paths lead outside, to links, devices, pipes and folders."""
    rows = target.get("/api/rows?count=1000").json()["rows"]
    wrong = []
    for number, row in enumerate(rows):
        start = time.perf_counter()
        answer = target.get(f"/api/rows/{number}/thumbnail")
        took = time.perf_counter() - start
        wanted = [200] if row["key"].startswith("inside") else [204, 404]
        if answer.status not in wanted or took > 2:
            wrong.append(f"{row['key']}: {answer.status} after {took:.1f} s")
    everything = [row["metadata"] for row in target.post("/metadata", {"ids": list(range(len(rows)))}).json()]
    vector = [1.0] + [0.0] * 15
    everything += target.post("/knn-service", {"embedding_input": vector, "num_images": len(rows), "modality": "image"}).json()
    for row in everything:
        if row.get("image") and not row["key"].startswith("inside"):
            wrong.append(f"the picture of {row['key']} is handed to clip-retrieval's client")
    check(len(rows) > 10 and len(everything) == 2 * len(rows) and not wrong, f"{len(rows)} paths: only what lies inside is shown", "; ".join(wrong[:8]))


def protocol(target):
    """Pipelines, two lengths, floods of headers, old and other protocols, other methods."""
    host = f"Host: {target.server.host}:{target.server.port}\r\n"
    wrong = []

    def expect(name, request, right, **more):
        got = target.raw(request if isinstance(request, bytes) else request.encode(), **more)
        statuses = [int(s) for s in re.findall(rb"HTTP/1\.[01] (\d{3}) ", got)]
        if not right(statuses, got):
            wrong.append(f"{name}: {statuses} {got[:80]!r}")

    refused = lambda statuses, _: not [s for s in statuses if s < 400] and len(statuses) <= 1
    expect("100 requests in one piece", f"GET /api/rows/1 HTTP/1.1\r\n{host}\r\n" * 100, lambda s, _: s == [200] * 100)
    post = f"POST /api/search HTTP/1.1\r\n{host}Content-Type: application/json\r\nContent-Length: 12\r\n\r\n" + '{"q": "red"}'
    expect("posts and gets in one piece", (post + f"GET /health HTTP/1.1\r\n{host}\r\n") * 10, lambda s, _: s == [200] * 20)
    smuggled = f"GET /smuggled HTTP/1.1\r\n{host}\r\n"
    for name, lengths in (("two lengths", "Content-Length: 0\r\nContent-Length: 40\r\n"), ("length and chunks", "Content-Length: 40\r\nTransfer-Encoding: chunked\r\n"), ("chunks spelt oddly", "Transfer-Encoding: xchunked\r\n"), ("chunks not last", "Transfer-Encoding: chunked, identity\r\n"), ("a length with a sign", "Content-Length: +5\r\n"), ("a length below zero", "Content-Length: -1\r\n"), ("a length too long", "Content-Length: 99999999999999999999999\r\n"), ("a blank before the colon", "Content-Length : 40\r\n"), ("a folded header", "X: a\r\n  b\r\n"), ("a NUL in a header", "X: a\0b\r\n"), ("a bare CR", "X: a\rb\r\n")):
        body = "0\r\n\r\n" + smuggled
        # Whatever becomes of it, never are two readings of one request answered: what follows counts once, or not at all.
        expect(name, f"POST /api/search HTTP/1.1\r\n{host}Content-Type: application/json\r\n{lengths}\r\n{body}", lambda s, _: len(s) <= 2 and 200 not in s)
    expect("no blank line", f"GET /health HTTP/1.1\r\n{host}", lambda s, _: not s or s[0] >= 400)
    expect("10000 headers", f"GET /health HTTP/1.1\r\n{host}" + "".join(f"X-{n}: {n}\r\n" for n in range(10000)) + "\r\n", refused)
    expect("a header of 1 MB", f"GET /health HTTP/1.1\r\n{host}X: {'x' * (1 << 20)}\r\n\r\n", refused)
    expect("a name of 1 MB", f"GET /health HTTP/1.1\r\n{host}{'x' * (1 << 20)}: x\r\n\r\n", refused)
    expect("an address of 1 MB", f"GET /api/search?q={'x' * (1 << 20)} HTTP/1.1\r\n{host}\r\n", refused)
    expect("a method of 1 MB", f"{'X' * (1 << 20)} / HTTP/1.1\r\n{host}\r\n", refused)
    expect("headers without an end", f"GET /health HTTP/1.1\r\n{host}", refused, pieces=[f"GET /health HTTP/1.1\r\n{host}".encode()] + [b"X: " + b"x" * 1000 + b"\r\n"] * 5000)
    expect("HTTP/1.0", f"GET /health HTTP/1.0\r\n{host}\r\n", lambda s, got: s == [200] and b"chunked" not in got)
    expect("HTTP/1.0 without Host", "GET /health HTTP/1.0\r\n\r\n", lambda s, _: s and s[0] in (400, 403))
    expect("HTTP/0.9", "GET /health\r\n", lambda s, _: not s or s[0] >= 400)
    expect("HTTP/3.0", f"GET /health HTTP/3.0\r\n{host}\r\n", refused)
    expect("HTTP/2", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + b"\0\0\0\4\0\0\0\0\0", refused)
    expect("TLS", bytes.fromhex("16030100c8010000c40303") + bytes(200), lambda s, _: not s or s[0] == 400)
    expect("an upgrade", f"GET /health HTTP/1.1\r\n{host}Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAoAAAAAIAAAAA\r\n\r\n", lambda s, _: s == [200])
    expect("a web socket", f"GET /api/about HTTP/1.1\r\n{host}Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n", lambda s, _: s == [200])
    expect("a whole address", f"GET http://evil.example/api/about HTTP/1.1\r\n{host}\r\n", lambda s, _: len(s) == 1)
    expect("a whole address under a strange name", "GET http://127.0.0.1/api/about HTTP/1.1\r\nHost: evil.example\r\n\r\n", lambda s, _: s in ([403], [400]))
    expect("CONNECT", f"CONNECT evil.example:443 HTTP/1.1\r\n{host}\r\n", refused)
    expect("TRACE", f"TRACE / HTTP/1.1\r\n{host}X-Mine: echo-me\r\n\r\n", lambda s, got: s and s[0] >= 400 and b"echo-me" not in got)
    expect("OPTIONS *", f"OPTIONS * HTTP/1.1\r\n{host}\r\n", lambda s, _: len(s) == 1 and s[0] < 500)
    for method in ("PUT", "DELETE", "PATCH", "BREW", "PROPFIND", "get", "GET\x0b"):
        expect(method, f"{method} /api/rows/1 HTTP/1.1\r\n{host}\r\n", lambda s, _: s and s[0] in (400, 405))
    expect("HEAD", f"HEAD /api/rows HTTP/1.1\r\n{host}\r\n", lambda s, got: s == [200] and got.endswith(b"\r\n\r\n"))
    expect("Expect", f"POST /api/search HTTP/1.1\r\n{host}Expect: 100-continue\r\nContent-Type: application/json\r\nContent-Length: 12\r\n\r\n" + '{"q": "red"}', lambda s, _: s in ([100, 200], [200]))
    expect("a range", f"GET /api/rows HTTP/1.1\r\n{host}Range: bytes=0-1,0-2,0-3\r\n\r\n", lambda s, _: s and s[0] in (200, 206, 416))
    expect("chunks of a huge size", f"POST /api/search HTTP/1.1\r\n{host}Content-Type: image/png\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffffffff\r\nx", lambda s, _: not s or s[0] >= 400)
    expect("a million chunks of a byte", b"", lambda s, _: not s or s[0] >= 400, pieces=[f"POST /api/search HTTP/1.1\r\n{host}Content-Type: image/png\r\nTransfer-Encoding: chunked\r\n\r\n".encode()] + [b"1\r\nx\r\n" * 10000] * 100, timeout=30)
    expect("trailers without an end", b"", lambda s, _: not s or s[0] >= 400, pieces=[f"POST /api/search HTTP/1.1\r\n{host}Content-Type: image/png\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n".encode()] + [b"X: " + b"x" * 1000 + b"\r\n"] * 5000)
    check(not wrong, "odd requests are answered once or refused", "; ".join(wrong[:8]))


def questions(target):
    """Questions that are long, deep or no numbers."""
    wrong = []

    def ask(name, statuses, method, path, body=None, media="application/json", seconds=10):
        start = time.perf_counter()
        try:
            answer = target.ask(method, path, {"Content-Type": media} if body is not None else {}, body, 120)
            status, text = answer.status, answer.text()[:80]
        except OSError as e:
            status, text = None, repr(e)
        took = time.perf_counter() - start
        if status not in statuses or took > seconds:
            wrong.append(f"{name}: {status} after {took:.1f} s {text}")

    most = 60_000
    for name, value in (("words", "red " * (most // 4)), ("one word", "x" * most), ("terms", "a + " * (most // 8) + "a"), ("escapes", "%F0%9F%98%80" * (most // 12)), ("rows", "id:1 + " * (most // 12) + "red")):
        ask(f"q of {name}", (200, 400, 414, 431), "GET", f"/api/search?q={value.replace(' ', '+') if '%F0' not in value else value}")
    for name, deep in (("brackets", "(" * 20000), ("closed brackets", "(" * 10000 + "width > 1" + ")" * 10000), ("not", "not " * 10000 + "width > 1"), ("minus", "width > " + "-" * 20000 + "1"), ("and", " and ".join(["width > 1"] * 4000)), ("or", " or ".join(["width = 1"] * 4000)), ("plus", "width > 1" + " + 1" * 10000), ("in", "width in (" + ",".join("1" * 1 for _ in range(20000)) + ")"), ("like", "key like '" + "%a" * 500 + "%'"), ("like _", "key like '" + "_%" * 500 + "z'")):
        condition = quote(deep)
        path = f"/api/rows?where={condition}"
        if len(path) < most:
            ask(f"where of {name}", (200, 400, 414, 431), "GET", path)
        ask(f"where of {name}, in an object", (200, 400), "POST", "/api/search", json.dumps({"q": "red", "where": deep}).encode())
    for name, deep in (("brackets", "(" * 400_000), ("not", "not " * 200_000 + "true"), ("and", " and ".join(["width > 1"] * 60_000)), ("minus", "width > " + "-" * 800_000 + "1"), ("long names", '"' + "x" * 900_000 + '" = 1'), ("or", "(width = 1 or " * 60_000 + "width = 1" + ")" * 60_000)):
        ask(f"where of a megabyte of {name}", (200, 400, 413), "POST", "/api/search", json.dumps({"q": "red", "where": deep}).encode())
    ask("q of a megabyte of terms", (200, 400, 413), "POST", "/api/search", json.dumps({"q": "a + " * 200_000 + "a"}).encode())
    ask("q of different terms", (200, 400, 413), "POST", "/api/search", json.dumps({"q": " + ".join(f"thing number {n}" for n in range(20_000))}).encode(), seconds=30)
    ask("words of a megabyte for clip-retrieval", (200, 400, 413), "POST", "/knn-service", json.dumps({"text": "red " * 250_000, "num_images": 1}).encode())
    for name, body in (("lists", b"[" * 500_000), ("objects", b'{"a":' * 150_000), ("lists in an object", b'{"q": ' + b"[" * 500_000 + b"]" * 500_000 + b"}"), ("many names", json.dumps({f"n{n}": 1 for n in range(60_000)}).encode()), ("the same name", b"{" + b'"q":"a",' * 80_000 + b'"q":"red"}')):
        ask(f"JSON of {name}", (200, 400, 413), "POST", "/api/search", body)
        ask(f"JSON of {name} for clip-retrieval", (200, 400, 413), "POST", "/knn-service", body)
        ask(f"JSON of {name} for metadata", (200, 400, 413), "POST", "/metadata", body)
    size = 256
    for name, numbers in (("NaN", "NaN"), ("Infinity", "Infinity"), ("-Infinity", "-Infinity"), ("1e999", "1e999"), ("1e39", "1e39"), ("null", "null"), ("a text", '"1"'), ("a list", "[1]"), ("true", "true")):
        for path, field in (("/api/search", "vector"), ("/knn-service", "embedding_input")):
            ask(f"a vector with {name}, {path}", (400,), "POST", path, f'{{"{field}": [{", ".join([numbers] + ["0.1"] * (size - 1))}]}}'.encode())
            ask(f"a vector of {name}, {path}", (400,), "POST", path, f'{{"{field}": {numbers}, "text": ""}}'.encode() if numbers not in ("null",) else f'{{"{field}": [null]}}'.encode())
    for name, numbers, statuses in (("zeros", [0.0] * size, (400,)), ("the largest numbers", [3.4e38] * size, (200, 400)), ("the smallest numbers", [1e-45] * size, (200, 400)), ("nothing", [], (400,)), ("255", [0.1] * 255, (400,)), ("257", [0.1] * 257, (400,)), ("100000", [0.1] * 100_000, (400, 413))):
        for path, field in (("/api/search", "vector"), ("/knn-service", "embedding_input")):
            ask(f"a vector of {name}, {path}", statuses, "POST", path, json.dumps({field: numbers}).encode())
    answer = target.post("/api/search", {"vector": [3.4e38] * size})
    if answer.status == 200 and not all(-1.01 < hit["score"] < 1.01 for hit in answer.json()["hits"]):
        wrong.append(f"the largest numbers give {answer.text()[:100]}")
    ask("many parameters", (400, 414, 431), "GET", "/api/rows?" + "a=1&" * 12_000)
    ask("all at once", (200,), "GET", "/api/search?q=red&top=1000&offset=1000000&diverse=1&explain=true")
    ask("far rows", (200,), "GET", "/api/rows?from=18446744073709551615&count=1000")
    ask("too far rows", (400,), "GET", "/api/rows?from=18446744073709551616")
    ask("many tags", (200, 304, 400, 431), "GET", "/api/rows/0/thumbnail", None)
    named = b"".join(b'--b\r\nContent-Disposition: form-data; name="f%d"\r\n\r\nx\r\n' % n for n in range(50_000)) + b"--b--\r\n"
    ask("a form of 50000 fields", (400, 413), "POST", "/api/search", named, "multipart/form-data; boundary=b")
    ask("a form without an end", (400,), "POST", "/api/search", b'--b\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\n' + b"x" * 100_000, "multipart/form-data; boundary=b")
    ask("a form with a long boundary", (400, 413, 431), "POST", "/api/search", b"--" + b"b" * 10_000 + b"--", "multipart/form-data; boundary=" + "b" * 10_000)
    check(not wrong, "long, deep and senseless questions are answered or refused in time", "; ".join(wrong[:10]))


def busy(target):
    """Questions that take long while others ask."""
    stop = threading.Event()
    heavy = json.dumps({"q": " + ".join(f"thing number {n}" for n in range(20_000))}).encode()

    def keep_busy():
        while not stop.is_set():
            with contextlib.suppress(OSError):
                target.ask("POST", "/api/search", {"Content-Type": "application/json"}, heavy, 60)

    threads = [threading.Thread(target=keep_busy) for _ in range(4)]
    for thread in threads:
        thread.start()
    time.sleep(1)
    took = {"/health": [], "/api/search?q=red": []}
    for _ in range(10):
        for path in took:
            start = time.perf_counter()
            with contextlib.suppress(OSError):
                target.ask("GET", path, timeout=30)
            took[path].append(time.perf_counter() - start)
    stop.set()
    for thread in threads:
        thread.join()
    for path, bound in (("/health", 1), ("/api/search?q=red", 3)):
        check(max(took[path]) < bound, f"{path} while four ask for 20000 terms each", f"slowest {max(took[path]):.2f} s")


def tokens(target):
    """Thousands of wrong tokens, and ways around."""
    chance = random.Random(0)
    wrong = []
    guesses = ["", " ", TOKEN[:-1], TOKEN + "0", TOKEN.upper() if TOKEN.upper() != TOKEN else "x", TOKEN[::-1], "null", "undefined", "*", "Bearer", "\x00"[:0]] + ["%032x" % chance.getrandbits(128) for _ in range(1500)]
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        for guess, answer in zip(guesses, pool.map(lambda guess: target.ask("GET", "/api/about", {"Authorization": f"Bearer {guess}"}), guesses)):
            if answer.status != 401 or TOKEN in answer.text():
                wrong.append(f"{guess!r}: {answer.status}")
    for path in ("/", "/index.html", "/api/about", "/api/rows", "/api/rows/0/thumbnail", "/metrics", "/openapi.json", "/search/text?query=red", "/indices-list", "//api/about", "/api/about/", "/API/about", "/page/../api/about", "/page/%2e%2e/api/about", "/health/../api/about", "/health%2f..%2fapi/about", "/page/..;/api/about", "/healthx"):
        answer = target.get(path)
        if answer.status == 200 or "columns" in answer.text():
            wrong.append(f"{path} without a token: {answer.status}")
    for headers in ({"Authorization": TOKEN}, {"Authorization": f"Basic {base64.b64encode(TOKEN.encode()).decode()}"}, {"X-Forwarded-For": "127.0.0.1"}, {"X-Original-URL": "/health"}, {"Cookie": "pokedex="}, {"Cookie": f"pokedexx={TOKEN}"}, {"Authorization": f"Bearer {TOKEN} x"}):
        answer = target.ask("GET", "/api/about", headers)
        if answer.status != 401:
            wrong.append(f"{headers}: {answer.status}")
    for path in (f"/api/about?token={TOKEN}", f"/metrics?token={TOKEN}"):
        if target.get(path).status == 200:
            wrong.append(f"{path.split('?')[0]} takes the token from the address")
    if target.get(f"/?token={TOKEN[:-1]}").status != 401:
        wrong.append("a wrong token in the address of the page")
    check(target.ask("GET", "/api/about", {"Authorization": f"Bearer {TOKEN}"}).status == 200, "the right token opens")
    check(target.ask("GET", "/api/about", {"Cookie": f"pokedex={TOKEN}"}).status == 200, "and so does the cookie")
    check(not wrong, f"{len(guesses)} wrong tokens and ways around", "; ".join(wrong[:8]))
    text = target.ask("GET", "/metrics", {"Authorization": f"Bearer {TOKEN}"}).text() + target.server.said()
    check(TOKEN not in text, "the token stands in no figure and no message")


def stranger_table(binary, folder):
    """An index that a stranger wrote: markup for names, the server's own names for columns, paths to everywhere."""
    outer = folder / "outer"
    site = outer / "site"
    for name in ("inside", "private"):
        serving.draw(site / f"{name}.png" if name == "inside" else outer / f"{name}.png", (200, 30, 30), (9, 9, 9), 1)
    (outer / "secret.txt").write_text(SECRET)
    (site / "link.png").symlink_to(outer / "private.png")
    (site / "folder").symlink_to(outer)
    (site / "dangling.png").symlink_to(outer / "nothing.png")
    (site / "round.png").symlink_to(site / "round.png")
    (site / "dir.png").mkdir()
    os.mkfifo(site / "pipe.png")
    (site / "secret.png").symlink_to(outer / "secret.txt")
    paths = {"inside 1": "inside.png", "inside 2": str(site / "inside.png"), "inside 3": "./inside.png", "link": "link.png", "through a linked folder": "folder/private.png", "dangling": "dangling.png", "round": "round.png", "folder": "dir.png", "pipe": "pipe.png", "text": "secret.png", "above": "../private.png", "absolute": str(outer / "private.png"), "winding": "dir.png/../../private.png", "passwd": "/etc/passwd", "environment": "/proc/self/environ", "memory": "/proc/self/mem", "zeros": "/dev/zero", "input": "/dev/stdin", "file address": f"file://{outer}/private.png", "web address": "http://127.0.0.1:1/a.png", "home": "~/private.png", "empty": "", "dot": ".", "up": "..", "long": "a/" * 5000 + "b.png", "NUL": "inside.png\0.txt", "glob": "*.png", "archive": "inside.png!a.png", "percent": "%2e%2e/private.png", "backslash": "..\\private.png", "surrogate": "\udcff".encode("utf-8", "replace").decode(), "own": "i.parquet"}
    keys = list(paths) + [f"{text} {number}" for number, text in enumerate(MARKUP)]
    rng = numpy.random.default_rng(0)
    vectors = rng.standard_normal((len(keys), 16), dtype="f4")
    columns = {
        "key": keys,
        "path": list(paths.values()) + [None] * len(MARKUP),
        "label": ["x"] * len(paths) + MARKUP,
        "<b>bold</b>": MARKUP[:1] * len(keys),
        "row": ["another"] * len(keys),
        "rank": [7] * len(keys),
        "score": [99.0] * len(keys),
        "parts": ["mine"] * len(keys),
        "error": [f"cannot read {outer}/private.png"] * len(keys),
        "embedding": pyarrow.FixedSizeListArray.from_arrays(pyarrow.array(vectors.ravel()), 16),
    }
    table = pyarrow.table(columns)
    pyarrow.parquet.write_table(table, site / "t.parquet")
    own = ",".join(['"<b>bold</b>"' if name.startswith("<") else name for name in columns if name not in ("key", "path", "label", "embedding")])
    name = 'i"<b>\\.parquet'
    try:
        serving.pokedex(binary, "index", "t.parquet", "--model", "unknown", "--columns", own.replace('"', ""), "-o", name, folder=site)
    except SystemExit as e:
        # Names that an index does not take: the table itself can be served too.
        print(f"note  {e}")
        (site / name).write_bytes((site / "t.parquet").read_bytes())
    return site, name


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("binary", nargs="?", default="target/release/pokedex")
    parser.add_argument("--only", help="names of attacks, separated by commas")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--requests", type=int, default=10_000, help="mutated requests")
    args = parser.parse_args()
    binary = str(Path(args.binary).resolve())
    only = args.only.split(",") if args.only else None

    with tempfile.TemporaryDirectory(prefix="pokedex-attacks-") as folder:
        folder = Path(folder)
        site = folder / "outer/site"
        site.mkdir(parents=True)
        serving.photographs(binary, site)
        (folder / "outer/secret.txt").write_text(SECRET)
        (site / "secret.txt").write_text(SECRET)
        strange = folder / "strange"
        strange.mkdir()
        where, name = stranger_table(binary, strange)
        attacks = [
            (site, ["--index", "i.parquet"], [traversal, strangers, protocol, questions, busy, lambda target: fuzz(target, args.seed, args.requests), pictures, uploads, slowness]),
            (where, ["--index", name, "--images", "."], [markup, outside]),
            (site, ["--index", "i.parquet", "--token", TOKEN], [tokens]),
        ]
        for place, arguments, tries in attacks:
            tries = [(getattr(one, "__name__", "fuzz").replace("<lambda>", "fuzz"), one) for one in tries]
            tries = [(title, one) for title, one in tries if only is None or title in only]
            if not tries:
                continue
            server = serving.Server(binary, *arguments, folder=place)
            for title, one in tries:
                print(f"== {title}", flush=True)
                if not server.alive():
                    server = serving.Server(binary, *arguments, folder=place)
                target = Target(server, folder)
                start = time.perf_counter()
                try:
                    one(target)
                except (OSError, LookupError, TypeError, ValueError) as e:
                    check(False, f"{title}: it could be asked to the end", f"{type(e).__name__}: {e}")
                target.well(title)
                if server.alive():
                    now, most = server.memory()
                    print(f"   {time.perf_counter() - start:.1f} s, {now >> 20} MB now, {most >> 20} MB at worst", flush=True)
            server.stop()
    check.end()


if __name__ == "__main__":
    main()
