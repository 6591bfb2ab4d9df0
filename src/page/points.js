// Points on a canvas: one moves it, zooms, goes from point to point and draws around points. For the page of a plot, and for the map
// of an index.
((pokedex) => {
  "use strict";

  const GREY = { colour: "#9a9a9a", shape: "disc" };
  const FONT = "px system-ui, 'Segoe UI', Roboto, 'Noto Sans', sans-serif";
  // Pictures that are fetched at one time, and those that are kept.
  const LOADING = 24;
  const KEPT = 2000;
  // Names of points are written where no more of them are seen.
  const NAMED = 260;

  const bytes = (text) => Uint8Array.from(atob(text), (c) => c.charCodeAt(0));
  const floats = (text) => new Float32Array(bytes(text).buffer);
  const numbers = (text) => new Uint16Array(bytes(text).buffer);
  const whole = (text) => new Uint32Array(bytes(text).buffer);

  const shapes = {
    disc: (p, x, y, r) => p.arc(x, y, r, 0, 7),
    square: (p, x, y, r) => p.rect(x - r * 0.86, y - r * 0.86, r * 1.72, r * 1.72),
    triangle: (p, x, y, r) => { p.moveTo(x, y - r * 1.25); p.lineTo(x + r * 1.1, y + r * 0.75); p.lineTo(x - r * 1.1, y + r * 0.75); p.closePath(); },
    diamond: (p, x, y, r) => { p.moveTo(x, y - r * 1.25); p.lineTo(x + r * 1.25, y); p.lineTo(x, y + r * 1.25); p.lineTo(x - r * 1.25, y); p.closePath(); },
  };

  const NOTHING = { places: new Float32Array(), behind: new Float32Array(), group: new Uint16Array(), groups: [], labels: [] };

  /// Points on `canvas`. `events`: `hover(i, x, y)` (-1: none), `press(i, event)`, `enter(i)`, `space(i)`, `choose(numbers, add)`,
  /// `escape()`, `selecting(is)`, `name(i)`, and `picture(i)`, the address of a small picture or null. At the foot
  /// `room` pixels are something else's.
  function points(canvas, events) {
    const pen = canvas.getContext("2d"), room = events.room ?? 0;
    let data = NOTHING, count = 0;
    // What is shown: all, or what was found; what is selected, and the point that is looked at.
    let found = new Uint8Array(), filtered = false, selected = new Uint8Array(), current = -1, hovered = -1;
    let showing = false;
    // From places to the canvas: the place in its middle, and pixels for one unit.
    const view = { x: 0, y: 0, scale: 1 };
    let width = 0, height = 0, ratio = 1, dark = false, fit = 1, bounds = [-1, -1, 1, 1];
    const images = new Map();
    let framed = new Float32Array(), frames = [], loading = 0;

    /// Shows other points: `places` and `behind` are pairs, `group` the number of each one's in `groups`.
    function show(next, keep = false) {
      data = { ...NOTHING, ...next };
      count = data.places.length / 2;
      [found, filtered, selected] = [new Uint8Array(count).fill(1), false, new Uint8Array(count)];
      [framed, current, hovered] = [new Float32Array(count), -1, -1];
      data.labels = [...data.labels].sort((a, b) => b.points - a.points);
      images.clear();
      bounds = [Infinity, Infinity, -Infinity, -Infinity];
      for (const list of [data.places, data.behind])
        for (let i = 0; i < list.length; i += 2) {
          bounds[0] = Math.min(bounds[0], list[i]); bounds[2] = Math.max(bounds[2], list[i]);
          bounds[1] = Math.min(bounds[1], list[i + 1]); bounds[3] = Math.max(bounds[3], list[i + 1]);
        }
      if (bounds[0] > bounds[2]) bounds = [-1, -1, 1, 1];
      if (keep) draw();
      else showAll();
    }

    const fitted = () => {
      const wide = Math.max(bounds[2] - bounds[0], 1e-3), high = Math.max(bounds[3] - bounds[1], 1e-3);
      return Math.max(1e-9, Math.min((width - 70) / wide, (height - 60 - room) / high));
    };
    const showAll = () => {
      fit = fitted();
      Object.assign(view, { x: (bounds[0] + bounds[2]) / 2, y: (bounds[1] + bounds[3]) / 2 - room / 2 / fit, scale: fit });
      draw();
    };
    const across = (i) => width / 2 + (data.places[2 * i] - view.x) * view.scale;
    const down = (i) => height / 2 - (data.places[2 * i + 1] - view.y) * view.scale;

    const radius = () => {
      const base = Math.min(5.5, Math.max(1.1, 170 / Math.sqrt(count)));
      return Math.min(9, base * Math.pow(view.scale / fit, 0.35));
    };

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

    /// The picture of a point: null where it has none, its image where that is here, else a promise of one.
    const picture = (i) => {
      const own = images.get(i);
      if (own !== undefined) return own;
      const address = events.picture(i);
      if (!address) return images.set(i, null).get(i);
      if (loading >= LOADING) return "waits";
      const image = new Image();
      const here = (is) => () => {
        loading--;
        if (!is || !image.naturalWidth) images.set(i, null);
        draw();
      };
      loading++;
      image.onload = here(true);
      image.onerror = here(false);
      image.src = address;
      return images.set(i, image).get(i);
    };

    // Pictures stand where none before them stands; one that is on its way keeps its room.
    const pictured = (ink) => {
      framed.fill(0);
      frames = [];
      if (!showing) return;
      if (images.size > KEPT && loading === 0) images.clear();
      const side = Math.min(96, 30 * Math.pow(view.scale / fit, 0.4)), part = side + 4;
      const columns = Math.ceil(width / part) + 2, taken = new Array(columns * (Math.ceil(height / part) + 2)).fill(null);
      const free = (box, x, y) => {
        for (let dx = -1; dx < 2; dx++)
          for (let dy = -1; dy < 2; dy++) {
            const o = taken[(y + dy) * columns + x + dx];
            if (o && box[0] < o[2] && o[0] < box[2] && box[1] < o[3] && o[1] < box[3]) return false;
          }
        return true;
      };
      for (let i = 0; i < count; i++) {
        if (filtered && !found[i]) continue;
        const x = across(i), y = down(i);
        if (x < 0 || y < 0 || x > width || y > height) continue;
        const cx = Math.floor(x / part) + 1, cy = Math.floor(y / part) + 1;
        if (taken[cy * columns + cx]) continue;
        // As good as square, until it is here.
        const known = images.get(i), here = known?.naturalWidth > 0;
        if (known === null) continue;
        const much = here ? side / Math.max(known.naturalWidth, known.naturalHeight) : side;
        const wide = here ? (known.naturalWidth * much) / 2 : side / 2, high = here ? (known.naturalHeight * much) / 2 : side / 2;
        const box = [x - wide - 2, y - high - 2, x + wide + 2, y + high + 2, i];
        if (!free(box, cx, cy)) continue;
        const image = picture(i);
        if (image === null) continue;
        taken[cy * columns + cx] = box;
        if (!here) continue;
        if (selected[i]) {
          pen.fillStyle = ink;
          pen.fillRect(x - wide - 5, y - high - 5, 2 * wide + 10, 2 * high + 10);
        }
        pen.fillStyle = (data.groups[data.group[i]] || GREY).colour;
        pen.fillRect(x - wide - 2, y - high - 2, 2 * wide + 4, 2 * high + 4);
        pen.fillStyle = "#fff";
        pen.fillRect(x - wide, y - high, 2 * wide, 2 * high);
        pen.drawImage(image, x - wide, y - high, 2 * wide, 2 * high);
        framed[i] = Math.hypot(wide, high);
        frames.push(box);
      }
    };

    let waiting = false;
    const draw = () => {
      if (waiting) return;
      waiting = true;
      requestAnimationFrame(() => { waiting = false; paint(); });
    };
    const paint = () => {
      if (!width || !height) return;
      const style = getComputedStyle(document.body), ink = style.color;
      pen.setTransform(1, 0, 0, 1, 0, 0);
      pen.clearRect(0, 0, canvas.width, canvas.height);
      const r = radius(), edge = r * 2;
      const seen = (x, y) => x > -edge && y > -edge && x < width + edge && y < height + edge;
      const old = stamp({ colour: dark ? "#3a3d46" : "#d2cfc8", shape: "disc" }, r * 0.7, false);
      for (let i = 0; i < data.behind.length; i += 2) {
        const x = width / 2 + (data.behind[i] - view.x) * view.scale, y = height / 2 - (data.behind[i + 1] - view.y) * view.scale;
        if (seen(x, y)) put(old, x, y);
      }
      // Of very many points no more are drawn on one pixel than can be seen.
      const wide = Math.ceil(width), full = count > 20000 ? new Uint8Array(wide * Math.ceil(height)) : null, most = count > 100000 ? 1 : 2;
      for (const pass of filtered ? [0, 1] : [1]) {
        const marks = [...data.groups, GREY].map((own) => stamp(own, r, !pass));
        if (full) full.fill(0);
        for (let i = 0; i < count; i++) {
          if (found[i] !== pass) continue;
          const x = across(i), y = down(i);
          if (!seen(x, y)) continue;
          if (full && x >= 0 && y >= 0 && x < width && y < height) {
            const pixel = (y | 0) * wide + (x | 0);
            if (full[pixel] >= most) continue;
            full[pixel]++;
          }
          put(marks[Math.min(data.group[i], data.groups.length)], x, y);
        }
      }
      pen.setTransform(ratio, 0, 0, ratio, 0, 0);
      pen.strokeStyle = ink;
      pen.lineWidth = 1.5;
      pen.beginPath();
      for (let i = 0; i < count; i++)
        if (selected[i]) {
          const x = across(i), y = down(i), far = r + 1.5;
          if (seen(x, y)) { pen.moveTo(x + far, y); pen.arc(x, y, far, 0, 7); }
        }
      pen.stroke();
      pictured(ink);
      names(ink, style.backgroundColor);
      for (const i of [current, hovered])
        if (i >= 0) {
          pen.lineWidth = i === current ? 3.5 : 2.5;
          pen.strokeStyle = ink;
          pen.beginPath();
          const box = frames.find((own) => own[4] === i);
          if (box) pen.rect(box[0] - 3, box[1] - 3, box[2] - box[0] + 6, box[3] - box[1] + 6);
          else pen.arc(across(i), down(i), r + 4, 0, 7);
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
        pen.font = weight + " " + size + FONT;
        const wide = pen.measureText(text).width / 2 + 3, high = size * 0.62;
        for (const [dx, dy] of always ? [[0, 0], [0, -1.2], [0, 1.2], [0, -2.4], [0, 2.4], [1, 0], [-1, 0], [1, -1.2], [-1, 1.2]] : [[0, 0]]) {
          const cx = x + dx * wide, cy = y + dy * size;
          const box = [cx - wide, cy - high, cx + wide, cy + high];
          if (box[0] < 2 || box[1] < 2 || box[2] > width - 2 || box[3] > height - 2) continue;
          const covers = (o) => box[0] < o[2] && o[0] < box[2] && box[1] < o[3] && o[1] < box[3];
          // Names of clusters stand over pictures, those of points beside them.
          if (taken.some(covers) || (!always && frames.some(covers))) continue;
          taken.push(box);
          pen.strokeText(text, cx, cy);
          pen.fillText(text, cx, cy);
          return;
        }
      };
      Object.assign(pen, { textAlign: "center", textBaseline: "middle", lineJoin: "round", lineWidth: 4, strokeStyle: back, fillStyle: ink });
      pen.globalAlpha = filtered ? 0.45 : 1;
      for (const label of data.labels) {
        const text = label.text.length > 28 ? label.text.slice(0, 27) + "…" : label.text;
        const [x, y] = label.place;
        write(text, width / 2 + (x - view.x) * view.scale, height / 2 - (y - view.y) * view.scale, 15, 700, true);
      }
      pen.globalAlpha = 1;
      const inside = [];
      for (let i = 0; i < count && inside.length <= NAMED; i++) {
        if (!found[i]) continue;
        const x = across(i), y = down(i);
        if (x > 0 && y > 0 && x < width && y < height) inside.push([i, x, y]);
      }
      if (inside.length <= NAMED && (filtered || view.scale > fit * 1.5))
        for (const [i, x, y] of inside) write(events.name(i).slice(0, 32), x, y - Math.max(radius(), framed[i] * 0.72) - 10, 12, 500, false);
    };

    // The point whose picture is at a pixel, or else the nearest to it.
    const pick = (x, y, reach) => {
      const box = frames.find((own) => x >= own[0] && y >= own[1] && x <= own[2] && y <= own[3]);
      if (box) return box[4];
      let best = -1, least = reach * reach;
      for (let i = 0; i < count; i++) {
        if (filtered && !found[i]) continue;
        const dx = across(i) - x, dy = down(i) - y, square = dx * dx + dy * dy;
        if (square < least) { least = square; best = i; }
      }
      return best;
    };
    const hover = (i) => {
      if (i === hovered) return;
      hovered = i;
      events.hover(i, i < 0 ? 0 : across(i), i < 0 ? 0 : down(i));
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
      if (event.button > 0) return;
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
      const line = lasso, moved = drag?.moved;
      const pressed = event.type === "pointerup" && (drag ? !moved : line && line.length < 3);
      [lasso, drag] = [null, null];
      if (pressed) {
        const i = pick(...here(event), 14);
        if (i >= 0) events.press(i, event);
      } else if (line && line.length > 2) choose(line, event.ctrlKey || event.metaKey);
      draw();
    };
    canvas.addEventListener("pointerup", released);
    canvas.addEventListener("pointercancel", released);
    canvas.addEventListener("pointerleave", () => { if (!drag && !lasso) hover(-1); });
    canvas.addEventListener("wheel", (event) => { event.preventDefault(); zoom(Math.exp(-event.deltaY * (event.deltaMode ? 0.05 : 0.0016)), ...here(event)); }, { passive: false });
    canvas.addEventListener("dblclick", (event) => pick(...here(event), 14) < 0 && zoom(2, ...here(event)));
    canvas.addEventListener("keydown", (event) => {
      if (event.ctrlKey || event.metaKey || event.altKey) return;
      const far = 60 / view.scale, key = event.key;
      if (key === "ArrowLeft") view.x -= far; else if (key === "ArrowRight") view.x += far;
      else if (key === "ArrowUp") view.y += far; else if (key === "ArrowDown") view.y -= far;
      else if (key === "+" || key === "=") zoom(1.4); else if (key === "-") zoom(1 / 1.4);
      else if (key === "0") showAll(); else if (key === "s" || key === "S") toggle();
      else if (key === "n" || key === "N" || key === "p" || key === "P") step(key.toLowerCase() === "n" ? 1 : -1);
      else if (key === "Enter") { if (hovered >= 0) events.enter(hovered); }
      else if (key === " ") { if (hovered >= 0) events.space(hovered); }
      else if (key === "Escape") { hover(-1); events.escape(); return; }
      else return;
      event.preventDefault();
      draw();
    });
    // From point to point, through what is shown.
    const step = (by) => {
      for (let tries = 0, i = hovered < 0 ? (by > 0 ? -1 : 0) : hovered; tries < count; tries++) {
        i = (i + by + count) % count;
        if (filtered && !found[i]) continue;
        const x = across(i), y = down(i);
        if (x < 20 || y < 20 || x > width - 20 || y > height - 20) { view.x = data.places[2 * i]; view.y = data.places[2 * i + 1]; }
        hover(i);
        return;
      }
    };

    const choose = (line, add) => {
      const inside = [];
      for (let i = 0; i < count; i++) {
        if (filtered && !found[i]) continue;
        const x = across(i), y = down(i);
        let is = false;
        for (let a = 0, b = line.length - 1; a < line.length; b = a++) {
          const [ax, ay] = line[a], [bx, by] = line[b];
          if (ay > y !== by > y && x < ((bx - ax) * (y - ay)) / (by - ay) + ax) is = !is;
        }
        if (is) inside.push(i);
      }
      events.choose(inside, add);
    };

    const toggle = () => {
      selecting = !selecting;
      canvas.classList.toggle("selecting", selecting);
      events.selecting(selecting);
    };

    const scheme = matchMedia("(prefers-color-scheme: dark)");
    const dim = () => { dark = scheme.matches; draw(); };
    scheme.addEventListener("change", dim);
    new ResizeObserver(() => {
      const fits = !width || Math.abs(view.scale / fit - 1) < 1e-6;
      ratio = Math.min(3, devicePixelRatio || 1);
      [width, height] = [canvas.clientWidth, canvas.clientHeight];
      if (!width || !height) return;
      canvas.width = Math.round(width * ratio);
      canvas.height = Math.round(height * ratio);
      if (fits) showAll();
      // Resizing clears a canvas: what is drawn later would flicker.
      paint();
    }).observe(canvas);
    dim();

    return {
      show, draw, showAll, zoom, toggle, hover,
      /// Of each point whether it is shown; null: all are.
      filter(next) {
        filtered = next !== null;
        found = next || new Uint8Array(count).fill(1);
        hover(-1);
        draw();
      },
      /// Of each point whether it is selected.
      select(next) {
        selected = next;
        draw();
      },
      /// The point that is looked at elsewhere, or -1.
      look(i) {
        current = i;
        draw();
      },
      /// Whether pictures stand where there is room.
      pictures(is) {
        showing = is;
        draw();
      },
      isShown: (i) => !filtered || found[i] === 1,
      at: (i) => [across(i), down(i)],
    };
  }

  /// Fills the list of groups; `pressed(number)` is called with the one that is to be shown alone, or -1.
  function legend(element, { groups, group, rest }, pressed) {
    const grey = group.reduce((sum, own) => sum + (own >= groups.length ? 1 : 0), 0);
    const all = groups.concat(grey ? [{ name: rest, points: grey, ...GREY }] : []);
    let only = -1;
    element.replaceChildren(...all.map((own, number) => {
      const button = Object.assign(document.createElement("button"), { type: "button" });
      const mark = Object.assign(document.createElement("canvas"), { width: 32, height: 32 });
      const p = mark.getContext("2d");
      p.fillStyle = own.colour;
      p.beginPath();
      shapes[own.shape](p, 16, 16, 11);
      p.fill();
      mark.setAttribute("aria-hidden", "true");
      button.append(mark, Object.assign(document.createElement("span"), { textContent: own.name, title: own.name }), Object.assign(document.createElement("small"), { textContent: own.points.toLocaleString("en") }));
      button.setAttribute("aria-pressed", "false");
      button.addEventListener("click", () => {
        only = only === number ? -1 : number;
        [...element.children].forEach((other, i) => other.setAttribute("aria-pressed", String(i === only)));
        pressed(only);
      });
      return button;
    }));
  }

  pokedex.points = { points, legend, floats, numbers, whole };
})((globalThis.pokedex ??= {}));
