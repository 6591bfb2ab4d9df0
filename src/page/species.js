// The fused search of the built-in Pokédex: what words say of a species by its name and its facts, beside its vector.
// The score for words is max(name, 0.8 · cosine + 0.2 · facts), on the scale of a cosine; see src/index/pokedex.rs.
((pokedex) => {
  "use strict";

  const { byCharacters, bytes, forgiven, plain, slips, split } = pokedex.offline;
  const f32 = Math.fround;

  const COSINE = f32(0.8);
  const FACTS = f32(0.2);
  const EPSILON = 2 ** -23;

  const FACT_COLUMNS = {
    label: 1,
    looks_like: 1,
    type1: 1,
    type2: 1,
    color: 0.9,
    genus: 0.8,
    features: 0.7,
    themes: 0.7,
    habitat: 0.4,
    shape: 0.4,
    egg_groups: 0.3,
  };
  const FLAG_COLUMNS = { is_legendary: "legendary", is_mythical: "mythical", is_baby: "baby" };
  const FLAG_WEIGHT = 0.9;

  const IRREGULAR = new Map([
    ["mice", "mouse"],
    ["geese", "goose"],
    ["teeth", "tooth"],
    ["feet", "foot"],
    ["oxen", "ox"],
    ["people", "person"],
    ["men", "man"],
    ["women", "woman"],
    ["children", "child"],
    ["fungi", "fungus"],
    ["cacti", "cactus"],
    ["octopi", "octopus"],
  ]);

  /** Endings of plurals, and of what they are plurals. */
  const ENDINGS = [
    ["ies", "y"],
    ["ves", "f"],
    ...["s", "x", "z", "ch", "sh"].map((sound) => [`${sound}es`, sound]),
    ["s", ""],
  ];

  const STOP_WORDS = new Set(
    (
      "a an and are as at be by for from has have in is it its like look looks looking me my of on or pokemon show " +
      "some something that the their thing this to with who which kind type can very who's there"
    ).split(" "),
  );

  const WHOLE = 1;
  const PART = f32(0.95);
  const LONGEST_NAME = 3;

  /** Lower-case words without accents. */
  function words(text) {
    const parts = text.split(/[^\p{Alphabetic}\p{N}\p{M}']+/u).filter((word) => word !== "");
    return parts.map((word) => plain(word.toLowerCase()));
  }

  /** `dogs` → `dog`, `butterflies` → `butterfly`, `foxes` → `fox`, `wolves` → `wolf`. */
  function singular(word) {
    if (/(ss|us|is)$/.test(word)) return word;
    if (IRREGULAR.has(word)) return IRREGULAR.get(word);
    for (const [ending, instead] of ENDINGS) {
      const stem = word.slice(0, -ending.length);
      if (word.endsWith(ending) && bytes(stem) >= 2) return stem + instead;
    }
    return word;
  }

  /** The first two bytes, which words of the facts share with those of a query that they may be. */
  const encoder = new TextEncoder();
  const head = (word) => (bytes(word) < 2 ? "" : encoder.encode(word).subarray(0, 2).join());

  /** Lower case, no accents, letters and digits only; ♀ and ♂ as `f` and `m`. */
  const fold = (text) =>
    plain(text.replace(/♀/g, "f").replace(/♂/g, "m").toLowerCase()).replace(/[^\p{Alphabetic}\p{N}]/gu, "");

  function spellingsOf(name) {
    const isOneWord = /^\p{Alphabetic}*$/u.test(name);
    const spellings = [fold(name)];
    for (const [sign, word] of [["♀", "female"], ["♂", "male"]]) {
      if (name.includes(sign)) spellings.push(fold(name.replaceAll(sign, word)));
    }
    return spellings.map((folded) => ({ folded, isOneWord, letters: [...folded].length, bytes: bytes(folded) }));
  }

  /** The spellings in a query that could be a name. */
  function candidates(query, lookUp) {
    const folded = split(query).map(fold);
    const distances = folded.map((word) => lookUp(word).slips);
    const spellings = [];
    for (let length = 1; length <= Math.min(LONGEST_NAME, folded.length); length++) {
      for (let at = 0; at + length <= folded.length; at++) {
        const text = folded.slice(at, at + length).join("");
        if (text === "") continue;
        spellings.push({
          folded: text,
          bytes: bytes(text),
          whole: length === folded.length,
          slips: distances.slice(at, at + length).reduce((sum, count) => sum + count, 0),
          isPhrase: length > 1,
        });
      }
    }
    return spellings;
  }

  function exactScore(spelling, name) {
    if (spelling.folded !== name.folded) return 0;
    return spelling.whole ? WHOLE : PART;
  }

  /** A name that is misspelt, where it is not rather an English word. */
  function typoScore(spelling, name) {
    let most = forgiven(name.letters, 7);
    if (name.isOneWord || !spelling.isPhrase) {
      most = Math.min(most, Math.max(spelling.slips - (spelling.whole ? 0 : 1), 0));
    }
    if (most === 0 || Math.abs(spelling.bytes - name.bytes) > most) return 0;
    const distance = slips(spelling.folded, name.folded);
    if (distance > most) return 0;
    return f32(f32(1 - f32(distance / name.letters)) * (spelling.whole ? WHOLE : PART));
  }

  class Species {
    /** @param rows as many objects as there are vectors, with the columns of facts */
    constructor(rows) {
      this.names = rows.map((row) => spellingsOf(row.label ?? ""));
      this.known = new Set();
      // Of every row: the first bytes of each word of its facts, the word in the singular, and what it weighs.
      this.facts = rows.map((row) => {
        const facts = [];
        const add = (text, weight) => {
          for (const word of words(text)) {
            const one = singular(word);
            this.known.add(one);
            facts.push([head(word), one, f32(weight)]);
          }
        };
        for (const [column, weight] of Object.entries(FACT_COLUMNS)) {
          if (typeof row[column] === "string") add(row[column], weight);
        }
        for (const [column, word] of Object.entries(FLAG_COLUMNS)) {
          if (row[column] === true) add(word, FLAG_WEIGHT);
        }
        return facts;
      });
    }

    /** What is known of a lower-case word, given what a vocabulary makes of it: a word of the facts is no slip. */
    lookUp(word, known) {
      const isSlip = known.slips > 0 && known.slips < Infinity;
      return isSlip && this.known.has(singular(word)) ? { slips: 0, meant: null } : known;
    }

    /** For every row how well its name matches a text, 0 where it does not. */
    nameScores(text, lookUp) {
      const spellings = candidates(text, lookUp);
      const best = (score) =>
        this.names.map((names) => {
          let most = 0;
          for (const name of names) for (const spelling of spellings) most = Math.max(most, score(spelling, name));
          return most;
        });
      const exact = best(exactScore);
      return exact.some((score) => score > 0) ? exact : best(typoScore);
    }

    /** Whether a text names a species, rightly or nearly. */
    isNamed(text, lookUp) {
      return this.nameScores(text, lookUp).some((score) => score > 0);
    }

    /** For every row the share of a text's words that its facts contain, weighted by rarity and by column. */
    #factScores(text) {
      const wanted = [...new Set(words(text).filter((word) => !STOP_WORDS.has(word)).map(singular))].sort(byCharacters);
      const place = new Map(wanted.map((word, at) => [word, at]));
      const heads = new Set(wanted.map(head));
      const found = this.facts.map((facts) => {
        const weights = new Float32Array(wanted.length);
        for (const [start, word, weight] of facts) {
          const at = heads.has(start) ? place.get(word) : undefined;
          if (at !== undefined) weights[at] = Math.max(weights[at], weight);
        }
        return weights;
      });
      const rarity = wanted.map((_, at) => {
        const having = found.reduce((count, weights) => count + (weights[at] > 0 ? 1 : 0), 0);
        return f32(Math.log(f32(this.facts.length / (1 + having))));
      });
      const total = Math.max(rarity.reduce((sum, one) => f32(sum + one), 0), EPSILON);
      return found.map((weights) => {
        const share = rarity.reduce((sum, one, at) => f32(sum + f32(weights[at] * one)), 0);
        return f32(share / total);
      });
    }

    /** The score of every row for a text, of which `cosines` says how near its vector is to that of each. */
    scores(text, cosines, lookUp) {
      const names = this.nameScores(text, lookUp);
      const facts = this.#factScores(text);
      return cosines.map((cosine, row) => {
        const fused = f32(f32(COSINE * cosine) + f32(FACTS * facts[row]));
        // A name that matches lies above all else; among equals the rest of the score decides.
        return names[row] > 0 ? Math.max(names[row], fused) : Math.min(fused, f32(0.9));
      });
    }
  }

  pokedex.offline.Species = Species;
})((globalThis.pokedex ??= {}));
