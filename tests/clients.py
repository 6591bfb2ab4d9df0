#!/usr/bin/env python3
"""Lets clients of two other servers talk to `pokedex serve`, unchanged.

    pip install --no-deps clip-retrieval==2.45.0
    python3 tests/clients.py target/release/pokedex [--chromium /usr/bin/chromium]

clip-retrieval's own `ClipClient` (its module is loaded as it is; the package around it would load its server, FAISS and torch)
asks by words, by a picture's file and by a vector, and must get what `pokedex query` finds. Then the requests of
clip-retrieval's page and of cerebro's page are sent as browsers send them. With --chromium clip-retrieval's page itself, which is
in its package, runs in the browser against the server, and so does the code by which cerebro's page asks.

Pictures and index are made here. Needs clip-retrieval 2.45.0 (without what it depends on), requests, numpy, pyarrow, Pillow; for
the browser playwright. Ends with 1 where anything was wrong.
"""

import argparse
import base64
import functools
import http.server
import importlib.util
import io
import json
import shutil
import sys
import tempfile
import threading
import types
from pathlib import Path

import numpy
import pyarrow.parquet
from PIL import Image

import serving

check = serving.Checks()


def original_client():
    """`ClipClient` and `Modality` of the installed package, and the package's folder, without running its `__init__`."""
    found = importlib.util.find_spec("clip_retrieval") if "clip_retrieval" not in sys.modules else None
    if found is None:
        raise SystemExit("clip-retrieval is not installed: pip install --no-deps clip-retrieval==2.45.0")
    folder = Path(found.submodule_search_locations[0])
    package = types.ModuleType("clip_retrieval")
    package.__path__ = [str(folder)]
    sys.modules["clip_retrieval"] = package
    from clip_retrieval.clip_client import ClipClient, Modality

    return ClipClient, Modality, folder


class Index:
    """The index that is served, and what `query` finds in it."""

    def __init__(self, binary, folder):
        self.binary, self.folder = binary, Path(folder)
        self.path = serving.photographs(binary, folder)
        # The same picture twice.
        shutil.copyfile(self.folder / "photos/red/0.png", self.folder / "photos/copy.png")
        serving.pokedex(binary, "embed", "photos", "-o", "e.parquet", folder=folder)
        serving.pokedex(binary, "index", "e.parquet", "--kind", "exact", "-o", "i.parquet", folder=folder)
        table = pyarrow.parquet.read_table(self.folder / "e.parquet")
        self.keys = pyarrow.parquet.read_table(self.path)["key"].to_pylist()
        self.vectors = dict(zip(table["key"].to_pylist(), numpy.array(table["embedding"].to_pylist(), "f4")))

    def found(self, *arguments):
        """Keys and scores that `query` gives."""
        told = serving.pokedex(self.binary, "query", *arguments, "--index", "i.parquet", "--format", "json", folder=self.folder)
        return [(row["key"], row["score"]) for row in json.loads(told)]

    def apart(self, hits, least=0.94):
        """Of hits, the first of each group that is joined by cosines above 0.94: what clip-retrieval's server leaves."""
        vectors = numpy.stack([self.vectors[key] for key, _ in hits])
        near = vectors @ vectors.T > least
        group = list(range(len(hits)))
        for a in range(len(hits)):
            for b in range(a):
                if near[a, b] and group[a] != group[b]:
                    old, new = max(group[a], group[b]), min(group[a], group[b])
                    group = [new if g == old else g for g in group]
        return [hit for at, hit in enumerate(hits) if group[at] == at]


def same(hits, told, index):
    """Whether hits of clip-retrieval's shape are those of `query`, and what is wrong."""
    got = [(index.keys[hit["id"]], hit["similarity"]) for hit in hits]
    if [key for key, _ in got] != [key for key, _ in told]:
        return f"{[key for key, _ in got]} instead of {[key for key, _ in told]}"
    if any(abs(a - b) > 2e-6 for (_, a), (_, b) in zip(got, told)):
        return f"{got} instead of {told}"
    return ""


def clip_client(server, index, ClipClient, Modality):
    def ask(client, name, told, **question):
        hits = client.query(**question)
        if not check(isinstance(hits, list), f"ClipClient: {name} gives a list", str(hits)[:300]):
            return []
        problem = same(hits, told, index)
        check(not problem, f"ClipClient: {name} gives what query finds", problem)
        return hits

    url = server.address + "/knn-service"
    name = server.get("/indices-list").json()[0]
    client = ClipClient(url=url, indice_name=name, num_images=7, deduplicate=False)
    for text in ("red", "a photo of a blue circle", "yellow + green", "red - black", "key:red/0.png", "./photos/red/0.png"):
        words = [word for word in text.split() if word not in "+-"] if " " in text else [text]
        # What the clients ask is words, whatever they look like: `query` is asked for the very text by a file of queries.
        if text.startswith(("key:", "./")):
            hits = client.query(text=text)
            check(isinstance(hits, list) and len(hits) == 7 or isinstance(hits, dict) and "error" in hits, f"ClipClient: {text!r} reads no file", str(hits)[:200])
            continue
        ask(client, repr(text), index.found(" ".join(words), "--top", 7), text=text)
    picture = index.folder / "photos/blue/2.png"
    hits = ask(client, "a picture's file", index.found("./photos/blue/2.png", "--top", 7), image=str(picture))
    check(lambda: abs(hits[0]["similarity"] - 1) < 1e-5 and index.keys[hits[0]["id"]] == "blue/2.png", "ClipClient: a picture finds itself")
    large = index.folder / "large.jpg"
    noise = numpy.random.default_rng(0).integers(0, 255, (1800, 2400, 3), dtype="u1")
    Image.fromarray(noise).save(large, quality=95)
    size = large.stat().st_size
    ask(client, f"a picture of {size >> 20} MB", index.found("./large.jpg", "--top", 7), image=str(large))
    vector = index.vectors["green/1.png"]
    hits = ask(client, "a vector", by_vector(index, vector, 7), embedding_input=vector.tolist())
    check(lambda: index.keys[hits[0]["id"]] == "green/1.png", "ClipClient: a row's vector finds the row")
    for hit in hits[:3]:
        check(lambda: isinstance(hit["id"], int) and isinstance(hit["similarity"], float), "ClipClient: id and similarity are numbers")
        check(lambda: Image.open(io.BytesIO(base64.b64decode(hit["image"]))).format == "JPEG", "ClipClient: a hit has its picture in base64, a JPEG")
        check(lambda: not str(hit["image_path"]).startswith("/"), "ClipClient: image_path tells nothing of the machine", str(hit.get("image_path")))
    # As it is by default: forty, copies left out, models asked for that are not here.
    usual = ClipClient(url=url, indice_name=name)
    all_of_them = index.found("red", "--top", 40)
    hits = usual.query(text="red")
    told = index.apart(all_of_them)
    check(lambda: not same(hits, told, index), f"ClipClient as it is by default: {len(told)} of {len(all_of_them)}, the others are much like these", same(hits, told, index) if isinstance(hits, list) else str(hits)[:200])
    both = {"photos/copy.png", "photos/red/0.png", "copy.png", "red/0.png"}
    check(lambda: len([hit for hit in hits if index.keys[hit["id"]] in both]) <= 1, "ClipClient: of the same picture twice one is left")
    hits = ClipClient(url=url, indice_name=name, deduplicate=False).query(text="red")
    check(lambda: len(hits) == len(index.keys), "ClipClient: all rows where fewer are there than forty", str(len(hits)))
    hits = ClipClient(url=url, indice_name="another", modality=Modality.TEXT).query(text="red")
    check(isinstance(hits, dict) and "error" in hits, "ClipClient: searching texts is refused in words", str(hits)[:200])
    for name, question in (("a vector of another model", {"embedding_input": [0.5, 0.5]}), ("a picture's address", {"image": "http://127.0.0.1:1/a.png"})):
        hits = client.query(**question)
        check(isinstance(hits, dict) and "error" in hits, f"ClipClient: {name} is refused in words", str(hits)[:200])


def by_vector(index, vector, top):
    """What is nearest to a vector, worked out here."""
    scores = {key: float(vector @ other) for key, other in index.vectors.items()}
    return sorted(scores.items(), key=lambda hit: (-hit[1], index.keys.index(hit[0])))[:top]


def clip_page(server, index):
    """What clip-retrieval's page sends: see front/src/clip-service.js."""

    def ask(path, body):
        return server.ask("POST", path, {"Content-Type": "text/plain;charset=UTF-8", "Accept": "*/*"}, json.dumps(body).encode())

    name = server.get("/indices-list").json()[0]
    question = {"text": "red", "image": None, "image_url": None, "embedding_input": None, "modality": "image", "num_images": 4, "indice_name": name, "num_result_ids": 3000, "use_mclip": False, "deduplicate": False, "use_safety_model": True, "use_violence_detector": True, "aesthetic_score": "", "aesthetic_weight": "0.5"}
    got = ask("/knn-service", question)
    hits = got.json() if got.status == 200 else []
    told = index.found("red", "--top", len(index.keys))
    check(lambda: got.status == 200 and not same(hits, told, index), "its page: as many hits as num_result_ids wants", got.text()[:200])
    check(lambda: all("image" in hit for hit in hits[:4]) and all(set(hit) == {"id", "similarity"} for hit in hits[4:]), "its page: the first num_images are whole, the others id and similarity")
    ids = [hit["id"] for hit in hits[4:44]]
    rows = ask("/metadata", {"ids": ids, "indice_name": name}).json()
    rows = rows if isinstance(rows, list) else []
    check(lambda: [row["id"] for row in rows] == ids and all(row["metadata"]["key"] == index.keys[row["id"]] for row in rows), "its page: /metadata has the cells of the others, in their order")
    check(lambda: all(row["metadata"]["image"] for row in rows), "its page: and their pictures, which it shows")
    check(ask("/metadata", {"ids": [], "indice_name": name}).json() == [], "its page: of no rows nothing")
    picture = base64.b64encode((index.folder / "photos/blue/2.png").read_bytes()).decode()
    hits = ask("/knn-service", {**question, "text": "", "image": picture, "aesthetic_score": "9"}).json()
    check(lambda: index.keys[hits[0]["id"]] == "blue/2.png", "its page: an empty text beside a picture asks by the picture", str(hits)[:200])


def cerebro(server, index):
    """What cerebro's page sends: see its interface/app/page.tsx."""
    fields = {"file_path", "youtube_video_id", "timestamp", "media_type", "score"}

    def right(got, told, name):
        check(lambda: got.status == 200 and got.media_type == "application/json", f"cerebro: {name} is answered", got.text()[:200])
        hits = got.json() if got.status == 200 else []
        check(lambda: all(set(hit) == fields and hit["media_type"] == "image" and hit["youtube_video_id"] is None and hit["timestamp"] is None for hit in hits), f"cerebro: {name} has its five fields", str(hits)[:200])
        found = [(hit["file_path"].removeprefix("photos/"), hit["score"]) for hit in hits]
        check(lambda: [key for key, _ in found] == [key for key, _ in told] and all(abs(a - b) < 2e-6 for (_, a), (_, b) in zip(found, told)), f"cerebro: {name} gives what query finds", f"{found} instead of {told}")

    told = index.found("red", "--top", 5)
    right(server.get("/search/text?query=red&top_n=5"), told, "words")
    right(server.get("/search/text?query=red"), told, "words without top_n")
    right(server.get("/search/text?query=a+blue+circle%21&top_n=5&filter_media=image"), index.found("a blue circle!", "--top", 5), "words, pictures only")
    check(server.get("/search/text?query=red&top_n=5&filter_media=youtube").json() == [], "cerebro: there are no films")
    right(server.get("/search/text?query=red&filter_media=other"), told, "a filter that nobody knows")
    right(server.get("/search/text?query=red&top_n=100000000"), index.found("red", "--top", len(index.keys)), "more than there are")
    picture = (index.folder / "photos/blue/2.png").read_bytes()
    told = index.found("./photos/blue/2.png", "--top", 5)
    for fields_sent, name in (([("top_n", 5)], "a picture"), ([("top_n", 5), ("filter_media", "image")], "a picture, pictures only"), ([], "a picture without top_n")):
        body, media = serving.form(fields_sent, picture)
        right(server.post("/search/image", body, media), told, name)
    for path in ("/search/text", "/search/text?query=a&top_n=x", "/search/text?query=a&top_n=0"):
        check(400 <= server.get(path).status < 500, f"cerebro: {path} is refused")
    body, media = serving.form([("top_n", 5)], b"no picture")
    check(400 <= server.post("/search/image", body, media).status < 500, "cerebro: what is no picture is refused")


class Folder(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_):
        pass


def serve_folder(folder):
    """A folder over HTTP, as another server's page comes; the server and its origin."""
    own = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Folder, directory=str(folder)))
    threading.Thread(target=own.serve_forever, daemon=True).start()
    return own, f"http://127.0.0.1:{own.server_port}"


# As in its page, with the address of this server in place of its own.
CEREBRO = """async ([base, picture]) => {
  const params = new URLSearchParams({ query: "red", top_n: "5" });
  params.append("filter_media", "image");
  const text = await fetch(`${base}/search/text?${params.toString()}`);
  const bytes = Uint8Array.from(atob(picture), c => c.charCodeAt(0));
  const formData = new FormData();
  formData.append("file", new File([bytes], "a.png", { type: "image/png" }));
  formData.append("top_n", "5");
  const image = await fetch(`${base}/search/image`, { method: "POST", body: formData });
  return [text.ok && (await text.json()).length, image.ok && (await image.json()).length];
}"""


def in_the_browser(args, index, package):
    from playwright.sync_api import sync_playwright

    pages = Path(index.folder) / "pages"
    shutil.copytree(package.parent / "front/build", pages)
    own, origin = serve_folder(pages)
    with serving.Server(args.binary, "--index", index.path, "--cors", origin, folder=index.folder) as server, sync_playwright() as player:
        (pages / "config.json").write_text(json.dumps({"defaultBackend": server.address, "defaultIndex": "", "urlColumn": "url"}))
        try:
            browser = player.chromium.launch(executable_path=args.chromium, args=["--no-sandbox"])
            page = browser.new_page()
            page.goto(origin + "/index.html")
            page.wait_for_selector("clip-front #searchBar")
            page.fill("clip-front #searchBar", "red")
            page.press("clip-front #searchBar", "Enter")
            # Copies are left out, as its page asks for by itself.
            wanted = len(index.apart(index.found("red", "--top", len(index.keys))))
            shown = "document.querySelector('clip-front').shadowRoot.querySelectorAll('img.pic')"
            page.wait_for_function(f"() => {shown}.length == {wanted} && [...{shown}].every(i => i.complete && i.naturalWidth > 0)", timeout=20000)
            check(True, f"clip-retrieval's page in the browser shows the pictures of all {wanted} hits")
            picture = base64.b64encode((index.folder / "photos/blue/2.png").read_bytes()).decode()
            got = page.evaluate(CEREBRO, [server.address, picture])
            check(got == [5, 5], "cerebro's way of asking, from a page of another origin in the browser", str(got))
            strange, other = serve_folder(pages)
            page.goto(other + "/config.json")
            refused = page.evaluate("base => fetch(base + '/api/about').then(r => r.status, () => 'refused')", server.address)
            check(refused == "refused", "a page of an origin that was not named gets nothing", str(refused))
            strange.shutdown()
            browser.close()
        except Exception as e:
            check(False, "pages of other servers in the browser", f"{type(e).__name__}: {e}")
        finally:
            own.shutdown()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("binary", nargs="?", default="target/release/pokedex")
    parser.add_argument("--chromium", help="run the pages themselves in this browser")
    args = parser.parse_args()
    args.binary = str(Path(args.binary).resolve())
    ClipClient, Modality, package = original_client()
    with tempfile.TemporaryDirectory() as folder:
        index = Index(args.binary, folder)
        with serving.Server(args.binary, "--index", index.path, folder=folder) as server:
            clip_client(server, index, ClipClient, Modality)
            clip_page(server, index)
            cerebro(server, index)
            check("panicked" not in server.said(), "the server never panicked", server.said()[-300:])
        if args.chromium:
            in_the_browser(args, index, package)
        else:
            print("left out  pages in the browser: --chromium was not given")
    check.end()


if __name__ == "__main__":
    main()
