// Rows that were selected, and the list of them to take away.
"use strict";
window.pokedex = window.pokedex || {};

(() => {
  const { make } = pokedex.parts;
  // Cells by the numbers of rows; null where they are not here yet.
  const rows = new Map();
  const PART = 500;
  let last = null;
  let busy = false;

  const isSelected = (row) => rows.has(row);

  function toggle(row) {
    if (rows.has(row.row)) rows.delete(row.row);
    else rows.set(row.row, row);
    last = row;
  }

  function add(some) {
    some.forEach((row) => rows.set(row.row, row));
  }

  /// Selects rows of which only the numbers are known; their cells come when they are taken away.
  function addNumbers(numbers) {
    numbers.forEach((row) => rows.has(row) || rows.set(row, null));
  }

  const clear = () => rows.clear();

  /// The rows in the order of the table, without what only the answer knows.
  async function list() {
    const missing = [...rows].filter(([, cells]) => cells === null).map(([row]) => row);
    for (let from = 0; from < missing.length; from += PART) {
      const found = await pokedex.source.some(missing.slice(from, from + PART));
      found.rows.forEach((row) => rows.has(row.row) && rows.set(row.row, row));
    }
    const plain = ({ rank, score, parts, row, ...cells }) => cells;
    return [...rows.values()].filter(Boolean).sort((a, b) => a.row - b.row).map(plain);
  }

  const paths = (all) => all.map((row) => (row.path || row.key) + "\n").join("");

  function csv(all) {
    const names = pokedex.about.columns.map((column) => column.name);
    const quoted = (value) => {
      const text = value === null || value === undefined ? "" : typeof value === "object" ? JSON.stringify(value) : String(value);
      return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
    };
    const lines = all.map((row) => names.map((name) => quoted(row[name])).join(","));
    return [names.map(quoted).join(","), ...lines].join("\n") + "\n";
  }

  const jsonl = (all) => all.map((row) => JSON.stringify(row) + "\n").join("");

  function save(name, type, text) {
    const address = URL.createObjectURL(new Blob([text], { type }));
    const link = make("a", { href: address, download: name });
    document.body.append(link);
    link.click();
    link.remove();
    setTimeout(() => URL.revokeObjectURL(address), 10_000);
  }

  /// Takes the rows away as a file.
  async function take(name, type, form, failed) {
    if (busy) return;
    busy = true;
    try {
      save(name, type, form(await list()));
    } catch (error) {
      failed(error);
    } finally {
      busy = false;
    }
  }

  /// Fills the bar; it is hidden where nothing is selected. `failed` is told what went wrong.
  function show(bar, changed, failed) {
    const button = (text, act) => make("button", { type: "button", onclick: act }, text);
    bar.hidden = rows.size === 0;
    if (bar.hidden) {
      bar.replaceChildren();
      return;
    }
    bar.replaceChildren(
      make("span", { role: "status" }, `${rows.size.toLocaleString("en")} selected`),
      button("Paths", () => take("paths.txt", "text/plain", paths, failed)),
      button("CSV", () => take("rows.csv", "text/csv", csv, failed)),
      button("JSON Lines", () => take("rows.jsonl", "application/x-ndjson", jsonl, failed)),
      button("Clear", () => { clear(); changed(); }),
    );
  }

  pokedex.selection = { isSelected, toggle, add, addNumbers, clear, show, last: () => last };
})();
