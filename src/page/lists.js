// What the grid shows: the rows of the table in an order, or what a search found; both come in parts, when they are seen.
"use strict";
window.pokedex = window.pokedex || {};

(() => {
  const PART = 100;
  const KEPT = 60;
  const MOST_HITS = 1000;

  /// Rows in an order and in groups. `changed` is called when rows have come.
  class Rows {
    constructor({ where, sort, group }, changed, failed) {
      Object.assign(this, { where, sort, group, changed, failed });
      this.parts = new Map();
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
      if (rows === undefined) this.load(part);
      return rows ? rows[place % PART] : null;
    }

    async load(part) {
      this.parts.set(part, null);
      try {
        const { rows } = await this.fetch(part);
        this.parts.set(part, rows);
        // The parts that were asked for first are let go first.
        if (this.parts.size > KEPT) this.parts.delete(this.parts.keys().next().value);
        this.changed();
      } catch (error) {
        this.parts.delete(part);
        this.failed(error);
      }
    }

    seen() {}
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
