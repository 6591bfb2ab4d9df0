// The map of an index: its rows as points, those bright that were asked for; one is looked at, opened, and drawn around.
"use strict";
window.pokedex = window.pokedex || {};

(() => {
  const { make, title, subtitle, badges, face, said } = pokedex.parts;
  const { points, legend, floats, numbers, whole } = pokedex.points;
  const by = (id) => document.getElementById(id);
  // Rows that are asked for at once, and those that are kept.
  const PART = 100;
  const KNOWN = 5000;
  const WAIT = 80;

  let sheet = null;
  let acts = null;
  // What is on the sheet: of which index and in which colours; its data; of each row its point.
  let loaded = null;
  let data = null;
  let pointOf = new Map();
  let wish = {};
  let turn = 0;
  let only = -1;
  let hovered = -1;
  let showing = true;
  // What is known of rows, and what is asked for next.
  const known = new Map();
  const wanted = new Set();
  let asking = null;

  const rowOf = (i) => (data.rows ? data.rows[i] : i);

  function open() {
    sheet = points(by("points"), {
      room: 40,
      name: (i) => (cells(i) ? title(cells(i)) : ""),
      picture: (i) => (pokedex.about.pictures ? pokedex.source.thumbnail({ row: rowOf(i) }, 128) : null),
      press: (i, event) => (event.ctrlKey || event.metaKey || event.shiftKey ? toggle(i) : acts.open(rowOf(i))),
      enter: (i) => acts.open(rowOf(i)),
      space: (i) => toggle(i),
      choose: (inside, add) => acts.select(inside.map(rowOf), add),
      escape: () => {},
      selecting: (is) => by("lasso").setAttribute("aria-pressed", String(is)),
      hover,
    });
    by("lasso").addEventListener("click", sheet.toggle);
    by("nearer").addEventListener("click", () => sheet.zoom(1.5));
    by("farther").addEventListener("click", () => sheet.zoom(1 / 1.5));
    by("whole").addEventListener("click", sheet.showAll);
    by("faces").addEventListener("click", () => {
      showing = !showing;
      by("faces").setAttribute("aria-pressed", String(showing));
      sheet.pictures(showing);
    });
    by("colour").addEventListener("change", () => acts.colour(by("colour").value === pokedex.about.map.colours[0] ? undefined : by("colour").value));
  }

  /// Selects a row, or no longer; its cells come when they are taken away.
  function toggle(i) {
    const row = cells(i);
    if (row) acts.toggle(row);
    else if (pokedex.selection.isSelected(rowOf(i))) acts.toggle({ row: rowOf(i) });
    else acts.select([rowOf(i)], true);
  }

  /// What is known of a point's row, which is asked for where that is nothing.
  function cells(i) {
    const row = rowOf(i);
    if (!known.has(row)) {
      wanted.add(row);
      asking ??= setTimeout(ask, WAIT);
    }
    return known.get(row);
  }

  /// Asks for the rows that were wanted last: others are out of sight already.
  async function ask() {
    const [own, identity] = [[...wanted].slice(-PART), pokedex.about.identity];
    wanted.clear();
    try {
      const { rows } = await pokedex.source.some(own);
      if (identity === pokedex.about.identity) {
        if (known.size > KNOWN) known.clear();
        rows.forEach((row) => known.set(row.row, row));
      }
    } catch (error) {
      acts.failed(error);
      own.forEach((row) => known.set(row, { row }));
    }
    asking = null;
    if (hovered >= 0 && own.includes(rowOf(hovered))) hover(hovered, ...sheet.at(hovered));
    sheet.draw();
  }

  /// Shows what a point is.
  function hover(i, x, y) {
    const tip = by("tip");
    hovered = i;
    tip.hidden = i < 0;
    if (i < 0) return;
    const row = cells(i);
    const group = data.groups[data.group[i]]?.name;
    const lines = row ? [subtitle(row), group && data.by && !badges(row).some((badge) => badge.textContent === group) ? `${said(data.by)}: ${group}` : ""] : [];
    tip.replaceChildren(
      ...(row ? [face(row, 128, false), make("b", {}, title(row))] : [make("b", {}, "…")]),
      ...lines.filter(Boolean).map((line) => make("span", {}, line)),
      ...(row && badges(row).length ? [make("div", { class: "badges" }, ...badges(row))] : []),
    );
    const { clientWidth: width, clientHeight: height } = by("points");
    tip.style.left = `${Math.max(4, Math.min(width - tip.offsetWidth - 8, x + 14))}px`;
    tip.style.top = `${Math.max(4, y + 14 + tip.offsetHeight > height ? y - tip.offsetHeight - 14 : y + 14)}px`;
  }

  /// Shows the map: `colour` is the column of its colours, `hits` the rows that were found, if anything was asked for, `where` the
  /// condition, `row` the one that is looked at.
  async function show(next, events) {
    const own = ++turn;
    [wish, acts] = [next, events];
    by("map").hidden = false;
    if (!sheet) open();
    const { map, identity, pictures } = pokedex.about;
    by("faces").hidden = !pictures;
    const colour = map.colours.includes(wish.colour) ? wish.colour : map.colours[0];
    const wanted = JSON.stringify([identity, colour]);
    try {
      if (loaded !== wanted) {
        const same = loaded !== null && JSON.parse(loaded)[0] === identity;
        const found = await pokedex.source.map({ colour });
        if (own !== turn) return;
        take(found, same);
        loaded = wanted;
      }
      const passing = wish.hits || !wish.where ? null : await pokedex.source.passing({ where: wish.where });
      if (own !== turn) return;
      data.passing = passing;
    } catch (error) {
      if (own === turn) acts.failed(error);
      return;
    }
    filter();
    mark();
    sheet.look(pointOf.get(Number(wish.row)) ?? -1);
  }

  function take(found, same) {
    if (!same) known.clear();
    data = { ...found, places: floats(found.places), group: numbers(found.group), rows: found.rows === null ? null : whole(found.rows) };
    pointOf = new Map(Array.from({ length: data.points }, (_, i) => [rowOf(i), i]));
    only = -1;
    sheet.show(data, same);
    sheet.pictures(showing);
    const { colours } = pokedex.about.map;
    by("colour").replaceChildren(...colours.map((name) => make("option", { value: name }, said(name))));
    by("colour").value = data.by ?? "";
    by("colour").parentElement.hidden = colours.length < 2;
    legend(by("legend"), data, (number) => { only = number; filter(); });
  }

  /// Makes those bright that were found, or for which the condition holds, of the group that is shown alone.
  function filter() {
    const hits = wish.hits && new Set(wish.hits);
    const { passing, group, groups } = data;
    if (!hits && !passing && only < 0) return sheet.filter(null);
    const fits = (i) => (only < 0 || (only === groups.length ? group[i] >= groups.length : group[i] === only)) &&
      (hits ? hits.has(rowOf(i)) : passing ? passing[rowOf(i)] === 1 : true);
    sheet.filter(Uint8Array.from({ length: data.points }, (_, i) => (fits(i) ? 1 : 0)));
  }

  /// Shows which rows are selected.
  function mark() {
    if (!data) return;
    const { isSelected } = pokedex.selection;
    sheet.select(Uint8Array.from({ length: data.points }, (_, i) => (isSelected(rowOf(i)) ? 1 : 0)));
  }

  pokedex.map = { show, mark };
})();
