// The page: its state, which is in the address, and what happens where.
"use strict";
window.pokedex = window.pokedex || {};

(() => {
  const { make, title, subtitle, badges, face, mark, said, trouble } = pokedex.parts;
  const by = (id) => document.getElementById(id);
  const MOST_OPTIONS = 30;
  const MOST_MARKS = 40;
  const TYPING = 200;

  const NAMES = ["q", "where", "sort", "group", "colour", "row", "view"];
  let state = {};
  let list = null;
  let listed = null;
  let shown = null;
  let renewed = false;
  let begun = false;
  const PHONE = matchMedia("(max-width: 700px)");
  // Pictures cannot be in the address: a step of the history keeps the number of its own, which a reload forgets.
  const pictures = new Map();
  let picture = null;
  let which = null;
  let turn = 0;

  const grid = new pokedex.Grid(by("grid"), by("space"), fill, {
    seen: (place, last) => {
      if (list) list.seen(last);
      markGroup(place);
    },
    isSelected: pokedex.selection.isSelected,
    open: (row) => go({ row: String(row.row) }),
    select,
    selectAll,
  });

  // The source, which may hold another table from one question to the next: then the page reads anew what it is, and asks again.
  const given = pokedex.source;
  let renewal = null;
  const renew = () => {
    renewal ??= reread().finally(() => (renewal = null));
    return renewal;
  };
  async function reread() {
    const before = pokedex.about.identity;
    await about();
    if (pokedex.about.identity === before) return;
    pokedex.selection.clear();
    showSelection();
    [listed, renewed] = [null, true];
    delete by("detail").dataset.row;
    show();
  }
  const again = (name) => async (...question) => {
    try {
      return await given[name](...question);
    } catch (error) {
      if (error.status !== 409) throw error;
      await renew();
      return given[name](...question);
    }
  };
  const asked = ["rows", "some", "groups", "row", "similar", "map", "passing", "search", "classify"];
  pokedex.source = { ...given, ...Object.fromEntries(asked.map((name) => [name, again(name)])) };

  // The address.

  function read() {
    const found = new URLSearchParams(location.hash.slice(1));
    return Object.fromEntries(NAMES.map((name) => [name, found.get(name)]).filter(([, value]) => value !== null));
  }

  /// Changes the state; what is `undefined` goes. A change while somebody types replaces the one before.
  function go(changes, replace = false, kept = picture) {
    const next = { ...read(), ...changes };
    const said = NAMES.filter((name) => next[name] !== undefined && next[name] !== null && (next[name] !== "" || name === "group"));
    const hash = "#" + new URLSearchParams(said.map((name) => [name, next[name]])).toString();
    const same = kept === picture && (hash === location.hash || (hash === "#" && !location.hash));
    if (!same) history[replace ? "replaceState" : "pushState"]({ picture: kept }, "", hash);
    show();
  }

  /// Another address, from the history or by hand. (A step to the same address with another picture changes no hash.)
  const moved = () => (location.hash !== shown || (history.state?.picture ?? null) !== picture) && show();

  // The list.

  function fill(card, row) {
    const score = row.score === undefined ? null : make("span", { class: "score" }, row.score.toFixed(3));
    card.append(
      face(row, 256, false),
      make("span", { class: "title" }, title(row)),
      make("span", { class: "sub" }, subtitle(row)),
      ...badges(row).slice(0, 2),
      ...(score ? [score] : []),
    );
    // What is seen is its name.
    card.removeAttribute("aria-label");
    card.title = String(row.key ?? "");
  }

  async function show() {
    if (!pokedex.about) return start();
    const own = ++turn;
    state = read();
    shown = location.hash;
    usePicture(history.state?.picture ?? null);
    put("search", state.q || "");
    put("where", state.where || "");
    const group = state.group === undefined ? pokedex.about.group || "" : state.group;
    put("group", group);
    put("sort", state.sort || "");
    const wish = JSON.stringify([state.q, state.where, state.sort, group, picture]);
    if (wish !== listed) await showList(own, wish, group);
    if (own === turn) showViews();
  }

  async function showList(own, wish, group) {
    const asks = state.q || pictures.has(picture);
    by("group").disabled = by("sort").disabled = Boolean(asks);
    const changed = () => list === next && (count(), grid.refresh());
    const failed = (error) => list === next && say(trouble(error));
    const next = asks
      ? new pokedex.lists.Hits({ q: state.q, picture: pictures.get(picture) || null, where: state.where }, changed, failed)
      : new pokedex.lists.Rows({ where: state.where, sort: state.sort, group }, changed, failed);
    document.body.classList.add("waiting");
    try {
      await next.open();
      if (own !== turn) return;
      [list, listed] = [next, wish];
      say(...remarks(next));
      grid.show(next);
      marks(group);
      count();
    } catch (error) {
      if (own !== turn) return;
      [list, listed] = [null, null];
      say(trouble(error));
      grid.show({ total: 0, sections: [], get: () => null });
      marks("");
      by("count").textContent = "";
    } finally {
      if (own === turn) document.body.classList.remove("waiting");
    }
  }

  /// What is to be said of an answer.
  function remarks(answer) {
    const said = (answer.notes || []).map((note) => make("p", {}, note));
    if (renewed) said.push(make("p", {}, "The table was replaced meanwhile: this is the new one."));
    renewed = false;
    if (picture && !pictures.has(picture)) said.push(make("p", {}, "The picture that was searched by is gone: bring it again."));
    if (answer.total === 0) said.push(make("p", { class: "weak" }, state.where ? "Nothing fits the condition." : "There is nothing here."));
    else if (answer.weak) said.push(make("p", { class: "weak" }, "Nothing is really like that. These come nearest:"));
    return said;
  }

  const say = (...what) => by("notes").replaceChildren(...what);

  function count() {
    const total = list.total.toLocaleString("en");
    const hits = list instanceof pokedex.lists.Hits;
    by("count").textContent = hits ? `${total}${list.more ? "+" : ""} nearest` : `${total} ${list.total === 1 ? "row" : "rows"}`;
  }

  // Groups.

  function marks(group) {
    const all = list && list.sections ? list.sections : [];
    const step = Math.max(1, Math.ceil(all.length / MOST_MARKS));
    const some = all.filter((_, at) => at % step === 0);
    by("minimap").hidden = some.length < 2;
    by("minimap").replaceChildren(...some.map((section) => {
      const button = make("button", { type: "button", title: section.heading, onclick: () => grid.moveTo(grid.lineOf(section.from).y - pokedex.Grid.HEADING) }, mark(group, section.value));
      button.dataset.from = section.from;
      return button;
    }));
  }

  function markGroup(place) {
    const buttons = [...by("minimap").children];
    const current = buttons.findLast((button) => Number(button.dataset.from) <= place);
    buttons.forEach((button) => button === current ? button.setAttribute("aria-current", "true") : button.removeAttribute("aria-current"));
  }

  // Selection.

  function select(row, range) {
    const last = pokedex.selection.last();
    if (range && last && list) {
      const places = [...grid.cards.keys()].sort((a, b) => a - b);
      const loaded = places.map((place) => list.get(place)).filter(Boolean);
      const [a, b] = [loaded.findIndex((r) => r.row === last.row), loaded.findIndex((r) => r.row === row.row)];
      if (a >= 0 && b >= 0) pokedex.selection.add(loaded.slice(Math.min(a, b), Math.max(a, b) + 1));
    } else pokedex.selection.toggle(row);
    showSelection();
  }

  /// All that was found; of a table what is seen.
  function selectAll() {
    const hits = list instanceof pokedex.lists.Hits ? list.hits : [...grid.cards.keys()].map((place) => list.get(place)).filter(Boolean);
    pokedex.selection.add(hits);
    showSelection();
  }

  function showSelection() {
    pokedex.selection.show(by("selection"), showSelection, (error) => say(trouble(error)));
    grid.mark();
    pokedex.map.mark();
  }

  // Views over the list.

  function showViews() {
    const open = state.row !== undefined && /^\d+$/.test(state.row);
    let leave = false;
    document.body.classList.toggle("with-detail", open);
    if (open) {
      if (by("detail").dataset.row !== state.row) {
        by("detail").dataset.row = state.row;
        pokedex.detail.show(by("detail"), Number(state.row), { open: (hit) => go({ row: String(hit.row) }), close: closeDetail })
          .then((row) => row && state.row === String(row.row) && by("detail").querySelector("h2").focus());
      }
    } else if (!by("detail").hidden) {
      delete by("detail").dataset.row;
      pokedex.detail.hide(by("detail"));
      leave = true;
    }
    const view = state.view;
    const onMap = view === "map" && Boolean(pokedex.about.map);
    // Whoever only opens the page has not been anywhere.
    if (onMap === by("map").hidden) leave = begun;
    begun = true;
    document.body.classList.toggle("with-map", onMap);
    by("open-map").setAttribute("aria-pressed", String(onMap));
    if (onMap) showMap();
    else by("map").hidden = true;
    // What is covered cannot be reached by keys either.
    const covered = open && PHONE.matches;
    for (const part of [document.querySelector("header"), by("selection")]) part.inert = covered;
    for (const part of [by("grid"), by("minimap"), by("map")]) part.inert = covered || view === "which" || view === "help";
    if (view === "which" && by("which").hidden) {
      which = pokedex.which.show(by("which"), {
        find: (label) => go({ view: undefined, q: label }),
        close: () => go({ view: undefined }),
        like: (blob) => go({ view: undefined, q: undefined }, false, keep(blob)),
      });
      by("which").querySelector("h2").focus();
    } else if (view !== "which" && !by("which").hidden) {
      pokedex.which.hide(by("which"));
      leave = true;
    }
    if (view === "help" && by("help").hidden) showHelp();
    else if (view !== "help" && !by("help").hidden) [by("help").hidden, leave] = [true, true];
    // Whoever types goes on typing.
    if (leave && !/^(INPUT|SELECT)$/.test(document.activeElement.tagName)) home().focus();
  }

  /// Where keys go when nothing lies over the list or the map.
  const home = () => by(state.view === "map" ? "points" : "grid");

  /// The map: of what is asked for, what was found; else the rows for which the condition holds.
  function showMap() {
    const hits = list instanceof pokedex.lists.Hits ? list.hits.map((hit) => hit.row) : null;
    const wish = { colour: state.colour, where: state.where || "", hits, row: state.row };
    pokedex.map.show(wish, {
      open: (row) => go({ row: String(row) }),
      select: (numbers, add) => {
        if (!add) pokedex.selection.clear();
        pokedex.selection.addNumbers(numbers);
        showSelection();
      },
      toggle: (row) => { pokedex.selection.toggle(row); showSelection(); },
      colour: (colour) => go({ colour }),
      failed: (error) => say(trouble(error)),
    });
  }

  const closeDetail = () => go({ row: undefined });

  function showHelp() {
    const keys = [["/", "search"], ["← ↑ ↓ →", "move"], ["Enter", "open"], ["Space, Ctrl click", "select, as a click on a card's corner or a long touch does; with Shift up to here"], ["Ctrl A", "select what was found"], ["Home, End", "first, last"], ...(pokedex.about.map ? [["S, N, P, 0", "on the map: draw around points, next and previous point, all points"]] : []), ["Esc", "close"], ["?", "this help"]];
    const words = "Words find what looks like them: fire dog. + and – join terms, 2: before one doubles it: 2:red bird + key:a/b.jpg - tree. id:25 and key:NAME are rows. A condition is SQL over the columns: hp > 100 and type1 = 'fire'.";
    by("help").replaceChildren(
      make("button", { type: "button", class: "close", "aria-label": "Close", onclick: () => go({ view: undefined }) }, "×"),
      make("h2", { tabIndex: -1 }, "Help"),
      make("p", {}, words),
      make("dl", {}, ...keys.flatMap(([key, does]) => [make("dt", {}, key), make("dd", {}, does)])),
    );
    by("help").hidden = false;
    by("help").querySelector("h2").focus();
  }

  // Pictures that somebody brings.

  /// The number of a picture that is new.
  function keep(blob) {
    const number = Date.now() + pictures.size;
    pictures.set(number, blob);
    return number;
  }

  /// Searches by a picture that was kept, or by none.
  function usePicture(number) {
    if (number === picture) return;
    if (by("preview").src) URL.revokeObjectURL(by("preview").src);
    picture = number;
    const blob = pictures.get(number);
    by("picture").hidden = !blob;
    if (blob) by("preview").src = URL.createObjectURL(blob);
    else by("preview").removeAttribute("src");
    by("drop").value = "";
  }

  function bring(blob) {
    if (!blob || !pokedex.about) return;
    // Some systems know no type of some pictures: then the source says whether it is one.
    const odd = blob.type && !blob.type.startsWith("image/");
    const refused = (message, hint) => say(trouble({ message, hint }));
    if (odd) refused(`${blob.name}: no picture`, "JPEG, PNG, WebP and GIF are");
    else if (state.view === "which" && which) which.ask(blob);
    else if (!pokedex.about.by_picture) refused(`${blob.name}: pictures cannot be searched by here`, "words and conditions can");
    else go({ row: undefined, view: stay() }, false, keep(blob));
  }

  // Arguments.

  function put(id, value) {
    const element = by(id);
    if (document.activeElement === element && element.tagName === "INPUT") return;
    if (element.tagName === "SELECT" && ![...element.options].some((option) => option.value === value)) {
      element.append(make("option", { value }, said(value.replace(/^-/, ""))));
    }
    element.value = value;
  }

  function options() {
    const ordered = pokedex.about.columns.filter((column) => column.type !== "other").slice(0, MOST_OPTIONS);
    const numbers = new Set(ordered.filter((column) => column.type === "number").map((column) => column.name));
    const groups = ordered.filter((column) => column.name !== "key" && column.name !== "path");
    const option = (value, text) => make("option", { value }, text);
    by("group").replaceChildren(option("", "nothing"), ...groups.map(({ name }) => option(name, said(name))));
    // Of numbers people want the greatest first.
    const sorts = ordered.map(({ name }) => (numbers.has(name) && name !== "id" ? option("-" + name, said(name) + " ↓") : option(name, said(name))));
    by("sort").replaceChildren(option("", "as listed"), ...sorts);
  }

  async function about() {
    pokedex.about = await pokedex.source.about();
    const { name, pokedex: own, words, by_picture, classify } = pokedex.about;
    document.title = own ? "Pokédex" : name;
    by("title").textContent = own ? "Pokédex" : name.replace(/\.(parquet|arrow|feather)$/, "");
    by("search").placeholder = words ? (own ? "fire dog, pikachu - electric, id:25 …" : "a red bird at the sea …") : "key:NAME or id:25 (the model reads no words)";
    by("where").placeholder = own ? "condition: hp > 100 and type1 = 'fire'" : "condition in SQL";
    by("by-picture").hidden = !by_picture;
    by("open-which").hidden = !classify;
    by("open-map").hidden = !pokedex.about.map;
    options();
  }

  // Events.

  let typing = null;
  let typed = false;
  function onTyped() {
    clearTimeout(typing);
    typing = setTimeout(() => commit(typed), TYPING);
  }

  /// A search leaves what lies over the list, and stays on the map.
  const stay = () => (state.view === "map" ? "map" : undefined);

  function commit(replace) {
    clearTimeout(typing);
    typed = true;
    go({ q: by("search").value.trim() || undefined, where: by("where").value.trim() || undefined, row: undefined, view: stay() }, replace);
  }

  for (const id of ["search", "where"]) {
    by(id).addEventListener("input", onTyped);
    by(id).addEventListener("focus", () => (typed = false));
  }
  for (const id of ["ask", "order"]) {
    by(id).addEventListener("submit", (event) => {
      event.preventDefault();
      commit(typed);
      home().focus();
    });
  }
  by("where").addEventListener("keydown", (event) => event.key === "Enter" && (event.preventDefault(), commit(typed), home().focus()));
  by("group").addEventListener("change", () => go({ group: by("group").value === (pokedex.about.group || "") ? undefined : by("group").value }));
  by("sort").addEventListener("change", () => go({ sort: by("sort").value || undefined }));
  by("drop").addEventListener("change", () => bring(by("drop").files[0]));
  by("forget").addEventListener("click", () => { go({}, false, null); by("search").focus(); });
  by("open-map").addEventListener("click", () => go({ view: state.view === "map" ? undefined : "map" }));
  by("open-which").addEventListener("click", () => go({ view: "which", row: undefined }));
  by("open-help").addEventListener("click", () => go({ view: "help", row: undefined }));
  by("title").addEventListener("click", (event) => {
    event.preventDefault();
    go(Object.fromEntries(NAMES.map((name) => [name, undefined])), false, null);
  });
  addEventListener("popstate", moved);
  addEventListener("hashchange", moved);
  PHONE.addEventListener("change", () => pokedex.about && showViews());
  addEventListener("paste", (event) => bring([...event.clipboardData.files][0]));
  addEventListener("dragover", (event) => { event.preventDefault(); document.body.classList.add("dragged"); });
  addEventListener("dragleave", (event) => event.relatedTarget || document.body.classList.remove("dragged"));
  addEventListener("drop", (event) => {
    event.preventDefault();
    document.body.classList.remove("dragged");
    bring([...event.dataTransfer.files][0]);
  });
  addEventListener("keydown", (event) => {
    const writes = /^(INPUT|SELECT|TEXTAREA)$/.test(event.target.tagName);
    if (event.key === "Escape") {
      if (state.view && state.view !== "map") go({ view: undefined });
      else if (state.row) closeDetail();
      else if (writes) home().focus();
    } else if (!writes && !event.ctrlKey && !event.metaKey && event.key === "/") {
      event.preventDefault();
      by("search").focus();
      by("search").select();
    } else if (!writes && event.key === "?") go({ view: state.view === "help" ? undefined : "help" });
  });

  const start = () => about().then(show).catch((error) => say(trouble(error)));
  start();
})();
