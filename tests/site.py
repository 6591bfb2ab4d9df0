"""Checks that a page without a server answers as the program does: `export --format site`, its scripts run in Node.

  words      what the fused search of the Pokédex and a search by cosines find: the first ten rows, their scores, the notes
  limits     --where, --top, --offset, --min-score and --diverse
  near       the neighbours that were worked out beforehand, and those that are not
  conditions the rows for which each holds, and what is said of those that are none
  views      rows sorted and in groups
  files      every link leads to a file, no file is missing or too much, the same bytes twice

Asks what it makes of the facts of the species and a fixed seed, and needs Node. With --pictures FOLDER a site of these
pictures is made too, and its size told. Exit status: 0 when all checks pass, 1 otherwise.
"""

import argparse
import hashlib
import json
import random
import re
import struct
import subprocess
import sys
import tempfile
import zlib
from pathlib import Path
from urllib.parse import unquote

HERE = Path(__file__).parent
TOP = 10
# Scores of sums that are added up in another order; what lies closer may change places.
SCORE, TIE = 1e-4, 5e-7
MOST_BYTES = 25_000_000

CONDITIONS = [
    "near(hp, generation, 50, 5, 2000) and not near(hp, attack, 0, 0, null)", "year(date '2024-02-03') = 2024 and hour(timestamp '2024-02-03 10:11:12') = 10",
    "list_contains(null, label) is null",
    "generation = 1",
    "generation < 3 and type1 = 'fire'",
    "type1 = 'fire' or type2 = 'fire'",
    "not (type2 = 'flying')",
    "type2 is null",
    "type2 is not null and habitat is null",
    "type2 <> 'flying'",
    "type2 is distinct from 'flying'",
    "type2 is not distinct from null",
    "id in (1, 25, 150, null)",
    "id not in (1, 25, 150)",
    "id not in (1, null)",
    "id in (1,2,3,4,5,6,7,8,9,10,11,12,13)",
    "generation between 2 and 4",
    "generation not between 2 and 8",
    "height_m between 0.4 and 0.7",
    "height_m = 0.4",
    "height_m = 4e-1",
    "height_m > 0.7 and height_m <= 1",
    "weight_kg / height_m > 200",
    "weight_kg * 2 < 1.5",
    "hp + attack + defense > 350",
    "hp * 1.5 = 90",
    "hp % 7 = 0",
    "hp % 0 is null",
    "-hp < -150",
    "hp / 3 = 20",
    "speed > attack and speed > special_attack",
    "name like 'C%'",
    "label like '%a_r%'",
    "label not like '%a%'",
    "label ilike 'CHAR%'",
    "label like 'Mr!. %' escape '!'",
    "genus ilike '%MOUSE%'",
    "lower(label) = 'pikachu'",
    "upper(label) like 'FLAB%'",
    "length(label) = 4",
    "length(label) > 11",
    "starts_with(label, 'Pi') or ends_with(label, 'chu')",
    "contains(looks_like, 'fox')",
    "looks_like like '%dog%' and color = 'red'",
    "is_legendary",
    "not is_legendary and is_mythical = true",
    "is_baby is true",
    "is_baby is not false",
    "is_mythical is unknown",
    "evolves_from_id is null and is_baby",
    "evolves_from_id = id - 1",
    "label > 'X'",
    "label >= 'É'",
    "\"label\" = 'Farfetch’d'",
    "LABEL = 'Type: Null'",
    "1 = 1",
    "null",
    "generation = 1 -- and no more\n and hp > 100",
    "generation /* a /* comment */ = 9",
    "(generation = 1 or generation = 2) and (type1 = 'water' or type1 = 'ice')",
    "id * 3000000000 > 3000000000000",
    "id > 18446744073709551615",
    "'fire' = type1",
]

WRONG = [
    "year(label) = 1", "near(hp, 1, 1)", "near(label, 1, 1, 1, 1)", "near(hp, 1, 91, 1, 1)", "1 in label", "list_contains(label, 1)",
    "typ1 = 'fire'",
    "id = '25'",
    "label = 25",
    "id = ",
    "id = 1 or )",
    "label = 'x",
    "id = 1;",
    "1 < id < 3",
    "sum(id) > 3",
    "id::text = '1'",
    "id > (select 1)",
    "label like id",
    "lower(id) = 'x'",
    "is_baby = 1",
    "label",
    "id",
    "case when is_baby then is_baby end",
    "id + label = 3",
    "id in (1, 'x')",
    "label like 'a!' escape '!'",
    "id | 1 = 3",
    "lower(label, 'x') = 'x'",
    "9223372036854775807 + id > 0",
    "-- nothing",
    "id = 1 /* and",
    "\"id = 1",
    "id = 1 and (hp > 3",
    "id between 1",
    "label ilike",
    "id in ()",
    "1e999 > id",
    "length(id, 2) = 1",
    "starts_with(label) = 1",
    "label.x = 1",
    "nothing.x = 1",
    "id = 1 = is_baby",
    "id in (1) in (2)",
    "is_baby is true is false and id",
    "label similar to 'x'",
    "exists (select 1)",
    "(id, 1) = (1, 2)",
    "id = 0x1f",
    "- label = 1",
    "id not 3",
    "id = = 3",
    "date '2024-13-01' = '2024-01-01'",
]


class Checks:
    """Counts what holds and says what does not."""

    def __init__(self):
        self.failed, self.passed, self.ties = 0, 0, 0

    def that(self, holds, what):
        if holds:
            self.passed += 1
        else:
            self.failed += 1
            print(f"FAILED  {what}")

    def equal(self, ours, theirs, what):
        self.that(ours == theirs, f"{what}: the site has {shown(ours)}, the program {shown(theirs)}")


def shown(value):
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) < 300 else text[:300] + "…"


class Program:
    def __init__(self, binary, folder):
        self.binary, self.folder = binary, folder

    def run(self, *arguments, stdin=None, code=0):
        done = subprocess.run([self.binary, *arguments], cwd=self.folder, input=stdin, capture_output=True)
        if code is not None and done.returncode != code:
            sys.exit(f"{' '.join(arguments)}: {done.stderr.decode()}")
        return done

    def json(self, *arguments):
        return json.loads(self.run(*arguments, "--format", "json").stdout)


def ask(site, questions):
    """What the source of a site answers to calls of its functions."""
    calls = json.dumps([{"call": call, "args": args} for call, *args in questions]).encode()
    done = subprocess.run(["node", HERE / "site.js", site], input=calls, capture_output=True)
    if done.returncode != 0:
        sys.exit(done.stderr.decode())
    return json.loads(done.stdout)


def slip(rng, word):
    """A word with a letter more, less, other or swapped."""
    at, letter = rng.randrange(1, max(len(word), 2)), rng.choice("abcdefghijklmnopqrstuvwxyz")
    more, less, other = word[:at] + letter + word[at:], word[:at] + word[at + 1 :], word[:at] + letter + word[at + 1 :]
    return rng.choice([more, less, other, word[: at - 1] + word[at : at + 1] + word[at - 1] + word[at + 1 :]])


def questions(species):
    rng = random.Random(25)
    facts = [row[name] for row in species for name in ("looks_like", "features", "themes") if row[name]]
    phrases = sorted({phrase for fact in facts for phrase in fact.split(", ")})
    words = sorted({word for fact in facts for word in re.findall("[a-z]+", fact.lower())})
    names = [row["label"] for row in species]
    phrase, word, name = (lambda: rng.choice(phrases)), (lambda: rng.choice(words)), (lambda: rng.choice(names))
    key, number = (lambda: f"key:{rng.choice(species)['key']}"), (lambda: f"id:{rng.randrange(1, 1026)}")
    sign, weight = (lambda: rng.choice("+-")), (lambda: rng.choice(["2", "0.5", "3", ".25", "1."]))
    makers = [
        (50, phrase),
        (50, lambda: " ".join(rng.sample(words, rng.randrange(1, 4)))),
        (40, lambda: slip(rng, name())),
        (20, lambda: f"a {slip(rng, name().lower())} with {word()}"),
        (40, lambda: f"{slip(rng, word())} {slip(rng, word())}"),
        (30, lambda: f"{phrase()} {sign()} {phrase()}"),
        (20, lambda: f"{weight()}:{phrase()} {sign()} {weight()}:{word()}"),
        (15, number),
        (15, lambda: f"{key()} {sign()} {phrase()}"),
        (15, lambda: f"{number()} + {key()} - {word()}"),
    ]
    made = [make() for count, make in makers for _ in range(count)]
    return made + [
        "Type: Null", "Flabébé", "flabebe pink", "nidoran f", "Nidoran♀", "mr rhime", "Farfetch'd", "ho oh", "火の犬",
        "🔥 dragon", "a", "Pokémon café, naïve!", "mice", "people with feet", "DOGS & cats", "fire, fire, fire", "x" * 120,
        "pika choo", "a golbet on a table", "golbet", "chamelion", "straße", "a  b   c", "'tis", "Ｆｉｒｅ", "ﬁsh", "İstanbul",
        "- fire", "- fire + water", "mew2", "10,000,000 volts", "zzzzzzzz", "the of and",
    ]  # fmt: skip


def by_query(rows, asked):
    hits = {query: [] for query in asked}
    for row in rows:
        hits[row["query"]].append(row)
    return hits


def compare_hits(checks, what, ours, theirs):
    """The first ten, in order; rows whose scores are all but equal may change places."""
    scores = {row["key"]: row["score"] for row in theirs}
    for place, (own, its) in enumerate(zip(ours[:TOP], theirs[:TOP])):
        tie = abs(scores.get(own["key"], -9) - its["score"]) < TIE
        checks.ties += own["key"] != its["key"] and tie
        if own["key"] != its["key"] and not tie:
            checks.that(False, f"{what}: rank {place + 1} is {own['key']} ({own['score']}), not {its['key']} ({its['score']})")
            return
        if abs(own["score"] - its["score"]) > SCORE:
            checks.that(False, f"{what}: {own['key']} has {own['score']}, not {its['score']}")
            return
    checks.that(len(ours[:TOP]) == len(theirs[:TOP]), f"{what}: {len(ours)} rows, not {len(theirs)}")


def said(done):
    return [line.removeprefix("pokedex: ") for line in done.stderr.decode().splitlines()]


def check_words(checks, program, site, asked, index):
    lines = program.folder / "queries.txt"
    lines.write_text("".join(f"{query}\n" for query in asked))
    done = program.run("query", "--literal", "--queries", "queries.txt", "--top", str(TOP + 2), "--format", "json", *index)
    theirs, answers = by_query(json.loads(done.stdout), asked), ask(site, [("search", {"q": query}) for query in asked])
    notes = []
    for query, answer in zip(asked, answers):
        checks.that("value" in answer, f"{query}: {answer}")
        if "value" in answer:
            compare_hits(checks, query, answer["value"]["hits"], theirs[query])
            notes += answer["value"]["notes"]
    checks.equal(notes, [line for line in said(done) if not line.startswith(("hint:", "nothing is much"))], "notes")
    return len(asked)


def check_limits(checks, program, site, index):
    cases = [
        ("fire dog", {"where": "generation = 1"}, ["--where", "generation = 1"]),
        ("fire dog", {"where": "generation < 3 and type1 = 'water'", "top": 5}, ["--where", "generation < 3 and type1 = 'water'", "--top", "5"]),
        ("electric mouse", {"top": 3, "offset": 7}, ["--top", "3", "--offset", "7"]),
        ("electric mouse", {"top": 6, "diverse": 0.5}, ["--top", "6", "--diverse=0.5"]),
        ("id:25 - red", {"top": 8, "diverse": 0.3, "where": "hp > 50"}, ["--top", "8", "--diverse=0.3", "--where", "hp > 50"]),
        ("ghost", {"min_score": 0.45, "top": 40}, ["--min-score", "0.45", "--top", "40"]),
        ("fire dog", {"where": "generation > 99"}, ["--where", "generation > 99"]),
        ("fyre dog", {"where": "id = 58"}, ["--where", "id = 58"]),
    ]
    answers = ask(site, [("search", {"q": query, **limits}) for query, limits, _ in cases])
    for (query, limits, flags), answer in zip(cases, answers):
        (program.folder / "query.txt").write_text(f"{query}\n")
        done = program.run("query", "--literal", "--queries", "query.txt", "--format", "json", *flags, *index)
        theirs, what = json.loads(done.stdout), f"{query} {limits}"
        compare_hits(checks, what, answer["value"]["hits"], theirs)
        checks.equal([hit["rank"] for hit in answer["value"]["hits"]], [row["rank"] for row in theirs], what)
        checks.equal(answer["value"]["notes"], [line for line in said(done) if "read as" in line], what)
        checks.that(answer["value"]["weak"] or theirs, f"{what}: finds nothing, and does not say so")
    for query in ["fire -", "id:pikachu", "key:nobody", "id:9999", "fire - fire"]:
        done = program.run("query", "--literal", *query.split(" "), *index, code=None)
        answer = ask(site, [("search", {"q": query})])[0]
        checks.equal(answer.get("message"), said(done)[0], query)
    for query in ["img:a.png", "./a.png", "vec:a.npy", "../a", "/a", "~/a"]:
        answer = ask(site, [("search", {"q": f"fire + {query}"})])[0]
        checks.that(answer.get("status") == 400 and "files of this machine cannot be asked by" in answer["message"], f"{query}: {answer}")


def check_near(checks, program, site, species, index):
    rng = random.Random(7)
    rows = rng.sample(range(len(species)), 40)
    lines = [f"key:{species[row]['key']}" for row in rows]
    (program.folder / "near.txt").write_text("".join(f"{line}\n" for line in lines))
    theirs = by_query(program.json("query", "--literal", "--queries", "near.txt", "--top", "15", *index), lines)
    near = ask(site, [("similar", row, {"top": 12}) for row in rows])
    more = ask(site, [("similar", row, {"top": 15}) for row in rows])
    for line, first, all_ in zip(lines, near, more):
        compare_hits(checks, f"near {line}", first["value"]["hits"], theirs[line])
        compare_hits(checks, f"more {line}", all_["value"]["hits"][5:], theirs[line][5:])
        keys = [[hit["key"] for hit in answer["value"]["hits"]] for answer in (first, all_)]
        checks.that(len(keys[0]) == 12 and len(keys[1]) == 15, f"near {line}: {keys}")


def check_conditions(checks, program, site):
    answers = ask(site, [("rows", {"where": condition, "count": 1000}) for condition in CONDITIONS])
    ends = ask(site, [("rows", {"where": condition, "from": 1000, "count": 1000}) for condition in CONDITIONS])
    for condition, answer, end in zip(CONDITIONS, answers, ends):
        theirs = program.json("export", "species.parquet", "--columns", "key", "--where", condition)
        if "value" not in answer:
            checks.that(False, f"{condition}: {answer}")
            continue
        ours = [row["key"] for row in answer["value"]["rows"] + end["value"]["rows"]]
        checks.equal(ours, [row["key"] for row in theirs], condition)
        checks.equal(answer["value"]["total"], len(theirs), condition)
    for condition, answer in zip(WRONG, ask(site, [("rows", {"where": condition}) for condition in WRONG])):
        done = program.run("export", "species.parquet", "--format", "csv", "--columns", "key", "--where", condition, code=None)
        checks.that(done.returncode != 0, f"{condition}: is accepted")
        checks.equal(answer.get("message"), said(done)[0], condition)
        hints = [line.removeprefix("hint: ") for line in said(done)[1:]]
        # The table has columns that a site has not.
        short = lambda hint: (hint or "").split(" The table has ")[0]
        checks.equal(short(answer.get("hint")), short(hints[0] if hints else None), f"hint of {condition}")
    return len(CONDITIONS) + len(WRONG)


def check_views(checks, site, species):
    def by(name, down=False):
        there = [row for row in species if row[name] is not None]
        key = lambda row: row[name].encode() if isinstance(row[name], str) else row[name]
        return sorted(there, key=key, reverse=down) if not down else down_stable(there, key)

    def down_stable(rows, key):
        return [row for value in sorted({key(row) for row in rows}, reverse=True) for row in rows if key(row) == value]

    missing = lambda name: [row for row in species if row[name] is None]
    for name in ["weight_kg", "label", "type2", "evolves_from_id", "is_baby"]:
        for sign in ["", "-"]:
            answers = ask(site, [("rows", {"sort": sign + name, "from": at, "count": 1000}) for at in (0, 1000)])
            ours = [row["key"] for answer in answers for row in answer["value"]["rows"]]
            checks.equal(ours, [row["key"] for row in by(name, sign == "-") + missing(name)], f"sorted by {sign}{name}")
    for name in ["generation", "type2", "is_legendary"]:
        answer, rows = ask(site, [("groups", {"group": name}), ("rows", {"group": name, "sort": "-hp", "count": 300})])
        expected = {}
        for row in by(name) + missing(name):
            expected[row[name]] = expected.get(row[name], 0) + 1
        groups = answer["value"]["groups"]
        checks.equal([[g["value"], g["count"]] for g in groups], [list(pair) for pair in expected.items()], f"groups of {name}")
        starts = [sum(g["count"] for g in groups[:at]) for at in range(len(groups))]
        checks.equal([g["from"] for g in groups], starts, f"beginnings of groups of {name}")
        first = sorted((row for row in species if row[name] == groups[0]["value"]), key=lambda row: -row["hp"])[:300]
        checks.equal([row["key"] for row in rows["value"]["rows"][: len(first)]], [row["key"] for row in first], f"rows in groups of {name}")
    wrong = [("rows", {"sort": "wieght_kg"}), ("groups", {"group": "nothing"}), ("row", 5000), ("row", -1)]
    for call, answer in zip(wrong, ask(site, wrong)):
        checks.that(answer.get("status") in (400, 404), f"{call}: {answer}")
    about, row, rows = ask(site, [("about",), ("row", 24), ("rows", {"from": 499, "count": 3})])
    checks.equal([column["name"] for column in about["value"]["columns"]][:3], ["key", "id", "label"], "columns")
    expected = {name: value for name, value in species[24].items() if name not in ("embedding", "embedding_model")}
    checks.equal({name: value for name, value in row["value"].items() if name != "row"}, expected, "a row")
    checks.equal([row["row"] for row in rows["value"]["rows"]], [499, 500, 501], "rows of two files")


def png(path, number):
    """A picture of a colour with a square of another, turned and sized by its number."""
    width, height = 60 + number % 7 * 50, 40 + number % 5 * 80
    one, other = ((number * 97) % 256, (number * 31) % 256, (number * 59) % 256), (255 - number % 200, number % 256, 90)
    lines = b""
    for y in range(height):
        inside = height // 4 < y < height // 2
        lines += b"\0" + b"".join(bytes(other if inside and width // 3 < x < width // 2 else one) for x in range(width))
    def chunk(name, data):
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(lines)) + chunk(b"IEND", b""))


def files(site):
    return {str(path.relative_to(site)): path.read_bytes() for path in sorted(site.rglob("*")) if path.is_file()}


def check_files(checks, site, pictured):
    """Every link of the document, of its style and of the data leads to a file, and every file is led to."""
    there, led = set(files(site)), {"index.html", "manifest.parquet"}
    html = (site / "index.html").read_text()
    led |= {link for link in re.findall(r'(?:src|href)="([^"#]*)"', html) if ":" not in link and link}
    for style in [name for name in there if name.endswith(".css")]:
        led |= {str(Path(style).parent / link) for link in re.findall(r"url\([\"']?([^)\"':]*)", (site / style).read_text())}
    about = ask(site, [("about",)])[0]["value"]
    parts = -(-about["rows"] // 500)
    led |= {f"data/rows-{part}.js" for part in range(parts)} | {"data/about.js", "data/vectors.js", "data/near.js"}
    led |= {"data/text.js"} if about["words"] else set()
    led |= {"data/map.js"} if about["map"] else set()
    urls = thumbnails(site, about["rows"])
    led |= {unquote(url) for url in urls if url is not None}
    checks.equal(sum(url is not None for url in urls), pictured, f"{site.name}: pictures")
    checks.that(led <= there, f"{site.name}: leads to {sorted(led - there)[:5]}, which is not there")
    # A host may keep back what begins so.
    checks.that(not [name for name in there if Path(name).name[0] in "._#"], f"{site.name}: hidden files")
    checks.that(there <= led, f"{site.name}: nothing leads to {sorted(there - led)[:5]}")
    return sum(len(content) for content in files(site).values())


def thumbnails(site, rows):
    """The addresses of the small pictures of all rows."""
    script = (
        f"process.argv[2] = {json.dumps(str(site))}; require('node:fs').readFileSync = ((read) => (file, ...rest) => "
        "file === 0 ? '[]' : read(file, ...rest))(require('node:fs').readFileSync); "
        f"require({json.dumps(str(HERE / 'site.js'))}); const all = []; (async () => {{ await pokedex.source.about(); "
        f"for (let from = 0; from < {rows}; from += 1000) all.push(...(await pokedex.source.rows({{ from, count: 1000 }})).rows); "
        "process.stdout.write('\\n' + JSON.stringify(all.map((row) => pokedex.source.thumbnail(row, 256)))); })();"
    )
    done = subprocess.run(["node", "-e", script], capture_output=True)
    if done.returncode != 0:
        sys.exit(done.stderr.decode())
    return json.loads(done.stdout.decode().split("\n")[-1])


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("binary", type=lambda name: str(Path(name).resolve()))
    parser.add_argument("--pictures", type=lambda name: str(Path(name).resolve()))
    args = parser.parse_args()
    checks = Checks()
    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        program = Program(args.binary, folder)
        program.run("export", "pokedex:", "-o", "species.parquet")
        species = json.loads(program.run("export", "pokedex:", "--format", "json").stdout)
        program.run("export", "pokedex:", "--format", "site", "-o", "fused")
        program.run("export", "species.parquet", "--format", "site", "-o", "cosine")
        asked = questions(species)
        for name, index in [("fused", []), ("cosine", ["--index", "species.parquet"])]:
            count = check_words(checks, program, folder / name, asked, index)
            check_limits(checks, program, folder / name, index)
            check_near(checks, program, folder / name, species, index)
            print(f"{name}: {count} questions, {checks.ties} ties that changed places; {checks.failed} checks failed so far")
        print(f"{check_conditions(checks, program, folder / 'cosine')} conditions")
        check_views(checks, folder / "cosine", species)

        odd = ["plain", "a b", "100%", "x#y", "é", "<b>bold</b>", "q\"uote", "amp&amp", "it's", "_under", "star~"]
        for number, name in enumerate(odd + [f"{n:03}" for n in range(30)]):
            png(folder / "pictures" / f"{name.replace('/', '_')}.png", number)
        program.run("embed", "pictures", "-o", "pictures.parquet")
        program.run("export", "pictures.parquet", "--format", "site", "-o", "pictured")
        checks.that(check_files(checks, folder / "pictured", len(odd) + 30) > 0, "a site of pictures")
        for name in ["fused", "cosine"]:
            checks.that(check_files(checks, folder / name, 0) < MOST_BYTES, f"{name} is too large")
        answer = ask(folder / "pictured", [("search", {"q": "a red square"}), ("similar", 3, {"top": 3}), ("about",)])
        checks.that(all("value" in one for one in answer), f"pictures: {answer}")

        for source, name in [("pokedex:", "fused"), ("species.parquet", "cosine"), ("pictures.parquet", "pictured")]:
            first = files(folder / name)
            program.run("export", source, "--format", "site", "-o", f"{name}-again")
            program.run("export", source, "--format", "site", "-o", name)
            for again in (files(folder / f"{name}-again"), files(folder / name)):
                checks.that(again == first, f"{name}: other bytes in {[f for f in first if again.get(f) != first[f]][:3]}")
            digest = hashlib.sha256(b"".join(first.values())).hexdigest()[:12]
            print(f"{name}: {len(first)} files, {sum(map(len, first.values())) / 1e6:.2f} MB, {digest}")

        if args.pictures:
            program.run("embed", args.pictures, "-o", "given.parquet", code=None)
            program.run("export", "given.parquet", "--format", "site", "-o", "given", code=None)
            size, count = sum(map(len, files(folder / "given").values())), len(files(folder / "given")) - 10
            print(f"{args.pictures}: {count} files, {size / 1e6:.2f} MB")
            checks.that(size < MOST_BYTES or count > 1200, f"{args.pictures}: {size} bytes")
    print(f"{checks.passed} checks passed, {checks.failed} failed, {checks.ties} ties")
    sys.exit(checks.failed > 0)


if __name__ == "__main__":
    main()
