// The source of a site without a server: what the page asks for is answered from files beside it. They are scripts,
// since a page that was opened from a disk may load nothing else; each hands its part to a function of `pokedex.data`.
((pokedex) => {
  "use strict";

  const { Searched, Species, TextTower, Vectors, Views, parseTerms, shortest, wrong } = pokedex.offline;

  const MOST_ROWS = 1000;

  // Loading

  const loads = new Map();

  /** A part of the data, to whoever waits for it. */
  const arrived = (name, value) => loads.get(name)?.arrive(value);

  pokedex.data = {
    about: (value) => arrived("about", value),
    rows: (number, value) => arrived(`rows-${number}`, value),
    vectors: (value) => arrived("vectors", value),
    text: (value) => arrived("text", value),
    near: (value) => arrived("near", value),
    map: (value) => arrived("map", value),
  };

  /** Runs the script in a file; settles when it has run. */
  pokedex.offline.script = (file) =>
    new Promise((resolve, reject) => {
      const script = document.createElement("script");
      script.src = file;
      script.addEventListener("load", resolve);
      script.addEventListener("error", reject);
      document.head.append(script);
    });

  /** A part of the data, loaded once; who asks again after a failure tries again. */
  function load(name) {
    if (!loads.has(name)) {
      const file = `data/${name}.js`;
      const waiting = {};
      waiting.part = new Promise((arrive, lose) => Object.assign(waiting, { arrive, lose }));
      loads.set(name, waiting);
      waiting.part.catch(() => loads.delete(name));
      // This changes nothing where the part has arrived.
      const lost = () => waiting.lose(wrong(`${file}: cannot be loaded`, "all files of the site belong together", 503));
      pokedex.offline.script(file).then(lost, lost);
    }
    return loads.get(name).part;
  }

  const once = (make) => {
    let made = null;
    return () => {
      made ??= make().catch((problem) => {
        made = null;
        throw problem;
      });
      return made;
    };
  };

  // Rows

  /** What is known of the site once it was asked, for who cannot wait. */
  let loaded = null;

  const about = once(async () => {
    loaded = await load("about");
    return loaded;
  });

  /** Parts of the rows that are here, by their numbers. */
  const parts = new Map();

  async function part(number) {
    if (!parts.has(number)) parts.set(number, await load(`rows-${number}`));
    return parts.get(number);
  }

  /** Where a row lies that is here: its part, and its place in that. */
  const at = (site, row) => [parts.get(Math.floor(row / site.rows_in_a_file)), row % site.rows_in_a_file];

  /** Numbers that JSON cannot hold exactly come as texts, which conditions need; a page gets what is near. */
  function shown(cell, type) {
    return typeof cell === "string" && /^(?:u?int|decimal)/.test(type) ? Number(cell) : cell;
  }

  function rowOf({ columns, site }, row) {
    const [part, place] = at(site, row);
    const cells = columns.map(({ name }, column) => [name, shown(part.rows[place][column], site.types[column])]);
    return { row, ...Object.fromEntries(cells), row };
  }

  /** Some rows, of which not all may be here yet. */
  async function rowsOf(whole, rows) {
    const needed = new Set(rows.map((row) => Math.floor(row / whole.site.rows_in_a_file)));
    await Promise.all([...needed].map(part));
    return rows.map((row) => rowOf(whole, row));
  }

  /** All rows, by column. */
  const table = once(async () => {
    const whole = await about();
    const { site, columns } = whole;
    await Promise.all(Array.from({ length: Math.ceil(whole.rows / site.rows_in_a_file) }, (_, number) => part(number)));
    const places = new Map(columns.map(({ name }, column) => [name, column]));
    const cell = (row, name) => {
      const [part, place] = at(site, row);
      return part.rows[place][places.get(name)];
    };
    const types = Object.fromEntries(columns.map(({ name }, column) => [name, site.types[column]]));
    return { whole, cell, views: new Views(whole.rows, types, cell) };
  });

  async function rows({ from = 0, count = 200, where, sort, group } = {}) {
    const wanted = Math.min(Math.max(count, 0), MOST_ROWS);
    const whole = await about();
    if (!where && !sort && !group) {
      const end = Math.min(from + wanted, whole.rows);
      const numbers = Array.from({ length: Math.max(end - from, 0) }, (_, place) => from + place);
      return { total: whole.rows, from, rows: await rowsOf(whole, numbers) };
    }
    const { views } = await table();
    const order = views.order({ where, sort, group });
    return { total: order.length, from, rows: await rowsOf(whole, order.slice(from, from + wanted)) };
  }

  async function groups({ where, group } = {}) {
    if (!group) throw wrong("groups want a column", "group=generation");
    const { views, whole } = await table();
    const found = views.groups({ where, group });
    const type = whole.site.types[whole.columns.findIndex(({ name }) => name === group)];
    return { ...found, groups: found.groups.map((one) => ({ ...one, value: shown(one.value, type) })) };
  }

  async function row(number) {
    const whole = await about();
    if (!Number.isInteger(number) || number < 0 || number >= whole.rows) {
      throw wrong(`there is no row ${number}`, null, 404);
    }
    return (await rowsOf(whole, [number]))[0];
  }

  // Search

  const textTower = once(async () => new TextTower(await load("text")));

  const searched = once(async () => {
    const { whole, cell } = await table();
    if (whole.site.no_vectors) throw wrong(`${whole.site.name}: ${whole.site.no_vectors}`);
    const has = (name) => whole.columns.some((column) => column.name === name);
    const column = (name) => Array.from({ length: whole.rows }, (_, row) => (has(name) ? cell(row, name) : null));
    const species = () => new Species(Array.from({ length: whole.rows }, (_, row) => rowOf(whole, row)));
    return new Searched({
      name: whole.site.name,
      keys: column("key"),
      ids: column("id"),
      vectors: new Vectors(await load("vectors")),
      tower: null,
      noWords: `${whole.site.name}: ${whole.site.no_words}`,
      species: whole.pokedex ? species() : null,
      weak: whole.site.weak,
    });
  });

  /** Hits as a page shows them. */
  async function answer(whole, { query, notes, weak, hits }, offset, explain) {
    const found = await rowsOf(whole, hits.map((hit) => hit.row));
    const shownHits = hits.map(({ score, parts }, place) => ({
      ...found[place],
      rank: offset + place + 1,
      score,
      ...(explain ? { parts } : {}),
    }));
    return { query, notes, weak, hits: shownHits };
  }

  async function search(question = {}) {
    const { q = "", picture = null, where, top = 10, offset = 0, diverse = null, explain = false } = question;
    const whole = await about();
    if (q.trim() === "" && !picture) throw wrong("nothing is asked for", "fire dog");
    if (picture) {
      throw wrong("pictures cannot be looked for on a page without a server", "pokedex serve looks for pictures");
    }
    const all = await searched();
    const hasWords = parseTerms(q).some(({ kind }) => kind === "words");
    if (hasWords && whole.words) all.tower = await textTower();
    const { views } = await table();
    const limits = { top: Math.min(top, MOST_ROWS), offset, passes: views.passes(where), diverse };
    const asked = all.ask(q, { ...limits, minScore: question.min_score ?? null });
    return answer(whole, asked, offset, explain);
  }

  async function similar(number, { top = 12, offset = 0, where } = {}) {
    const whole = await about();
    const own = await row(number);
    if (whole.site.no_vectors) throw wrong(`${whole.site.name}: ${whole.site.no_vectors}`, null, 404);
    const none = () => wrong(`${own.key}: has no vector`, null, 404);
    const shape = (hits) => ({ query: `key:${own.key}`, notes: [], weak: hits.length === 0, hits });
    if (!where && offset + top <= whole.site.near) {
      const near = (await load("near")).rows[number];
      if (near === null) throw none();
      const hit = (_, place) => ({ row: near[2 * place], score: near[2 * place + 1] });
      const hits = Array.from({ length: near.length / 2 }, hit);
      return answer(whole, shape(hits.slice(offset, offset + top)), offset, false);
    }
    const all = await searched();
    if (!all.vectors.has(number)) throw none();
    const { views } = await table();
    const limits = { top: Math.min(top, MOST_ROWS), offset, passes: views.passes(where) };
    return answer(whole, shape(all.similar(number, limits)), offset, false);
  }

  /** The map, and with it all rows, whose pictures stand on it. */
  async function map({ colour } = {}) {
    const whole = await about();
    if (!whole.map) throw wrong(`${whole.site.name}: is no map: it has no columns x and y`, null, 404);
    const [{ colours, ...places }] = await Promise.all([load("map"), table()]);
    const found = colours.find(({ by }) => by === (colour || colours[0].by));
    if (!found) throw wrong(`${colour}: points cannot be coloured by that`, `colour by ${whole.map.colours.join(", ")}`);
    return { ...places, ...found };
  }

  async function passing({ where }) {
    const { whole, views } = await table();
    return views.passes(where) ?? new Uint8Array(whole.rows).fill(1);
  }

  async function some(numbers) {
    const found = await rowsOf(await about(), numbers);
    return { total: found.length, from: 0, rows: found };
  }

  function thumbnail({ row: number }) {
    const [part, place] = loaded === null ? [] : at(loaded.site, number);
    const name = part?.thumbnails?.[place] ?? null;
    return name === null ? null : `thumbnails/${encodeURIComponent(name)}`;
  }

  pokedex.source = {
    async about() {
      const { site, ...told } = await about();
      return told;
    },
    rows,
    some,
    groups,
    row,
    map,
    passing,
    similar,
    search,
    async classify() {
      throw wrong("pictures cannot be classified on a page without a server", "pokedex classify PICTURE");
    },
    thumbnail,
  };
})((globalThis.pokedex ??= {}));
