// The words of the built-in model: WordPiece, uncased, as BERT has it, and what a misspelt word was meant to be.
// A vocabulary is a piece a line, whose number is its id; 0 stands for nothing and 1 for what no pieces make up.
((pokedex) => {
  "use strict";

  const { isAlphanumeric, plain, slips, byCharacters } = pokedex.offline;

  const UNKNOWN = 1;
  const LONGEST_WORD = 100;

  const PUNCTUATION =
    /^[!-\/:-@[-`{-~\u00a1\u00a7\u00ab\u00b6\u00b7\u00bb\u00bf\u2010-\u2027\u2030-\u205e\u3001-\u3003\u3008-\u3011]$/u;
  const SPACE = /^[\p{White_Space}\p{Cc}]$/u;

  /** Slips that are forgiven: one from four letters on, two from `long` on. */
  const forgiven = (letters, long) => (letters < 4 ? 0 : letters < long ? 1 : 2);

  const isPlain = (word) => /^[a-z]{3,}$/.test(word);

  /** Lower-case words without accents; every punctuation mark is a word of its own. */
  function words(text) {
    const all = [""];
    for (const character of plain(text.toLowerCase())) {
      if (SPACE.test(character)) {
        all.push("");
      } else if (PUNCTUATION.test(character)) {
        all.push(character, "");
      } else {
        all[all.length - 1] += character;
      }
    }
    return all.filter((word) => word !== "");
  }

  class WordPiece {
    /** @param {string} vocabulary a piece a line @param {number} most ids of one text */
    constructor(vocabulary, most) {
      this.pieces = vocabulary.split("\n");
      this.ids = new Map(this.pieces.map((piece, id) => [piece, id]));
      this.most = most;
      this.found = new Map();
    }

    /** The ids of a text's pieces. */
    encode(text) {
      const ids = [];
      for (const word of words(text)) this.#encodeWord([...word], ids);
      return ids.slice(0, this.most);
    }

    #encodeWord(letters, ids) {
      const before = ids.length;
      let start = 0;
      while (start < letters.length && letters.length <= LONGEST_WORD) {
        let end = letters.length;
        let id;
        for (; end > start; end--) {
          id = this.ids.get((start > 0 ? "##" : "") + letters.slice(start, end).join(""));
          if (id !== undefined) break;
        }
        if (id === undefined) break;
        ids.push(id);
        start = end;
      }
      if (start < letters.length) {
        ids.length = before;
        ids.push(UNKNOWN);
      }
    }

    /**
     * What the vocabulary makes of a lower-case word: it has no slips where it is known, `slips` is infinite where it
     * is like no word, else `meant` is the word that is so many slips away.
     */
    lookUp(word) {
      if (this.ids.has(word)) return { slips: 0, meant: null };
      let known = this.found.get(word);
      if (known === undefined) {
        known = this.#nearest(word);
        this.found.set(word, known);
      }
      return known;
    }

    /** The first letter must be right, which nearly every misspelling has: it keeps rare words from becoming others. */
    #nearest(word) {
      const none = { slips: Infinity, meant: null };
      const most = forgiven(word.length, 8);
      if (most === 0 || !isPlain(word)) return none;
      let best = null;
      for (const [known, rank] of this.ids) {
        if (known[0] !== word[0] || Math.abs(known.length - word.length) > most || !isPlain(known)) continue;
        const count = slips(word, known);
        if (count > most) continue;
        const isPlural = word === `${known}s`;
        const order = best === null ? -1 : count - best.slips || best.isPlural - isPlural || rank - best.rank;
        if (order < 0 || (order === 0 && byCharacters(known, best.meant) < 0)) {
          best = { slips: count, isPlural, rank, meant: known };
        }
      }
      return best === null ? none : { slips: best.slips, meant: best.meant };
    }
  }

  /** A text whose misspelt words are put right, and what was changed: [as written, as read]. */
  function correct(text, lookUp) {
    const changes = [];
    let out = "";
    let word = "";
    const close = () => {
      // No word is touched that holds other letters than those of ASCII.
      const known = word !== "" && /^[\0-\x7f]*$/.test(word) ? lookUp(word.toLowerCase()) : { slips: Infinity };
      if (known.slips > 0 && known.slips < Infinity) {
        changes.push([word, known.meant]);
        out += known.meant;
      } else {
        out += word;
      }
      word = "";
    };
    for (const character of text) {
      if (isAlphanumeric(character)) {
        word += character;
      } else {
        close();
        out += character;
      }
    }
    close();
    return { text: out, changes };
  }

  Object.assign(pokedex.offline, { WordPiece, correct, forgiven });
})((globalThis.pokedex ??= {}));
