"""The page in a real browser: Debian's Chromium, driven headless, does what people do.

    python3 tests/browser.py target/release/pokedex --axe node_modules/axe-core/axe.min.js [--shots DIR] [--site DIR]
    python3 tests/browser.py BINARY --axe FILE --address http://127.0.0.1:PORT/

Journeys on the built-in Pokédex, on a map, on an index of pictures whose names hold markup, and on a million rows; at 1280 and at 375
pixels, light and dark: scrolling to the end, searching by words and by a picture, a condition, a row and three that are like
it, back and forward, reload, keys alone, classes of a picture, a selection taken away. At every step fewer than 600 elements are in
the document, the console says nothing, no other host is asked; axe-core finds nothing serious. What is missing fails.

Needs PyPI playwright, numpy, pyarrow and Pillow, Debian's chromium, and npm's axe-core. --site tests a folder that `export --format
site` made of `pokedex:` as well, from file://. --address tests a server of the built-in Pokédex that runs already, and no index.
"""

import argparse
import json
import tempfile
import time
from pathlib import Path
from urllib.parse import quote

import numpy
import pyarrow
import pyarrow.parquet
from playwright.sync_api import sync_playwright

import serving

MOST = 600
MILLION = 1_000_000
SIZES = {"wide": (1280, 800), "phone": (375, 700)}
# Looks at the document whenever it changes, not only when all is still.
WATCH = """globalThis.most = 0;
    new MutationObserver(() => { globalThis.most = Math.max(globalThis.most, document.querySelectorAll('*').length); })
        .observe(document, { childList: true, subtree: true });"""
# Lets go of a file over the page, or pastes it.
BRING = """([how, bytes, name, type]) => {
    const data = new DataTransfer();
    data.items.add(new File([Uint8Array.from(bytes)], name, { type }));
    dispatchEvent(how === 'drop' ? new DragEvent('drop', { dataTransfer: data, cancelable: true }) : new ClipboardEvent('paste', { clipboardData: data }));
}"""
QUESTIONS = ["fire dog", "electric mouse", "pikachu - electric", "2:water + key:pikachu", "id:25 + id:133", "gohst", "Flabebe", "purple blob"]


class Page:
    """A page of the browser, and what it must not do."""

    def __init__(self, browser, address, checks, size="wide", scheme="light"):
        self.checks, self.address, self.faults = checks, address, []
        width, height = SIZES[size]
        self.context = browser.new_context(viewport={"width": width, "height": height}, color_scheme=scheme,
                                           has_touch=size == "phone", accept_downloads=True)
        self.page = self.context.new_page()
        self.page.add_init_script(WATCH)
        own = address.split("/")[2] if address.startswith("http") else ""
        self.page.on("console", lambda message: self.faults.append(f"console: {message.text}") if message.type in ("error", "warning") else None)
        self.page.on("pageerror", lambda error: self.faults.append(f"script: {error}"))
        self.page.on("dialog", lambda dialog: (self.faults.append(f"dialog: {dialog.message}"), dialog.dismiss()))
        self.page.on("request", lambda request: self.foreign(request.url, own))
        self.most = 0

    def foreign(self, url, own):
        allowed = url.startswith(("data:", "blob:", "file:")) if not own else url.startswith((f"http://{own}/", "data:", "blob:"))
        if not allowed:
            self.faults.append(f"another host: {url}")

    def open(self, fragment=""):
        # A page that is there already would only get another fragment.
        self.page.goto("about:blank")
        self.page.goto(self.address + fragment)
        self.settle()

    def settle(self, wait=250):
        """Waits until the list is there and nothing is under way."""
        self.page.wait_for_timeout(wait)
        self.until("!document.body.classList.contains('waiting') && Boolean(document.querySelector('[data-row]') || document.querySelector('#notes p') || document.querySelector('#count').textContent)")
        self.page.wait_for_timeout(60)
        self.most = max(self.most, self.page.evaluate("Math.max(globalThis.most, document.querySelectorAll('*').length)"))

    def until(self, expression, seconds=20):
        """Waits until something holds. (Playwright's own waiting evaluates in the page, which its policy forbids.)"""
        end = time.monotonic() + seconds
        while not self.page.evaluate(expression):
            if time.monotonic() > end:
                raise TimeoutError(expression)
            self.page.wait_for_timeout(30)

    def keys(self, count=10):
        """Numbers of the rows of the first cards, in order."""
        return self.page.evaluate("""count => [...document.querySelectorAll('[data-row]')].map(card => [+card.dataset.place, +card.dataset.row])
            .sort((a, b) => a[0] - b[0]).slice(0, count).map(pair => pair[1])""", count)

    def places(self):
        found = self.page.evaluate("[...document.querySelectorAll('[data-row]')].map(card => +card.dataset.place)")
        return (min(found), max(found)) if found else (None, None)

    def bring(self, how, content, name="p.png", kind="image/png"):
        self.page.evaluate(BRING, [how, list(content), name, kind])
        self.settle(600)

    def excuse(self, status):
        """Browsers tell of every answer that is an error; one that the test brought about is no fault of the page."""
        self.faults[:] = [fault for fault in self.faults if f"status of {status}" not in fault]

    def search(self, words):
        self.page.fill("#search", words)
        self.page.press("#search", "Enter")
        self.settle()

    def end(self, name):
        self.settle(0)
        self.checks(self.most < MOST, f"{name}: {self.most} elements at most")
        self.checks(not self.faults, f"{name}: no word on the console, no other host", "; ".join(self.faults[:3]))
        self.context.close()


def told(binary, folder, *arguments):
    """The keys that `query` answers."""
    text = serving.pokedex(binary, "query", *arguments, "--format", "json", folder=folder)
    return [row["key"] for row in json.loads(text)]


def arguments_of(question):
    """A question as the arguments of a command line."""
    return [part.strip() for part in question.replace(" + ", "\0+\0").replace(" - ", "\0-\0").split("\0")]


def pokedex_journeys(browser, binary, address, folder, checks, words=True):
    """The built-in Pokédex, from a server or from plain files."""
    where = "site" if address.startswith("file:") else "server"
    keys = {}
    for number, row in enumerate(json.loads(serving.pokedex(binary, "export", "pokedex:", "--format", "json", "--columns", "key,id", folder=folder))):
        keys[row["key"]] = number
    page = Page(browser, address, checks)
    page.open()
    checks(page.page.locator("#count").inner_text() == "1,025 rows" and page.keys(3) == [0, 1, 2], f"{where}: the page opens with all rows")
    page.page.focus("#grid")
    page.page.keyboard.press("End")
    page.settle()
    checks(page.places()[1] == 1024, f"{where}: End shows the last row")
    page.page.keyboard.press("Home")
    page.settle()
    box = page.page.locator("#grid").bounding_box()
    page.page.mouse.move(box["x"] + 200, box["y"] + 200)
    for _ in range(60):
        page.page.mouse.wheel(0, 1200)
        page.page.wait_for_timeout(15)
    page.settle(400)
    for _ in range(40):
        if page.places()[1] == 1024:
            break
        page.page.mouse.wheel(0, 1500)
        page.settle(30)
    checks(page.places()[1] == 1024, f"{where}: the wheel reaches the last row")
    page.page.click("#minimap button:nth-child(4)")
    page.settle()
    first, last = page.places()
    checks(first <= 386 <= last and page.page.locator("#minimap [aria-current]").inner_text() == "Sinnoh", f"{where}: the minimap leads to a generation")
    for question in QUESTIONS:
        page.search(question)
        wanted = [keys[key] for key in told(binary, folder, *arguments_of(question), "--top", "10")]
        checks(page.keys() == wanted, f"{where}: {question}: the list is that of query", f"{page.keys()} and not {wanted}")
        if question == "gohst":
            checks("read as \"ghost\"" in page.page.locator("#notes").inner_text(), f"{where}: a slip of the pen is told")
    page.search("asdf qwer")
    told_of_it = page.page.locator("#notes").inner_text()
    checks("Nothing is really like that" in told_of_it or "nothing of this is known" in told_of_it, f"{where}: nonsense is told to be none")
    page.search("dragon")
    page.page.fill("#where", "type1 = 'fire' and generation < 3")
    page.page.press("#where", "Enter")
    page.settle()
    wanted = [keys[key] for key in told(binary, folder, "dragon", "--where", "type1 = 'fire' and generation < 3")]
    checks(page.keys() == wanted, f"{where}: words under a condition")
    page.page.fill("#where", "type1 = 'fir")
    page.page.press("#where", "Enter")
    page.settle()
    checks(page.page.locator(".trouble").count() == 1, f"{where}: a condition that is none is told in place")
    # The server refuses a broken condition, which browsers report; that one is no fault of the page.
    page.faults[:] = [fault for fault in page.faults if "400" not in fault]
    page.open("#where=type1+%3D+%27ice%27&sort=-weight_kg")
    wanted = json.loads(serving.pokedex(binary, "export", "pokedex:", "--where", "type1 = 'ice'", "--format", "json", "--columns", "key,weight_kg,generation", folder=folder))
    wanted.sort(key=lambda row: (row["generation"], -row["weight_kg"]))
    checks(page.keys(5) == [keys[row["key"]] for row in wanted[:5]], f"{where}: a bookmark with a condition and an order")

    page.open("#row=24")
    page.page.wait_for_selector("#detail [data-similar]")
    checks(page.page.locator("#detail h2").inner_text() == "Pikachu", f"{where}: a row is shown")
    steps, number = [24], 24
    for _ in range(3):
        page.page.wait_for_selector("#detail [data-similar]")
        near = page.page.evaluate("[...document.querySelectorAll('#detail [data-similar]')].map(link => +link.dataset.similar)")
        wanted = [keys[key] for key in told(binary, folder, "--id", str(number + 1), "--top", str(len(near)))]
        checks(near == wanted, f"{where}: what is like row {number} is what query tells", f"{near} and not {wanted}")
        page.page.click("#detail [data-similar] >> nth=0")
        number = near[0]
        page.until(f"document.querySelector('#detail').dataset.row === '{number}'")
        page.settle()
        steps.append(number)
    for step in reversed(steps[:-1]):
        page.page.go_back()
        page.settle()
        checks(page.page.evaluate("document.querySelector('#detail').dataset.row") == str(step), f"{where}: back to row {step}")
    page.page.go_forward()
    page.settle()
    page.page.reload()
    page.settle()
    checks(page.page.evaluate("document.querySelector('#detail').dataset.row") == str(steps[1]), f"{where}: forward, and the same after a reload")

    page.open()
    page.page.keyboard.press("/")
    page.page.keyboard.type("fire dog", delay=20)
    page.page.keyboard.press("Enter")
    page.settle(500)
    for key in ["ArrowRight", "ArrowDown", "ArrowUp", "Enter"]:
        page.page.keyboard.press(key)
    page.page.wait_for_selector("#detail h2")
    wanted = keys[told(binary, folder, "fire dog")[1]]
    opened = page.page.evaluate("document.querySelector('#detail').dataset.row")
    checks(opened == str(wanted), f"{where}: by keys alone to the second answer", f"{opened} and not {wanted}")
    page.until("document.activeElement.tagName === 'H2'")
    page.page.keyboard.press("Escape")
    page.settle()
    checks(page.page.locator("#detail").is_hidden() and page.page.evaluate("document.activeElement.id") == "grid", f"{where}: Escape leads back")
    page.page.keyboard.press("Space")
    page.page.keyboard.press("ArrowLeft")
    page.page.keyboard.press("Space")
    page.settle()
    checks("2 selected" in page.page.locator("#selection").inner_text(), f"{where}: rows are selected by keys")
    box = page.page.locator("[data-place='2']").bounding_box()
    seen = []
    for _ in range(2):
        page.page.mouse.click(box["x"] + box["width"] - 16, box["y"] + 16)
        page.settle()
        seen.append(page.page.locator("#selection").inner_text()[:1])
    checks(seen == ["3", "2"], f"{where}: and by a card's corner, and no longer")
    chosen = sorted(told(binary, folder, "fire dog")[:2], key=keys.get)
    texts = {}
    for kind in ["Paths", "CSV", "JSON Lines"]:
        with page.page.expect_download() as download:
            page.page.click(f"#selection button:has-text('{kind}')")
        texts[kind] = Path(download.value.path()).read_text(encoding="utf-8")
    lines = [json.loads(line)["key"] for line in texts["JSON Lines"].splitlines()]
    checks(texts["Paths"].split() == chosen == lines and texts["CSV"].splitlines()[1].startswith(chosen[0] + ","), f"{where}: the selection is taken away in three forms")
    page.end(f"{where}: journeys")

    phone = Page(browser, address, checks, "phone", "dark")
    phone.open("#q=fire+dog")
    over = phone.page.evaluate("document.documentElement.scrollWidth - innerWidth")
    phone.page.tap("[data-place='0']")
    phone.page.wait_for_selector("#detail h2")
    box = phone.page.locator("#detail").bounding_box()
    checks(over <= 0 and box["width"] == 375, f"{where}: it fits a phone", f"{over} pixels over")
    phone.page.tap("#detail .close")
    phone.settle()
    phone.end(f"{where}: on a phone")


def which_journey(browser, address, folder, checks):
    page = Page(browser, address, checks)
    page.open("#view=which")
    (folder / "noise.png").write_bytes(serving.png(size=(90, 60)))
    page.page.set_input_files("#which-file", str(folder / "noise.png"))
    page.page.wait_for_selector("#which .bars b")
    bars = page.page.locator("#which .bars b").count()
    checks(bars == 5 and page.page.locator("#which h3").inner_text() != "", "server: classes of a picture, with their probabilities")
    page.page.keyboard.press("Escape")
    page.settle()
    checks(page.page.locator("#which").is_hidden(), "server: Escape leaves the classes")
    page.end("server: which is this")


def photo_journeys(browser, binary, folder, checks):
    """An index of pictures, some of whose names are markup."""
    names = ["<img src=x onerror=alert(1)>.png", "\"><script>alert(2)<!--.png", "a & b's.png"]
    for number, name in enumerate(names):
        (folder / "odd").mkdir(exist_ok=True)
        (folder / "odd" / name).write_bytes(serving.png(size=(200, 120), colour=(200 - 60 * number, 60 * number, 90)))
    serving.photographs(binary, folder)
    serving.pokedex(binary, "embed", "photos", "odd", "-o", "all.parquet", "-q", folder=folder)
    serving.pokedex(binary, "index", "all.parquet", "--kind", "exact", "-o", "all_index.parquet", "-q", folder=folder)
    with serving.Server(binary, "--index", "all_index.parquet", folder=folder) as server:
        page = Page(browser, server.address + "/", checks)
        page.open()
        page.until("[...document.querySelectorAll('.card img')].some(image => image.complete && image.naturalWidth > 0)")
        size = page.page.evaluate("Math.max(...[...document.querySelectorAll('.card img')].map(image => image.naturalWidth))")
        checks(0 < size <= 256, "index: cards show small pictures")
        page.open("#group=&where=" + quote("key like '%<%' or key like '%&%'"))
        texts = page.page.evaluate("[...document.querySelectorAll('.card .title')].map(title => title.textContent)")
        page.page.click("[data-place='0']")
        page.page.wait_for_selector("#detail [data-similar]")
        page.page.keyboard.press("Escape")
        checks(len(texts) == 3 and any(text.startswith("<img") for text in texts), "index: markup in names is text", str(texts))
        keys = [row["key"] for row in server.get("/api/rows?count=1000").json()["rows"]]
        picture = folder / "photos/red/0.png"
        picture = picture if picture.exists() else next((folder / "photos").rglob("*.png"))
        page.open()
        page.page.set_input_files("#drop", str(picture))
        page.settle(600)
        wanted = told(binary, folder, str(picture), "--index", "all_index.parquet")
        checks([keys[row] for row in page.keys()] == wanted, "index: a picture that is brought finds what query finds")
        page.open()
        page.page.evaluate("""bytes => {
            const data = new DataTransfer();
            data.items.add(new File([Uint8Array.from(bytes)], 'p.png', { type: 'image/png' }));
            dispatchEvent(new ClipboardEvent('paste', { clipboardData: data }));
        }""", list(picture.read_bytes()))
        page.settle(600)
        checks([keys[row] for row in page.keys()] == wanted, "index: so does one that is pasted")
        page.end("index: journeys")


def million_journey(browser, binary, folder, checks):
    random = numpy.random.default_rng(5)
    schema = pyarrow.schema([("key", pyarrow.string()), ("label", pyarrow.string()), ("embedding", pyarrow.list_(pyarrow.float32(), 8))])
    with pyarrow.parquet.ParquetWriter(folder / "million.parquet", schema) as writer:
        for start in range(0, MILLION, 100_000):
            vectors = random.standard_normal((100_000, 8), dtype=numpy.float32)
            vectors /= numpy.linalg.norm(vectors, axis=1, keepdims=True)
            vectors = pyarrow.FixedSizeListArray.from_arrays(pyarrow.array(vectors.reshape(-1)), 8)
            rows = range(start, start + 100_000)
            writer.write_table(pyarrow.table({"key": [f"{row:07}" for row in rows], "label": [f"class {row % 20:02}" for row in rows], "embedding": vectors}, schema=schema))
    serving.pokedex(binary, "index", "million.parquet", "--model", "unknown", "--kind", "exact", "-o", "million_index.parquet", "-q", folder=folder)
    with serving.Server(binary, "--index", "million_index.parquet", folder=folder) as server:
        for size in SIZES:
            page = Page(browser, server.address + "/", checks, size)
            page.open()
            checks(page.places()[0] == 0 and "1,000,000" in page.page.locator("#count").inner_text(), f"million, {size}: the first rows are there")
            page.page.focus("#grid")
            page.page.keyboard.press("End")
            page.settle()
            checks(page.places()[1] == MILLION - 1, f"million, {size}: End shows the last row")
            if size == "wide":
                box = page.page.locator("#grid").bounding_box()
                page.page.mouse.move(box["x"] + 200, box["y"] + 200)
                page.page.mouse.wheel(0, -700)
                page.settle(400)
                up = page.places()[1]
                for _ in range(12):
                    page.page.mouse.wheel(0, 400)
                    page.settle(60)
                checks(MILLION - 60 < up < MILLION - 1 and page.places()[1] == MILLION - 1, f"million, {size}: the wheel moves by lines and reaches the last row")
            page.page.evaluate("document.querySelector('#grid').scrollTop = document.querySelector('#grid').scrollHeight / 2")
            page.settle(500)
            checks(abs(page.places()[0] - MILLION / 2) < MILLION / 50, f"million, {size}: the scroll bar leads to the middle")
            page.open("#group=label")
            page.settle(1500)
            page.page.click("#minimap button:nth-child(11)")
            page.settle(400)
            checks(page.places()[0] <= 500_000 <= page.places()[1], f"million, {size}: the minimap leads to a group")
            page.end(f"million, {size}")
        slow_journey(browser, server.address + "/", checks)


def covered_journey(browser, address, checks):
    """What lies over the list: a search leaves it, and keys do not get behind it."""
    where = "site" if address.startswith("file:") else "server"
    page = Page(browser, address, checks)
    page.open("#view=help")
    page.search("fire dog")
    checks(page.page.locator("#help").is_hidden() and page.page.locator("[data-place='0'] .score").is_visible(), f"{where}: a search leaves the help")
    page.bring("drop", b"text", "a.txt", "text/plain")
    checks("a.txt: no picture" in page.page.locator("#notes").inner_text(), f"{where}: a file that is no picture is told in place")
    page.end(f"{where}: covered")
    phone = Page(browser, address, checks, "phone")
    phone.open("#row=24")
    phone.page.wait_for_selector("#detail [data-similar]")
    behind = []
    for _ in range(30):
        phone.page.keyboard.press("Tab")
        behind.append(phone.page.evaluate("document.activeElement !== document.body && !document.activeElement.closest('#detail')"))
    checks(not any(behind), f"{where}: keys do not get behind the panel that covers a phone")
    phone.end(f"{where}: covered, on a phone")


# The hash of what is on the map's canvas.
DRAWN = "document.querySelector('#points').toDataURL()"


def map_journey(browser, address, axe, checks, shots=None):
    """The map of 300 rows in three heaps, from a server or from plain files."""
    where = "site" if address.startswith("file:") else "server"
    page = Page(browser, address, checks)
    page.open()
    page.page.click("#open-map")
    page.settle(500)
    checks(page.page.locator("#map").is_visible() and page.page.locator("#grid").is_hidden(), f"{where}: the map is shown in the place of the list")
    legend = page.page.locator("#legend button").all_inner_texts()
    checks([line.split("\n")[1] for line in legend] == ["100", "100", "100"], f"{where}: the map has three heaps", str(legend))
    checks(page.page.evaluate("document.activeElement.id") == "points", f"{where}: keys go to the map")
    before = page.page.evaluate(DRAWN)
    page.page.keyboard.press("n")
    page.page.wait_for_timeout(400)
    checks(page.page.locator("#tip b").inner_text() == "000.png", f"{where}: N goes to the first point and says its name", page.page.locator("#tip").inner_text())
    page.page.keyboard.press("Enter")
    page.page.wait_for_selector("#detail h2")
    checks(page.page.evaluate("document.querySelector('#detail').dataset.row") == "0", f"{where}: Enter opens it")
    page.page.keyboard.press("Escape")
    page.settle()
    checks(page.page.locator("#detail").is_hidden() and page.page.locator("#map").is_visible(), f"{where}: Escape leads back to the map")
    page.page.keyboard.press("0")
    box = page.page.locator("#points").bounding_box()
    x, y, width, height = (box[name] for name in ("x", "y", "width", "height"))
    page.page.keyboard.press("s")
    page.page.mouse.move(x + 2, y + 2)
    page.page.mouse.down()
    for corner in ((x + width - 2, y + 2), (x + width - 2, y + height - 2), (x + 2, y + height - 2)):
        page.page.mouse.move(*corner, steps=4)
    page.page.mouse.up()
    page.settle()
    checks("300 selected" in page.page.locator("#selection").inner_text(), f"{where}: what is drawn around is selected", page.page.locator("#selection").inner_text())
    with page.page.expect_download() as download:
        page.page.click("#selection button:has-text('CSV')")
    lines = Path(download.value.path()).read_text(encoding="utf-8").splitlines()
    checks(len(lines) == 301 and lines[0].startswith("key,") and lines[1].startswith("a/000.png,"), f"{where}: the selection is taken away with all cells", f"{len(lines)}: {lines[:2]}")
    page.page.click("#selection button:has-text('Clear')")
    page.page.keyboard.press("Escape")
    page.page.click("#lasso")
    for name, act in (("a condition", lambda: (page.page.fill("#where", "number < 10"), page.page.press("#where", "Enter"))),
                      ("a group", lambda: page.page.click("#legend button >> nth=1")), ("zoom", lambda: page.page.click("#nearer"))):
        act()
        page.settle(500)
        after = page.page.evaluate(DRAWN)
        checks(after != before, f"{where}: {name} changes the map")
        before = after
    checks(page.page.locator("#count").inner_text() == "30 rows", f"{where}: the condition counts on the map as well", page.page.locator("#count").inner_text())
    page.page.fill("#where", "")
    page.page.press("#where", "Enter")
    page.search("key:b/005.png")
    checks(page.page.locator("#map").is_visible() and "nearest" in page.page.locator("#count").inner_text(), f"{where}: a search stays on the map")
    page.page.keyboard.press("n")
    page.page.wait_for_timeout(400)
    checks(page.page.locator("#tip").is_visible() and page.page.locator("#tip b").inner_text() != "…", f"{where}: keys go through what was found")
    page.page.select_option("#colour", "half")
    page.settle(400)
    checks("colour=half" in page.page.url and page.page.locator("#legend button").count() == 2, f"{where}: other colours, which the address keeps")
    page.page.reload()
    page.settle(600)
    checks(page.page.locator("#map").is_visible() and page.page.locator("#colour").input_value() == "half", f"{where}: the map is there after a reload")
    page.page.click("#open-map")
    page.settle()
    checks(page.page.locator("#grid").is_visible() and page.page.locator("[data-place='0'] .score").is_visible(), f"{where}: and the list again")
    page.end(f"{where}: map")
    if axe:
        accessible(browser, address, axe, checks, shots, {"map": "#view=map", "map-found": "#view=map&q=key%3Ab%2F005.png&row=3"})


def map_table(binary, folder):
    """A map of 300 rows in three heaps, and an index of it: FOLDER/heaps.parquet, FOLDER/heaps_index.parquet."""
    random = numpy.random.default_rng(3)
    centres = random.standard_normal((3, 16))
    vectors = (numpy.repeat(centres, 100, axis=0) + 0.2 * random.standard_normal((300, 16))).astype(numpy.float32)
    flat = pyarrow.FixedSizeListArray.from_arrays(pyarrow.array(vectors.reshape(-1)), 16)
    rows = range(300)
    pyarrow.parquet.write_table(pyarrow.table({
        "key": [f"{'abc'[row // 100]}/{row % 100:03}.png" for row in rows], "label": [f"heap {'abc'[row // 100]}" for row in rows], "number": [row % 100 for row in rows],
        "half": ["first" if row % 100 < 50 else "second" for row in rows], "embedding": flat}), folder / "raw.parquet")
    serving.pokedex(binary, "map", "raw.parquet", "-o", "heaps.parquet", "-q", folder=folder)
    serving.pokedex(binary, "index", "heaps.parquet", "--model", "unknown", "--columns", "all", "-o", "heaps_index.parquet", "-q", folder=folder)


def map_journeys(browser, binary, folder, axe, checks, shots):
    map_table(binary, folder)
    with serving.Server(binary, "--index", "heaps_index.parquet", folder=folder) as server:
        map_journey(browser, server.address + "/", axe, checks, shots)
    serving.pokedex(binary, "export", "heaps.parquet", "--format", "site", "-o", "heaps_site", "-q", folder=folder)
    map_journey(browser, (folder / "heaps_site/index.html").as_uri(), None, checks)


def unknown_journey(browser, address, checks):
    """A picture of none of the classes."""
    page = Page(browser, address, checks)
    told = {"rejected": True, "predictions": [{"label": "Pikachu", "probability": 0.1}]}
    page.page.route("**/api/classify*", lambda route: route.fulfill(json=told))
    page.open("#view=which")
    page.bring("drop", serving.png())
    page.page.wait_for_selector("#which .unknown")
    lines = page.page.locator("#which .answer").inner_text().split("\n")
    checks(lines[0].startswith("Unknown") and lines[1:] == ["Pikachu", "10.0 %", "Show what is like it"], "server: a picture of no class is unknown", str(lines))
    page.end("server: unknown")


def history_journey(browser, address, checks):
    """A picture is dropped; back to before it, forward to it, and a reload, which cannot keep it."""
    page = Page(browser, address, checks)
    page.open()
    page.bring("drop", serving.png())
    found = page.keys()
    checks("nearest" in page.page.locator("#count").inner_text(), "server: a picture that is dropped is looked for")
    page.page.go_back()
    page.settle(600)
    checks(page.keys(3) == [0, 1, 2] and page.page.locator("#picture").is_hidden(), "server: back to before the picture")
    page.page.go_forward()
    page.settle(600)
    checks(page.keys() == found and page.page.locator("#picture").is_visible(), "server: forward to the picture")
    page.page.reload()
    page.settle(600)
    checks("bring it again" in page.page.locator("#notes").inner_text(), "server: a reload says that the picture is gone")
    page.end("server: pictures in the history")


def replaced_journey(browser, binary, folder, checks):
    """Another index takes the place of the one that the page shows."""
    if not (folder / "e.parquet").exists():
        serving.photographs(binary, folder)
    index = lambda *rest: serving.pokedex(binary, "index", "e.parquet", "--kind", "exact", "-o", "new.parquet", "-q", *rest, folder=folder)
    index()
    with serving.Server(binary, "--index", "new.parquet", folder=folder) as server:
        page = Page(browser, server.address + "/", checks)
        page.open("#group=")
        page.page.focus("#grid")
        page.page.keyboard.press("Space")
        page.settle()
        checks(page.page.locator("#selection").is_visible(), "replaced: a row of the old index is selected")
        before = server.get("/api/about").json()["identity"]
        rows = pyarrow.parquet.read_table(folder / "e.parquet")
        pyarrow.parquet.write_table(rows.slice(5), folder / "e.parquet")
        index()
        end = time.monotonic() + 60
        while server.get("/api/about").json()["identity"] == before:
            if time.monotonic() > end:
                raise TimeoutError("the index is not taken over")
            time.sleep(0.2)
        wanted = server.get("/api/rows/0").json()["key"].split("/")[-1]
        page.page.keyboard.press("Enter")
        page.page.wait_for_selector("#detail [data-similar]")
        page.settle(600)
        texts = [page.page.locator(name).inner_text() for name in ("#count", "#notes", "#detail h2")]
        right = texts[0] == f"{len(rows) - 5} rows" and "was replaced" in texts[1] and texts[2] == wanted
        checks(right, "replaced: the new index is shown", f"{texts} and not {wanted}")
        checks(page.page.locator("#selection").is_hidden(), "replaced: rows of the old one are selected no more")
        page.excuse(409)
        page.end("replaced")


def slow_journey(browser, address, checks):
    """Far through a million rows over a slow line: what is passed on the way is not waited for."""
    page = Page(browser, address, checks)
    page.open("#group=")
    network = page.context.new_cdp_session(page.page)
    network.send("Network.enable")
    network.send("Network.emulateNetworkConditions", {"offline": False, "latency": 300, "downloadThroughput": 1_000_000, "uploadThroughput": 1_000_000})
    asked = []
    page.page.on("request", lambda request: asked.append(request.url) if "/api/rows?" in request.url else None)
    for step in range(1, 81):
        page.page.evaluate("step => { const grid = document.querySelector('#grid'); grid.scrollTop = grid.scrollHeight * step / 100; }", step)
        page.page.wait_for_timeout(16)
    start = time.monotonic()
    page.until("[...document.querySelectorAll('.card')].every(card => card.dataset.row !== undefined)", 60)
    checks(len(asked) < 40, "million: a slow line is asked for little", f"{len(asked)} questions, {time.monotonic() - start:.1f} s")
    page.end("million: a slow line")


def accessible(browser, address, axe, checks, shots, views):
    """What axe-core finds serious, in every view, size and colour scheme; and pictures for people to look at."""
    source = Path(axe).read_text(encoding="utf-8")
    for size in SIZES:
        for scheme in ["light", "dark"]:
            for name, fragment in views.items():
                page = Page(browser, address, checks, size, scheme)
                page.open(fragment)
                page.settle(500)
                if shots:
                    page.page.screenshot(path=f"{shots}/{name}_{size}_{scheme}.png")
                page.page.evaluate(source)
                found = page.page.evaluate("axe.run(document, { resultTypes: ['violations'], preload: false })")
                serious = [f"{one['id']}: {one['nodes'][0]['html'][:100]}" for one in found["violations"] if one["impact"] in ("serious", "critical")]
                checks(not serious, f"axe: {name}, {size}, {scheme}", "; ".join(serious))
                page.end(f"{name}, {size}, {scheme}")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("binary")
    parser.add_argument("--axe", required=True)
    parser.add_argument("--chromium", default="/usr/bin/chromium")
    parser.add_argument("--shots")
    parser.add_argument("--site")
    parser.add_argument("--address")
    args = parser.parse_args()
    binary = str(Path(args.binary).resolve())
    checks = serving.Checks()
    start = time.monotonic()
    views = {"start": "", "search": "#q=fire+dog", "detail": "#row=24", "weak": "#q=asdf+qwer", "which": "#view=which", "help": "#view=help"}
    if args.shots:
        Path(args.shots).mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        folder = Path(folder)
        browser = playwright.chromium.launch(executable_path=args.chromium, args=["--no-sandbox"])
        with serving.Running(args.address) if args.address else serving.Server(binary, folder=folder) as server:
            pokedex_journeys(browser, binary, server.address + "/", folder, checks)
            which_journey(browser, server.address + "/", folder, checks)
            covered_journey(browser, server.address + "/", checks)
            unknown_journey(browser, server.address + "/", checks)
            history_journey(browser, server.address + "/", checks)
            accessible(browser, server.address + "/", args.axe, checks, args.shots, views)
        if not args.address:
            map_journeys(browser, binary, folder, args.axe, checks, args.shots)
            photo_journeys(browser, binary, folder, checks)
            replaced_journey(browser, binary, folder, checks)
            million_journey(browser, binary, folder, checks)
        if args.site:
            address = (Path(args.site).resolve() / "index.html").as_uri()
            pokedex_journeys(browser, binary, address, folder, checks)
            covered_journey(browser, address, checks)
            accessible(browser, address, args.axe, checks, None, {"site": "#row=24"})
        browser.close()
    print(f"{time.monotonic() - start:.0f} s")
    checks.end()


if __name__ == "__main__":
    main()
