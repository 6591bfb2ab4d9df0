// Where the page's data comes from: the server that sent it.
"use strict";
window.pokedex = window.pokedex || {};

(() => {
  let identity = null;

  async function ask(path, parameters, body) {
    const query = new URLSearchParams();
    for (const [name, value] of Object.entries(parameters || {})) {
      if (value !== undefined && value !== null && value !== "") query.set(name, value);
    }
    if (identity) query.set("index", identity);
    let answer;
    try {
      const text = query.toString();
      answer = await fetch(path + (text ? "?" + text : ""), body ? { method: "POST", body } : undefined);
    } catch {
      throw Object.assign(new Error("the server does not answer"), { hint: "is it still running? pokedex serve", status: 0 });
    }
    const found = await answer.json().catch(() => ({}));
    if (!answer.ok) {
      throw Object.assign(new Error(found.error || "the server answered " + answer.status), { hint: found.hint, status: answer.status });
    }
    return found;
  }

  // A picture goes as it is; its type says that it is one.
  const picture = (blob) => new Blob([blob], { type: blob.type || "application/octet-stream" });

  pokedex.source = {
    async about() {
      identity = null;
      const about = await ask("api/about");
      identity = about.identity;
      return about;
    },
    rows: ({ from, count, where, sort, group }) => ask("api/rows", { from, count, where, sort, group }),
    groups: ({ where, group }) => ask("api/groups", { where, group }),
    row: (row) => ask("api/rows/" + row),
    some: (rows) => ask("api/rows", { rows: rows.join(",") }),
    map: ({ colour } = {}) => ask("api/map", { colour }),
    async passing({ where }) {
      const { rows, bits } = await ask("api/passing", { where });
      const bytes = Uint8Array.from(atob(bits), (c) => c.charCodeAt(0));
      return Uint8Array.from({ length: rows }, (_, row) => (bytes[row >> 3] >> (row & 7)) & 1);
    },
    similar: (row, { top, where } = {}) => ask(`api/rows/${row}/similar`, { top, where }),
    search: ({ q, picture: blob, where, top, offset, diverse }) =>
      ask("api/search", { q, where, top, offset, diverse }, blob && picture(blob)),
    classify: (blob, { top } = {}) => ask("api/classify", { top }, picture(blob)),
    thumbnail: (row, size) => `api/rows/${row.row}/thumbnail?size=${size}&index=${identity}`,
  };
})();
