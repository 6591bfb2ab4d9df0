#!/usr/bin/env python3
"""Holds the answers of `pokedex serve` against the document that describes them, src/serve/openapi.json.

    python3 tests/openapi.py target/release/pokedex [--address http://127.0.0.1:7025 [--token TOKEN]]

The document is valid OpenAPI 3.1, its examples fit its own schemas, and the server hands out that very document. Then every
operation is asked rightly and wrongly: with every parameter, with values outside of what the document allows (made from its
schemas), without what is required, under strange names, from strange pages, without a token, for a replaced index, with bodies
that are too large or of a wrong type. Status, Content-Type, headers and body of each answer must be as the document says. An
operation, a parameter or a status of the document that never came is a fault too, but for 408, 500 and 503.

Three servers are started: the built-in Pokédex, an index of generated pictures, and one with a token. With --address it is the
server there that is asked, and what it cannot show (401 without a token) is left out. Needs openapi-spec-validator, jsonschema,
numpy, pyarrow and Pillow. Ends with 1 where anything was wrong.
"""

import argparse
import base64
import fnmatch
import json
import re
import tempfile
from pathlib import Path
from urllib.parse import quote, urlencode

import jsonschema
import numpy
import pyarrow.parquet
from openapi_spec_validator import validate

import serving

REPOSITORY = Path(__file__).resolve().parent.parent
METHODS = ("get", "post", "put", "patch", "delete", "head", "options", "trace")
# What a server that is well does not answer.
UNSEEN = {"408", "500", "503"}
PNG = serving.png()
check = serving.Checks()


class Book:
    """The document, and which of it was seen."""

    def __init__(self, document):
        self.document = document
        self.operations = {(method, path): operation for path, item in document["paths"].items() for method, operation in item.items() if method in METHODS}
        self.seen = {key: {"statuses": set(), "parameters": set()} for key in self.operations}

    def get(self, node):
        """What a node or the thing that it refers to says."""
        while "$ref" in node:
            reference, node = node["$ref"], self.document
            for part in reference.removeprefix("#/").split("/"):
                node = node[part.replace("~1", "/").replace("~0", "~")]
        return node

    def problems(self, schema, value):
        """What is wrong with a value by a schema."""
        whole = {"$schema": "https://json-schema.org/draft/2020-12/schema", "components": self.document["components"], **schema}
        return [f"{error.json_path}: {error.message[:200]}" for error in jsonschema.Draft202012Validator(whole).iter_errors(value)]

    def parameters(self, key, place=None):
        return [p for p in map(self.get, self.operations[key].get("parameters", [])) if place in (None, p["in"])]

    def of(self, method, path):
        """The operation that a path asks for."""
        for key in self.operations:
            if key[0] == method and re.fullmatch(re.sub(r"\{\w+\}", "[^/]+", key[1]), path):
                return key
        return None

    def judge(self, key, answer):
        """What is wrong with an answer."""
        operation = self.operations[key]
        self.seen[key]["statuses"].add(str(answer.status))
        if str(answer.status) not in operation["responses"]:
            return [f"{answer.status} is not documented: {answer.text()[:200]}"]
        response = self.get(operation["responses"][str(answer.status)])
        wrong = []
        for name, header in response.get("headers", {}).items():
            header, value = self.get(header), answer.headers.get(name.lower())
            if value is None:
                wrong += [f"no header {name}"] if header.get("required") else []
            elif header["schema"].get("type") == "integer":
                wrong += self.problems(header["schema"], int(value))
            else:
                wrong += self.problems(header["schema"], value)
        content = response.get("content")
        if not content:
            return wrong + ([f"a body where none is documented: {answer.text()[:80]}"] if answer.body else [])
        found = [media for media in content if fnmatch.fnmatch(answer.media_type, media)]
        if not found:
            return wrong + [f"Content-Type {answer.headers.get('content-type')!r} is not documented"]
        schema = content[found[0]]["schema"]
        if answer.media_type == "application/json":
            try:
                value = json.loads(answer.body, parse_constant=lambda name: wrong.append(f"{name} is no JSON"))
            except ValueError as e:
                return wrong + [f"no JSON: {e}: {answer.text()[:80]}"]
            wrong += self.problems(schema, value)
        elif schema.get("format") == "binary":
            wrong += [] if answer.body.startswith(b"\xff\xd8\xff") else ["no JPEG"]
        else:
            wrong += self.problems(schema, answer.text())
        return wrong


class Asker:
    """Asks one server, and checks every answer."""

    def __init__(self, server, book, name, token=None):
        self.server, self.book, self.name = server, book, name
        self.token = {"Authorization": f"Bearer {token}"} if token else {}

    def __call__(self, wanted, method, path, query=None, body=None, media_type=None, headers=None, why=""):
        """Asks, and checks that the status is one of those wanted and the answer as documented; the answer."""
        method, wanted = method.lower(), {wanted} if isinstance(wanted, int) else set(wanted)
        key = self.book.of(method, path)
        whole = path + ("?" + urlencode(query, quote_via=quote) if query else "")
        headers = {**self.token, **({"Content-Type": media_type} if media_type else {}), **(headers or {})}
        if isinstance(body, (dict, list)):
            body = json.dumps(body).encode()
        answer = self.server.ask(method.upper(), whole, headers, body)
        wrong = [] if answer.status in wanted else [f"{answer.status} instead of {sorted(wanted)}: {answer.text()[:200]}"]
        if key is None:
            wrong.append("the document knows no such operation")
        else:
            wrong += self.book.judge(key, answer)
            if answer.status < 400:
                wrong += self.rightly(key, query or {}, headers)
        if answer.headers.get("x-content-type-options") != "nosniff":
            wrong.append("browsers may guess what it is")
        title = f"{self.name}: {method.upper()} {whole[:90]} {media_type or ''} {why}".rstrip()
        check(not wrong, f"{title} -> {answer.status}", "; ".join(wrong[:4]))
        return answer

    def rightly(self, key, query, headers):
        """What went well must be documented as going well."""
        wrong, known = [], {p["name"]: p for p in self.book.parameters(key)}
        for name, value in query.items():
            if name not in known:
                if not key[1].startswith("/search/"):
                    wrong.append(f"the parameter {name} is not documented")
                continue
            schema = known[name]["schema"]
            typed = {"integer": int, "number": float, "boolean": lambda v: {"true": True, "false": False}.get(v, v)}.get(schema.get("type"), str)(value)
            wrong += self.book.problems(schema, typed)
            self.book.seen[key]["parameters"].add(name)
        self.book.seen[key]["parameters"].update(name for name in known if name in headers)
        self.book.seen[key]["parameters"].update(p["name"] for p in self.book.parameters(key, "path"))
        return wrong


def ask_rightly(ask, about, vector):
    """Everything that a server can be asked, by every parameter."""
    get, post = lambda path, **query: ask(200, "GET", path, query), lambda path, **more: ask(200, "POST", path, **more)
    now, group = about["identity"], about["group"] or "key"
    page = get("/", index=now)
    ask(304, "GET", "/", headers={"If-None-Match": page.headers["etag"]})
    files = re.findall(r'(?:src|href)="/?(page/[\w.-]+)"', page.text())
    for number, file in enumerate(files):
        got = get(f"/{file}", index=now)
        if number == 0 and got.status == 200:
            ask(304, "GET", f"/{file}", headers={"If-None-Match": got.headers["etag"]})
    get("/api/about", index=now)
    get("/health", index=now)
    get("/metrics", index=now)
    get("/openapi.json", index=now)
    get("/indices-list", index=now)
    three = get("/api/rows", **{"from": 1, "count": 3, "where": "key <> ''", "sort": "-key", "group": group, "index": now}).json()
    check(lambda: len(three["rows"]) == 3 and three["from"] == 1, f"{ask.name}: three rows from the second on")
    everything = get("/api/rows", count=1000).json()
    check(lambda: everything["total"] == about["rows"], f"{ask.name}: as many rows in all as it says")
    names = {column["name"] for column in about["columns"]}
    check(lambda: all(set(row) == names | {"row"} for row in everything["rows"]), f"{ask.name}: each row has the columns that it says, and its number")
    check(lambda: [row["row"] for row in everything["rows"]] == list(range(len(everything["rows"]))), f"{ask.name}: rows are numbered in the order of the table")
    get("/api/rows", count=0)
    get("/api/rows", **{"from": 2**40})
    groups = get("/api/groups", group=group, where="key <> ''", index=now).json()
    check(lambda: sum(part["count"] for part in groups["groups"]) == groups["total"], f"{ask.name}: groups add up")
    some = get("/api/rows", rows="3,1", index=now).json()
    check(lambda: some["rows"] == [everything["rows"][3], everything["rows"][1]], f"{ask.name}: rows by their numbers")
    for wrong in ("", "x", "1,,2", "-1", ",".join(["1"] * 1001)):
        if wrong:
            ask(400, "GET", "/api/rows", {"rows": wrong})
    ask(400, "GET", "/api/rows", {"rows": "1", "from": 1})
    ask(404, "GET", "/api/rows", {"rows": "999999999"})
    passing = get("/api/passing", where="key = '" + everything["rows"][2]["key"].replace("'", "''") + "'", index=now).json()
    bits = base64.b64decode(passing["bits"])
    check(lambda: passing["total"] == 1 and len(bits) == -(-about["rows"] // 8) and bits[0] == 4, f"{ask.name}: a bit says for which row a condition holds")
    a_map(ask, about, now)
    row = get("/api/rows/1", index=now).json()
    check(lambda: row == everything["rows"][1], f"{ask.name}: a row alone is the row among others")
    like = dict(top=3, offset=1, where="key <> ''", min_score=-1, diverse=0.5, explain="true", literal="true", index=now)
    answer = get("/api/rows/1/similar", **like).json()
    check(lambda: [hit["rank"] for hit in answer["hits"]] == [2, 3, 4] and all(hit["row"] != 1 and hit["parts"] for hit in answer["hits"]), f"{ask.name}: similar rows without the row itself, explained")
    answer = get("/api/search", q="red", row=1, **like).json()
    check(lambda: len(answer["hits"]) == 3, f"{ask.name}: words and a row")
    for q in (f"key:{row['key']}", "2:red + blue - green", "red"):
        get("/api/search", q=q, top=2)
    check(lambda: get("/api/search", q="red", min_score=2).json()["hits"] == [], f"{ask.name}: nothing has a score of 2")
    named, media = serving.form([("q", "red"), ("top", 2)], PNG)
    post("/api/search", query={"q": "red", "row": 1, **like}, body=PNG, media_type="image/png")
    post("/api/search", body=PNG, media_type="application/octet-stream")
    post("/api/search", body=named, media_type=media)
    post("/api/search", body={"q": "red", "top": 2, "explain": True, "literal": True, "where": "key <> ''", "min_score": -1, "diverse": 0.1, "offset": 1}, media_type="application/json")
    answer = post("/api/search", body={"vector": vector, "top": 1}, media_type="application/json").json()
    check(lambda: len(answer["hits"]) == 1, f"{ask.name}: a vector finds a row")
    post("/api/search", body={"row": 1}, media_type="application/json; charset=utf-8")
    if about["classify"]:
        answer = post("/api/classify", query={"top": 2, "index": now}, body=PNG, media_type="image/png").json()
        check(lambda: len(answer["predictions"]) == 2, f"{ask.name}: two classes")
        named, media = serving.form([("top", 1)], PNG)
        post("/api/classify", body=named, media_type=media)
        post("/api/classify", body=PNG, media_type="application/octet-stream")
    if about["pictures"]:
        got = get("/api/rows/1/thumbnail", size=128, index=now)
        ask(304, "GET", "/api/rows/1/thumbnail", {"size": 128}, headers={"If-None-Match": got.headers.get("etag", "")})
        get("/api/rows/1/thumbnail")
    else:
        ask(204, "GET", "/api/rows/1/thumbnail")
    check(lambda: len(get("/search/text", query="red", top_n=2, filter_media="image", index=now).json()) == 2, f"{ask.name}: cerebro's two hits")
    check(lambda: len(get("/search/text", query="red").json()) == 5, f"{ask.name}: cerebro's five hits")
    get("/search/text", query="red", theme="dark")
    named, media = serving.form([("top_n", 2), ("filter_media", "image")], PNG)
    check(lambda: len(post("/search/image", query={"index": now}, body=named, media_type=media).json()) == 2, f"{ask.name}: cerebro's two hits by a picture")
    question = {"text": None, "image": None, "image_url": None, "embedding_input": None, "modality": "image", "num_images": 2, "num_result_ids": 2, "indice_name": about["name"], "deduplicate": False, "use_safety_model": True, "aesthetic_score": 9, "aesthetic_weight": 0.5, "use_mclip": False}
    asked = [{"text": "red"}, {"text": "", "image": base64.b64encode(PNG).decode()}, {"embedding_input": vector}, {"text": "red", "aesthetic_score": "", "aesthetic_weight": "0.5", "num_images": "2"}]
    for media in ("application/json", None, "text/plain;charset=UTF-8", "application/x-www-form-urlencoded"):
        for more in asked:
            hits = post("/knn-service", query={"index": now}, body={**question, **more}, media_type=media, why=" ".join(more)).json()
            check(lambda: len(hits) == 2, f"{ask.name}: clip-retrieval's two hits by {' '.join(more)}")
        rows = post("/metadata", query={"index": now}, body={"ids": [3, 1], "indice_name": about["name"]}, media_type=media).json()
        check(lambda: [row["id"] for row in rows] == [3, 1], f"{ask.name}: clip-retrieval's cells of two rows")


def a_map(ask, about, now):
    """The map, where there is one."""
    if not about["map"]:
        ask(404, "GET", "/api/map")
        ask(404, "GET", "/api/map", {"colour": "label", "index": now})
        return
    for colour in [None, *about["map"]["colours"]]:
        found = ask(200, "GET", "/api/map", {"colour": colour, "index": now} if colour else {})
        shown = found.json()
        places = numpy.frombuffer(base64.b64decode(shown["places"]), "<f4").reshape(-1, 2)
        group = numpy.frombuffer(base64.b64decode(shown["group"]), "<u2")
        sizes = [int((group == number).sum()) for number in range(len(shown["groups"]))]
        check(lambda: len(places) == len(group) == shown["points"] == shown["total"] and numpy.isfinite(places).all(), f"{ask.name}: a place for each point")
        check(lambda: sizes == [part["points"] for part in shown["groups"]] and shown["by"] == (colour or about["map"]["colours"][0]), f"{ask.name}: as many points of {colour} as it says")
    ask(304, "GET", "/api/map", {}, headers={"If-None-Match": ask(200, "GET", "/api/map", {}).headers.get("etag", "")})
    ask(400, "GET", "/api/map", {"colour": "nothing"})


def beyond(schema):
    """Values that a schema does not allow."""
    kind = schema.get("type")
    if kind in ("integer", "number"):
        yield "x"
        yield "1e999"
        yield "NaN"
        if kind == "integer":
            yield "1.5"
        if "minimum" in schema:
            yield str(schema["minimum"] - 1)
        if "maximum" in schema:
            yield str(schema["maximum"] + 1)
        if "enum" in schema:
            yield str(max(schema["enum"]) + 1)
    if kind == "boolean":
        yield "perhaps"


def ask_wrongly(ask, book, about):
    """What a schema forbids, what is required and missing, and what nobody knows."""
    right = {"/api/groups": {"group": "key"}, "/api/passing": {"where": "key <> ''"}, "/api/search": {"q": "red"}, "/search/text": {"query": "red"}}
    for method, path in book.operations:
        if "400" not in book.operations[method, path]["responses"]:
            continue
        place, query = path.replace("{row}", "1"), right.get(path, {})
        body = {"body": {"q": "red"}, "media_type": "application/json"} if path == "/api/search" and method == "post" else {}
        body = {"body": PNG, "media_type": "image/png"} if path == "/api/classify" else body
        for parameter in book.parameters((method, path), "query"):
            for value in beyond(parameter["schema"]):
                ask(400, method, place, {**query, parameter["name"]: value}, **body)
            if parameter.get("required"):
                ask(400, method, place, {}, **body, why="without what is required")
        if not any("clients" in tag for tag in book.operations[method, path]["tags"]):
            ask(400, method, place, {**query, "wher": "x"}, **body)
    for path, what in (("/api/rows", {}), ("/api/groups", {"group": "key"}), ("/api/passing", {}), ("/api/search", {"q": "red"}), ("/api/rows/1/similar", {})):
        for condition in ("nothing > 1", "(((", "key = ", "1", "key; drop table rows"):
            ask(400, "GET", path, {**what, "where": condition})
    for name in ("sort", "group"):
        ask(400, "GET", "/api/rows", {name: "nothing"})
    ask(400, "GET", "/api/groups", {"group": "nothing"})
    for q in ("", "./a.png", "../a.png", "/etc/passwd", "~/a.png", "img:a.png", "vec:a.npy", "red + /etc/passwd", "id:999999", "key:nothing", "+", "red + "):
        ask(400, "GET", "/api/search", {"q": q})
    for place in ("999999999", "18446744073709551615"):
        for more in ("", "/similar", "/thumbnail"):
            ask(404, "GET", f"/api/rows/{place}{more}")
    ask(404, "GET", "/api/search", {"row": 999999999})
    ask(404, "POST", "/api/search", body={"row": 999999999}, media_type="application/json")
    bodies = [b"", b"{", b"[]", b"null", b'"red"', b"{}", b'{"vector": [1.0, 2.0]}', b'{"vector": []}', b'{"vector": ["1"]}', b'{"vector": [1e999]}', b'{"vector": [NaN]}', b'{"vector": 1}', b'{"q": ["red"]}', b'{"qq": "red"}', b'{"q": "red", "top": -1}', b'{"row": "x"}', b"\xff\xfe"]
    for body in bodies:
        ask(400, "POST", "/api/search", body=body, media_type="application/json", why=repr(body)[:40])
    no_picture = {400, 415}
    for body in (b"", b"no picture", PNG[:20]):
        ask(415, "POST", "/api/search", body=body, media_type="image/png", why=f"{len(body)} bytes that are no picture")
        if about["classify"]:
            ask(415, "POST", "/api/classify", body=body, media_type="image/png", why=f"{len(body)} bytes that are no picture")
        named, media = serving.form([], body)
        ask(no_picture, "POST", "/search/image", body=named, media_type=media, why=f"{len(body)} bytes that are no picture")
    for media in ("text/plain", "application/x-www-form-urlencoded", "text/html", None):
        ask(415, "POST", "/api/search", body=b"red", media_type=media)
        ask(415, "POST", "/api/classify", body=b"red", media_type=media)
        ask(no_picture, "POST", "/search/image", body=b"red", media_type=media)
    ask(415, "POST", "/api/search", body=PNG, media_type="image/png", headers={"Content-Encoding": "gzip"}, why="gzip")
    ask(400, "POST", "/api/classify", body={}, media_type="application/json")
    named, media = serving.form([("top_n", 2)])
    ask(400, "POST", "/api/classify", body=named, media_type=media, why="no file")
    ask(400, "POST", "/search/image", body=named, media_type=media, why="no file")
    named, media = serving.form([("top_n", "x")], PNG)
    ask(400, "POST", "/search/image", body=named, media_type=media, why="top_n=x")
    ask(400, "POST", "/api/search", body=named, media_type="multipart/form-data", why="no boundary")
    for body in (b"", b"{", {}, [], {"text": ""}, {"image": "@@"}, {"image": base64.b64encode(b"x").decode()}, {"embedding_input": [1, 2]}, {"embedding_input": ["x"]}, {"image_url": "http://127.0.0.1/a.png"}):
        ask(no_picture if isinstance(body, dict) and "image" in body else 400, "POST", "/knn-service", body=body, media_type="application/json", why=str(body)[:40])
    for body in (b"", b"{", {}, [], {"ids": "x"}, {"ids": [-1]}, {"ids": [0.5]}, {"ids": list(range(4000))}):
        ask(400, "POST", "/metadata", body=body, media_type="application/json", why=str(body)[:40])
    ask(404, "POST", "/metadata", body={"ids": [999999999]}, media_type="application/json")


def everywhere(ask, book, token):
    """What holds for all operations alike."""
    for method, path in book.operations:
        place = path.replace("{row}", "1").replace("{file}", "page.css")
        operation = book.operations[method, path]
        ask(403, method, place, headers={"Host": "evil.example"}, why="under a strange name")
        ask(403, method, place, headers={"Origin": "http://evil.example"}, why="from a strange page")
        if "409" in operation["responses"] and (path != "/page/{file}" or ask.server.get(place).status != 404):
            ask(409, method, place, {"index": "0" * 16}, why="of a replaced index")
        if token and operation.get("security") != [{}]:
            for headers in ({"Authorization": ""}, {"Authorization": "Bearer wrong"}, {"Authorization": "Basic d3Jvbmc6", "Cookie": "pokedex=wrong"}):
                ask(401, method, place, headers=headers, why="without the token")
            ask({200, 400, 404, 415}, method, place, headers={"Authorization": "", "Cookie": f"a=b; pokedex={token}"}, why="with the token as a cookie")
        elif token:
            ask({200, 404}, method, place, headers={"Authorization": ""}, why="without the token, which is not needed")
        if method == "post":
            head = f"POST {path} HTTP/1.1\r\nHost: {ask.server.host}:{ask.server.port}\r\nContent-Type: image/png\r\nContent-Length: {200 << 20}\r\n" + "".join(f"{k}: {v}\r\n" for k, v in ask.token.items())
            with ask.server.connect() as socket:
                socket.sendall(head.encode() + b"\r\n")
                with socket.makefile("rb") as got:
                    status = int(got.readline().split()[1])
                    headers = dict(line.decode().strip().lower().split(": ", 1) for line in iter(got.readline, b"\r\n"))
                    body = got.read(int(headers["content-length"]))
            wrong = ([] if status == 413 else [f"{status} instead of 413"]) + book.judge((method, path), serving.Answer(status, headers, body))
            check(not wrong, f"{ask.name}: POST {path} of 200 MB is refused before it is sent", "; ".join(wrong))
        # Methods: HEAD as GET, OPTIONS says which, others are refused.
        own = {m.upper() for m, p in book.operations if p == path}
        if method == "get":
            got = [ask.server.ask(m, place, dict(ask.token)) for m in ("GET", "HEAD")]
            same = all(got[0].headers.get(name) == got[1].headers.get(name) for name in ("content-type", "content-length", "etag", "pokedex-index"))
            same = same or path == "/metrics" and got[0].media_type == got[1].media_type
            check(got[0].status == got[1].status and same and not got[1].body, f"{ask.name}: HEAD {place} is GET without a body", str(got[1].headers))
        known = own | ({"HEAD"} if "GET" in own else set())
        options = ask.server.ask("OPTIONS", place, dict(ask.token))
        allowed = set(options.headers.get("allow", "").replace(" ", "").split(","))
        if options.status != 404:
            check(options.status == 204 and allowed == known | {"OPTIONS"} and not options.body, f"{ask.name}: OPTIONS {place} says {sorted(known)}", f"{options.status} {allowed}")
            for other in ("PUT", "DELETE", "PATCH", "BREW", "GET", "POST"):
                if other not in known:
                    refused = ask.server.ask(other, place, dict(ask.token))
                    right = refused.status == 405 and refused.headers.get("allow") and not book.problems({"$ref": "#/components/schemas/Error"}, refused.json())
                    check(right, f"{ask.name}: {other} {place} is refused by 405", f"{refused.status} {refused.text()[:100]}")
    ask(404, "GET", "/page/nothing.css")
    for path in ("/nothing", "/api", "/api/", "/api/rows/", "/api/rows/x", "/api/rows/-1", "/api/rows/01", "/api/rows/1/", "/api/rows/1/nothing", "/API/ABOUT", "/api/about/"):
        got = ask.server.ask("GET", path, dict(ask.token))
        check(got.status == 404 and not book.problems({"$ref": "#/components/schemas/Error"}, got.json()), f"{ask.name}: there is no {path}", f"{got.status} {got.text()[:100]}")


def examples(book):
    """Examples of the document fit its schemas, and every reference leads somewhere."""
    wrong, count = [], 0

    def walk(node, place):
        nonlocal count
        if isinstance(node, list):
            for number, item in enumerate(node):
                walk(item, f"{place}[{number}]")
        if not isinstance(node, dict):
            return
        if "$ref" in node:
            book.get(node)
        values = [example["value"] for example in node.get("examples", {}).values()] if "schema" in node else []
        values += [node["example"]] if "schema" in node and "example" in node else []
        for value in values:
            count += 1
            wrong.extend(f"{place}: {problem}" for problem in book.problems(node["schema"], value))
        for name, item in node.items():
            if name not in ("example", "examples"):
                walk(item, f"{place}.{name}")

    walk(book.document, "")
    check(not wrong and count > 20, f"{count} examples fit their schemas", "; ".join(wrong))


def whole(book, skipped):
    """All of the document was seen."""
    for (method, path), seen in book.seen.items():
        documented = set(book.operations[method, path]["responses"])
        # One server alone holds a map or holds none.
        one = {"200", "304", "400", "404"} if skipped and path == "/api/map" else set()
        missing = documented - seen["statuses"] - UNSEEN - skipped - one
        check(not missing, f"{method.upper()} {path}: each of its statuses came", f"never came: {sorted(missing)}")
        names = {parameter["name"] for parameter in book.parameters((method, path))} - ({"token"} if "401" in skipped else set())
        missing = names - seen["parameters"]
        check(not missing, f"{method.upper()} {path}: each of its parameters was used rightly", f"never used: {sorted(missing)}")


def all_of(server, book, name, vector, token=None):
    ask = Asker(server, book, name, token)
    about = ask(200, "GET", "/api/about").json()
    check(about["version"] == book.document["info"]["version"], f"{name}: the document is of this version")
    ask_rightly(ask, about, vector or [1.0] + [0.0] * 255)
    ask_wrongly(ask, book, about)
    everywhere(ask, book, token)
    if token:
        entered = ask(303, "GET", "/", {"token": token}, headers={"Authorization": ""})
        cookie = entered.headers.get("set-cookie", "")
        check("HttpOnly" in cookie and "SameSite=Strict" in cookie and entered.headers.get("location") == "/", f"{name}: the token becomes a cookie", cookie)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("binary", nargs="?", default=str(REPOSITORY / "target/release/pokedex"))
    parser.add_argument("--address", help="ask the server there")
    parser.add_argument("--token", help="its token")
    args = parser.parse_args()
    text = (REPOSITORY / "src/serve/openapi.json").read_bytes()
    document = json.loads(text)
    validate(document)
    check(True, "the document is OpenAPI 3.1")
    book = Book(document)
    examples(book)
    if args.address:
        server = serving.Running(args.address)
        all_of(server, book, args.address, None, args.token)
        whole(book, set() if args.token else {"401", "303"})
        check.end()
    with tempfile.TemporaryDirectory() as folder:
        index = serving.photographs(args.binary, folder)
        vector = numpy.stack(pyarrow.parquet.read_table(Path(folder) / "e.parquet")["embedding"].to_pylist())[0].tolist()
        # The one that is asked for with a token holds no map.
        serving.pokedex(args.binary, "index", "e.parquet", "--columns", "width,height", "--kind", "exact", "-o", "plain.parquet", folder=folder)
        plain = Path(folder) / "plain.parquet"
        token = "0123456789abcdef0123456789abcdef"
        for name, arguments in (("pokedex", []), ("photos", ["--index", index]), ("token", ["--index", plain, "--token", token])):
            with serving.Server(args.binary, *arguments, folder=folder) as server:
                if name == "pokedex":
                    served = server.get("/openapi.json")
                    check(served.body == text, "the server hands out this document", f"{len(served.body)} bytes instead of {len(text)}")
                all_of(server, book, name, vector, token if name == "token" else None)
                said = server.said()
                check("panicked" not in said, f"{name}: it never panicked", said[-300:])
    whole(book, set())
    check.end()


if __name__ == "__main__":
    main()
