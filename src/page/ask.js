// Questions and answers: from the terms of a question to one vector, or to fused scores, and to the nearest rows. What the
// command line finds is found here, in the same order; what it says on the way are the `notes` of an answer.
((pokedex) => {
  "use strict";

  const { correct, dot, normalise, parseTerms, shortest, trim, wrong } = pokedex.offline;
  const f32 = Math.fround;

  /**
   * What is searched.
   *
   * - `name`: what to call it in a message
   * - `keys`: the key of every row, `ids`: its number or null
   * - `vectors`: of all rows
   * - `tower`: reads words; null where nobody does, `noWords` says why
   * - `species`: the fused search, null but for the built-in Pokédex
   * - `weak`: where the best score for words is lower, nothing is really like them
   */
  class Searched {
    constructor({ name, keys, ids, vectors, tower, noWords, species, weak }) {
      Object.assign(this, { name, keys, ids, vectors, tower, noWords, species, weak });
    }

    /**
     * Answers a question: `{query, notes, weak, hits}`, where a hit is `{row, score, parts}`.
     *
     * `passes`: which rows may be found, null for all.
     */
    ask(query, { top = 10, offset = 0, passes = null, minScore = null, diverse = null } = {}) {
      const asked = { notes: [], without: new Set(), offset, top, passes, minScore, diverse };
      const terms = parseTerms(query);
      const found = this.species === null ? this.#cosine(terms, asked) : this.#fused(terms, asked);
      const hits = this.#chosen(found, terms, asked);
      const isOfWords = offset === 0 && terms.every((term) => term.kind === "words");
      const weak = hits.length === 0 || (isOfWords && hits[0].score < this.weak);
      return { query: trim(query), notes: asked.notes, weak, hits };
    }

    /** The rows that are nearest to a row. */
    similar(row, { top = 12, offset = 0, passes = null } = {}) {
      const vector = this.vectors.of(row);
      const asked = { without: new Set([row]), offset, top, passes, minScore: null, diverse: null };
      const hits = normalise(vector) ? this.#best(asked, (other) => this.vectors.cosine(other, vector), () => []) : [];
      return this.#chosen(hits, [], asked);
    }

    /** How words are looked up: by the model, and in the facts of the species. */
    #lookUp() {
      const { tower, species } = this;
      if (species === null) return (word) => tower.lookUp(word);
      return (word) => species.lookUp(word, tower.lookUp(word));
    }

    /** A text as it was probably meant; notes what is taken for a slip. */
    #read(text, notes) {
      const read = correct(text, this.#lookUp());
      for (const [written, meant] of read.changes) notes.push(`"${written}": not a known word; read as "${meant}"`);
      return read.text;
    }

    /** The vector of a term of words, or of stored rows, which are not to be found again. */
    #vector(term, { notes, without }) {
      if (term.kind === "words") {
        if (this.tower === null) throw wrong(this.noWords, "look for rows: id:25, key:NAME");
        return this.tower.embed(this.#read(term.value, notes));
      }
      const sum = new Float64Array(this.vectors.dimension);
      const column = term.kind === "key" ? this.keys : this.ids;
      let count = 0;
      for (let row = 0; row < column.length; row++) {
        if (column[row] !== term.value || !this.vectors.has(row)) continue;
        const vector = this.vectors.of(row);
        for (let at = 0; at < sum.length; at++) sum[at] += vector[at];
        without.add(row);
        count += 1;
      }
      const vector = Float32Array.from(sum);
      if (count === 0 || !normalise(vector)) throw wrong(`${this.name}: has no row with ${term.name}`);
      return vector;
    }

    #cosine(terms, asked) {
      const parts = terms.map((term) => [term.weight, this.#vector(term, asked)]);
      const sum = new Float32Array(this.vectors.dimension);
      for (const [weight, vector] of parts) {
        for (let at = 0; at < sum.length; at++) sum[at] += f32(weight * vector[at]);
      }
      const length = f32(Math.sqrt(dot(sum, sum)));
      if (!normalise(sum)) throw cancelled();
      const adds = (row) => {
        const own = this.vectors.of(row);
        return parts.map(([weight, vector]) => f32(f32(weight / length) * f32(dot(vector, own))));
      };
      return this.#best(asked, (row) => this.vectors.cosine(row, sum), adds);
    }

    #fused(terms, asked) {
      const cosines = (vector) => this.keys.map((_, row) => this.vectors.cosine(row, vector));
      const scores = terms.map((term) => {
        if (term.kind !== "words") return cosines(this.#vector(term, asked));
        const lookUp = this.#lookUp();
        const text = this.species.isNamed(term.value, lookUp) ? term.value : this.#read(term.value, asked.notes);
        return this.species.scores(text, cosines(this.tower.embed(text)), lookUp);
      });
      const weights = new Map();
      for (const { name, weight } of terms) weights.set(name, f32((weights.get(name) ?? 0) + weight));
      if ([...weights.values()].every((weight) => weight === 0)) throw cancelled();
      const total = terms.reduce((sum, { weight }) => f32(sum + Math.abs(weight)), 0);
      const adds = (row) => terms.map(({ weight }, at) => f32(f32(weight / total) * scores[at][row]));
      return this.#best(asked, (row) => adds(row).reduce((sum, part) => f32(sum + part), 0), adds);
    }

    /** The rows that may be found, best first, ties in the order of the table. */
    #best({ passes, without, minScore }, score, adds) {
      const hits = [];
      for (let row = 0; row < this.keys.length; row++) {
        if ((passes !== null && passes[row] === 0) || without.has(row) || !this.vectors.has(row)) continue;
        hits.push({ row, score: score(row), adds });
      }
      hits.sort((a, b) => b.score - a.score || a.row - b.row);
      return minScore === null ? hits : hits.filter((hit) => hit.score >= minScore);
    }

    /** Of what was found, best first, what is to be shown. */
    #chosen(hits, terms, { offset, top, diverse }) {
      const wanted = offset + top;
      const pool = hits.slice(0, Math.max(10 * wanted, 100));
      const chosen = diverse === null ? hits : this.#diverse(pool, diverse, wanted);
      return chosen.slice(offset, wanted).map(({ row, score, adds }) => ({
        row,
        score: shortest(score),
        parts: adds(row).map((added, at) => ({
          term: terms[at].name,
          weight: shortest(terms[at].weight),
          adds: shortest(added),
        })),
      }));
    }

    /** Hits none of which is much like those before it: maximal marginal relevance. */
    #diverse(hits, diversity, top) {
      const left = hits.map((hit) => ({ ...hit, vector: this.vectors.of(hit.row), nearest: -Infinity }));
      const chosen = [];
      while (chosen.length < top && left.length > 0) {
        const value = (hit) =>
          f32(f32((1 - diversity) * hit.score) - f32(diversity * (chosen.length === 0 ? 0 : hit.nearest)));
        let best = 0;
        for (let at = 1; at < left.length; at++) if (value(left[at]) > value(left[best])) best = at;
        const [hit] = left.splice(best, 1);
        for (const other of left) other.nearest = Math.max(other.nearest, f32(dot(hit.vector, other.vector)));
        chosen.push(hit);
      }
      return chosen;
    }
  }

  const cancelled = () =>
    wrong("the terms of the query cancel each other out", "give one of them another weight: 2:words");

  pokedex.offline.Searched = Searched;
})((globalThis.pokedex ??= {}));
