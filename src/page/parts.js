// Parts that several views are made of: elements, badges, bars, and how cells are said.
"use strict";
window.pokedex = window.pokedex || {};

(() => {
  const STATS = { hp: "HP", attack: "Attack", defense: "Defense", special_attack: "Sp. Atk", special_defense: "Sp. Def", speed: "Speed" };
  const REGIONS = ["Kanto", "Johto", "Hoenn", "Sinnoh", "Unova", "Kalos", "Alola", "Galar", "Paldea"];
  // Of a picture or of nothing that moves: columns whose numbers are of interest to programs only.
  const PLAIN = new Set(["row", "rank", "score", "parts"]);

  /// An element with attributes and children. Texts become text, whatever is in them.
  function make(name, attributes = {}, ...children) {
    const element = document.createElement(name);
    for (const [key, value] of Object.entries(attributes)) {
      if (key === "class") element.className = value;
      else if (key in element && !key.startsWith("aria") && key !== "role") element[key] = value;
      else if (value !== null && value !== undefined) element.setAttribute(key, value);
    }
    element.append(...children.filter((child) => child !== null && child !== undefined));
    return element;
  }

  /// What a row is called.
  function title(row) {
    if (pokedex.about.pokedex) return row.label;
    return String(row.key ?? "").split("/").pop() || "row " + row.row;
  }

  /// What stands below its name.
  function subtitle(row) {
    if (pokedex.about.pokedex) return "#" + String(row.id).padStart(4, "0");
    const folders = String(row.key ?? "").split("/").slice(0, -1).join("/");
    return folders || (row.id ?? "") + "";
  }

  /// Types of a species, or the class of any other row.
  function badges(row) {
    const types = [row.type1, row.type2].filter((type) => typeof type === "string" && type);
    const texts = types.length ? types : row.label && !pokedex.about.pokedex ? [row.label] : [];
    return texts.map((text) => make("span", { class: "badge" + (types.length ? " type-" + slug(text) : "") }, text));
  }

  const slug = (text) => text.toLowerCase().replace(/[^a-z]+/g, "-");

  /// A group's heading.
  function heading(column, value) {
    if (value === null || value === undefined) return "without " + said(column);
    if (column === "generation" && pokedex.about.pokedex) return `Generation ${value} · ${REGIONS[value - 1] || ""}`;
    return typeof value === "string" ? value : `${said(column)}: ${value}`;
  }

  /// The short form of a heading, for the minimap.
  function mark(column, value) {
    if (value === null || value === undefined) return "–";
    return column === "generation" && pokedex.about.pokedex ? REGIONS[value - 1] || String(value) : String(value);
  }

  /// A column's name for people.
  const said = (column) => (Object.hasOwn(STATS, column) ? STATS[column] : column.replaceAll("_", " "));

  /// A cell for people.
  function cell(value) {
    if (value === null || value === undefined) return "";
    if (typeof value === "boolean") return value ? "yes" : "no";
    if (typeof value === "number") return Number.isInteger(value) ? String(value) : String(Number(value.toPrecision(6)));
    return typeof value === "string" ? value : JSON.stringify(value);
  }

  /// A bar from 0 to 1, with its name and what is to be read beside it.
  function bar(name, share, text, kind = "") {
    const filled = make("i", { class: "filled " + kind });
    filled.style.width = `${Math.max(0, Math.min(1, share)) * 100}%`;
    return [make("span", { class: "name" }, name), make("span", { class: "bar", "aria-hidden": "true" }, filled), make("b", {}, text)];
  }

  /// The six stats as a shape: a hexagon whose corners lie as far out as the stats are high.
  function radar(row) {
    const corners = Object.keys(STATS).map((name, at) => {
      const reach = 10 + 40 * Math.sqrt(Math.min(1, (row[name] || 0) / 160));
      const turn = (Math.PI / 3) * at - Math.PI / 2;
      return `${(50 + reach * Math.cos(turn)).toFixed(1)}% ${(50 + reach * Math.sin(turn)).toFixed(1)}%`;
    });
    return `polygon(${corners.join(",")})`;
  }

  /// What stands for a row: its picture, or what can be drawn of it. `lazy` pictures come when they are seen.
  function face(row, size, lazy) {
    const box = make("div", { class: `face ground-${slug(String(row.color || "none"))} type-${slug(String(row.type1 || "none"))}` });
    const draw = () => {
      if (typeof row.hp === "number" && typeof row.speed === "number") {
        const shape = make("i", { class: "radar" });
        shape.style.clipPath = radar(row);
        box.append(shape);
      } else {
        box.append(make("i", { class: "letter", "aria-hidden": "true" }, (title(row)[0] || "·").toUpperCase()));
      }
    };
    const address = pokedex.about.pictures && pokedex.source.thumbnail(row, size);
    if (!address) {
      draw();
      return box;
    }
    const image = make("img", { alt: "", decoding: "async", loading: lazy ? "lazy" : "eager" });
    image.addEventListener("error", () => {
      image.remove();
      draw();
    });
    image.src = address;
    box.append(image);
    return box;
  }

  /// What went wrong, and what would mend it.
  function trouble(error) {
    return make("p", { class: "trouble", role: "alert" }, error.message, error.hint ? make("small", {}, error.hint) : null);
  }

  pokedex.parts = { STATS, PLAIN, make, title, subtitle, badges, heading, mark, said, cell, bar, face, trouble };
})();
