// The query language of the command line, less what names files: `2:golden retriever + id:25 - key:a b.png`.
((pokedex) => {
  "use strict";

  const { trim, wrong } = pokedex.offline;

  const HINT = "terms: words, id:25, key:NAME, joined by + or -, weighted as 2:words";
  const FILES = ["img:", "vec:", "./", "../", "/", "~/"];

  const isSign = (text) => text === "+" || text === "-";

  /** Reads one question: a term reaches to the next ` + ` or ` - `. Gives `{weight, kind, value, name}` for each. */
  function parse(line) {
    const parts = [];
    for (const word of trim(line).split(" ")) {
      const last = parts.length - 1;
      if (last >= 0 && !isSign(word) && !isSign(parts[last])) parts[last] += ` ${word}`;
      else parts.push(word);
    }
    const terms = [];
    let sign = null;
    for (const part of parts.map(trim).filter((part) => part !== "")) {
      if (isSign(part)) {
        if (sign !== null) throw wrong(`${part}: two signs in a row`, HINT);
        sign = part;
        continue;
      }
      const { weight, rest } = weighted(part);
      terms.push({ weight: sign === "-" ? -weight : weight, ...term(rest) });
      sign = null;
    }
    if (sign !== null) throw wrong(`${sign}: a sign with no term after it`, HINT);
    if (terms.length === 0) throw wrong("the query is empty", "fire dog");
    return terms;
  }

  /** `2:golden` is golden, twice; `Type: Null` is no weight. */
  function weighted(text) {
    const found = /^(\d+\.?\d*|\.\d+):([^]+)$/.exec(text);
    const weight = found === null ? NaN : Math.fround(Number(found[1]));
    return Number.isFinite(weight) ? { weight, rest: found[2] } : { weight: 1, rest: text };
  }

  function term(text) {
    if (text.startsWith("key:")) return { kind: "key", value: text.slice(4), name: text };
    if (text.startsWith("id:")) {
      const digits = trim(text.slice(3));
      const id = /^[+-]?\d+$/.test(digits) ? Number(digits) : NaN;
      if (!(Math.abs(id) <= 2147483647)) throw wrong(`${text}: is not followed by a whole number`, HINT);
      return { kind: "id", value: id, name: `id:${id}` };
    }
    if (FILES.some((start) => text.startsWith(start))) {
      const hint = "terms are words, id:25 and key:NAME, joined by + or -";
      throw wrong(`${text}: files of this machine cannot be asked by`, hint);
    }
    const words = trim(text);
    return { kind: "words", value: words, name: words };
  }

  pokedex.offline.parseTerms = parse;
})((globalThis.pokedex ??= {}));
