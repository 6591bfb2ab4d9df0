// Rows in an order: those for which a condition holds, by the values of a column, in groups.
((pokedex) => {
  "use strict";

  const { condition, hasOrder, nearest, orderOf, wrong } = pokedex.offline;

  const MOST_GROUPS = 10_000;
  /** So many conditions and orders are remembered: a page asks for one of them part by part. */
  const REMEMBERED = 8;

  class Views {
    /** @param {number} count @param columns `{name: type}` @param {(row: number, name: string) => any} cell */
    constructor(count, columns, cell) {
      Object.assign(this, { count, columns, cell, passing: new Map(), orders: new Map() });
    }

    /** Of every row whether a condition holds; null where there is no condition. */
    passes(where) {
      if (where === undefined || where === null || where.trim() === "") return null;
      return remembered(this.passing, where, () => {
        const holds = condition(where, this.columns, this.cell);
        return Uint8Array.from({ length: this.count }, (_, row) => (holds(row) ? 1 : 0));
      });
    }

    /** The numbers of rows: by group, then as they are sorted, else in the table's order; what is null comes last. */
    order({ where, sort, group }) {
      const orders = [group, sort].filter((name) => name).map((name, at) => this.#by(name, at === 0 && name === group));
      return remembered(this.orders, JSON.stringify([where, sort, group]), () => {
        const passes = this.passes(where);
        const rows = [];
        for (let row = 0; row < this.count; row++) if (passes === null || passes[row] === 1) rows.push(row);
        if (orders.length === 0) return rows;
        return rows.sort((a, b) => {
          for (const order of orders) {
            const found = order(a, b);
            if (found !== 0) return found;
          }
          return a - b;
        });
      });
    }

    /** Where each group begins in the order of its column. */
    groups({ where, group }) {
      const rows = this.order({ where, group });
      const by = this.#by(group, true);
      const groups = [];
      for (const [from, row] of rows.entries()) {
        if (from > 0 && by(rows[from - 1], row) === 0) {
          groups[groups.length - 1].count += 1;
          continue;
        }
        if (groups.length === MOST_GROUPS) {
          const hint = "group by a column of fewer values, or sort by this one";
          throw wrong(`there are more than ${MOST_GROUPS} groups, which help nobody`, hint);
        }
        groups.push({ value: this.cell(row, group) ?? null, from, count: 1 });
      }
      return { total: rows.length, groups };
    }

    /** The order of rows by a column; `-` before its name turns it round. */
    #by(name, isGroup) {
      const isDown = !isGroup && name.startsWith("-");
      const column = isDown ? name.slice(1) : name;
      if (!Object.hasOwn(this.columns, column)) {
        const names = Object.keys(this.columns);
        const meant = nearest(column, names);
        const hint = meant === null ? "the table has" : `did you mean ${meant}? The table has`;
        throw wrong(`${column}: there is no such column`, `${hint} ${names.join(", ")}`);
      }
      if (!hasOrder(this.columns[column])) throw wrong(`${column}: a column of lists has no order`, "sort=key");
      const order = orderOf(this.columns[column]);
      const cell = (row) => this.cell(row, column) ?? null;
      return (left, right) => {
        const [a, b] = [cell(left), cell(right)];
        if (a === null || b === null) return (a === null ? 1 : 0) - (b === null ? 1 : 0);
        return isDown ? order(b, a) : order(a, b);
      };
    }
  }

  function remembered(all, key, make) {
    if (!all.has(key)) {
      const made = make();
      if (all.size === REMEMBERED) all.delete(all.keys().next().value);
      all.set(key, made);
    }
    return all.get(key);
  }

  pokedex.offline.Views = Views;
})((globalThis.pokedex ??= {}));
