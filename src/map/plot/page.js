
"use strict";
(() => {
  const data = JSON.parse(document.getElementById("data").textContent);
  const bytes = (text) => Uint8Array.from(atob(text), (c) => c.charCodeAt(0));
  const floats = (text) => new Float32Array(bytes(text).buffer);
  const numbers = (text) => new Uint16Array(bytes(text).buffer);
  const NONE = 65535;
  const places = floats(data.places), behind = floats(data.behind);
  const group = numbers(data.group), cluster = numbers(data.cluster);
  const count = data.keys.length;
  const at = (id) => document.getElementById(id);
  const canvas = at("map"), pen = canvas.getContext("2d"), tip = at("tip");
  const nameOf = (i) => (data.names && data.names[i]) || data.keys[i];
  const groupOf = (i) => (group[i] < data.groups.length ? data.groups[group[i]].name : "");
  const clusterOf = (i) => (cluster[i] < data.clusters.length ? data.clusters[cluster[i]] : "");

  // What is shown: everything, what a search finds, a group; and what is selected.
  const found = new Uint8Array(count).fill(1), selected = new Uint8Array(count);
  let search = "", only = -1, hovered = -1, filtered = false;
  // From places to the canvas: the place in its middle, and pixels for one unit.
  const view = { x: 0, y: 0, scale: 1 };
  let width = 1, height = 1, ratio = 1, dark = false, fit = 1;

  const bounds = [Infinity, Infinity, -Infinity, -Infinity];
  for (const list of [places, behind])
    for (let i = 0; i < list.length; i += 2) {
      bounds[0] = Math.min(bounds[0], list[i]); bounds[2] = Math.max(bounds[2], list[i]);
      bounds[1] = Math.min(bounds[1], list[i + 1]); bounds[3] = Math.max(bounds[3], list[i + 1]);
    }
  if (bounds[0] > bounds[2]) bounds.splice(0, 4, -1, -1, 1, 1);

  const fitted = () => {
    const across = Math.max(bounds[2] - bounds[0], 1e-3), down = Math.max(bounds[3] - bounds[1], 1e-3);
    return Math.min((width - 70) / across, (height - 60) / down);
  };
  const showAll = () => {
    fit = fitted();
    Object.assign(view, { x: (bounds[0] + bounds[2]) / 2, y: (bounds[1] + bounds[3]) / 2, scale: fit });
    draw();
  };
  const across = (x) => width / 2 + (x - view.x) * view.scale;
  const down = (y) => height / 2 - (y - view.y) * view.scale;

  const radius = () => {
    const base = Math.min(5.5, Math.max(1.1, 170 / Math.sqrt(count)));
    return Math.min(9, base * Math.pow(view.scale / fit, 0.35));
  };
  const shapes = {
    disc: (p, x, y, r) => p.arc(x, y, r, 0, 7),
    square: (p, x, y, r) => p.rect(x - r * 0.86, y - r * 0.86, r * 1.72, r * 1.72),
    triangle: (p, x, y, r) => { p.moveTo(x, y - r * 1.25); p.lineTo(x + r * 1.1, y + r * 0.75); p.lineTo(x - r * 1.1, y + r * 0.75); p.closePath(); },
    diamond: (p, x, y, r) => { p.moveTo(x, y - r * 1.25); p.lineTo(x + r * 1.25, y); p.lineTo(x, y + r * 1.25); p.lineTo(x - r * 1.25, y); p.closePath(); },
  };
  const GREY = { colour: "#9a9a9a", shape: "disc" };

  // Points of one paint are stamped from one small picture.
  const stamps = new Map();
  const stamp = (paint, r, faded) => {
    const name = paint.colour + paint.shape + r.toFixed(2) + ratio + dark + faded;
    let made = stamps.get(name);
    if (!made) {
      if (stamps.size > 400) stamps.clear();
      const side = Math.ceil((r * 1.3 + 1.5) * 2 * ratio);
      made = Object.assign(document.createElement("canvas"), { width: side, height: side });
      const p = made.getContext("2d");
      p.scale(ratio, ratio);
      p.globalAlpha = faded ? 0.22 : count > 5000 ? 0.75 : 0.9;
      p.fillStyle = faded ? (dark ? "#777" : "#999") : paint.colour;
      p.beginPath();
      shapes[paint.shape](p, side / ratio / 2, side / ratio / 2, r);
      p.fill();
      if (r > 2.5 && !faded) { p.lineWidth = 0.8; p.strokeStyle = dark ? "#141519" : "#fff"; p.stroke(); }
      stamps.set(name, made);
    }
    return made;
  };
  const put = (image, x, y) => pen.drawImage(image, (x * ratio - image.width / 2) | 0, (y * ratio - image.height / 2) | 0);

  // Small pictures, each made when it is first seen; where it could be drawn, it is.
  const pictures = data.pictures && data.pictures.map((own) => own && { address: own[0], width: own[1], height: own[2], image: null });
  const framed = new Float32Array(count);
  let showing = Boolean(pictures);
  const pictured = () => {
    framed.fill(0);
    if (!showing) return;
    const side = Math.min(96, 30 * Math.pow(view.scale / fit, 0.4)), taken = new Map();
    for (let i = 0; i < count; i++) {
      const own = pictures[i];
      if (!own || (filtered && !found[i])) continue;
      const x = across(places[2 * i]), y = down(places[2 * i + 1]), much = side / Math.max(own.width, own.height);
      const wide = (own.width * much) / 2, high = (own.height * much) / 2;
      if (x < -wide || y < -high || x > width + wide || y > height + high) continue;
      const box = [x - wide - 2, y - high - 2, x + wide + 2, y + high + 2];
      const part = (dx, dy) => (Math.floor(x / (side + 4)) + dx) * 65536 + Math.floor(y / (side + 4)) + dy;
      let free = true;
      for (let dx = -1; dx < 2 && free; dx++)
        for (let dy = -1; dy < 2 && free; dy++)
          for (const o of taken.get(part(dx, dy)) || [])
            if (box[0] < o[2] && o[0] < box[2] && box[1] < o[3] && o[1] < box[3]) { free = false; break; }
      if (!free) continue;
      if (!own.image) {
        own.image = new Image();
        own.image.onload = draw;
        own.image.src = own.address;
      }
      if (!own.image.complete || !own.image.naturalWidth) continue;
      const here = part(0, 0);
      taken.set(here, (taken.get(here) || []).concat([box]));
      const paint = data.groups[group[i]] || GREY;
      pen.fillStyle = paint.colour;
      pen.fillRect(x - wide - 2, y - high - 2, 2 * wide + 4, 2 * high + 4);
      pen.drawImage(own.image, x - wide, y - high, 2 * wide, 2 * high);
      framed[i] = Math.hypot(wide, high);
    }
  };

  let waiting = false;
  const draw = () => {
    if (waiting) return;
    waiting = true;
    requestAnimationFrame(() => { waiting = false; paint(); });
  };
  const paint = () => {
    const style = getComputedStyle(document.body), ink = style.color;
    pen.setTransform(1, 0, 0, 1, 0, 0);
    pen.clearRect(0, 0, canvas.width, canvas.height);
    const r = radius(), edge = r * 2;
    const seen = (x, y) => x > -edge && y > -edge && x < width + edge && y < height + edge;
    const old = stamp({ colour: dark ? "#3a3d46" : "#d2cfc8", shape: "disc" }, r * 0.7, false);
    for (let i = 0; i < behind.length; i += 2) {
      const x = across(behind[i]), y = down(behind[i + 1]);
      if (seen(x, y)) put(old, x, y);
    }
    // Of very many points no more are drawn on one pixel than can be seen.
    const wide = Math.ceil(width), full = count > 20000 && !filtered ? new Uint8Array(wide * Math.ceil(height)) : null;
    for (const pass of filtered ? [0, 1] : [1]) {
      const marks = [...data.groups, GREY].map((own) => stamp(own, r, !pass));
      for (let i = 0; i < count; i++) {
        if (found[i] !== pass) continue;
        const x = across(places[2 * i]), y = down(places[2 * i + 1]);
        if (!seen(x, y)) continue;
        if (full && x >= 0 && y >= 0 && x < width && y < height) {
          const pixel = (y | 0) * wide + (x | 0);
          if (full[pixel] > 1) continue;
          full[pixel]++;
        }
        put(marks[Math.min(group[i], data.groups.length)], x, y);
      }
    }
    pen.setTransform(ratio, 0, 0, ratio, 0, 0);
    pictured();
    pen.strokeStyle = ink;
    pen.lineWidth = 1.5;
    pen.beginPath();
    for (let i = 0; i < count; i++)
      if (selected[i]) {
        const x = across(places[2 * i]), y = down(places[2 * i + 1]);
        const far = Math.max(r, framed[i]) + 1.5;
        if (seen(x, y)) { pen.moveTo(x + far, y); pen.arc(x, y, far, 0, 7); }
      }
    pen.stroke();
    names(ink, style.backgroundColor);
    if (hovered >= 0) {
      pen.lineWidth = 2.5;
      pen.strokeStyle = ink;
      pen.beginPath();
      pen.arc(across(places[2 * hovered]), down(places[2 * hovered + 1]), Math.max(r, framed[hovered]) + 4, 0, 7);
      pen.stroke();
    }
    if (lasso) {
      pen.lineWidth = 1.5;
      pen.strokeStyle = ink;
      pen.setLineDash([5, 4]);
      pen.beginPath();
      lasso.forEach(([x, y], i) => (i ? pen.lineTo(x, y) : pen.moveTo(x, y)));
      pen.closePath();
      pen.fillStyle = dark ? "rgb(255 255 255 / .07)" : "rgb(0 0 0 / .05)";
      pen.fill();
      pen.stroke();
      pen.setLineDash([]);
    }
  };

  // Names of clusters, the largest first, and nearer by those of points, where there is room.
  const names = (ink, back) => {
    const taken = [];
    const write = (text, x, y, size, weight, always) => {
      pen.font = weight + " " + size + "px system-ui, 'Segoe UI', Roboto, 'Noto Sans', sans-serif";
      const wide = pen.measureText(text).width / 2 + 3, high = size * 0.62;
      for (const [dx, dy] of always ? [[0, 0], [0, -1.2], [0, 1.2], [0, -2.4], [0, 2.4], [1, 0], [-1, 0], [1, -1.2], [-1, 1.2]] : [[0, 0]]) {
        const cx = x + dx * wide, cy = y + dy * size;
        const box = [cx - wide, cy - high, cx + wide, cy + high];
        if (box[0] < 2 || box[1] < 2 || box[2] > width - 2 || box[3] > height - 2) continue;
        if (taken.some((o) => box[0] < o[2] && o[0] < box[2] && box[1] < o[3] && o[1] < box[3])) continue;
        taken.push(box);
        pen.strokeText(text, cx, cy);
        pen.fillText(text, cx, cy);
        return true;
      }
      return false;
    };
    Object.assign(pen, { textAlign: "center", textBaseline: "middle", lineJoin: "round", lineWidth: 4, strokeStyle: back, fillStyle: ink });
    pen.globalAlpha = filtered ? 0.45 : 1;
    for (const label of data.labels) {
      const text = label.text.length > 28 ? label.text.slice(0, 27) + "…" : label.text;
      write(text, across(label.x), down(label.y), 15, 700, true);
    }
    pen.globalAlpha = 1;
    let inside = [];
    for (let i = 0; i < count && inside.length <= 260; i++) {
      if (!found[i]) continue;
      const x = across(places[2 * i]), y = down(places[2 * i + 1]);
      if (x > 0 && y > 0 && x < width && y < height) inside.push([i, x, y]);
    }
    if (inside.length <= 260 && (filtered || view.scale > fit * 1.5))
      for (const [i, x, y] of inside) write(nameOf(i).slice(0, 32), x, y - Math.max(radius(), framed[i] * 0.72) - 8, 12, 500, false);
  };

  // The point nearest to a pixel.
  const pick = (x, y, reach) => {
    let best = -1, least = reach * reach;
    for (let i = 0; i < count; i++) {
      if (filtered && !found[i]) continue;
      const dx = across(places[2 * i]) - x, dy = down(places[2 * i + 1]) - y, square = dx * dx + dy * dy;
      if (square < least) { least = square; best = i; }
    }
    return best;
  };
  const hover = (i) => {
    if (i === hovered) return;
    hovered = i;
    tip.hidden = i < 0;
    if (i >= 0) {
      const line = (kind, text) => Object.assign(document.createElement(kind), { textContent: text });
      const facts = [nameOf(i) === data.keys[i] ? "" : data.keys[i], data.by === "cluster" ? "" : data.by + ": " + (groupOf(i) || "–"), clusterOf(i) && "cluster: " + clusterOf(i)];
      tip.replaceChildren(line("b", nameOf(i)), ...facts.filter(Boolean).map((fact) => line("span", fact)));
      const x = across(places[2 * i]), y = down(places[2 * i + 1]);
      tip.style.left = Math.max(4, Math.min(width - tip.offsetWidth - 8, x + 14)) + "px";
      tip.style.top = Math.max(4, y + 14 + tip.offsetHeight > height ? y - tip.offsetHeight - 14 : y + 14) + "px";
    }
    draw();
  };

  const zoom = (factor, x = width / 2, y = height / 2) => {
    const scale = Math.min(fit * 400, Math.max(fit * 0.4, view.scale * factor));
    view.x += (x - width / 2) * (1 / view.scale - 1 / scale);
    view.y -= (y - height / 2) * (1 / view.scale - 1 / scale);
    view.scale = scale;
    hover(-1);
    draw();
  };

  // Dragging moves; with Select, or Shift, it draws around points.
  let lasso = null, drag = null, selecting = false;
  const touches = new Map();
  const here = (event) => { const box = canvas.getBoundingClientRect(); return [event.clientX - box.left, event.clientY - box.top]; };
  canvas.addEventListener("pointerdown", (event) => {
    canvas.setPointerCapture(event.pointerId);
    touches.set(event.pointerId, here(event));
    if (touches.size > 1) { lasso = null; drag = null; return; }
    if (selecting || event.shiftKey) lasso = [here(event)];
    else drag = { from: here(event), x: view.x, y: view.y, moved: false };
  });
  canvas.addEventListener("pointermove", (event) => {
    const [x, y] = here(event), before = touches.get(event.pointerId);
    if (touches.size === 2 && before) {
      const [other] = [...touches].filter(([id]) => id !== event.pointerId).map(([, place]) => place);
      const far = (a, b) => Math.hypot(a[0] - b[0], a[1] - b[1]) || 1;
      touches.set(event.pointerId, [x, y]);
      zoom(far([x, y], other) / far(before, other), (x + other[0]) / 2, (y + other[1]) / 2);
    } else if (lasso) { lasso.push([x, y]); draw(); }
    else if (drag) {
      drag.moved ||= Math.hypot(x - drag.from[0], y - drag.from[1]) > 4;
      if (drag.moved) {
        canvas.classList.add("moving");
        view.x = drag.x - (x - drag.from[0]) / view.scale;
        view.y = drag.y + (y - drag.from[1]) / view.scale;
        hover(-1);
        draw();
      }
    } else hover(pick(x, y, 14));
  });
  const released = (event) => {
    touches.delete(event.pointerId);
    canvas.classList.remove("moving");
    if (lasso) { const line = lasso; lasso = null; if (line.length > 2) choose(line, event.ctrlKey || event.metaKey); draw(); }
    else if (drag && !drag.moved && event.type === "pointerup") {
      const i = pick(...here(event), 14);
      if (i >= 0) { selected[i] ^= 1; list(); }
    }
    drag = null;
  };
  canvas.addEventListener("pointerup", released);
  canvas.addEventListener("pointercancel", released);
  canvas.addEventListener("pointerleave", () => { if (!drag && !lasso) hover(-1); });
  canvas.addEventListener("wheel", (event) => { event.preventDefault(); zoom(Math.exp(-event.deltaY * (event.deltaMode ? 0.05 : 0.0016)), ...here(event)); }, { passive: false });
  canvas.addEventListener("dblclick", (event) => zoom(2, ...here(event)));
  canvas.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const far = 60 / view.scale, key = event.key;
    if (key === "ArrowLeft") view.x -= far; else if (key === "ArrowRight") view.x += far;
    else if (key === "ArrowUp") view.y += far; else if (key === "ArrowDown") view.y -= far;
    else if (key === "+" || key === "=") zoom(1.4); else if (key === "-") zoom(1 / 1.4);
    else if (key === "0") showAll(); else if (key === "s" || key === "S") toggle();
    else if (key === "n" || key === "N" || key === "p" || key === "P") step(key.toLowerCase() === "n" ? 1 : -1);
    else if (key === "Enter" || key === " ") { if (hovered >= 0) { selected[hovered] ^= 1; list(); } }
    else if (key === "Escape") { selected.fill(0); list(); hover(-1); }
    else return;
    event.preventDefault();
    draw();
  });
  // From point to point, through what is shown.
  const step = (by) => {
    for (let tries = 0, i = hovered; tries < count; tries++) {
      i = (i + by + count) % count;
      if (filtered && !found[i]) continue;
      const x = across(places[2 * i]), y = down(places[2 * i + 1]);
      if (x < 20 || y < 20 || x > width - 20 || y > height - 20) { view.x = places[2 * i]; view.y = places[2 * i + 1]; }
      hover(i);
      return;
    }
  };

  const choose = (line, add) => {
    if (!add) selected.fill(0);
    for (let i = 0; i < count; i++) {
      if (filtered && !found[i]) continue;
      const x = across(places[2 * i]), y = down(places[2 * i + 1]);
      let inside = false;
      for (let a = 0, b = line.length - 1; a < line.length; b = a++) {
        const [ax, ay] = line[a], [bx, by] = line[b];
        if (ay > y !== by > y && x < ((bx - ax) * (y - ay)) / (by - ay) + ax) inside = !inside;
      }
      if (inside) selected[i] = 1;
    }
    list();
  };
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
    draw();
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

  const toggle = () => {
    selecting = !selecting;
    at("select").setAttribute("aria-pressed", selecting);
    canvas.classList.toggle("selecting", selecting);
  };
  at("select").addEventListener("click", toggle);
  at("pictures").hidden = !pictures;
  at("pictures").addEventListener("click", () => {
    showing = !showing;
    at("pictures").setAttribute("aria-pressed", showing);
    draw();
  });
  at("in").addEventListener("click", () => zoom(1.5));
  at("out").addEventListener("click", () => zoom(1 / 1.5));
  at("all").addEventListener("click", showAll);

  // Searching, and showing one group.
  const lower = data.keys.map((key, i) => [key, nameOf(i), groupOf(i), clusterOf(i)].join("\n").toLowerCase());
  const filter = () => {
    const words = search.toLowerCase().split(/\s+/).filter(Boolean);
    filtered = words.length > 0 || only >= 0;
    let shown = 0;
    for (let i = 0; i < count; i++) {
      const fits = only < 0 || (only === data.groups.length ? group[i] >= data.groups.length : group[i] === only);
      found[i] = fits && words.every((word) => lower[i].includes(word)) ? 1 : 0;
      shown += found[i];
    }
    facts(shown);
    hover(-1);
    draw();
  };
  at("search").addEventListener("input", () => { search = at("search").value; filter(); });
  const facts = (shown) => {
    const all = count.toLocaleString("en") + (count === 1 ? " row" : " rows");
    const parts = [filtered ? shown.toLocaleString("en") + " of " + all : all];
    if (data.clusters.length) parts.push(data.clusters.length + (data.clusters.length === 1 ? " cluster" : " clusters"));
    at("facts").textContent = parts.join(" · ");
  };

  const legend = () => {
    const grey = group.reduce((sum, own) => sum + (own >= data.groups.length ? 1 : 0), 0);
    const all = data.groups.concat(grey ? [{ name: data.by === "cluster" ? "in none" : "others", points: grey, ...GREY }] : []);
    at("legend").replaceChildren(...all.map((own, number) => {
      const button = document.createElement("button");
      const mark = Object.assign(document.createElement("canvas"), { width: 32, height: 32 });
      const p = mark.getContext("2d");
      p.fillStyle = own.colour;
      p.beginPath();
      shapes[own.shape](p, 16, 16, 11);
      p.fill();
      button.append(mark, Object.assign(document.createElement("span"), { textContent: own.name, title: own.name }), Object.assign(document.createElement("small"), { textContent: own.points.toLocaleString("en") }));
      button.setAttribute("aria-pressed", "false");
      button.addEventListener("click", () => {
        only = only === number ? -1 : number;
        [...at("legend").children].forEach((other, i) => other.setAttribute("aria-pressed", i === only));
        filter();
      });
      return button;
    }));
  };

  const scheme = matchMedia("(prefers-color-scheme: dark)");
  const dim = () => { dark = scheme.matches; draw(); };
  scheme.addEventListener("change", dim);
  let first = true;
  new ResizeObserver(() => {
    const keep = view.scale / fit;
    ratio = Math.min(3, devicePixelRatio || 1);
    width = canvas.clientWidth;
    height = canvas.clientHeight;
    canvas.width = Math.round(width * ratio);
    canvas.height = Math.round(height * ratio);
    if (first || Math.abs(keep - 1) < 1e-6) showAll();
    first = false;
    // Resizing clears a canvas: what is drawn later would flicker.
    paint();
  }).observe(canvas);
  at("title").textContent = data.title;
  data.labels.sort((a, b) => b.points - a.points);
  legend();
  facts(count);
  dim();
})();
