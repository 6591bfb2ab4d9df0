// A grid of cards that scrolls through any number of rows and holds only those that are seen.
//
// Places are worked out, not measured: lines of equal height, in sections with a heading. A box cannot be higher than some
// 2^24 pixels, so a longer grid is a box of HIGHEST, and `top` says where in the true one the window is: it moves with every
// small scroll pixel by pixel, and by the share of the way with a large one, as when the scroll bar is dragged.
"use strict";
window.pokedex = window.pokedex || {};

pokedex.Grid = class {
  static HIGHEST = 8_000_000;
  static HEADING = 44;
  static GAP = 12;

  /// `list` has `total`, `sections` ([{heading, from, count}]) and `get(place)`, a row or null where it has yet to come;
  /// `card(element, row, place)` fills a card.
  constructor(box, space, card, events) {
    Object.assign(this, { box, space, card, events });
    this.cards = new Map();
    this.headings = new Map();
    this.list = { total: 0, sections: [], get: () => null };
    this.active = 0;
    this.top = 0;
    this.scrolled = 0;
    this.measure();
    box.addEventListener("scroll", () => this.onScroll());
    box.addEventListener("keydown", (event) => this.onKey(event));
    box.addEventListener("click", (event) => this.onClick(event));
    // A finger has no Ctrl key: it stays for a moment.
    box.addEventListener("contextmenu", (event) => event.pointerType === "touch" && (event.preventDefault(), this.onClick(event, true)));
    new ResizeObserver(() => this.resize()).observe(box);
  }

  /// Shows another list, from a place on.
  show(list, place = 0) {
    this.list = list;
    this.clear();
    this.measure();
    this.active = Math.min(place, Math.max(0, list.total - 1));
    this.moveTo(place ? this.lineOf(place).y - this.height / 3 : 0);
  }

  /// More rows of the same list are there.
  refresh() {
    this.measure();
    this.render();
  }

  clear() {
    this.cards.forEach((card) => card.remove());
    this.headings.forEach((heading) => heading.remove());
    this.cards.clear();
    this.headings.clear();
  }

  resize() {
    if (this.box.clientWidth === this.width && this.box.clientHeight === this.height) return;
    const place = this.placeAt(this.top);
    this.clear();
    this.measure();
    this.moveTo(place ? this.lineOf(place).y : this.top);
  }

  /// Works out where everything is.
  measure() {
    const { GAP, HEADING, HIGHEST } = pokedex.Grid;
    this.width = this.box.clientWidth;
    this.height = this.box.clientHeight || 1;
    // Cards grow with the window, so that no window shows too many.
    const least = this.width < 500 ? 150 : Math.max(168, Math.sqrt((this.width * this.height) / 48));
    this.columns = Math.max(1, Math.floor((this.width - GAP) / (least + GAP)));
    this.cardWidth = Math.floor((this.width - GAP) / this.columns) - GAP;
    this.line = Math.round(this.cardWidth * 0.74) + 84 + GAP;
    this.sections = [];
    let y = 0;
    const sections = this.list.sections.length ? this.list.sections : [{ from: 0, count: this.list.total }];
    for (const section of sections) {
      const head = section.heading === undefined ? 0 : HEADING;
      const lines = Math.ceil(section.count / this.columns);
      this.sections.push({ ...section, y, head, lines });
      y += head + lines * this.line;
    }
    this.full = y + GAP;
    this.shown = Math.min(this.full, HIGHEST);
    this.space.style.height = `${this.shown}px`;
  }

  get furthest() {
    return Math.max(0, this.full - this.height);
  }

  get furthestScroll() {
    return Math.max(0, this.shown - this.height);
  }

  /// The section in which something is: by place or by height.
  section(value, of) {
    let [low, high] = [0, this.sections.length];
    while (low + 1 < high) {
      const middle = (low + high) >> 1;
      if (this.sections[middle][of] <= value) low = middle;
      else high = middle;
    }
    return this.sections[low];
  }

  lineOf(place) {
    const section = this.section(place, "from");
    const line = Math.floor((place - section.from) / this.columns);
    return { section, line, y: section.y + section.head + line * this.line };
  }

  placeAt(y) {
    const section = this.section(Math.max(0, y), "y");
    const line = Math.max(0, Math.floor((y - section.y - section.head) / this.line));
    return Math.min(section.from + line * this.columns, section.from + Math.max(0, section.count - 1));
  }

  moveTo(y) {
    this.top = Math.max(0, Math.min(y, this.furthest));
    this.follow();
    this.render();
  }

  /// Puts the scroll bar where the window is.
  follow() {
    const share = this.furthest ? this.top / this.furthest : 0;
    const scroll = this.full === this.shown ? this.top : share * this.furthestScroll;
    this.box.scrollTop = scroll;
    this.scrolled = this.box.scrollTop;
  }

  onScroll() {
    const now = this.box.scrollTop;
    const moved = now - this.scrolled;
    if (moved === 0) return;
    this.scrolled = now;
    if (this.full === this.shown) {
      this.top = now;
    } else if (Math.abs(moved) < 3 * this.height) {
      this.top = Math.max(0, Math.min(this.top + moved, this.furthest));
      // The bar runs ahead of the rows: it is put right at its ends, and when all is still.
      const end = (now <= 0 && this.top > 0) || (now >= this.furthestScroll - 1 && this.top < this.furthest);
      clearTimeout(this.still);
      if (end) this.follow();
      else this.still = setTimeout(() => this.follow() || this.render(), 200);
    } else {
      this.top = (now / this.furthestScroll) * this.furthest;
    }
    this.render();
  }

  /// Makes the cards that are seen, and lets go of the others.
  render() {
    if (!this.width) return;
    const { GAP } = pokedex.Grid;
    const [from, to] = [this.top - this.line * 0.6, this.top + this.height + this.line * 0.6];
    const shift = this.box.scrollTop - this.top;
    const [cards, headings] = [new Set(), new Set()];
    const first = this.sections.indexOf(this.section(Math.max(0, from), "y"));
    for (let at = first; at < this.sections.length && this.sections[at].y < to; at++) {
      const section = this.sections[at];
      if (section.head && section.y + section.head > from) {
        headings.add(at);
        this.heading(at, section).style.transform = `translateY(${section.y + shift}px)`;
      }
      const start = section.y + section.head;
      const begin = Math.max(0, Math.floor((from - start) / this.line));
      const end = Math.min(section.lines, Math.ceil((to - start) / this.line));
      for (let line = begin; line < end; line++) {
        for (let column = 0; column < this.columns; column++) {
          const within = line * this.columns + column;
          if (within >= section.count) break;
          const place = section.from + within;
          cards.add(place);
          const x = GAP + column * (this.cardWidth + GAP);
          this.cardAt(place).style.transform = `translate(${x}px, ${start + line * this.line + shift}px)`;
        }
      }
    }
    this.drop(this.cards, cards);
    this.drop(this.headings, headings);
    this.mark();
    this.events.seen(this.placeAt(this.top + this.height / 3), Math.max(-1, ...cards));
  }

  drop(kept, wanted) {
    for (const [key, element] of kept) {
      if (!wanted.has(key)) {
        element.remove();
        kept.delete(key);
      }
    }
  }

  heading(at, section) {
    let element = this.headings.get(at);
    if (!element) {
      element = pokedex.parts.make("div", { class: "heading", "aria-hidden": "true" }, section.heading, pokedex.parts.make("small", {}, section.count.toLocaleString("en")));
      this.headings.set(at, element);
      this.space.append(element);
    }
    return element;
  }

  cardAt(place) {
    let element = this.cards.get(place);
    const row = this.list.get(place);
    if (!element) {
      element = pokedex.parts.make("div", { class: "card", role: "option", id: "card-" + place, "aria-selected": "false", "aria-label": "loading" });
      element.dataset.place = place;
      element.style.width = `${this.cardWidth}px`;
      element.style.height = `${this.line - pokedex.Grid.GAP}px`;
      element.setAttribute("aria-posinset", place + 1);
      element.setAttribute("aria-setsize", this.list.total);
      this.cards.set(place, element);
      this.space.append(element);
    }
    if (row && element.dataset.row === undefined) {
      element.dataset.row = row.row;
      this.card(element, row, place);
    }
    return element;
  }

  /// Shows which card the keys move, and which are selected.
  mark() {
    for (const [place, element] of this.cards) {
      element.classList.toggle("active", place === this.active);
      element.setAttribute("aria-selected", String(this.events.isSelected(Number(element.dataset.row))));
    }
    if (this.cards.has(this.active)) this.box.setAttribute("aria-activedescendant", "card-" + this.active);
    else this.box.removeAttribute("aria-activedescendant");
  }

  /// Makes a place the active one, and sees to it that it is seen.
  go(place) {
    this.active = Math.max(0, Math.min(place, this.list.total - 1));
    const { y, section, line } = this.lineOf(this.active);
    const above = line === 0 ? y - section.head : y;
    if (above < this.top) this.moveTo(above);
    else if (y + this.line > this.top + this.height) this.moveTo(y + this.line - this.height + pokedex.Grid.GAP);
    else this.mark();
  }

  onKey(event) {
    if (event.target !== this.box || event.altKey || event.metaKey) return;
    const { section, line } = this.lineOf(this.active);
    const column = (this.active - section.from) % this.columns;
    const at = this.sections.indexOf(section);
    const page = Math.max(1, Math.floor(this.height / this.line));
    const vertical = (lines) => {
      const target = line + lines;
      const last = (other) => other.from + other.count - 1;
      if (target >= 0 && target < section.lines) return Math.min(section.from + target * this.columns + column, last(section));
      const next = this.sections[at + Math.sign(lines)];
      if (!next) return lines > 0 ? last(section) : section.from;
      const edge = lines > 0 ? next.from + column : next.from + (next.lines - 1) * this.columns + column;
      return Math.min(edge, last(next));
    };
    const steps = {
      ArrowRight: () => this.active + 1,
      ArrowLeft: () => this.active - 1,
      ArrowDown: () => vertical(1),
      ArrowUp: () => vertical(-1),
      PageDown: () => this.placeAt(this.lineOf(this.active).y + page * this.line + 1) + column,
      PageUp: () => this.placeAt(this.lineOf(this.active).y - page * this.line + 1) + column,
      Home: () => 0,
      End: () => this.list.total - 1,
    };
    const row = this.list.get(this.active);
    if (event.key in steps && !event.ctrlKey) this.go(steps[event.key]());
    else if (event.key === "Enter" && row) this.events.open(row);
    else if (event.key === " " && row) this.events.select(row, event.shiftKey);
    else if (event.key === "a" && event.ctrlKey) this.events.selectAll();
    else return;
    event.preventDefault();
    this.mark();
  }

  /// Opens a card, or selects it: with Ctrl or Shift, or in its upper right corner, where the mark is.
  onClick(event, selects = event.ctrlKey || event.metaKey || event.shiftKey) {
    const card = event.target.closest("[data-place]");
    const row = card && this.list.get(Number(card.dataset.place));
    if (!row) return;
    const { right, top } = card.getBoundingClientRect();
    const corner = event.clientX > right - 40 && event.clientY < top + 40;
    this.active = Number(card.dataset.place);
    if (selects || corner) this.events.select(row, event.shiftKey);
    else this.events.open(row);
    this.mark();
  }
};
