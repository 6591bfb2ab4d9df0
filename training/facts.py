"""Write what the built-in Pokédex knows: pokedex.arrow, forms.arrow and names.tsv, from PokéAPI's tables and concepts.csv.

    python training/facts.py --data ../shared/data --work WORK --out assets/model

makes them again with the vectors that the table in `--out` holds; `export.py` calls the same with new ones. A form's vector
is its species', moved by what the text tower says of the types that differ.
"""
import argparse
import unicodedata
from collections import defaultdict
from pathlib import Path

import numpy as np
import pyarrow as pa
import torch

from common import HERE, Tokenizer, pad_batch, read_csv
from text import TextTower

STATS = ("hp", "attack", "defense", "special_attack", "special_defense", "speed")
LANGUAGES = {"1": "ja", "2": "ja-latn", "3": "ko", "4": "zh-hant", "5": "fr", "6": "de", "7": "es", "8": "it", "9": "en",
             "10": "cs", "11": "ja", "12": "zh-hans", "13": "pt", "14": "es"}
# The stones among the items by which a species evolves.
STONES = {80: "sun stone", 81: "moon stone", 82: "fire stone", 83: "thunder stone", 84: "water stone", 85: "leaf stone",
          107: "shiny stone", 108: "dusk stone", 109: "dawn stone", 885: "ice stone"}
EGG_GROUPS = {"water1": "water 1", "water2": "water 2", "water3": "water 3", "plant": "grass", "humanshape": "human-like",
              "indeterminate": "amorphous", "no-eggs": "no eggs"}
# What no table of PokéAPI says: which species people name together. Of starters and fossils the whole families are meant.
FAMILIES = {
    "starter": [1, 4, 7, 152, 155, 158, 252, 255, 258, 387, 390, 393, 495, 498, 501, 650, 653, 656, 722, 725, 728, 810, 813, 816,
                906, 909, 912],
    "fossil": [138, 140, 142, 345, 347, 408, 410, 564, 566, 696, 698, 880, 881, 882, 883],
}
GROUPS = {
    "pseudo-legendary": [149, 248, 373, 376, 445, 635, 706, 784, 887, 998],
    "ultra beast": [*range(793, 800), *range(803, 807)],
    "paradox": [*range(984, 996), *range(1005, 1011), *range(1020, 1024)],
    "legendary birds": [144, 145, 146], "legendary beasts": [243, 244, 245], "tower duo": [249, 250], "mew duo": [150, 151],
    "legendary titans": [377, 378, 379, 486, 894, 895], "eon duo": [380, 381], "weather trio": [382, 383, 384],
    "lake guardians": [480, 481, 482], "creation trio": [483, 484, 487], "lunar duo": [488, 491],
    "swords of justice": [638, 639, 640, 647], "forces of nature": [641, 642, 645, 905], "tao trio": [643, 644, 646],
    "aura trio": [716, 717, 718], "guardian deities": [785, 786, 787, 788], "light trio": [791, 792, 800],
    "hero duo": [888, 889], "treasures of ruin": [1001, 1002, 1003, 1004], "loyal three": [1014, 1015, 1016],
    "elemental monkeys": [511, 512, 513, 514, 515, 516],
    "eeveelution": [134, 135, 136, 196, 197, 470, 471, 700],
}
# What people call forms beside their names.
NICKNAMES = {
    "rotom-wash": ["washing machine rotom", "rotom washing machine"], "rotom-heat": ["oven rotom", "microwave rotom"],
    "rotom-frost": ["fridge rotom", "refrigerator rotom", "rotom fridge"], "rotom-mow": ["lawn mower rotom", "lawnmower rotom"],
    "eternatus-eternamax": ["eternamax"],
}
# Words that say that a form is meant, and not which.
FORM_WORDS = {"form", "forme", "mode", "style", "breed", "mask", "rider", "size", "cloak", "plumage", "core", "build", "striped"}
# Forms whose names PokéAPI does not tell apart, or does not tell.
SAME_NAME = {"zygarde-10-power-construct": "10% Zygarde (Power Construct)", "meowstic-female-mega": "Mega Meowstic (female)"}


class Tables:
    """PokéAPI's tables as dictionaries."""

    def __init__(self, data):
        folder = Path(data) / "pokeapi"
        self.read = lambda name: read_csv(folder / f"{name}.csv")
        self.species = {int(r["id"]): r for r in self.read("pokemon_species")}
        every = self.read("pokemon")
        self.default = {int(r["species_id"]): r for r in every if r["is_default"] == "1"}
        self.others = [r for r in every if r["is_default"] == "0"]
        types = {r["id"]: r["identifier"] for r in self.read("types")}
        self.types = defaultdict(list)
        for r in sorted(self.read("pokemon_types"), key=lambda r: int(r["slot"])):
            self.types[r["pokemon_id"]].append(types[r["type_id"]])
        self.stats = defaultdict(dict)
        for r in self.read("pokemon_stats"):
            if int(r["stat_id"]) <= len(STATS):
                self.stats[r["pokemon_id"]][STATS[int(r["stat_id"]) - 1]] = int(r["base_stat"])
        abilities = {r["ability_id"]: r["name"].lower() for r in self.read("ability_names") if r["local_language_id"] == "9"}
        self.abilities = defaultdict(list)
        for r in sorted(self.read("pokemon_abilities"), key=lambda r: int(r["slot"])):
            if abilities[r["ability_id"]] not in self.abilities[r["pokemon_id"]]:
                self.abilities[r["pokemon_id"]].append(abilities[r["ability_id"]])
        self.chart = {(types[r["damage_type_id"]], types[r["target_type_id"]]): int(r["damage_factor"]) / 100 for r in self.read("type_efficacy")}
        self.attackers = [types[str(n)] for n in range(1, 19)]
        self.groups = {r["id"]: EGG_GROUPS.get(r["identifier"], r["identifier"]) for r in self.read("egg_groups")}
        self.eggs = defaultdict(list)
        for r in self.read("pokemon_egg_groups"):
            self.eggs[int(r["species_id"])].append(self.groups[r["egg_group_id"]])
        self.colors = {r["id"]: r["identifier"] for r in self.read("pokemon_colors")}
        self.shapes = {r["id"]: r["identifier"].replace("-", " ") for r in self.read("pokemon_shapes")}
        self.habitats = {r["id"]: r["identifier"].replace("-", " ") for r in self.read("pokemon_habitats")}
        regions = {r["id"]: r["identifier"] for r in self.read("regions")}
        self.regions = {r["id"]: regions[r["main_region_id"]] for r in self.read("generations")}
        self.versions = {r["id"]: r for r in self.read("version_groups")}
        self.forms = {r["pokemon_id"]: r for r in self.read("pokemon_forms") if r["is_default"] == "1"}
        self.form_names = defaultdict(dict)
        for r in self.read("pokemon_form_names"):
            self.form_names[r["pokemon_form_id"]][r["local_language_id"]] = r
        self.names = defaultdict(dict)
        for r in self.read("pokemon_species_names"):
            self.names[int(r["pokemon_species_id"])][r["local_language_id"]] = r["name"]
        self.genera = {int(r["pokemon_species_id"]): r["genus"] for r in self.read("pokemon_species_names") if r["local_language_id"] == "9"}
        self.parent = {i: int(r["evolves_from_species_id"]) for i, r in self.species.items() if r["evolves_from_species_id"]}
        self.ways = self.evolutions()

    def evolutions(self):
        """How each species comes of the one before: "level 16", "thunder stone", "trade"."""
        triggers = {r["id"]: r["identifier"].replace("-", " ") for r in self.read("evolution_triggers")}
        ways = defaultdict(list)
        for r in self.read("pokemon_evolution"):
            item = STONES.get(int(r["trigger_item_id"] or 0))
            trigger = triggers[r["evolution_trigger_id"]]
            if item:
                way = item
            elif r["minimum_level"]:
                way = f"level {r['minimum_level']}"
            elif r["minimum_happiness"] or r["minimum_affection"]:
                way = "friendship"
            elif trigger == "use item":
                way = "an item"
            else:
                way = trigger
            if r["time_of_day"] in ("day", "night"):
                way += f" by {r['time_of_day']}"
            if r["needs_overworld_rain"] == "1":
                way += " in rain"
            if way not in ways[int(r["evolved_species_id"])]:
                ways[int(r["evolved_species_id"])].append(way)
        return ways

    def line(self, species):
        """The species that one comes of, from the first on, itself at the end."""
        line = [species]
        while line[0] in self.parent:
            line.insert(0, self.parent[line[0]])
        return line

    def matchups(self, types):
        """How much of an attack's strength each type takes."""
        factor = {a: float(np.prod([self.chart[a, t] for t in types])) for a in self.attackers}
        some = lambda keep: ", ".join(a for a in self.attackers if keep(factor[a])) or None
        return {"weak_to": some(lambda f: f > 1), "weak_to_4x": some(lambda f: f == 4), "resists": some(lambda f: 0 < f < 1),
                "resists_4x": some(lambda f: 0 < f <= 0.25), "immune_to": some(lambda f: f == 0),
                "weaknesses": sum(f > 1 for f in factor.values()), "resistances": sum(f < 1 for f in factor.values())}

    def generation(self, pokemon, species):
        """Generation and region in which a species or form came."""
        form = self.forms.get(pokemon["id"])
        version = self.versions[form["introduced_in_version_group_id"]] if form else None
        default = pokemon["is_default"] == "1"
        number = self.species[species]["generation_id"] if default or not version else version["generation_id"]
        region = self.regions[number]
        if version and version["identifier"] == "legends-arceus":
            region = "hisui"
        for name in ("alola", "galar", "hisui", "paldea"):
            if not default and form and name in form["form_identifier"].split("-"):
                region = name
        return int(number), region

    def label(self, pokemon):
        """The English name of a form."""
        form = self.forms.get(pokemon["id"])
        name = self.form_names[form["id"]].get("9", {}).get("pokemon_name") if form else None
        if pokemon["identifier"] in SAME_NAME:
            return SAME_NAME[pokemon["identifier"]]
        species = self.names[int(pokemon["species_id"])]["9"]
        rest = pokemon["identifier"].removeprefix(self.species[int(pokemon["species_id"])]["identifier"]).strip("-")
        return name or f"{species} {rest.replace('-', ' ').title()}"

    def row(self, pokemon, concepts):
        """All that is known of a species, or of another of its forms."""
        i = int(pokemon["species_id"])
        species, types, stats = self.species[i], self.types[pokemon["id"]], self.stats[pokemon["id"]]
        generation, region = self.generation(pokemon, i)
        default = pokemon["is_default"] == "1"
        line, children = self.line(i), sorted(c for c, p in self.parent.items() if p == i)
        named = [group for group, first in FAMILIES.items() if line[0] in first]
        named += [group for group, members in GROUPS.items() if i in members]
        form = self.forms.get(pokemon["id"])
        return {
            "key": species["identifier"] if default else pokemon["identifier"], "id": i,
            "label": self.names[i]["9"] if default else self.label(pokemon),
            "form": None if default else (form and form["form_identifier"].replace("-", " ")) or None,
            "genus": self.genera[i], "generation": generation, "region": region,
            "type1": types[0], "type2": types[1] if len(types) > 1 else None,
            **stats, "total": sum(stats.values()), "bulk": stats["hp"] + stats["defense"] + stats["special_defense"],
            "height_m": int(pokemon["height"]) * 0.1, "weight_kg": int(pokemon["weight"]) * 0.1 or None,
            "color": self.colors[species["color_id"]], "shape": self.shapes.get(species["shape_id"]),
            "habitat": self.habitats.get(species["habitat_id"]), "egg_groups": ", ".join(self.eggs[i]) or None,
            "abilities": ", ".join(self.abilities[pokemon["id"]]) or None,
            "gender": {-1: "genderless", 0: "male", 8: "female"}.get(int(species["gender_rate"]), "both"),
            "is_legendary": species["is_legendary"] == "1", "is_mythical": species["is_mythical"] == "1", "is_baby": species["is_baby"] == "1",
            "groups": ", ".join(named) or None, "capture_rate": int(species["capture_rate"]),
            "family": self.species[line[0]]["identifier"], "stage": len(line),
            "evolves_from_id": self.parent.get(i), "evolves_to": ", ".join(self.species[c]["identifier"] for c in children) or None,
            "evolution": ", ".join(self.ways[i]) or None,
            "evolves_by": ", ".join(dict.fromkeys(way for c in children for way in self.ways[c])) or None, **self.matchups(types), **concepts[i],
        }


KINDS = {**{name: pa.int32() for name in ("id", "generation", *STATS, "total", "bulk", "capture_rate", "stage", "evolves_from_id", "weaknesses", "resistances")},
         **{name: pa.float32() for name in ("height_m", "weight_kg")},
         **{name: pa.bool_() for name in ("is_legendary", "is_mythical", "is_baby")}}


def write_table(path, rows, vectors, digest):
    """Rows and their vectors as an index."""
    columns = {name: pa.array([row[name] for row in rows], KINDS.get(name, pa.string())) for name in rows[0]}
    flat = pa.array(np.ascontiguousarray(vectors, np.float32).reshape(-1), pa.float32())
    kind = pa.list_(pa.field("item", pa.float32()), vectors.shape[1])
    columns["embedding"] = pa.FixedSizeListArray.from_arrays(flat, type=kind)
    columns["embedding_model"] = pa.DictionaryArray.from_arrays(
        pa.array(np.zeros(len(rows), np.int32)), pa.array([f"pokedex-mini@{digest[:16]}"]))
    fields = [pa.field(name, array.type, nullable=name != "key") for name, array in columns.items()]
    meta = {"pokedex.schema": "index", "pokedex.schema_version": "1", "pokedex.model": f"pokedex-mini@{digest}",
            "pokedex.dimension": str(vectors.shape[1]), "pokedex.metric": "cosine"}
    table = pa.Table.from_arrays(list(columns.values()), schema=pa.schema(fields, metadata=meta))
    # As it is mapped and read in the program: nothing compressed, all rows in one batch.
    with pa.ipc.new_file(path, table.schema) as out:
        out.write_table(table)


def form_vectors(tables, vectors, text, tok):
    """A form's vector: its species', moved as words for its types lie beside words for the species'."""
    def words(pokemon):
        return " ".join(tables.types[pokemon["id"]])

    pairs = [(words(form), words(tables.default[int(form["species_id"])])) for form in tables.others]
    with torch.no_grad():
        own, base = (text(torch.from_numpy(pad_batch([tok.encode(w) for w in side]))).numpy() for side in zip(*pairs))
    moved = np.stack([vectors[int(form["species_id"]) - 1] for form in tables.others]) + 0.5 * (own - base)
    return moved / np.linalg.norm(moved, axis=1, keepdims=True)


# Names

def fold(name):
    """A name as it is compared: the letters, digits and signs of sex, lower case, Latin ones without accents."""
    out = []
    for c in unicodedata.normalize("NFKC", name).lower():
        if "\u3041" <= c <= "\u3096":
            c = chr(ord(c) + 0x60)
        latin = unicodedata.normalize("NFD", c)
        if latin[0].isascii():
            c = latin[0]
        if c.isalnum() or c in "♀♂ー":
            out.append({"ß": "ss", "œ": "oe", "æ": "ae"}.get(c, c))
    return "".join(out)


def write_names(path, tables):
    """A line for each way to write something: folded, what it is, and the name in each language that writes it so."""
    lines = defaultdict(dict)

    def add(name, meaning, language=None, shown=True):
        if name and fold(name):
            known = lines[fold(name), meaning]
            if language and shown:
                known.setdefault(language, name)

    for i, names in tables.names.items():
        key = tables.species[i]["identifier"]
        for language, name in names.items():
            add(name, key, LANGUAGES[language])
            # Of the two that are told apart by a sign alone both are meant without it.
            add(name.translate({ord("♀"): None, ord("♂"): None}), key)
            for sign, words in (("♀", ("f", "female", "girl")), ("♂", ("m", "male", "boy"))):
                for word in words if sign in name else ():
                    add(name.replace(sign, f" {word}"), key)
                    add(f"{word} {name.replace(sign, '')}", key)
        add(key, key)
    for pokemon in tables.others:
        i, key = int(pokemon["species_id"]), pokemon["identifier"]
        form, species = tables.forms.get(pokemon["id"]), tables.names[i]["9"]
        own = key.removeprefix(tables.species[i]["identifier"]).strip("-").replace("-", " ")
        common = [own, own.replace("gmax", "gigantamax"), own.replace("gmax", "g max")]
        common += [own.replace("alola", "alolan").replace("galar", "galarian").replace("hisui", "hisuian").replace("paldea", "paldean")]
        # One word of several is enough where no other form has it: "blaze Tauros", "Hearthflame Ogerpon".
        others = {w for other in tables.others if other["species_id"] == pokemon["species_id"] and other is not pokemon for w in other["identifier"].split("-")}
        telling = [w for w in own.split() if w not in FORM_WORDS]
        common += [" ".join(telling)] + [w for w in telling if w not in others and len(own.split()) > 1]
        for word in common:
            add(f"{word} {species}", key)
            add(f"{species} {word}", key)
        for name in NICKNAMES.get(key, []):
            add(name, key)
        if "mega" in own.split():
            # "Mega Charizard X", "Charizard Mega X", "X Mega Charizard"
            rest = " ".join(w for w in own.split() if w != "mega")
            add(f"mega {species} {rest}", key)
        add(tables.label(pokemon), key, "en")
        for language, name in tables.form_names[form["id"]].items() if form else ():
            local = tables.names[i].get(language)
            full = name["pokemon_name"]
            if not full and local and name["form_name"]:
                # As Japanese, Korean and Chinese players write it: the form's adjective before the name.
                short = name["form_name"]
                for end in ("のすがた", "フォルム", "의 모습", "폼", "的樣子", "的样子", "形態", "形态"):
                    short = short.removesuffix(end)
                full = short if local in short else f"{short}{local}"
                add(f"{local}{name['form_name']}", key)
            # A name that is the species' own says nothing of the form.
            if full and fold(full) != fold(local or ""):
                add(full, key, LANGUAGES[language])
    for abilities in tables.abilities.values():
        for ability in abilities:
            add(ability, f"ability:{ability}")
    for file, own, meaning, english in (("type_names", "type_id", "type", dict(enumerate(tables.attackers, 1))),
                                        ("pokemon_color_names", "pokemon_color_id", "color", {int(k): v for k, v in tables.colors.items()}),
                                        ("region_names", "region_id", "region", {int(r["id"]): r["identifier"] for r in tables.read("regions")})):
        for r in tables.read(file):
            if int(r[own]) in english and r["local_language_id"] in LANGUAGES:
                add(r["name"], f"{meaning}:{english[int(r[own])]}", LANGUAGES[r["local_language_id"]])
    with open(path, "w", encoding="utf-8") as out:
        for (name, meaning), languages in sorted(lines.items(), key=lambda line: (line[0][0].encode(), line[0][1])):
            out.write(f"{name}\t{meaning}\t{';'.join(f'{l}={n}' for l, n in sorted(languages.items()))}\n")


def write(data, out, vectors, digest, text, tok):
    """The three files, for these vectors of the species and the model of this digest."""
    tables, out = Tables(data), Path(out)
    concepts = {int(r["id"]): {n: r[n].replace("|", ", ") or None for n in ("looks_like", "features", "themes")} for r in read_csv(HERE / "concepts.csv")}
    write_table(out / "pokedex.arrow", [tables.row(tables.default[i], concepts) for i in sorted(tables.species)], vectors, digest)
    forms = form_vectors(tables, vectors, text, tok)
    write_table(out / "forms.arrow", [tables.row(form, concepts) for form in tables.others], forms, digest)
    write_names(out / "names.tsv", tables)


def main():
    p = argparse.ArgumentParser(description=__doc__)
    p.add_argument("--data", required=True)
    p.add_argument("--work", required=True)
    p.add_argument("--out", required=True)
    args = p.parse_args()
    saved = torch.load(Path(args.work) / "text" / "aligned_b.pt")
    text = TextTower(saved["tower"]["table.weight"], saved["tower"]["up.weight"].shape[0])
    text.load_state_dict(saved["tower"])
    table = pa.ipc.open_file(Path(args.out) / "pokedex.arrow").read_all()
    vectors = np.stack(table["embedding"].to_numpy(zero_copy_only=False)).astype(np.float32)
    digest = table.schema.metadata[b"pokedex.model"].decode().split("@")[1]
    tok = Tokenizer.load(Path(args.work) / "text" / "vocab.txt")
    write(args.data, args.out, vectors, digest, text.eval(), tok)
    for name in ("pokedex.arrow", "forms.arrow", "names.tsv"):
        print(name, (Path(args.out) / name).stat().st_size)


if __name__ == "__main__":
    main()
