// The panel of one row: its picture, all its columns, its stats as bars, and what is most like it.
"use strict";
window.pokedex = window.pokedex || {};

(() => {
  const { make, title, subtitle, badges, said, cell, bar, face, trouble, STATS, PLAIN } = pokedex.parts;
  const MOST_COLUMNS = 40;
  const SIMILAR = 12;
  let shown = 0;

  /// Fills the panel; `open(row)` shows another row, `close()` none.
  async function show(panel, number, { open, close }) {
    const turn = ++shown;
    const closing = make("button", { type: "button", class: "close", "aria-label": "Close", onclick: close }, "×");
    const body = make("div", { class: "body" });
    panel.replaceChildren(closing, body);
    panel.hidden = false;
    let row;
    try {
      row = await pokedex.source.row(number);
    } catch (error) {
      if (turn === shown) body.append(trouble(error));
      return null;
    }
    if (turn !== shown) return null;
    panel.setAttribute("aria-label", title(row));
    body.append(
      face(row, 512, false),
      make("h2", { tabIndex: -1 }, title(row)),
      make("p", { class: "sub" }, [subtitle(row), row.genus].filter(Boolean).join(" · ")),
      make("div", { class: "badges" }, ...badges(row)),
      ...stats(row),
      ...columns(row),
    );
    const near = make("div", { class: "near" });
    body.append(make("h3", {}, "Most like it"), near);
    try {
      const answer = await pokedex.source.similar(number, { top: SIMILAR });
      if (turn !== shown) return row;
      near.append(...answer.hits.map((hit) => link(hit, open)));
      if (!answer.hits.length) near.append("nothing else is here");
    } catch (error) {
      if (turn === shown) near.replaceWith(trouble(error));
    }
    return row;
  }

  function stats(row) {
    const names = Object.keys(STATS).filter((name) => typeof row[name] === "number");
    if (names.length < 6) return [];
    const sum = names.reduce((sum, name) => sum + row[name], 0);
    const bars = names.flatMap((name) => bar(STATS[name], row[name] / 255, String(row[name]), "type-" + (row.type1 || "none")));
    return [make("div", { class: "bars" }, ...bars, ...bar("Total", sum / 780, String(sum)))];
  }

  /// All other columns that have something in them; of very many the rest as it is.
  function columns(row) {
    const bars = typeof row.hp === "number" && typeof row.speed === "number";
    const hidden = (name, value) => PLAIN.has(name) || value === null || value === "" || (bars && Object.hasOwn(STATS, name));
    const all = Object.entries(row).filter(([name, value]) => !hidden(name, value));
    const list = make("dl", {}, ...all.slice(0, MOST_COLUMNS).flatMap(([name, value]) => [make("dt", {}, said(name)), make("dd", {}, cell(value))]));
    const rest = Object.fromEntries(all.slice(MOST_COLUMNS));
    const more = Object.keys(rest).length;
    return more ? [list, make("pre", { tabIndex: 0, "aria-label": `${more} more columns` }, JSON.stringify(rest, null, 1))] : [list];
  }

  function link(hit, open) {
    const button = make("button", { type: "button", onclick: () => open(hit) }, face(hit, 128, true), make("span", {}, title(hit)), make("small", {}, hit.score.toFixed(2)));
    button.dataset.similar = hit.row;
    return button;
  }

  function hide(panel) {
    shown++;
    panel.hidden = true;
    panel.replaceChildren();
  }

  pokedex.detail = { show, hide };
})();
