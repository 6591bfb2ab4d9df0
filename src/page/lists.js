// What the grid shows: the rows of the table in an order, or what a search found; both come in parts, when they are seen.
"use strict";
window.pokedex = window.pokedex || {};

(() => {
  const PART = 100;
  const KEPT = 60;
  const AT_ONCE = 2;
  const MOST_HITS = 1000;

  /// Rows in an order and in groups. `changed` is called when rows have come.
  class Rows {
    constructor({ where, sort, group }, changed, failed) {
      Object.assign(this, { where, sort, group, changed, failed });
      this.parts = new Map();
      this.missed = new Set();
      this.running = 0;
      this.total = 0;
      this.sections = [];
    }

    async open() {
      const { where, group } = this;
      const groups = group ? pokedex.source.groups({ where, group }) : null;
      const [found, first] = await Promise.all([groups, this.fetch(0)]);
      this.total = first.total;
      this.parts.set(0, first.rows);
      this.sections = (found ? found.groups : []).map(({ value, from, count }) => ({
        value, from, count, heading: pokedex.parts.heading(group, value),
      }));
      return this;
    }

    fetch(part) {
      const { where, sort, group } = this;
      return pokedex.source.rows({ from: part * PART, count: PART, where, sort, group });
    }

    get(place) {
      const part = Math.floor(place / PART);
      const rows = this.parts.get(part);
      if (rows === undefined) this.missed.add(part);
      return rows ? rows[place % PART] : null;
    }

    async load(part) {
      this.parts.set(part, null);
      this.running++;
      try {
        const { rows } = await this.fetch(part);
        this.parts.set(part, rows);
        // The parts that were asked for first are let go first.
        if (this.parts.size > KEPT) this.parts.delete(this.parts.keys().next().value);
      } catch (error) {
        this.parts.delete(part);
        this.running--;
        this.failed(error);
        return;
      }
      this.running--;
      this.changed();
    }

    /// Asks for what is missing in the window, a few parts at once: what was passed on the way is not asked for.
    seen() {
      const missed = this.missed;
      this.missed = new Set();
      for (const part of missed) {
        if (this.running < AT_ONCE && !this.parts.has(part)) this.load(part);
      }
    }
  }

  /// What a search found, best first.
  class Hits {
    constructor({ q, picture, where }, changed, failed) {
      Object.assign(this, { q, picture, where, changed, failed });
      this.hits = [];
      this.sections = [];
      this.more = true;
    }

    get total() {
      return this.hits.length;
    }

    async open() {
      const answer = await this.fetch();
      this.notes = answer.notes;
      this.weak = answer.weak;
      return this;
    }

    async fetch() {
      const { q, picture, where } = this;
      const answer = await pokedex.source.search({ q, picture, where, top: PART, offset: this.hits.length });
      this.hits.push(...answer.hits);
      this.more = answer.hits.length === PART && this.hits.length < MOST_HITS;
      return answer;
    }

    get(place) {
      return this.hits[place] || null;
    }

    /// Asks for more before the last is seen.
    async seen(last) {
      if (!this.more || this.asking || last < this.hits.length - 30) return;
      this.asking = true;
      try {
        await this.fetch();
        this.changed();
      } catch (error) {
        this.more = false;
        this.failed(error);
      } finally {
        this.asking = false;
      }
    }
  }

  pokedex.lists = { Rows, Hits };
})();
