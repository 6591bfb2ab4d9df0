// Letters and words as the command line reads them: by Unicode's classes, not by JavaScript's \w, \s and order of text.
// Everything here is pure; the same text gives the same words in the browser and in the program.
((pokedex) => {
  "use strict";

  const offline = (pokedex.offline ??= {});

  const ALPHANUMERIC = /^[\p{Alphabetic}\p{N}]$/u;
  const SPACES = /\p{White_Space}+/u;
  const ENDS = /^\p{White_Space}+|\p{White_Space}+$/gu;

  const isAlphanumeric = (character) => ALPHANUMERIC.test(character);

  /** A text without white space at its ends. */
  const trim = (text) => text.replace(ENDS, "");

  /** The words between white space. */
  const split = (text) => text.split(SPACES).filter((word) => word !== "");

  /** Accents and what else is put onto letters, apart from them and gone. */
  const plain = (text) => text.normalize("NFD").replace(/\p{M}/gu, "");

  /** The order of texts by their characters, which is that of their bytes in UTF-8. */
  function byCharacters(a, b) {
    const length = Math.min(a.length, b.length);
    // Halves of characters beyond U+FFFF come after all whole ones.
    const rank = (unit) => (unit < 0xd800 ? unit : unit < 0xe000 ? unit + 0x2000 : unit - 0x800);
    for (let at = 0; at < length; at++) {
      const difference = rank(a.charCodeAt(at)) - rank(b.charCodeAt(at));
      if (difference !== 0) return difference;
    }
    return a.length - b.length;
  }

  /** The number of bytes in UTF-8. */
  function bytes(text) {
    let count = 0;
    for (const character of text) {
      const code = character.codePointAt(0);
      count += code < 0x80 ? 1 : code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
    }
    return count;
  }

  /** How many letters are more, less, other or swapped with their neighbour (optimal string alignment). */
  function slips(left, right) {
    const a = [...left];
    const b = [...right];
    let before = [];
    let last = Array.from({ length: b.length + 1 }, (_, at) => at);
    for (let i = 1; i <= a.length; i++) {
      const row = [i];
      for (let j = 1; j <= b.length; j++) {
        const other = a[i - 1] === b[j - 1] ? 0 : 1;
        let least = Math.min(last[j] + 1, row[j - 1] + 1, last[j - 1] + other);
        if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]) {
          least = Math.min(least, before[j - 2] + 1);
        }
        row.push(least);
      }
      before = last;
      last = row;
    }
    return last[b.length];
  }

  /** The name that was probably meant by one that is none. */
  function nearest(name, names) {
    const lower = name.toLowerCase();
    const most = Math.min(Math.max(Math.floor([...lower].length / 3), 1), 3);
    let best = null;
    for (const other of names) {
      const count = slips(lower, other.toLowerCase());
      if (best === null || count < best.count) best = { count, name: other };
    }
    return best !== null && best.count <= most ? best.name : null;
  }

  /** A number of single precision through its shortest decimal form: 0.7 is 0.7, not 0.699999988079071. */
  function shortest(number) {
    const single = Math.fround(number);
    if (!Number.isFinite(single)) return single;
    for (let digits = 1; digits < 10; digits++) {
      const short = Number(single.toPrecision(digits));
      if (Math.fround(short) === single) return short;
    }
    return single;
  }

  /** What a source throws: what is wrong, what mends it, and the number that a server would answer with. */
  const wrong = (message, hint = null, status = 400) => Object.assign(new Error(message), { hint, status });

  Object.assign(offline, {
    isAlphanumeric,
    trim,
    split,
    plain,
    byCharacters,
    bytes,
    slips,
    nearest,
    shortest,
    wrong,
  });
})((globalThis.pokedex ??= {}));
