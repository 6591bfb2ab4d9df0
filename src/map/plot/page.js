"use strict";
(({ points, legend, floats, numbers }) => {
  const data = JSON.parse(document.getElementById("data").textContent);
  const NONE = 65535;
  const places = floats(data.places), behind = floats(data.behind);
  const group = numbers(data.group), cluster = numbers(data.cluster);
  const count = data.keys.length;
  const at = (id) => document.getElementById(id);
  const canvas = at("map"), tip = at("tip");
  const nameOf = (i) => (data.names && data.names[i]) || data.keys[i];
  const groupOf = (i) => (group[i] < data.groups.length ? data.groups[group[i]].name : "");
  const clusterOf = (i) => (cluster[i] < data.clusters.length ? data.clusters[cluster[i]] : "");
  const selected = new Uint8Array(count);

  const turn = (i) => { selected[i] ^= 1; list(); };
  const map = points(canvas, {
    name: nameOf,
    picture: (i) => (data.pictures ? data.pictures[i] : null),
    press: turn,
    enter: turn,
    space: turn,
    escape: () => { selected.fill(0); list(); },
    choose: (inside, add) => {
      if (!add) selected.fill(0);
      for (const i of inside) selected[i] = 1;
      list();
    },
    selecting: (is) => at("select").setAttribute("aria-pressed", String(is)),
    hover: (i, x, y) => {
      tip.hidden = i < 0;
      if (i < 0) return;
      const line = (kind, text) => Object.assign(document.createElement(kind), { textContent: text });
      const facts = [nameOf(i) === data.keys[i] ? "" : data.keys[i], data.by === "cluster" ? "" : data.by + ": " + (groupOf(i) || "–"), clusterOf(i) && "cluster: " + clusterOf(i)];
      tip.replaceChildren(line("b", nameOf(i)), ...facts.filter(Boolean).map((fact) => line("span", fact)));
      tip.style.left = Math.max(4, Math.min(canvas.clientWidth - tip.offsetWidth - 8, x + 14)) + "px";
      tip.style.top = Math.max(4, y + 14 + tip.offsetHeight > canvas.clientHeight ? y - tip.offsetHeight - 14 : y + 14) + "px";
    },
  });

  const chosen = () => { const all = []; for (let i = 0; i < count; i++) if (selected[i]) all.push(i); return all; };
  const list = () => {
    const all = chosen();
    at("chosen").hidden = all.length === 0;
    at("count").textContent = all.length.toLocaleString("en") + " selected";
    at("list").replaceChildren(...all.slice(0, 200).map((i) => {
      const item = document.createElement("li");
      item.append(nameOf(i), " ");
      item.append(Object.assign(document.createElement("small"), { textContent: groupOf(i) }));
      return item;
    }));
    if (all.length > 200) at("list").append(Object.assign(document.createElement("li"), { textContent: "… and " + (all.length - 200).toLocaleString("en") + " more" }));
    map.select(selected);
  };
  at("copy").addEventListener("click", async () => {
    const text = chosen().map((i) => data.keys[i]).join("\n") + "\n";
    try { await navigator.clipboard.writeText(text); } catch {
      const area = Object.assign(document.createElement("textarea"), { value: text });
      document.body.append(area);
      area.select();
      document.execCommand("copy");
      area.remove();
    }
    at("copy").textContent = "Copied";
    setTimeout(() => (at("copy").textContent = "Copy keys"), 1500);
  });
  at("save").addEventListener("click", () => {
    const cell = (text) => (/[",\r\n]/.test(text) ? '"' + text.replaceAll('"', '""') + '"' : text);
    const head = ["key", "label", "x", "y", "cluster", "cluster_label"].concat(data.by === "cluster" ? [] : [data.by]);
    const lines = chosen().map((i) => [data.keys[i], (data.names && data.names[i]) || "", places[2 * i], places[2 * i + 1], cluster[i] === NONE ? "" : cluster[i], clusterOf(i)]
      .concat(data.by === "cluster" ? [] : [groupOf(i)]).map((text) => cell(String(text))).join(","));
    const link = document.createElement("a");
    link.href = URL.createObjectURL(new Blob([head.map(cell).join(",") + "\n" + lines.join("\n") + "\n"], { type: "text/csv" }));
    link.download = "selection.csv";
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 10000);
  });
  at("forget").addEventListener("click", () => { selected.fill(0); list(); canvas.focus(); });

  at("select").addEventListener("click", map.toggle);
  let showing = Boolean(data.pictures);
  at("pictures").hidden = !data.pictures;
  at("pictures").addEventListener("click", () => {
    showing = !showing;
    at("pictures").setAttribute("aria-pressed", String(showing));
    map.pictures(showing);
  });
  at("in").addEventListener("click", () => map.zoom(1.5));
  at("out").addEventListener("click", () => map.zoom(1 / 1.5));
  at("all").addEventListener("click", map.showAll);

  // Searching, and showing one group.
  const lower = data.keys.map((key, i) => [key, nameOf(i), groupOf(i), clusterOf(i)].join("\n").toLowerCase());
  let search = "", only = -1;
  const filter = () => {
    const words = search.toLowerCase().split(/\s+/).filter(Boolean);
    const filtered = words.length > 0 || only >= 0;
    const found = new Uint8Array(count);
    let shown = 0;
    for (let i = 0; i < count; i++) {
      const fits = only < 0 || (only === data.groups.length ? group[i] >= data.groups.length : group[i] === only);
      found[i] = fits && words.every((word) => lower[i].includes(word)) ? 1 : 0;
      shown += found[i];
    }
    facts(filtered ? shown : null);
    map.filter(filtered ? found : null);
  };
  at("search").addEventListener("input", () => { search = at("search").value; filter(); });
  const facts = (shown) => {
    const all = count.toLocaleString("en") + (count === 1 ? " row" : " rows");
    const parts = [shown === null ? all : shown.toLocaleString("en") + " of " + all];
    if (data.clusters.length) parts.push(data.clusters.length + (data.clusters.length === 1 ? " cluster" : " clusters"));
    at("facts").textContent = parts.join(" · ");
  };

  at("title").textContent = data.title;
  const rest = data.by === "cluster" ? "in none" : "others";
  legend(at("legend"), { groups: data.groups, group, rest }, (number) => { only = number; filter(); });
  facts(null);
  map.show({ places, behind, group, groups: data.groups, labels: data.labels });
  map.pictures(showing);
})(globalThis.pokedex.points);
