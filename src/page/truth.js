// What a condition means: its columns and types are looked up once, and then every row is found true, false or unknown.
// Types are never guessed, unknown is neither true nor false, and a row passes where the condition is true: the rules,
// and the words of complaints, are those of src/filter/bind/.
((pokedex) => {
  "use strict";

  const { byCharacters, character, nearest, parseCondition, piece, sql, times, wrong } = pokedex.offline;

  const KINDS = {
    null: "null",
    bool: "true or false",
    number: "a number",
    text: "text",
    binary: "binary",
    struct: "a struct",
    list: "a list",
    other: "of a type that has no comparisons here",
  };
  const TIMES = { date: "a date", timestamp: "a point in time", time: "a time of day" };
  const BOOL = { class: "bool" };
  const NULL = { class: "null" };
  const TEXT = { class: "text" };
  const number = (type) => ({ class: "number", number: type });

  const kindOf = (type) => (type.class === "time" ? TIMES[type.time] : KINDS[type.class]);

  /** A column's type from its name in a site: `int32`, `decimal(12,2)`, `timestamp`, `binary(32)`, `{struct: {…}}`. */
  function typeOf(name) {
    if (typeof name === "object") return { class: "struct", fields: name.struct };
    const [, base, bits, inner] = /^([a-z]+)(\d+)?(?:\((.*)\))?$/.exec(name) ?? [];
    switch (base) {
      case "int":
      case "uint":
        return number({ of: "int", bits: Number(bits), signed: base === "int" });
      case "float":
        return number({ of: "float", bits: Number(bits) });
      case "decimal":
        return number(sql.decimal(...inner.split(",").map(Number)));
      case "date":
      case "timestamp":
      case "time":
        return { class: "time", time: base };
      case "binary":
        return { class: "binary", size: inner === undefined ? null : Number(inner) };
      case "bool":
      case "text":
      case "null":
        return { class: base };
      case "list":
        return { class: base, items: inner === undefined ? null : typeOf(inner) };
      default:
        return { class: "other" };
    }
  }

  /** A cell, as a site has it, as a value of its type. */
  function valueOf(cell, type) {
    if (cell === null || cell === undefined) return null;
    if (type.class === "time") return times.parse(cell, type.time);
    if (type.class !== "number") return cell;
    const { of, bits, scale } = type.number;
    if (of === "int") return BigInt(cell);
    if (of === "float") return bits === 32 ? Math.fround(cell) : Number(cell);
    const [whole, fraction = ""] = String(cell).split(".");
    return BigInt(whole + fraction.padEnd(scale, "0"));
  }

  /** Whether the cells of a column have an order. */
  const hasOrder = (name) => !["struct", "list", "other"].includes(typeOf(name).class);

  /** The order of the cells of a column. */
  function orderOf(name) {
    const type = typeOf(name);
    const isText = !["number", "time", "bool"].includes(type.class);
    if (isText) return byCharacters;
    return (a, b) => sql.order(valueOf(a, type), valueOf(b, type));
  }

  /** Something with a type: `get` gives its value in a row; a constant has it in `value`. */
  class Binder {
    /** @param {string} text @param columns `{name: type}` @param {(row: number, name: string) => any} cell */
    constructor(text, columns, cell) {
      Object.assign(this, { text, columns, cell });
    }

    // Complaints

    piece(span) {
      return piece(this.text, span);
    }

    wrong(problem, span, hint = null) {
      return wrong(`--where: ${problem} at character ${character(this.text, span.start)}`, hint);
    }

    failed(span, problem) {
      const message = `--where: \`${this.piece(span)}\` at character ${character(this.text, span.start)}: ${problem}`;
      return wrong(message, "1.0 * x computes in decimals, 1e0 * x in floating point");
    }

    mismatch(left, right) {
      const [a, b] = [this.piece(left.span), this.piece(right.span)];
      const problem = `\`${a}\` is ${kindOf(left.type)} and cannot be compared with ${kindOf(right.type)}: \`${b}\``;
      const unquoted = (text) => {
        const digits = String(text.value ?? "").trim();
        return digits !== "" && Number.isFinite(Number(digits)) ? `write the number without quotes: ${digits}` : null;
      };
      const [one, other] = [left.type.class, right.type.class];
      let hint = null;
      if (one === "number" && other === "text") hint = unquoted(right);
      else if (one === "text" && other === "number" && left.isConstant) hint = unquoted(left);
      else if (one === "text" && other === "number" && right.isConstant) hint = `put it in quotes: '${b}'`;
      else if (one === "bool") hint = `${a} is a condition by itself; its opposite is: not ${a}`;
      else if (other === "bool") hint = `${b} is a condition by itself; its opposite is: not ${b}`;
      else if (one === "list") hint = `what can be asked of lists: 'beach' in ${a}`;
      else if (["struct", "other"].includes(one)) hint = `what can be asked: ${a} is not null`;
      return this.wrong(problem, right.span, hint);
    }

    // Building

    constant(type, value, span) {
      return { type, value, isConstant: true, get: () => value, span };
    }

    /** What a function makes of some values; at once, where all of them are constants. */
    computed(type, parts, span, of) {
      const get = (row) => {
        try {
          return of(...parts.map((part) => part.get(row)));
        } catch (problem) {
          if (typeof problem === "string") throw this.failed(span, problem);
          throw problem;
        }
      };
      return parts.every((part) => part.isConstant) ? this.constant(type, get(0), span) : { type, get, span };
    }

    bind(node) {
      const { span } = node;
      const bind = (inner) => this.bind(inner);
      switch (node.kind) {
        case "column":
          return this.column(node);
        case "null":
          return this.constant(NULL, null, span);
        case "bool":
          return this.constant(BOOL, node.value, span);
        case "number": {
          const found = sql.constant(node.digits);
          if (found === null) throw this.wrong(`\`${this.piece(span)}\` is too large`, span);
          return this.constant(number(found.type), found.value, span);
        }
        case "text":
          return this.constant(TEXT, node.value, span);
        case "hex":
          return this.constant({ class: "binary", size: null }, node.value, span);
        case "date":
        case "timestamp":
          return this.time(node.value, node.kind, span);
        case "not":
          return this.computed(BOOL, [this.condition(bind(node.inner))], span, (a) => (a === null ? null : !a));
        case "all":
          return this.joined(node, false);
        case "any":
          return this.joined(node, true);
        case "compare":
          return this.compare(node.op, bind(node.left), bind(node.right), span);
        case "arithmetic":
          return this.arithmetic(node.op, bind(node.left), bind(node.right), span);
        case "negate":
          return this.negate(bind(node.inner), span);
        case "between": {
          const [inner, low, high] = this.meet([node.inner, node.low, node.high].map(bind));
          const ends = [this.compare(">=", inner, low, span), this.compare("<=", inner, high, span)];
          return this.computed(BOOL, ends, span, and);
        }
        case "in": {
          const [inner, ...items] = this.meet([node.inner, ...node.list].map(bind));
          if (items.length === 1 && items[0].type.class === "list") return this.listContains(items[0], inner, span);
          const equals = items.map((item) => this.compare("=", inner, item, span));
          return this.computed(BOOL, equals, span, or);
        }
        case "like":
          return this.like(bind(node.inner), node);
        case "null?":
          return this.computed(BOOL, [bind(node.inner)], span, (a) => a === null);
        case "is": {
          const { truth } = node;
          return this.computed(BOOL, [this.condition(bind(node.inner))], span, (a) => a === truth);
        }
        default:
          return this.call(node);
      }
    }

    joined({ terms, span }, isAny) {
      const bound = terms.map((term) => this.condition(this.bind(term)));
      return this.computed(BOOL, bound, span, isAny ? or : and);
    }

    // Columns

    column({ parts, span }) {
      const whole = parts.join(".");
      let name = this.find(this.columns, whole, span);
      let rest = [];
      if (name === null) {
        name = this.find(this.columns, parts[0], span);
        rest = parts.slice(1);
        if (name === null) {
          const isLabel = whole.toLowerCase() === "name" && Object.hasOwn(this.columns, "label");
          if (!isLabel) throw this.noColumn(whole, "", this.columns, span);
          [name, rest] = ["label", []];
        }
      }
      let [type, path] = [typeOf(this.columns[name]), name];
      const fields = [];
      for (const part of rest) {
        if (type.class !== "struct") {
          throw this.wrong(`\`${path}\` has no field \`${part}\`, since it is ${kindOf(type)}`, span);
        }
        const found = this.find(type.fields, part, span);
        if (found === null) throw this.noColumn(whole, `${path}.`, type.fields, span);
        [type, path] = [typeOf(type.fields[found]), `${path}.${found}`];
        fields.push(found);
      }
      const get = (row) => {
        let cell = this.cell(row, name);
        for (const field of fields) cell = cell?.[field] ?? null;
        return valueOf(cell, type);
      };
      return { type, get, span };
    }

    /** The name as it stands, else without regard to case. */
    find(columns, name, span) {
      if (Object.hasOwn(columns, name)) return name;
      const alike = Object.keys(columns).filter((own) => own.toLowerCase() === name.toLowerCase());
      if (alike.length < 2) return alike[0] ?? null;
      const at = character(this.text, span.start);
      const problem = `\`${name}\` at character ${at} may be any of the columns ${alike.join(", ")}`;
      throw wrong(`--where: ${problem}`, "write the name as it is in the table, in double quotes");
    }

    noColumn(name, prefix, columns, span) {
      const names = Object.keys(columns).map((own) => prefix + own);
      const meant = nearest(name, names);
      const has = `The table has ${names.join(", ")}`;
      const hint = meant === null ? `text goes in single quotes: '${name}'.` : `did you mean \`${meant}\`?`;
      return this.wrong(`no column \`${name}\``, span, `${hint} ${has}`);
    }

    // Truth

    /** The expression as something true, false or unknown. */
    condition(typed) {
      if (typed.type.class === "bool") return typed;
      if (typed.type.class === "null") return { ...typed, type: BOOL };
      const own = this.piece(typed.span);
      const hints = {
        number: `compare it with something: ${own} > 0`,
        text: `compare it with something: ${own} = 'a text'`,
        list: `what can be asked of lists: 'beach' in ${own}`,
      };
      const other = `compare it with something, or ask whether it is there: ${own} is not null`;
      const problem = `a condition is needed, and \`${own}\` is ${kindOf(typed.type)}`;
      throw this.wrong(problem, typed.span, hints[typed.type.class] ?? other);
    }

    compare(op, left, right, span) {
      if (left.type.class === "null" || right.type.class === "null") {
        const other = left.type.class === "null" ? right : left;
        if (op === "is not distinct") return this.computed(BOOL, [other], span, (a) => a === null);
        if (op === "is distinct") return this.computed(BOOL, [other], span, (a) => a !== null);
        return this.constant(BOOL, null, span);
      }
      const [a, b, order] = this.brought(left, right);
      return this.computed(BOOL, [a, b], span, (x, y) => {
        const isMissing = x === null || y === null;
        if (op === "is distinct") return isMissing ? x !== y : order(x, y) !== 0;
        if (op === "is not distinct") return isMissing ? x === y : order(x, y) === 0;
        return isMissing ? null : COMPARISONS[op](order(x, y));
      });
    }

    /** Two sides brought to one type, and the order of that. */
    brought(left, right) {
      const pair = [left.type.class, right.type.class];
      const one = pair[0];
      if (one !== pair[1]) {
        if (pair.includes("text") && pair.includes("time")) {
          const [a, b] = one === "time" ? [left, this.asTime(right, left)] : [this.asTime(left, right), right];
          return [a, b, sql.order];
        }
        if (pair.includes("text") && pair.includes("binary")) {
          const [a, b] = one === "binary" ? [left, this.asBytes(right, left)] : [this.asBytes(left, right), right];
          return [a, b, byCharacters];
        }
        throw this.mismatch(left, right);
      }
      switch (one) {
        case "bool":
          return [left, right, (a, b) => Number(a) - Number(b)];
        case "number": {
          const to = sql.common(left.type.number, right.type.number);
          return [this.cast(left, to), this.cast(right, to), sql.order];
        }
        case "text":
          return [left, right, byCharacters];
        case "time":
          if ((left.type.time === "time") !== (right.type.time === "time")) throw this.mismatch(left, right);
          return [left, right, sql.order];
        case "binary":
          if (left.isConstant && !right.isConstant) this.sameSize(right, left);
          else if (right.isConstant) this.sameSize(left, right);
          return [left, right, byCharacters];
        default:
          throw this.mismatch(left, right);
      }
    }

    // Numbers

    cast(typed, to) {
      const from = typed.type.number;
      return this.computed(number(to), [typed], typed.span, (value) => sql.cast(value, from, to));
    }

    arithmetic(op, left, right, span) {
      for (const [side, other] of [[left, right], [right, left]]) {
        const one = side.type.class;
        if (one === "null" && ["number", "null"].includes(other.type.class)) {
          return this.constant(number(sql.INT), null, span);
        }
        if (one !== "number" && one !== "null") throw this.noNumber(side);
      }
      const { met, result } = sql.arithmetic(op, left.type.number, right.type.number);
      const sides = [this.cast(left, met), this.cast(right, met)];
      return this.computed(number(result), sides, span, (a, b) => sql.compute(op, a, b, met));
    }

    /** Numbers of `between` and `in` are all of one type where one is of floating point. */
    meet(all) {
      const types = all.filter(({ type }) => type.class === "number").map(({ type }) => type.number);
      if (types.length === 0) return all;
      const common = types.reduce(sql.common);
      if (common.of !== "float") return all;
      return all.map((typed) => (typed.type.class === "number" ? this.cast(typed, common) : typed));
    }

    negate(inner, span) {
      if (inner.type.class === "null") return this.constant(number(sql.decimal(20, 0)), null, span);
      if (inner.type.class !== "number") throw this.noNumber(inner);
      const to = sql.negated(inner.type.number);
      return this.computed(number(to), [this.cast(inner, to)], span, (value) => sql.negate(value, to));
    }

    noNumber(typed) {
      const problem = `a number is needed, and \`${this.piece(typed.span)}\` is ${kindOf(typed.type)}`;
      return this.wrong(problem, typed.span);
    }

    // Text that stands for something else

    time(text, kind, span) {
      const value = times.parse(text, kind);
      if (value === null) {
        const problem = `\`${this.piece(span)}\` is not ${TIMES[kind]}`;
        throw this.wrong(problem, span, `write it as '${times.EXAMPLES[kind]}'`);
      }
      return this.constant({ class: "time", time: kind }, value, span);
    }

    asTime(text, time) {
      if (!text.isConstant) throw this.mismatch(time, text);
      return this.time(text.value, time.type.time, text.span);
    }

    asBytes(text, binary) {
      if (!text.isConstant) throw this.mismatch(binary, text);
      if (!/^(?:[0-9a-fA-F]{2})*$/.test(text.value)) {
        const hint = "two digits a byte, as `export` writes them: 'ab01…'";
        throw this.wrong(`\`${this.piece(text.span)}\` is not hexadecimal`, text.span, hint);
      }
      const bytes = this.constant({ class: "binary", size: null }, text.value.toLowerCase(), text.span);
      this.sameSize(binary, bytes);
      return bytes;
    }

    sameSize(column, bytes) {
      const [wanted, found] = [column.type.size, bytes.value.length / 2];
      if (wanted === null || wanted === found) return;
      const [own, others] = [this.piece(bytes.span), this.piece(column.span)];
      throw this.wrong(`\`${own}\` has ${found} bytes, and \`${others}\` has ${wanted}`, bytes.span);
    }

    textual(typed, name) {
      if (["text", "null"].includes(typed.type.class)) return typed;
      const problem = `\`${name}\` wants text, and \`${this.piece(typed.span)}\` is ${kindOf(typed.type)}`;
      const hint = typed.type.class === "list" ? `what can be asked of lists: 'beach' in ${this.piece(typed.span)}` : null;
      throw this.wrong(problem, typed.span, hint);
    }

    like(inner, { pattern, escape, anyCase, span }) {
      const name = anyCase ? "ilike" : "like";
      this.textual(inner, name);
      if (pattern.kind === "null") return this.constant(BOOL, null, span);
      if (pattern.kind !== "text") {
        const problem = `\`${name}\` wants a pattern in quotes, found \`${this.piece(pattern.span)}\``;
        throw this.wrong(problem, pattern.span, `${this.piece(inner.span)} ${name} 'C%'`);
      }
      const matches = expression(pattern.value, escape, anyCase);
      if (matches === null) {
        throw this.wrong("the pattern ends where an escaped character should follow", pattern.span);
      }
      return this.computed(BOOL, [inner], span, (text) => (text === null ? null : matches.test(text)));
    }

    call({ function: name, written, args, span }) {
      const bound = args.map((arg) => this.bind(arg));
      const ofList = bound[0].type.class === "list";
      if (Object.hasOwn(DATE_PARTS, name)) return this.datePart(DATE_PARTS[name], written, bound[0], name === "hour", span);
      if (name === "near") return this.near(bound, span);
      if (name === "length" && ofList) {
        return this.computed(number(sql.INT), bound, span, (list) => (list === null ? null : BigInt(list.length)));
      }
      if (name === "list_contains" || (name === "contains" && ofList)) return this.listContains(bound[0], bound[1], span);
      const parts = bound.map((part) => this.textual(part, written));
      const [type, of] = FUNCTIONS[name];
      return this.computed(type, parts, span, (...texts) => (texts.includes(null) ? null : of(...texts)));
    }

    datePart(part, written, of, isHour, span) {
      if (of.type.class === "null") return this.constant(number(sql.INT), null, span);
      if (of.type.class !== "time" || (of.type.time === "time" && !isHour)) {
        const problem = `\`${written}\` wants a date, and \`${this.piece(of.span)}\` is ${kindOf(of.type)}`;
        throw this.wrong(problem, of.span, of.type.class === "text" ? `${written}(date '2024-12-31')` : null);
      }
      return this.computed(number(sql.INT), [of], span, (time) => {
        if (time === null) return null;
        const milliseconds = (time - (((time % 1_000_000n) + 1_000_000n) % 1_000_000n)) / 1_000_000n;
        return BigInt(part(new Date(Number(milliseconds))));
      });
    }

    /** Whether a list has an item: false where it has only others and nulls, or nothing; null where either is. */
    listContains(list, item, span) {
      if (list.type.class === "null") return this.constant(BOOL, null, span);
      if (list.type.class !== "list") {
        const problem = `a list is needed, and \`${this.piece(list.span)}\` is ${kindOf(list.type)}`;
        throw this.wrong(problem, list.span);
      }
      const { items } = list.type;
      const [own, sought] = [items?.class ?? "other", item.type.class];
      if (sought !== "null" && own !== "null" && (own !== sought || ["other", "struct", "list"].includes(own))) {
        if (["other", "struct", "list"].includes(own)) throw this.mismatch(list, item);
        const problem = `the items of \`${this.piece(list.span)}\` are each ${kindOf(items)}, and \`${this.piece(item.span)}\` is ${kindOf(item.type)}`;
        throw this.wrong(problem, item.span);
      }
      let same = (a, b) => a === b;
      if (own === "number" && sought === "number") {
        const to = sql.common(items.number, item.type.number);
        same = (a, b) => sql.order(sql.cast(a, items.number, to), sql.cast(b, item.type.number, to)) === 0;
      }
      return this.computed(BOOL, [list, item], span, (cells, wanted) => {
        if (cells === null) return null;
        if (cells.length === 0) return false;
        if (wanted === null) return null;
        return cells.some((cell) => cell !== null && same(valueOf(cell, items), wanted));
      });
    }

    /** Whether a place is within so many kilometres of another: the great circle, by the haversine formula. */
    near(args, span) {
      const hint = "near(lat, lon, 48.2, 16.4, 5): within 5 km of 48.2 north, 16.4 east";
      const parts = args.map((arg, at) => {
        if (arg.type.class === "null") return arg;
        if (arg.type.class !== "number") {
          const problem = `\`near\` wants numbers, and \`${this.piece(arg.span)}\` is ${kindOf(arg.type)}`;
          throw this.wrong(problem, arg.span, hint);
        }
        const part = this.cast(arg, { of: "float", bits: 64 });
        const limit = at === 4 ? Infinity : at % 2 === 0 ? 90 : 180;
        if (part.isConstant && part.value !== null && Math.abs(part.value) > limit) {
          throw this.wrong(`\`${this.piece(arg.span)}\` is beyond ${limit} degrees`, arg.span, hint);
        }
        return part;
      });
      return this.computed(BOOL, parts, span, (...numbers) => {
        if (numbers.includes(null)) return null;
        const [lat, lon, lat2, lon2] = numbers.slice(0, 4).map((degrees) => (degrees * Math.PI) / 180);
        const half = (a, b) => Math.sin((a - b) / 2) ** 2;
        const share = half(lat, lat2) + Math.cos(lat) * Math.cos(lat2) * half(lon, lon2);
        return 2 * RADIUS * Math.asin(Math.sqrt(Math.min(share, 1))) <= numbers[4];
      });
    }
  }

  /** The mean radius of the earth in kilometres (IUGG, R₁ of GRS 80). */
  const RADIUS = 6371.0088;

  const DATE_PARTS = {
    year: (date) => date.getUTCFullYear(),
    month: (date) => date.getUTCMonth() + 1,
    day: (date) => date.getUTCDate(),
    hour: (date) => date.getUTCHours(),
  };

  const COMPARISONS = {
    "=": (order) => order === 0,
    "<>": (order) => order !== 0,
    "<": (order) => order < 0,
    "<=": (order) => order <= 0,
    ">": (order) => order > 0,
    ">=": (order) => order >= 0,
  };

  const and = (...terms) => (terms.includes(false) ? false : terms.includes(null) ? null : true);
  const or = (...terms) => (terms.includes(true) ? true : terms.includes(null) ? null : false);

  /** One character for each, as in DuckDB. */
  const each = (map) => (text) => [...text].map(map).join("");
  const lower = each((c) => [...c.toLowerCase()][0]);
  const upper = each((c) => {
    const all = [...c.toUpperCase()];
    return c === "ß" ? "ẞ" : all.length === 1 ? all[0] : c;
  });

  /** Whether a word stands in a text by itself, in any case, in the singular or with an `s`. */
  function hasWord(text, word) {
    const bare = (one) => one.replace(/s$/, "");
    const wanted = bare(word.toLowerCase());
    return text
      .toLowerCase()
      .split(/[^\p{Alphabetic}\p{N}']/u)
      .some((own) => bare(own) === wanted);
  }

  const FUNCTIONS = {
    lower: [TEXT, lower],
    upper: [TEXT, upper],
    length: [number(sql.INT), (text) => BigInt([...text].length)],
    starts_with: [BOOL, (text, part) => text.startsWith(part)],
    ends_with: [BOOL, (text, part) => text.endsWith(part)],
    contains: [BOOL, (text, part) => text.includes(part)],
    has_word: [BOOL, hasWord],
    has_item: [
      BOOL,
      (text, item) =>
        text
          .split(",")
          .map((own) => own.trim())
          .some((own) => own === item || own.startsWith(`${item} `) || own.endsWith(` ${item}`)),
    ],
  };

  /** A pattern of SQL as a regular expression; null where it ends within an escape. */
  function expression(pattern, escape, anyCase) {
    let source = "";
    const letters = [...pattern];
    for (let at = 0; at < letters.length; at++) {
      let letter = letters[at];
      const isEscaped = letter === escape;
      if (isEscaped) {
        at += 1;
        if (at === letters.length) return null;
        letter = letters[at];
      }
      if (!isEscaped && letter === "%") source += ".*";
      else if (!isEscaped && letter === "_") source += ".";
      else source += letter.replace(/[\\^$.*+?()[\]{}|\/]/g, "\\$&");
    }
    return new RegExp(`^${source}$`, anyCase ? "isu" : "su");
  }

  /**
   * A condition on the rows of a table: a function that says of a row whether the condition is true.
   *
   * @param {string} text @param columns the types of the columns, by their names
   * @param {(row: number, name: string) => any} cell
   */
  pokedex.offline.condition = (text, columns, cell) => {
    const binder = new Binder(text, columns, cell);
    const root = binder.condition(binder.bind(parseCondition(text)));
    return (row) => root.get(row) === true;
  };
  Object.assign(pokedex.offline, { hasOrder, orderOf });
})((globalThis.pokedex ??= {}));
