// Rows that were selected, and the list of them to take away.
"use strict";
window.pokedex = window.pokedex || {};

(() => {
  const { make } = pokedex.parts;
  const rows = new Map();
  let last = null;

  const isSelected = (row) => rows.has(row);

  function toggle(row) {
    if (rows.has(row.row)) rows.delete(row.row);
    else rows.set(row.row, row);
    last = row;
  }

  function add(some) {
    some.forEach((row) => rows.set(row.row, row));
  }

  const clear = () => rows.clear();

  /// The rows in the order of the table, without what only the answer knows.
  function list() {
    const plain = ({ rank, score, parts, row, ...cells }) => cells;
    return [...rows.values()].sort((a, b) => a.row - b.row).map(plain);
  }

  const paths = () => list().map((row) => (row.path || row.key) + "\n").join("");

  function csv() {
    const names = pokedex.about.columns.map((column) => column.name);
    const quoted = (value) => {
      const text = value === null || value === undefined ? "" : typeof value === "object" ? JSON.stringify(value) : String(value);
      return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
    };
    const lines = list().map((row) => names.map((name) => quoted(row[name])).join(","));
    return [names.map(quoted).join(","), ...lines].join("\n") + "\n";
  }

  const jsonl = () => list().map((row) => JSON.stringify(row) + "\n").join("");

  function save(name, type, text) {
    const address = URL.createObjectURL(new Blob([text], { type }));
    const link = make("a", { href: address, download: name });
    document.body.append(link);
    link.click();
    link.remove();
    setTimeout(() => URL.revokeObjectURL(address), 10_000);
  }

  /// Fills the bar; it is hidden where nothing is selected.
  function show(bar, changed) {
    const button = (text, act) => make("button", { type: "button", onclick: act }, text);
    bar.hidden = rows.size === 0;
    if (bar.hidden) {
      bar.replaceChildren();
      return;
    }
    bar.replaceChildren(
      make("span", { role: "status" }, `${rows.size.toLocaleString("en")} selected`),
      button("Paths", () => save("paths.txt", "text/plain", paths())),
      button("CSV", () => save("rows.csv", "text/csv", csv())),
      button("JSON Lines", () => save("rows.jsonl", "application/x-ndjson", jsonl())),
      button("Clear", () => { clear(); changed(); }),
    );
  }

  pokedex.selection = { isSelected, toggle, add, clear, show, last: () => last };
})();
