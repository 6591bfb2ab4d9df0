#!/usr/bin/env python3
"""Writes plain_queries.csv: how people ask for Pokémon in plain words, with the answers that count as right.

    python make_plain.py --data FOLDER_WITH_POKEAPI --out plain_queries.csv

FOLDER_WITH_POKEAPI holds PokéAPI's CSV tables (pokemon_species.csv, pokemon.csv, type_efficacy.csv, ...), or a folder
`pokeapi` that does. Needs nothing but Python. The output has the columns `query,style,language,accepted`;
`accepted` holds identifiers joined by `|`: PokéAPI's species identifier for species (`giratina`, also where the default
form has a longer identifier, `giratina-altered`), its pokemon identifier for forms (`charizard-mega-x`).

The queries below are data: add(style, query, accepted[, language]), where `accepted` is computed from the tables by the
small functions above them. Only what the tables cannot say (starters, fossils, pseudo-legendaries, trios, Ultra Beasts,
paradox Pokémon) is a list of identifiers, at the top. No query was written from the answers of a program.

CONVENTIONS
default forms   Types, stats, height, weight and abilities are those of the species' default form (pokemon.csv
                is_default = 1). Only queries of the style `form`, and queries that name a form, accept forms.
order           Superlatives: best first. All others: national dex order.
region          "gen N" and a region both mean the generation that introduced the species; a region is its
                generation's main region. Exception: Hisui = default form introduced in version group 24 (Legends:
                Arceus). Galar queries are chosen so that it makes no difference whether Hisui's species count as
                Galar's. Regional forms do not count ("kanto electric" are generation 1's species). A type = either of
                the two types.
starters        "starter" = the three first stages a player chooses from; "starter line", "starters and their
                evolutions" = with all later stages; "final form" / "fully evolved" = last stages of the lines.
                Pikachu and Eevee (Yellow, Let's Go) are no starters.
trios           "legendary birds" / "bird trio" = Articuno, Zapdos, Moltres (not Lugia, Ho-Oh or the Galarian forms).
                Regis = all six, swords of justice with Keldeo, forces of nature with Enamorus.
groups          Pseudo-legendaries = the ten final stages. Ultra Beasts with Poipole and Naganadel. Paradox Pokémon
                with Koraidon (past) and Miraidon (future). Fossils = revived species and their evolutions.
                "Legendary" and "mythical" are the tables' flags and exclude each other (a mythical is not a
                legendary), but "not legendary" leaves out both.
family          "what does X evolve into", "evolution(s) of X", "evolved X" = all later stages, direct or not.
                "pre-evolution of X", "what evolves into X", "X before it evolved" = all earlier stages. "final form
                of X" = the later stages that evolve no further ("final evolutions" leave out species that never
                evolved). "baby/first form of X" = the first stage of X's family. "evolution line/family of X" = all
                members with X. Evolutions of regional forms count, as they are species of the family (Meowth: Persian
                and Perrserker). "Pokémon that evolve by ..." = those that evolve, not what comes out; "...
                evolutions" = what comes out ("trade evolutions": both sides). Methods that only apply to a regional
                form are left out (base_form_id).
weakness        Type chart only, no abilities: product of the factors against both types. Weak = above 1, "four times"
                = 4, resists = below 1 (asked only for attacking types to which nothing is immune), "4x resists" =
                1/4, immune = 0. "good against / counters X" = species with a type that X is weak to.
form            "mega/alolan/... X" = those forms of X, all of them where there are several (mega charizard: X and Y).
                Group questions ("all alolan forms") = every pokemon with such a form identifier, totem forms of it
                included. Newest Megas, Megas of Legends: Z-A = Mega forms introduced in version group 30 or later
                (the tables put the DLC's and the base game's together, and so do the queries).
comparison      Strict inequality, the named one excluded. Bigger, taller, smaller = height; heavier, lighter =
                weight; stronger, weaker = base stat total; bulkier, tankier = HP + Defense + Special Defense; faster
                = base Speed. "like X but bigger" = same first type (default form) and taller than X; likewise for
                other adjectives. "between a and b" includes both. 1 ft = 0.3048 m, 1 lb = 0.45359237 kg.
                "over/under/more than N" strict, "at least N" not.
superlatives    The five best by the table, all ties at the fifth place included, also where one is asked for.
                Smallest, tallest, biggest = height. Strongest = base stat total ("strongest attack" = Attack),
                "physical attacker" = Attack, "weakest stats" = base stat total. "spd" alone is ambiguous (Speed or
                Special Defense): both are accepted. "hardest/easiest to catch" = capture rate.
trait           Ability: any slot, hidden included, of the default form. Colour, shape, habitat, egg group are the
                tables'; the tables know habitats for generations 1 to 3 only. Snake-like = shape squiggle, two pairs
                of wings = bug-wings, multiple bodies = heads, four-legged = quadruped. Grass egg group = plant, field
                = ground, human-like = humanshape, amorphous = indeterminate, undiscovered = no-eggs. Genderless,
                female only, male only = gender_rate -1, 8, 0. Baby = is_baby.
dragons, birds  "dragons", "draghi", "ghosts" = species of that type (not the egg group, not Charizard). "birds" is
                only used for the legendary ones.
name            The species whose name in that language is in the query, exactly, without accents, or with one letter
                wrong (changed, missing, added, or two neighbours swapped). check_name() proves it and refuses a query
                that is as near to another species' name in any language.
foreign         Accepted by what the words mean, by the same rules.
language        The tables' identifiers: en, de, fr, es, it, ja, ja-roma, ko, zh-hant, zh-hans. A name spelt alike in
                several languages has the language of the sentence around it.
"""
import argparse
import csv
import re
import sys
import unicodedata
from collections import Counter
from functools import lru_cache
from pathlib import Path
from types import SimpleNamespace

# ---------------------------------------------------------------------------------------------------------------------
# What the tables cannot say
STARTERS = {
    1: "bulbasaur charmander squirtle", 2: "chikorita cyndaquil totodile", 3: "treecko torchic mudkip",
    4: "turtwig chimchar piplup", 5: "snivy tepig oshawott", 6: "chespin fennekin froakie",
    7: "rowlet litten popplio", 8: "grookey scorbunny sobble", 9: "sprigatito fuecoco quaxly",
}
STARTERS = {gen: names.split() for gen, names in STARTERS.items()}
FOSSILS = """omanyte omastar kabuto kabutops aerodactyl lileep cradily anorith armaldo cranidos rampardos shieldon bastiodon
    tirtouga carracosta archen archeops tyrunt tyrantrum amaura aurorus dracozolt arctozolt dracovish arctovish""".split()
PSEUDO_LEGENDARIES = """dragonite tyranitar salamence metagross garchomp hydreigon goodra kommo-o dragapult
    baxcalibur""".split()
ULTRA_BEASTS = """nihilego buzzwole pheromosa xurkitree celesteela kartana guzzlord poipole naganadel stakataka
    blacephalon""".split()
PARADOX_PAST = """great-tusk scream-tail brute-bonnet flutter-mane slither-wing sandy-shocks roaring-moon koraidon
    walking-wake gouging-fire raging-bolt""".split()
PARADOX_FUTURE = """iron-treads iron-bundle iron-hands iron-jugulis iron-moth iron-thorns iron-valiant miraidon
    iron-leaves iron-boulder iron-crown""".split()
TRIOS = {
    "birds": "articuno zapdos moltres", "beasts": "raikou entei suicune", "regis":
    "regirock regice registeel regigigas regieleki regidrago", "weather": "kyogre groudon rayquaza",
    "lake": "uxie mesprit azelf", "creation": "dialga palkia giratina", "swords": "cobalion terrakion virizion keldeo",
    "forces": "tornadus thundurus landorus enamorus", "tao": "reshiram zekrom kyurem",
    "tapus": "tapu-koko tapu-lele tapu-bulu tapu-fini", "ruin": "wo-chien chien-pao ting-lu chi-yu",
    "loyal": "okidogi munkidori fezandipiti", "elemental monkeys":
    "pansage simisage pansear simisear panpour simipour",
}
TRIOS = {name: members.split() for name, members in TRIOS.items()}
# Ids of evolution stones (the item table is not among the files).
STONES = {"sun": 80, "moon": 81, "fire": 82, "thunder": 83, "water": 84, "leaf": 85, "shiny": 107, "dusk": 108,
          "dawn": 109}
STYLES = "region family weakness form comparison number trait name compound foreign".split()


# ---------------------------------------------------------------------------------------------------------------------
# The tables
def load(folder):
    def rows(name):
        with open(folder / f"{name}.csv", encoding="utf-8", newline="") as file:
            return list(csv.DictReader(file))

    def names(name):
        return {row["id"]: row["identifier"] for row in rows(name)}

    types, stats, colors, shapes = names("types"), names("stats"), names("pokemon_colors"), names("pokemon_shapes")
    habitats, groups, abilities, langs = (names("pokemon_habitats"), names("egg_groups"), names("abilities"),
                                          names("languages"))
    regions = names("regions")
    region_of = {row["id"]: regions[row["main_region_id"]] for row in rows("generations")}

    mons = {}  # by pokemon id: default forms and others
    for row in rows("pokemon"):
        mons[row["id"]] = SimpleNamespace(
            id=row["identifier"], species_id=row["species_id"], default=row["is_default"] == "1",
            m=int(row["height"]) / 10, kg=int(row["weight"]) / 10, types=[], abilities=set(), stats={}, tag="",
            group=0, mega=False)
    for row in sorted(rows("pokemon_types"), key=lambda row: int(row["slot"])):
        mons[row["pokemon_id"]].types.append(types[row["type_id"]])
    for row in rows("pokemon_abilities"):
        mons[row["pokemon_id"]].abilities.add(abilities[row["ability_id"]])
    for row in rows("pokemon_stats"):
        mons[row["pokemon_id"]].stats[stats[row["stat_id"]]] = int(row["base_stat"])
    for row in rows("pokemon_forms"):  # a pokemon's own form; purely cosmetic ones share a pokemon and are left out
        mon = mons[row["pokemon_id"]]
        if row["is_default"] == "1":
            mon.tag, mon.group, mon.mega = (row["form_identifier"], int(row["introduced_in_version_group_id"]),
                                            row["is_mega"] == "1")
    for mon in mons.values():
        s = mon.stats
        mon.hp, mon.atk, mon.defense, mon.speed = s["hp"], s["attack"], s["defense"], s["speed"]
        mon.spa, mon.spdef, mon.bst = s["special-attack"], s["special-defense"], sum(s.values())
        mon.bulk = mon.hp + mon.defense + mon.spdef

    default = {mon.species_id: mon for mon in mons.values() if mon.default}
    eggs, by_id = {}, {}
    for row in rows("pokemon_egg_groups"):
        eggs.setdefault(row["species_id"], set()).add(groups[row["egg_group_id"]])
    species = []
    for row in sorted(rows("pokemon_species"), key=lambda row: int(row["id"])):
        s = SimpleNamespace(**vars(default[row["id"]]))
        s.form_id, s.id, s.dex, s.gen = s.id, row["identifier"], int(row["id"]), int(row["generation_id"])
        s.region = "hisui" if s.group == 24 else region_of[row["generation_id"]]
        s.color, s.shape = colors[row["color_id"]], shapes[row["shape_id"]]
        s.habitat, s.eggs = habitats.get(row["habitat_id"]), eggs[row["id"]]
        s.gender, s.capture = int(row["gender_rate"]), int(row["capture_rate"])
        s.legendary, s.mythical, s.baby = (row[f"is_{k}"] == "1" for k in ("legendary", "mythical", "baby"))
        s.parent_id, s.names, s.genus = row["evolves_from_species_id"], {}, {}
        by_id[row["id"]] = s
        species.append(s)
    for s in species:
        s.parent, s.children = by_id.get(s.parent_id), []
    for s in species:
        if s.parent:
            s.parent.children.append(s)
    for mon in mons.values():
        mon.species = by_id[mon.species_id].id
    for row in rows("pokemon_species_names"):
        by_id[row["pokemon_species_id"]].names[langs[row["local_language_id"]]] = row["name"]
    chart = {(types[row["damage_type_id"]], types[row["target_type_id"]]): int(row["damage_factor"]) / 100
             for row in rows("type_efficacy")}
    evolution = [SimpleNamespace(into=by_id[row["evolved_species_id"]], row=row) for row in rows("pokemon_evolution")
                 if row["base_form_id"] in ("", row_default(default, by_id[row["evolved_species_id"]], mons))]
    return SimpleNamespace(species=species, by={s.id: s for s in species}, mons=list(mons.values()), chart=chart,
                           evolution=evolution)


def row_default(default, into, mons):
    """The pokemon id of the default form of the species that evolves into `into`."""
    mon = default.get(into.parent_id)
    return next((pid for pid, other in mons.items() if other is mon), None)


# ---------------------------------------------------------------------------------------------------------------------
# Names
@lru_cache(None)
def fold(text):
    """Lower case without accents, apostrophes or punctuation; ß is ss."""
    text = text.casefold().replace("’", "'").replace("'", "")
    latin = "".join(c for c in unicodedata.normalize("NFD", text) if not ("\u0300" <= c <= "\u036f"))
    return " ".join(re.sub(r"(?:(?![♀♂])[\W_])+", " ", unicodedata.normalize("NFC", latin)).split())


def distance(a, b):
    """Edits between a and b, two neighbours swapped being one (optimal string alignment)."""
    before, row = None, list(range(len(b) + 1))
    for i, x in enumerate(a, 1):
        new = [i]
        for j, y in enumerate(b, 1):
            new.append(min(row[j] + 1, new[-1] + 1, row[j - 1] + (x != y)))
            if before and j > 1 and x == b[j - 2] and a[i - 2] == y:
                new[j] = min(new[j], before[j - 2] + 1)
        before, row = row, new
    return row[-1]


@lru_cache(None)
def runs_of(query):
    """Up to four words in a row, with and without the spaces between them."""
    words = query.split()
    return {sep.join(words[i:j]) for i in range(len(words)) for j in range(i + 1, min(i + 4, len(words)) + 1)
            for sep in (" ", "")}


def nearest(query, name):
    """How far the query's words (any run of them) are from the name; for scripts without spaces, 0 if it is in it."""
    query, name = fold(query), fold(name)
    if not name.isascii():
        return 0 if name.replace(" ", "") in query.replace(" ", "") else 9
    if name in runs_of(query):
        return 0
    return min((distance(run, name) for run in runs_of(query) if abs(len(run) - len(name)) < 2), default=9)


def check_name(world, query, species, language, typo):
    own = nearest(query, species.names[language])
    if own != (1 if typo else 0):
        raise SystemExit(f"{query!r}: {own} edits from {species.names[language]!r}, not {1 if typo else 0}")
    own_names = {fold(n) for n in species.names.values()}
    for other in world.species:
        if other is species:
            continue
        for name in other.names.values():
            inside = any(fold(name).replace(" ", "") in n.replace(" ", "") for n in own_names)  # Mew in Mewtwo
            if len(fold(name)) > 1 and not inside and nearest(query, name) <= own:
                raise SystemExit(f"{query!r}: as near to {name!r} ({other.id}) as to {species.id}")


# ---------------------------------------------------------------------------------------------------------------------
def build(world):
    queries = []

    def add(style, query, accepted, language="en"):
        queries.append((query, style, language, list(dict.fromkeys(accepted))))

    # -- derivations
    def dex(members):
        members = set(members)
        return [s.id for s in world.species if s.id in members]

    def pick(*types, gen=None, region=None, where=lambda s: True):
        """Species that have all these types, of this generation or region, and for which `where` holds."""
        return [s.id for s in world.species if all(t in s.types for t in types) and gen in (None, s.gen)
                and region in (None, s.region) and where(s)]

    def top(key, *types, low=False, where=lambda s: True, pool=None):
        """The five best with the ties of the fifth place, best first."""
        found = [s for s in (pool or world.species) if all(t in s.types for t in types) and where(s)]
        ranked = sorted((key(s) for s in found), reverse=not low)
        cut = ranked[min(5, len(ranked)) - 1]
        found = [s for s in found if (key(s) <= cut if low else key(s) >= cut)]
        return [s.id for s in sorted(found, key=key, reverse=not low)]

    def sp(name):
        return world.by[name]

    def later(name):
        return [x for child in sp(name).children for x in [child.id] + later(child.id)]

    def earlier(name):
        parent = sp(name).parent
        return [] if parent is None else earlier(parent.id) + [parent.id]

    def first(name):
        return (earlier(name) + [name])[0]

    def final(name):
        return [x for x in later(name) if not sp(x).children]

    def family(name):
        return [first(name)] + later(first(name))

    def is_final(s):
        return not s.children

    def line(members):
        return dex(x for m in members for x in family(m))

    def evolved(where, into=True):
        """What comes out of (or, into=False, what goes into) the evolutions for which `where` holds."""
        found = [e.into for e in world.evolution if where(e.row)]
        return dex(s.id if into else s.parent.id for s in found)

    def stone(name):
        return lambda row: row["trigger_item_id"] == str(STONES[name])

    def hit(attack, types):
        """Factor of an attacking type against these types."""
        factor = 1
        for t in types:
            factor *= world.chart[attack, t]
        return factor

    attackers = sorted({a for a, _ in world.chart if a not in ("stellar", "unknown", "shadow")})

    def weak(attack, factor=None):
        return lambda s: hit(attack, s.types) > 1 if factor is None else hit(attack, s.types) == factor

    def resists(attack):
        assert all(factor > 0 for (a, _), factor in world.chart.items() if a == attack), attack
        return lambda s: hit(attack, s.types) < 1

    def immune(attack):
        return lambda s: hit(attack, s.types) == 0

    def weaknesses(s):
        return [a for a in attackers if hit(a, s.types) > 1]

    def against(name):
        """Species with a type that `name` is weak to."""
        return pick(where=lambda s: set(s.types) & set(weaknesses(sp(name))))

    def more(key, name, *types, where=lambda s: True):
        return pick(*types, where=lambda s: key(s) > key(sp(name)) and where(s))

    def less(key, name, *types, where=lambda s: True):
        return pick(*types, where=lambda s: key(s) < key(sp(name)) and where(s))

    def like(name, key, sign=1):
        """Same first type as `name`, and more (sign 1) or less (-1) of key."""
        return pick(where=lambda s: s.types[0] == sp(name).types[0] and sign * key(s) > sign * key(sp(name)))

    def forms(where, *species):
        return [m.id for m in world.mons if not m.default and (not species or m.species in species) and where(m)]

    def mon(*names):
        known = {m.id for m in world.mons}
        assert known >= set(names), set(names) - known
        return list(names)

    mega = lambda m: m.mega
    gmax = lambda m: m.tag.endswith("gmax")
    alola = lambda m: m.tag in ("alola", "totem-alola")
    galar = lambda m: m.tag.startswith("galar")
    hisui = lambda m: m.tag == "hisui"
    paldea = lambda m: m.tag.startswith("paldea")
    new_mega = lambda m: m.mega and m.group >= 30
    m_ = lambda s: s.m
    kg = lambda s: s.kg
    hp = lambda s: s.hp
    atk = lambda s: s.atk
    defense = lambda s: s.defense
    spa = lambda s: s.spa
    spdef = lambda s: s.spdef
    speed = lambda s: s.speed
    bst = lambda s: s.bst
    bulk = lambda s: s.bulk
    catch = lambda s: s.capture
    legendary = lambda s: s.legendary
    mythical = lambda s: s.mythical
    ordinary = lambda s: not s.legendary and not s.mythical
    lb = 0.45359237
    starters = [x for gen in STARTERS.values() for x in gen]
    starter_line = line(starters)

    # -- region
    a = lambda *args: add("region", *args)
    a("gen 7 ghost", pick("ghost", gen=7))
    a("paldea starter", STARTERS[9])
    a("kanto bird trio", TRIOS["birds"])
    a("pokemon from johto that are psychic", pick("psychic", region="johto"))
    a("second generation dark types", pick("dark", gen=2))
    a("gen II steel", pick("steel", gen=2))
    a("hoenn dragons", pick("dragon", region="hoenn"))
    a("sinnoh starters", STARTERS[4])
    a("unova bug types", pick("bug", region="unova"))
    a("fairy types from Kalos", pick("fairy", region="kalos"))
    a("alola fire mons", pick("fire", region="alola"))
    a("galar electric", pick("electric", region="galar"))
    a("which pokémon from galar are dragon type?", pick("dragon", region="galar"))
    a("paldea ice types", pick("ice", region="paldea"))
    a("pokemon from Hisui", pick(region="hisui"))
    a("new species introduced in legends arceus", pick(region="hisui"))
    a("ghost types in gen 1", pick("ghost", gen=1))
    a("1st gen dragons", pick("dragon", gen=1))
    a("generation 3 rock pokemon", pick("rock", gen=3))
    a("gen 5 legendaries", pick(gen=5, where=legendary))
    a("sinnoh mythicals", pick(region="sinnoh", where=mythical))
    a("legendary pokemon of kanto", pick(region="kanto", where=legendary))
    a("johto beasts", TRIOS["beasts"])
    a("baby pokemon from gen 2", pick(gen=2, where=lambda s: s.baby))
    a("gen4 babies", pick(gen=4, where=lambda s: s.baby))
    a("unova starter trio", STARTERS[5])
    a("what are the starters in kalos", STARTERS[6])
    a("grass starter from hoenn", dex(x for x in STARTERS[3] if "grass" in sp(x).types))
    a("water starter gen 7", dex(x for x in STARTERS[7] if "water" in sp(x).types))
    a("alola island guardians", TRIOS["tapus"])
    a("hoenn weather trio", TRIOS["weather"])
    a("lake trio sinnoh", TRIOS["lake"])
    a("treasures of ruin paldea", TRIOS["ruin"])
    a("third gen fossils", pick(gen=3, where=lambda s: s.id in FOSSILS))
    a("kanto fossils", pick(region="kanto", where=lambda s: s.id in FOSSILS))
    a("gen 9 dark", pick("dark", gen=9))
    a("psychic types gen VI", pick("psychic", gen=6))
    a("poison mons gen 4", pick("poison", gen=4))
    a("fighting type pokemon introduced in generation five", pick("fighting", gen=5))
    a("ice types in johto", pick("ice", region="johto"))
    a("kanto ice", pick("ice", region="kanto"))
    a("gen 6 steel pokemon", pick("steel", gen=6))
    a("gen 8 pseudo legendary", pick(gen=8, where=lambda s: s.id in PSEUDO_LEGENDARIES))
    a("fire pokemon from the sinnoh region", pick("fire", region="sinnoh"))
    a("flying type pokemons of gen three", pick("flying", gen=3))
    a("pink mons from gen 1", pick(gen=1, where=lambda s: s.color == "pink"))

    # -- family
    a = lambda *args: add("family", *args)
    a("what does magikarp evolve into", later("magikarp"))
    a("evolutions of eevee", later("eevee"))
    a("baby form of pikachu", [first("pikachu")])
    a("pre-evolution of gengar", earlier("gengar"))
    a("final form of caterpie", final("caterpie"))
    a("who evolves into milotic", earlier("milotic"))
    a("eeveelutions", later("eevee"))
    a("evolution line of dratini", family("dratini"))
    a("charmander family", family("charmander"))
    a("what does ralts turn into", later("ralts"))
    a("what does feebas become?", later("feebas"))
    a("snorlax baby", [first("snorlax")])
    a("lucario pre evolution", earlier("lucario"))
    a("what evolves into dragapult", earlier("dragapult"))
    a("evolved form of duskull", later("duskull"))
    a("what can slowpoke evolve into", later("slowpoke"))
    a("evolution of dunsparce", later("dunsparce"))
    a("does girafarig evolve? into what", later("girafarig"))
    a("what does meowth evolve to", later("meowth"))
    a("all stages of larvitar", family("larvitar"))
    a("first stage of metagross", [first("metagross")])
    a("final evolution of litwick", final("litwick"))
    a("final evolutions of wurmple", final("wurmple"))
    a("last stage of beldum", final("beldum"))
    a("whats the pre-evo of tinkaton", earlier("tinkaton"))
    a("which mon evolves into annihilape", earlier("annihilape"))
    a("what was gyarados before it evolved", earlier("gyarados"))
    a("tyrogue evolutions", later("tyrogue"))
    a("gloom evolves into", later("gloom"))
    a("poliwhirl evo", later("poliwhirl"))
    a("baby version of electabuzz", [first("electabuzz")])
    a("mr mime baby form", [first("mr-mime")])
    a("the evolution family of ralts", family("ralts"))
    a("evolution chain applin", family("applin"))
    a("goomy evo line", family("goomy"))
    a("pokemon that evolve by trading", evolved(lambda r: r["evolution_trigger_id"] == "2", into=False))
    trade = lambda r: r["evolution_trigger_id"] == "2"
    a("trade evolutions", dex(evolved(trade) + evolved(trade, into=False)))
    a("mons that evolve with a moon stone", evolved(stone("moon"), into=False))
    a("dusk stone evolutions", evolved(stone("dusk")))
    a("who evolves through friendship", evolved(lambda r: r["minimum_happiness"], into=False))
    a("evolves at level 16", evolved(lambda r: r["minimum_level"] == "16", into=False))
    a("evolves when it is raining", evolved(lambda r: r["needs_overworld_rain"] == "1", into=False))
    a("stone evolution of growlithe", later("growlithe"))
    a("pokémon that don't evolve and don't evolve from anything", pick(where=lambda s: not s.parent and not s.children))
    a("what does cosmog evolve into", later("cosmog"))
    a("middle evolution of mudkip", [x for x in later("mudkip") if sp(x).children])
    a("sirfetch'd evolves from", earlier("sirfetchd"))
    a("kleavor pre evolution", earlier("kleavor"))

    # -- weakness
    a = lambda *args: add("weakness", *args)
    a("fire but not flying", pick("fire", where=lambda s: "flying" not in s.types))
    a("four times weak to ice", pick(where=weak("ice", 4)))
    a("weak to fire", pick(where=weak("fire")))
    a("immune to ground", pick(where=immune("ground")))
    a("resists water and is a dragon", pick("dragon", where=resists("water")))
    a("water types without a grass weakness", pick("water", where=lambda s: not weak("grass")(s)))
    a("4x weak to rock", pick(where=weak("rock", 4)))
    a("quad weakness to grass", pick(where=weak("grass", 4)))
    a("double weak to fire (x4)", pick(where=weak("fire", 4)))
    a("pokemon with 4 times weakness to fighting", pick(where=weak("fighting", 4)))
    a("4x weak to electric", pick(where=weak("electric", 4)))
    a("immune to psychic", pick(where=immune("psychic")))
    a("immune to electric attacks", pick(where=immune("electric")))
    a("mons immune to dragon moves", pick(where=immune("dragon")))
    a("immune to both normal and fighting", pick(where=lambda s: immune("normal")(s) and immune("fighting")(s)))
    a("which pokemon are immune to poison", pick(where=immune("poison")))
    a("dark types not weak to fairy", pick("dark", where=lambda s: not weak("fairy")(s)))
    a("fire types that aren't weak to water", pick("fire", where=lambda s: not weak("water")(s)))
    a("grass types not weak to fire", pick("grass", where=lambda s: not weak("fire")(s)))
    a("bug types that are not weak to flying", pick("bug", where=lambda s: not weak("flying")(s)))
    a("steel types weak to water", pick("steel", where=weak("water")))
    a("steel without fire weakness", pick("steel", where=lambda s: not weak("fire")(s)))
    a("dragons not weak to ice", pick("dragon", where=lambda s: not weak("ice")(s)))
    a("flying types that don't fear electric", pick("flying", where=lambda s: not weak("electric")(s)))
    a("only one weakness", pick(where=lambda s: len(weaknesses(s)) == 1))
    a("only weak to fairy", pick(where=lambda s: weaknesses(s) == ["fairy"]))
    a("only weak to ground", pick(where=lambda s: weaknesses(s) == ["ground"]))
    a("pokemon with the most weaknesses", top(lambda s: len(weaknesses(s))))
    a("ghost types that are not weak to dark", pick("ghost", where=lambda s: not weak("dark")(s)))
    a("normal types that arent weak to fighting", pick("normal", where=lambda s: not weak("fighting")(s)))
    a("weak to both ice and fairy", pick(where=lambda s: weak("ice")(s) and weak("fairy")(s)))
    a("resists fairy and dragons cant hurt it",
      pick(where=lambda s: resists("fairy")(s) and immune("dragon")(s)))
    a("4x resistant to grass", pick(where=weak("grass", .25)))
    a("quarter damage from bug moves", pick(where=weak("bug", .25)))
    a("water type weak to ground", pick("water", where=weak("ground")))
    a("good against gyarados", against("gyarados"))
    a("what counters charizard", against("charizard"))
    a("grass without poison", pick("grass", where=lambda s: "poison" not in s.types))
    a("flying but not normal and not bug", pick("flying", where=lambda s: not {"normal", "bug"} & set(s.types)))
    a("rock types with no weakness to water", pick("rock", where=lambda s: not weak("water")(s)))
    a("electric types immune to ground by typing", pick("electric", where=immune("ground")))
    a("psychic types that take normal damage from dark", pick("psychic", where=weak("dark", 1)))
    a("weak vs steel and poison fairies",
      pick("fairy", where=lambda s: weak("steel")(s) and weak("poison")(s)))

    # -- form
    a = lambda *args: add("form", *args)
    a("mega charizard x", mon("charizard-mega-x"))
    a("alolan vulpix", mon("vulpix-alola"))
    a("gigantamax gengar", forms(gmax, "gengar"))
    a("hisuian zorua", forms(hisui, "zorua"))
    a("primal kyogre", mon("kyogre-primal"))
    a("wash rotom", mon("rotom-wash"))
    a("mega charizard", forms(mega, "charizard"))
    a("mewtwo mega y", mon("mewtwo-mega-y"))
    a("the newest megas", forms(new_mega))
    a("new mega evolutions from legends z-a", forms(new_mega))
    a("mega raichu x", mon("raichu-mega-x"))
    a("mega dragonite", forms(mega, "dragonite"))
    a("mega starmie", forms(mega, "starmie"))
    a("mega absol z", mon("absol-mega-z"))
    a("lucario mega z", mon("lucario-mega-z"))
    a("mega baxcalibur", forms(mega, "baxcalibur"))
    a("does greninja have a mega", forms(mega, "greninja"))
    a("gmax charizard", forms(gmax, "charizard"))
    a("g-max pikachu", forms(gmax, "pikachu"))
    a("snorlax gigantamax form", forms(gmax, "snorlax"))
    a("eevee gmax", forms(gmax, "eevee"))
    a("gigantamax urshifu", forms(gmax, "urshifu"))
    a("ice type vulpix form", mon("vulpix-alola"))
    a("alola exeggutor", forms(alola, "exeggutor"))
    a("raichu from alola", forms(alola, "raichu"))
    a("galarian ponyta", forms(galar, "ponyta"))
    a("weezing galar form", forms(galar, "weezing"))
    a("galarian legendary birds", forms(galar, *TRIOS["birds"]))
    a("hisuian typhlosion", forms(hisui, "typhlosion"))
    a("goodra hisui", forms(hisui, "goodra"))
    a("paldean wooper", forms(paldea, "wooper"))
    a("paldean tauros breeds", forms(paldea, "tauros"))
    a("tauros blaze breed", mon("tauros-paldea-blaze-breed"))
    a("washing machine rotom", mon("rotom-wash"))
    a("rotom in the fridge (frost)", mon("rotom-frost"))
    a("all rotom forms", ["rotom"] + forms(lambda m: True, "rotom"))
    a("groudon primal reversion", mon("groudon-primal"))
    a("origin forme giratina", mon("giratina-origin"))
    a("therian landorus", mon("landorus-therian"))
    a("deoxys speed form", mon("deoxys-speed"))
    a("sky forme shaymin", mon("shaymin-sky"))
    a("black kyurem", mon("kyurem-black"))
    a("ultra necrozma", mon("necrozma-ultra"))
    a("shadow rider calyrex", mon("calyrex-shadow"))
    a("zacian crowned sword", mon("zacian-crowned"))
    a("rapid strike urshifu", mon("urshifu-rapid-strike"))
    a("eternamax", mon("eternatus-eternamax"))
    a("bloodmoon ursaluna", mon("ursaluna-bloodmoon"))
    a("palafin hero form", mon("palafin-hero"))
    a("lycanroc dusk form", mon("lycanroc-dusk"))
    a("midnight lycanroc", mon("lycanroc-midnight"))
    a("aegislash blade", mon("aegislash-blade"))
    a("hearthflame ogerpon", mon("ogerpon-hearthflame-mask"))
    a("ash greninja", mon("greninja-ash"))
    a("zygarde 10 percent", forms(lambda m: m.tag.startswith("10"), "zygarde"))
    a("hoopa unbound", mon("hoopa-unbound"))
    a("all alolan forms", forms(alola))
    a("list of galarian forms", forms(galar))
    a("hisuian forms", forms(hisui))
    a("gigantamax kanto starters", forms(gmax, *line(STARTERS[1])))
    a("dragon type megas", forms(lambda m: m.mega and "dragon" in m.types))
    a("alolan forms that are dark type", forms(lambda m: alola(m) and "dark" in m.types))
    a("fastest mega", top(speed, pool=[m for m in world.mons if m.mega]))
    a("fairy mega evolutions", forms(lambda m: m.mega and "fairy" in m.types))
    a("school form wishiwashi", mon("wishiwashi-school"))

    # -- comparison
    a = lambda *args: add("comparison", *args)
    a("bulkier than snorlax", more(bulk, "snorlax"))
    a("faster than ninjask", more(speed, "ninjask"))
    a("like pikachu but bigger", like("pikachu", m_))
    a("heavier than 900 kg", pick(where=lambda s: s.kg > 900))
    a("taller than wailord", more(m_, "wailord"))
    a("dragons lighter than 10 kg", pick("dragon", where=lambda s: s.kg < 10))
    a("tankier than blissey", more(bulk, "blissey"))
    a("more hp than wailord", more(hp, "wailord"))
    a("higher attack than rampardos", more(atk, "rampardos"))
    a("better defence than steelix", more(defense, "steelix"))
    a("more sp atk than mewtwo", more(spa, "mewtwo"))
    a("higher special defense than lugia", more(spdef, "lugia"))
    a("slower than slowpoke", less(speed, "slowpoke"))
    a("smaller than pichu", less(m_, "pichu"))
    a("heavier than groudon", more(kg, "groudon"))
    a("weaker than magikarp", less(bst, "magikarp"))
    a("stronger than rayquaza?", more(bst, "rayquaza"))
    a("faster than jolteon", more(speed, "jolteon"))
    a("electric types faster than raichu", more(speed, "raichu", "electric"))
    a("like charizard but faster", like("charizard", speed))
    a("like lapras but lighter", like("lapras", kg, -1))
    a("like gengar but taller", like("gengar", m_))
    a("something like onix but heavier", like("onix", kg))
    a("like machamp but faster", like("machamp", speed))
    a("like dragonite but stronger", like("dragonite", bst))
    a("like growlithe but smaller", like("growlithe", m_, -1))
    a("taller than 10 metres", pick(where=lambda s: s.m > 10))
    a("over 30 feet tall", pick(where=lambda s: s.m > 30 * .3048))
    a("weighs more than 1500 pounds", pick(where=lambda s: s.kg > 1500 * lb))
    a("less than 20 cm tall", pick(where=lambda s: s.m < .2))
    a("weighs between 100 and 105 kg", pick(where=lambda s: 100 <= s.kg <= 105))
    a("ghosts taller than 2m", pick("ghost", where=lambda s: s.m > 2))
    a("water mons under 2 kg", pick("water", where=lambda s: s.kg < 2))
    a("bugs heavier than heracross", more(kg, "heracross", "bug"))
    a("starters heavier than torterra incl. evolutions",
      more(kg, "torterra", where=lambda s: s.id in starter_line))
    a("legendaries smaller than pikachu", less(m_, "pikachu", where=legendary))
    a("ice types faster than weavile", more(speed, "weavile", "ice"))
    a("normal types taller than snorlax", more(m_, "snorlax", "normal"))
    a("gen 1 pokemon heavier than onix", more(kg, "onix", where=lambda s: s.gen == 1))
    a("fire types slower than camerupt", less(speed, "camerupt", "fire"))

    # -- number
    a = lambda *args: add("number", *args)
    a("tallest pokemon", top(m_))
    a("fastest electric", top(speed, "electric"))
    a("heaviest", top(kg))
    a("most hit points", top(hp))
    a("lowest speed", top(speed, low=True))
    a("smallest water type", top(m_, "water", low=True))
    a("strongest attack in gen 1", top(atk, where=lambda s: s.gen == 1))
    a("pokemon with 600 base stats", pick(where=lambda s: s.bst == 600))
    a("weakest stats", top(bst, low=True))
    a("which pokemon is the lightest?", top(kg, low=True))
    a("fastest pokemon", top(speed))
    a("highest bst", top(bst))
    a("lowest hp", top(hp, low=True))
    a("best defense", top(defense))
    a("highest spd", top(speed) + top(spdef))
    a("highest sp def", top(spdef))
    a("best special attacker", top(spa))
    a("highest atk stat", top(atk))
    a("lowest attack", top(atk, low=True))
    a("worst defence", top(defense, low=True))
    a("bst 500 exactly", pick(where=lambda s: s.bst == 500))
    a("base stat total over 680", pick(where=lambda s: s.bst > 680))
    a("hp over 150", pick(where=lambda s: s.hp > 150))
    a("speed of at least 140", pick(where=lambda s: s.speed >= 140))
    a("attack above 150", pick(where=lambda s: s.atk > 150))
    a("base 100 in every stat", pick(where=lambda s: set(s.stats.values()) == {100}))
    a("pokemon with 1 hp", pick(where=lambda s: s.hp == 1))
    a("base speed 130", pick(where=lambda s: s.speed == 130))
    a("heaviest dragon type", top(kg, "dragon"))
    a("lightest steel type", top(kg, "steel", low=True))
    a("tallest bug", top(m_, "bug"))
    a("biggest ghost type", top(m_, "ghost"))
    a("slowest psychic mon", top(speed, "psychic", low=True))
    a("fastest grass types", top(speed, "grass"))
    a("the strongest normal type physical attacker", top(atk, "normal"))
    a("tallest in gen 2", top(m_, where=lambda s: s.gen == 2))
    a("smallest legendary", top(m_, low=True, where=legendary))
    a("hardest pokemon to catch", top(catch, low=True))
    a("highest hp fairy", top(hp, "fairy"))
    a("heaviest pokemon in kanto", top(kg, where=lambda s: s.gen == 1))
    a("shortest fighting type", top(m_, "fighting", low=True))
    a("fastest ice pokémon", top(speed, "ice"))
    a("highest special attack in gen 5", top(spa, where=lambda s: s.gen == 5))
    a("top 5 bulkiest steel types", top(bulk, "steel"))
    a("who has the most defense among water types", top(defense, "water"))
    a("lightest dragon", top(kg, "dragon", low=True))
    a("weakest fire type by bst", top(bst, "fire", low=True))
    a("exactly 100 kg", pick(where=lambda s: s.kg == 100))

    # -- trait
    a = lambda *args: add("trait", *args)

    def ability(name):
        assert any(name in s.abilities for s in world.species), name
        return pick(where=lambda s: name in s.abilities)

    def egg(name):
        return pick(where=lambda s: name in s.eggs)

    def shape(name, *types):
        return pick(*types, where=lambda s: s.shape == name)

    def color(name, *types):
        return pick(*types, where=lambda s: s.color == name)

    def habitat(name):
        return pick(where=lambda s: s.habitat == name)

    a("ability levitate", ability("levitate"))
    a("egg group dragon", egg("dragon"))
    a("red pokemon", color("red"))
    a("lives in caves", habitat("cave"))
    a("legendary birds", TRIOS["birds"])
    a("pseudo-legendaries", PSEUDO_LEGENDARIES)
    a("fossil pokemon", FOSSILS)
    a("mythical grass", pick("grass", where=mythical))
    a("mons with intimidate", ability("intimidate"))
    a("who has sturdy", ability("sturdy"))
    a("speed boost ability", ability("speed-boost"))
    a("pokemon that can have wonder guard", ability("wonder-guard"))
    a("drizzle setters", ability("drizzle"))
    a("huge power", ability("huge-power"))
    a("ability: magic guard", ability("magic-guard"))
    a("flash fire mons", ability("flash-fire"))
    a("monster egg group", egg("monster"))
    a("fairy egg group", egg("fairy"))
    a("breeds in the mineral group", egg("mineral"))
    a("grass egg group", egg("plant"))
    a("human-like egg group", egg("humanshape"))
    a("pink pokemon", color("pink"))
    a("purple mons", color("purple"))
    a("gray pokémon", color("gray"))
    a("grey dragons", color("gray", "dragon"))
    a("white ghosts", color("white", "ghost"))
    a("yellow bug types", color("yellow", "bug"))
    a("black pokemon", color("black"))
    a("green psychic", color("green", "psychic"))
    a("forest dwelling pokemon", habitat("forest"))
    a("pokemon living in the sea", habitat("sea"))
    a("habitat mountain", habitat("mountain"))
    a("lives in the city / urban", habitat("urban"))
    a("fish shaped", shape("fish"))
    a("snake-like pokemon", shape("squiggle"))
    a("pokemon shaped like a ball", shape("ball"))
    a("tentacle body shape", shape("tentacles"))
    a("humanoid shaped fire types", shape("humanoid", "fire"))
    a("pokemon with two pairs of wings", shape("bug-wings"))
    a("four-legged electric types", shape("quadruped", "electric"))
    a("pokemon made of multiple bodies", shape("heads"))
    a("ultra beasts", ULTRA_BEASTS)
    a("paradox pokemon", dex(PARADOX_PAST + PARADOX_FUTURE))
    a("future paradoxes", PARADOX_FUTURE)
    a("ancient paradox mons", PARADOX_PAST)
    a("legendary dogs raikou etc", TRIOS["beasts"])
    a("the regis", TRIOS["regis"])
    a("swords of justice", TRIOS["swords"])
    a("forces of nature", TRIOS["forces"])
    a("creation trio", TRIOS["creation"])
    a("loyal three", TRIOS["loyal"])
    a("tao trio dragons", TRIOS["tao"])
    a("elemental monkeys", TRIOS["elemental monkeys"])
    a("all mythical pokemon", pick(where=mythical))
    a("baby mons", pick(where=lambda s: s.baby))
    a("genderless ghosts", pick("ghost", where=lambda s: s.gender == -1))
    a("female only", pick(where=lambda s: s.gender == 8))
    a("always male", pick(where=lambda s: s.gender == 0))
    a("legendary fire types", pick("fire", where=legendary))
    a("pure dragon types", pick("dragon", where=lambda s: len(s.types) == 1))
    a("ghost/fire", pick("ghost", "fire"))
    a("dual type water and ground", pick("water", "ground"))

    # -- compound
    a = lambda *args: add("compound", *args)
    a("gen 3 water starter final form",
      [x for s in STARTERS[3] if "water" in sp(s).types for x in final(s)])
    a("fastest dragon that is not legendary", top(speed, "dragon", where=ordinary))
    a("kanto electric types weak to ground but not steel",
      pick("electric", region="kanto", where=lambda s: weak("ground")(s) and "steel" not in s.types))
    a("red fire types from gen 1", pick("fire", gen=1, where=lambda s: s.color == "red"))
    a("blue water mons heavier than 200kg",
      pick("water", where=lambda s: s.color == "blue" and s.kg > 200))
    a("gen 4 electric final evolutions", pick("electric", gen=4, where=lambda s: is_final(s) and s.parent))
    a("psychic legendary gen 3", pick("psychic", gen=3, where=legendary))
    a("fully evolved fire starters", [x for s in starters if "fire" in sp(s).types for x in final(s)])
    a("starters whose final form is dragon type or dark type",
      dex(x for s in starters if any({"dragon", "dark"} & set(sp(f).types) for f in final(s)) for x in family(s)))
    a("heaviest non legendary", top(kg, where=ordinary))
    a("tallest grass type gen 7", top(m_, "grass", where=lambda s: s.gen == 7))
    a("johto water types immune to electric", pick("water", region="johto", where=immune("electric")))
    a("fairy types from alola that arent legendary", pick("fairy", region="alola", where=ordinary))
    a("flying dragons from hoenn", pick("dragon", "flying", region="hoenn"))
    a("dark type eeveelution", [x for x in later("eevee") if "dark" in sp(x).types])
    a("ice evolution of eevee", [x for x in later("eevee") if "ice" in sp(x).types])
    a("fastest eeveelution", top(speed, where=lambda s: s.id in later("eevee")))
    a("pseudo legendaries without dragon typing",
      [x for x in PSEUDO_LEGENDARIES if "dragon" not in sp(x).types])
    a("pseudo legendary that is 4x weak to ice", [x for x in PSEUDO_LEGENDARIES if weak("ice", 4)(sp(x))])
    a("fossils that can fly (flying type)", dex(x for x in FOSSILS if "flying" in sp(x).types))
    a("ghost types with levitate", pick("ghost", where=lambda s: "levitate" in s.abilities))
    a("bug types over 1.5m tall from unova", pick("bug", region="unova", where=lambda s: s.m > 1.5))
    a("gen 2 psychic mons with over 100 sp atk", pick("psychic", gen=2, where=lambda s: s.spa > 100))
    a("steel types immune to ground", pick("steel", where=immune("ground")))
    a("gen 1 or gen 2 dragons", pick("dragon", where=lambda s: s.gen in (1, 2)))
    a("neither fire nor water starters of kalos",
      dex(x for x in STARTERS[6] if not {"fire", "water"} & set(sp(x).types)))
    a("slow but strong: speed under 40 and attack over 120", pick(where=lambda s: s.speed < 40 and s.atk > 120))
    a("ice types weak to fire 4 times", pick("ice", where=weak("fire", 4)))
    a("pink fairy types from kanto", pick("fairy", region="kanto", where=lambda s: s.color == "pink"))
    a("rock types from gen 6 not weak to water", pick("rock", gen=6, where=lambda s: not weak("water")(s)))
    a("smallest gen 5 bug", top(m_, "bug", low=True, where=lambda s: s.gen == 5))
    a("genderless steel pokemon from hoenn", pick("steel", region="hoenn", where=lambda s: s.gender == -1))
    a("mythicals with bst 600 that are psychic type", pick("psychic", where=lambda s: s.mythical and s.bst == 600))
    a("water/flying but not legendary", pick("water", "flying", where=ordinary))
    a("electric mons from paldea with more than 100 hp", pick("electric", region="paldea", where=lambda s: s.hp > 100))
    a("poison types faster than gengar", more(speed, "gengar", "poison"))
    a("cave dwelling ghosts or rock types",
      pick(where=lambda s: s.habitat == "cave" and {"ghost", "rock"} & set(s.types)))
    a("white legendary dragons", pick("dragon", where=lambda s: s.legendary and s.color == "white"))
    a("fire type that ponyta evolves into", [x for x in later("ponyta") if "fire" in sp(x).types])
    a("purple poison types from johto", pick("poison", region="johto", where=lambda s: s.color == "purple"))
    a("ultra beasts that are bug type", [x for x in ULTRA_BEASTS if "bug" in sp(x).types])
    a("paradox mons that are fairy type", dex(x for x in PARADOX_PAST + PARADOX_FUTURE if "fairy" in sp(x).types))
    a("fighting type baby", pick("fighting", where=lambda s: s.baby))
    a("gen 6 pokemon that is steel and ghost", pick("steel", "ghost", gen=6))
    a("tallest fully evolved starter",
      top(m_, where=lambda s: s.id in [f for x in starters for f in final(x)]))
    a("grass types immune to ground and weak to ice x4", pick("grass", where=lambda s: immune("ground")(s) and weak("ice", 4)(s)))
    a("dark legendary from gen 6 or gen 9", pick("dark", where=lambda s: s.legendary and s.gen in (6, 9)))
    a("quadruped normal types from sinnoh", pick("normal", region="sinnoh", where=lambda s: s.shape == "quadruped"))

    # -- name
    def named(query, language, name, typo=False, also=None):
        """`name` is the table's name in that language; `also`: reason not to check how it is spelt in the query."""
        found = [s for s in world.species if s.names.get(language) == name]
        assert len(found) == 1, (query, name, found)
        if not also:
            check_name(world, query, found[0], language, typo)
        add("name", query, [found[0].id], language)

    def numbered(query, language="en"):
        number = int(re.search(r"\d+", query)[0])
        add("name", query, [s.id for s in world.species if s.dex == number], language)

    for query in ("#25", "25", "No. 025", "pokemon number 150", "no 6", "#0448", "dex no. 1000", "national dex 384",
                  "which pokemon is number 94", "mon #700", "pokédex entry 132"):
        numbered(query)
    numbered("Nr. 151", "de")
    numbered("Pokémon Nummer 212", "de")
    numbered("le pokémon n° 143", "fr")
    numbered("pokémon número 248", "es")
    numbered("il numero 130 del pokédex", "it")
    numbered("図鑑番号 133", "ja")

    n = named
    n("charizard", "en", "Charizard")
    n("show me greninja", "en", "Greninja")
    n("who is sylveon", "en", "Sylveon")
    n("farfetchd", "en", "Farfetch’d")
    n("mr mime", "en", "Mr. Mime")
    n("type null", "en", "Type: Null")
    n("ho oh", "en", "Ho-Oh")
    n("flabebe", "en", "Flabébé")
    n("porygon z", "en", "Porygon-Z")
    n("nidoran♀", "en", "Nidoran♀")
    n("female nidoran", "en", "Nidoran♀", also="the sign is a word here")
    n("i want to see an iron valiant please", "en", "Iron Valiant")
    n("charzard", "en", "Charizard", True)
    n("bulbasuar", "en", "Bulbasaur", True)
    n("gyrados", "en", "Gyarados", True)
    n("rayquazza", "en", "Rayquaza", True)
    n("feraligator", "en", "Feraligatr", True)
    n("whats a garchop", "en", "Garchomp", True)
    n("mewtow", "en", "Mewtwo", True)
    n("snorlex", "en", "Snorlax", True)
    n("dragonitte", "en", "Dragonite", True)
    n("tinkatron", "en", "Tinkaton", True)

    n("show me Glurak", "de", "Glurak")
    n("Bisasam", "de", "Bisasam")
    n("wie heißt Relaxo auf englisch", "de", "Relaxo")
    n("zeig mir feelinara", "de", "Feelinara")
    n("furnifrass", "de", "Furnifraß")
    n("bahmon", "de", "Bähmon")
    n("quajutsu bild", "de", "Quajutsu")
    n("Glurack", "de", "Glurak", True)
    n("knakrak", "de", "Knakrack", True)
    n("tragoso", "de", "Tragosso", True)
    n("was ist Donnersichel", "de", "Donnersichel")

    n("Dracaufeu", "fr", "Dracaufeu")
    n("c'est quoi Ronflex", "fr", "Ronflex")
    n("salameche", "fr", "Salamèche")
    n("montre-moi leviator", "fr", "Léviator")
    n("electhor", "fr", "Électhor")
    n("melodelfe", "fr", "Mélodelfe")
    n("carapucce", "fr", "Carapuce", True)
    n("amphinobbi", "fr", "Amphinobi", True)
    n("florizare", "fr", "Florizarre", True)
    n("ectoplasma pokemon", "fr", "Ectoplasma")

    n("Colmilargo", "es", "Colmilargo")
    n("quién es Ferropalmas", "es", "Ferropalmas")
    n("codigo cero", "es", "Código Cero")
    n("muéstrame a bramaluna", "es", "Bramaluna")
    n("furiosetta", "es", "Furioseta", True)
    n("enseñame una foto de Lucario", "es", "Lucario")

    n("Lunaruggente", "it", "Lunaruggente")
    n("chi è Grandizanne", "it", "Grandizanne")
    n("tipo zero", "it", "Tipo Zero")
    n("mostrami manoferrea", "it", "Manoferrea")
    n("fungofurioiso", "it", "Fungofurioso", True)
    n("fammi vedere Bulbasaur", "it", "Bulbasaur")

    n("リザードン", "ja", "リザードン")
    n("フシギダネ", "ja", "フシギダネ")
    n("カビゴンを見せて", "ja", "カビゴン")
    n("ミミッキュってどんなポケモン", "ja", "ミミッキュ")
    n("ゲッコウガ", "ja", "ゲッコウガ")
    n("テツノカイナ", "ja", "テツノカイナ")
    n("ブラッキーの画像", "ja", "ブラッキー")

    n("Fushigidane", "ja-roma", "Fushigidane")
    n("rizardon", "ja-roma", "Lizardon", True)
    n("kabigon", "ja-roma", "Kabigon")
    n("what is gekkouga in english", "ja-roma", "Gekkouga")
    n("hitokage", "ja-roma", "Hitokage")
    n("nyarth", "ja-roma", "Nyarth")
    n("bangirasu", "ja-roma", "Bangiras", True)

    n("이상해씨", "ko", "이상해씨")
    n("리자몽 보여줘", "ko", "리자몽")
    n("잠만보", "ko", "잠만보")
    n("따라큐", "ko", "따라큐")
    n("망나뇽", "ko", "망나뇽")

    n("妙蛙種子", "zh-hant", "妙蛙種子")
    n("噴火龍", "zh-hant", "噴火龍")
    n("甲賀忍蛙的圖片", "zh-hant", "甲賀忍蛙")
    n("超夢", "zh-hant", "超夢")
    n("妙蛙种子", "zh-hans", "妙蛙种子")
    n("喷火龙", "zh-hans", "喷火龙")
    n("给我看卡比兽", "zh-hans", "卡比兽")
    n("烈咬陆鲨", "zh-hans", "烈咬陆鲨")

    # -- foreign
    f = lambda language, query, accepted: add("foreign", query, accepted, language)
    f("de", "Feuer Drache", pick("fire", "dragon"))
    f("de", "Käfer Pokémon die rot sind", pick("bug", where=lambda s: s.color == "red"))
    f("de", "schnellstes Elektro-Pokémon", top(speed, "electric"))
    f("de", "legendäre Vögel", TRIOS["birds"])
    f("de", "Geister aus Kanto", pick("ghost", region="kanto"))
    f("fr", "type eau", pick("water"))
    f("fr", "acier et fée", pick("steel", "fairy"))
    f("fr", "le plus grand pokémon", top(m_))
    f("fr", "pokémon légendaires de type psy", pick("psychic", where=legendary))
    f("fr", "pokémon roses de type fée", pick("fairy", where=lambda s: s.color == "pink"))
    f("es", "tipo fuego", pick("fire"))
    f("es", "fantasma y siniestro", pick("ghost", "dark"))
    f("es", "el pokémon más pesado", top(kg))
    f("es", "evoluciones de eevee", later("eevee"))
    f("it", "draghi", pick("dragon"))
    f("it", "tipo folletto e acciaio", pick("fairy", "steel"))
    f("it", "uccelli leggendari", TRIOS["birds"])
    f("ja", "ほのおタイプ", pick("fire"))
    f("ja", "こおりタイプのドラゴン", pick("ice", "dragon"))
    f("ja", "一番速いポケモン", top(speed))
    return queries


def check(world, queries):
    known = {s.id for s in world.species} | {m.id for m in world.mons}
    seen = set()
    empty = [query for query, _, _, accepted in queries if not accepted]
    assert not empty, empty
    for query, style, language, accepted in queries:
        assert style in STYLES, style
        assert set(accepted) <= known, f"{query!r}: {set(accepted) - known}"
        assert query.strip() == query and query.casefold() not in seen, f"{query!r}: twice"
        seen.add(query.casefold())
    for members in [FOSSILS, PSEUDO_LEGENDARIES, ULTRA_BEASTS, PARADOX_PAST, PARADOX_FUTURE, *STARTERS.values(),
                    *TRIOS.values()]:
        assert set(members) <= set(world.by), set(members) - set(world.by)
    assert len(world.species) == 1025 and all(len(s.stats) == 6 and s.m > 0 and s.kg > 0 for s in world.species)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--data", type=Path, required=True, help="folder with PokéAPI's tables")
    parser.add_argument("--out", type=Path, required=True)
    args = parser.parse_args()
    folder = args.data if (args.data / "pokemon_species.csv").exists() else args.data / "pokeapi"
    world = load(folder)
    queries = build(world)
    check(world, queries)
    with open(args.out, "w", encoding="utf-8", newline="") as file:
        out = csv.writer(file, lineterminator="\n")
        out.writerow(["query", "style", "language", "accepted"])
        out.writerows((query, style, language, "|".join(accepted)) for query, style, language, accepted in queries)
    styles, languages = Counter(q[1] for q in queries), Counter(q[2] for q in queries)
    print(f"{len(queries)} queries")
    print("styles:   ", ", ".join(f"{s} {styles[s]}" for s in STYLES))
    print("languages:", ", ".join(f"{lang} {count}" for lang, count in languages.most_common()))


if __name__ == "__main__":
    sys.exit(main())
