// Conditions in SQL, as `--where` takes them: from text to a tree, with the places of its parts. The grammar, and what
// is refused, is that of src/filter/parse.rs; what a tree means is in truth.js.
((pokedex) => {
  "use strict";

  const { wrong } = pokedex.offline;

  /** Tokens besides commas and literals, and levels of nesting. */
  const MOST_TOKENS = 2048;
  const MOST_LEVELS = 100;
  const MOST_DEEP = 50;

  const OR = 5;
  const AND = 10;
  const NOT = 15;
  const IS = 17;
  const LIKE = 19;
  const COMPARES = 20;
  const SUM = 30;
  const PRODUCT = 40;

  const COMPARISONS = { "=": "=", "==": "=", "<>": "<>", "!=": "<>", "<": "<", "<=": "<=", ">": ">", ">=": ">=" };
  const OTHER_OPERATORS = new Map([
    ["||", PRODUCT],
    ["//", PRODUCT],
    ["|", 21],
    ["^", 22],
    ["&", 23],
    ["<<", 22],
    [">>", 22],
    ["~", COMPARES],
    ["->", 21],
  ]);
  /** What begins patterns that are not supported. */
  const PATTERN_WORDS = ["similar", "rlike", "regexp", "glob"];

  const FUNCTIONS = new Map([
    ["lower", ["lower", 1]],
    ["lcase", ["lower", 1]],
    ["upper", ["upper", 1]],
    ["ucase", ["upper", 1]],
    ["length", ["length", 1]],
    ["len", ["length", 1]],
    ["char_length", ["length", 1]],
    ["character_length", ["length", 1]],
    ["starts_with", ["starts_with", 2]],
    ["ends_with", ["ends_with", 2]],
    ["suffix", ["ends_with", 2]],
    ["contains", ["contains", 2]],
    ["has_word", ["has_word", 2]],
    ["has_item", ["has_item", 2]],
    ["list_contains", ["list_contains", 2]],
    ["list_has", ["list_contains", 2]],
    ["array_contains", ["list_contains", 2]],
    ["array_has", ["list_contains", 2]],
    ["year", ["year", 1]],
    ["month", ["month", 1]],
    ["day", ["day", 1]],
    ["hour", ["hour", 1]],
    ["near", ["near", 5]],
  ]);

  const GRAMMAR =
    "text goes in single quotes ('fire'), and a column whose name is no plain word in double ones (\"sp. atk\")";
  const THERE_ARE =
    "there are: = <> < <= > >=, and, or, not, in, between, like, ilike, is null, + - * / %, lower, upper, length, " +
    "starts_with, ends_with, contains, has_word, has_item, 'beach' in keywords, year, month, day, hour, " +
    "near(lat, lon, 48.2, 16.4, 5)";

  /** The character, from 1, at which a place begins. */
  const character = (text, at) => [...text.slice(0, at)].length + 1;

  /** The text at a place, made short and put on one line. */
  function piece(text, span) {
    const words = text.slice(span.start, span.end).trim().split(/\s+/u).join(" ");
    const letters = [...words];
    return letters.length > 40 ? `${letters.slice(0, 40).join("")}…` : words;
  }

  const PATTERNS = [
    ["space", /(?:[ \t\n\r]|--[^\n]*(?:\n|$))+/uy],
    ["hex", /[xX]'([^']*)'|0x([0-9a-fA-F]+)/uy],
    ["text", /'((?:[^']|'')*)'/uy],
    ["name", /"((?:[^"]|"")*)"|`((?:[^`]|``)*)`/uy],
    ["number", /(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?/uy],
    ["word", /[\p{Alphabetic}_][\p{Alphabetic}0-9$_]*/uy],
    ["sign", /<=|>=|<>|!=|==|\|\||::|<<|>>|->|\/\/|[-+*\/%=<>(),.;|&^~[\]{}!?:@#$]/uy],
  ];

  /** The tokens of a text: `{kind, text, start, end}`, where `word` is a word in lower case that may be a keyword. */
  function tokens(text) {
    const all = [];
    let at = 0;
    const syntax = (problem, start) =>
      wrong(`--where: ${problem} at character ${character(text, start)}`, GRAMMAR);
    while (at < text.length) {
      if (text.startsWith("/*", at)) {
        at = comment(text, at, syntax);
        continue;
      }
      let found = null;
      for (const [kind, pattern] of PATTERNS) {
        pattern.lastIndex = at;
        const match = pattern.exec(text);
        if (match === null) continue;
        found = { kind, text: match[0], inner: match[1] ?? match[2], start: at, end: at + match[0].length };
        break;
      }
      if (found === null) {
        if (text[at] === "'") throw syntax("unterminated string literal", at);
        if ('"`'.includes(text[at])) throw syntax(`expected close delimiter '${text[at]}' before EOF.`, at);
        found = { kind: "sign", text: String.fromCodePoint(text.codePointAt(at)), start: at };
        found.end = at + found.text.length;
      }
      if (found.kind === "text") found.inner = found.inner.replaceAll("''", "'");
      if (found.kind === "name") found.inner = found.inner.replaceAll(found.text[0].repeat(2), found.text[0]);
      if (found.kind === "word") found.word = found.text.toLowerCase();
      if (found.kind !== "space") all.push(found);
      at = found.end;
    }
    return all;
  }

  /** Where a comment ends; one within it is part of it. */
  function comment(text, start, syntax) {
    const end = text.indexOf("*/", start + 2);
    if (end < 0) throw syntax("unexpected EOF while in a multi-line comment", text.length);
    return end + 2;
  }

  class Parser {
    constructor(text) {
      this.text = text;
      this.tokens = tokens(text);
      this.at = 0;
      this.deep = 0;
      if (this.tokens.length === 0) {
        throw wrong("--where: the condition is empty", "--where \"type1 = 'fire' and generation < 3\"");
      }
      const isLeaf = (token) => ["number", "text", "hex"].includes(token.kind) || token.text === ",";
      const count = this.tokens.filter((token) => !isLeaf(token)).length;
      if (count > MOST_TOKENS) {
        throw this.large(`${count} words and signs in one condition, which may have ${MOST_TOKENS}`);
      }
    }

    // Complaints

    large(problem) {
      return wrong(`--where: ${problem}`, "a list is shorter: id in (1, 4, 7)");
    }

    syntax(problem, at) {
      return wrong(`--where: ${problem} at character ${character(this.text, at)}`, GRAMMAR);
    }

    unsupported(what, at) {
      return wrong(`--where: ${what} at character ${character(this.text, at)} is not supported`, THERE_ARE);
    }

    expected(what) {
      const token = this.peek();
      if (token === undefined) return this.syntax(`expected ${what} where the condition ends`, this.text.length);
      return this.syntax(`expected ${what}, found \`${token.text}\``, token.start);
    }

    // Tokens

    peek(ahead = 0) {
      return this.tokens[this.at + ahead];
    }

    is(text, ahead = 0) {
      const token = this.peek(ahead);
      return token !== undefined && (token.word ?? (token.kind === "sign" ? token.text : null)) === text;
    }

    take(...texts) {
      if (!texts.every((text, ahead) => this.is(text, ahead))) return false;
      this.at += texts.length;
      return true;
    }

    need(text) {
      if (!this.take(text)) throw this.expected(text === "and" ? "AND" : text);
    }

    // The grammar

    whole() {
      const root = this.expression(0);
      const next = this.peek();
      if (next !== undefined) throw this.syntax(`\`${next.text}\` where the condition could end`, next.start);
      this.measure(root, 0);
      return root;
    }

    /** Refuses what is nested too deeply to be worked out; terms that are joined by `and` or by `or` are one level. */
    measure(node, level) {
      if (level > MOST_LEVELS) throw this.large(`the condition is nested more than ${MOST_LEVELS} deep`);
      const inner = [...(node.terms ?? []), ...(node.list ?? []), ...(node.args ?? [])];
      for (const part of [node.inner, node.left, node.right, node.low, node.high, ...inner]) {
        if (part !== undefined) this.measure(part, level + 1);
      }
    }

    /** An expression of operators that bind more tightly than this. */
    expression(least) {
      this.deep += 1;
      if (this.deep > MOST_DEEP) throw this.large("the condition is nested too deeply");
      let left = this.prefix();
      for (;;) {
        const strength = this.strength();
        if (strength <= least) break;
        left = this.infix(left, strength);
      }
      this.deep -= 1;
      return left;
    }

    /** How tightly what comes next binds; 0 where it is no operator. */
    strength() {
      const token = this.peek();
      if (token === undefined) return 0;
      if (token.kind === "sign") {
        if (token.text in COMPARISONS) return COMPARES;
        if (token.text === "+" || token.text === "-") return SUM;
        if ("*/%".includes(token.text)) return PRODUCT;
        if (["::", "["].includes(token.text)) throw this.unsupported(this.named(token.text), this.start());
        return OTHER_OPERATORS.get(token.text) ?? 0;
      }
      const of = { or: OR, and: AND, is: IS, notnull: IS, in: COMPARES, between: COMPARES, like: LIKE, ilike: LIKE };
      if (PATTERN_WORDS.includes(token.word)) return LIKE;
      if (token.word !== "not") return of[token.word] ?? 0;
      const next = this.peek(1)?.word;
      if (next === "null") return IS;
      return ["in", "between", "like", "ilike", ...PATTERN_WORDS].includes(next) ? of[next] ?? LIKE : 0;
    }

    named(sign) {
      if (sign === "::") return "a change of type";
      return `\`${piece(this.text, { start: this.start(), end: this.peek().end })}\``;
    }

    /** Where the expression that is being read begins. */
    start() {
      return this.first ?? 0;
    }

    infix(left, strength) {
      const token = this.tokens[this.at++];
      const span = (right) => ({ start: left.span.start, end: right.span.end });
      const comparison = token.kind === "sign" ? COMPARISONS[token.text] : undefined;
      if (comparison !== undefined) {
        const right = this.expression(strength);
        return this.compare(comparison, left, right);
      }
      if (token.kind === "sign") {
        const right = this.expression(strength);
        if (!"+-*/%".includes(token.text)) {
          const before = piece(this.text, right.span);
          throw this.unsupported(`the operator \`${token.text}\` before \`${before}\``, right.span.start);
        }
        return { kind: "arithmetic", op: token.text, left, right, span: span(right) };
      }
      if (token.word === "and" || token.word === "or") {
        const right = this.expression(strength);
        const kind = token.word === "and" ? "all" : "any";
        const terms = left.kind === kind && !left.nested ? [...left.terms, right] : [left, right];
        return { kind, terms, span: span(right) };
      }
      if (token.word === "notnull") return negate(true, { kind: "null?", inner: left, span: left.span });
      if (token.word === "is") return this.is_(left);
      this.at -= 1;
      const negated = this.take("not");
      if (negated && this.take("null")) return negate(true, { kind: "null?", inner: left, span: left.span });
      if (this.take("in")) return this.in_(left, negated);
      if (this.take("between")) {
        const low = this.expression(COMPARES);
        this.need("and");
        const high = this.expression(COMPARES);
        for (const part of [left, low, high]) this.refuseChain(part);
        return negate(negated, { kind: "between", inner: left, low, high, span: span(high) });
      }
      for (const like of ["like", "ilike"]) if (this.take(like)) return this.like(left, negated, like === "ilike");
      const end = this.tokens[this.tokens.length - 1].end;
      throw this.unsupported(`\`${piece(this.text, { start: left.span.start, end })}\``, left.span.start);
    }

    compare(op, left, right) {
      this.refuseChain(left);
      this.refuseChain(right);
      return { kind: "compare", op, left, right, span: { start: left.span.start, end: right.span.end } };
    }

    /** `a < b < c` is not what it looks like, and SQL's dialects disagree on `a = b like c`. */
    refuseChain(node) {
      const inner = node.kind === "not" && node.written !== true ? node.inner : node;
      if (node.nested || inner.nested || !["compare", "like", "between", "in"].includes(inner.kind)) return;
      throw this.syntax("comparisons in a row need parentheses or `and`", node.span.start);
    }

    is_(inner) {
      const span = inner.span;
      const negated = this.take("not");
      if (this.take("null")) return negate(negated, { kind: "null?", inner, span });
      for (const [word, truth] of [["true", true], ["false", false], ["unknown", null]]) {
        if (this.take(word)) return negate(negated, { kind: "is", inner, truth, span });
      }
      if (this.take("distinct", "from")) {
        return this.compare(negated ? "is not distinct" : "is distinct", inner, this.expression(IS));
      }
      throw this.expected("[NOT] NULL | TRUE | FALSE | UNKNOWN | DISTINCT FROM after IS");
    }

    in_(inner, negated) {
      const name = this.peek();
      if (["word", "name"].includes(name?.kind)) {
        // A column of lists.
        this.refuseChain(inner);
        this.at += 1;
        const list = this.column([name.kind === "name" ? name.inner : name.text], { start: name.start, end: name.end });
        const span = { start: inner.span.start, end: list.span.end };
        return negate(negated, { kind: "in", inner, list: [list], span });
      }
      this.need("(");
      if (this.is("select") || this.is("with")) throw this.unsupported("a query inside", inner.span.start);
      this.refuseChain(inner);
      const list = [this.expression(0)];
      while (this.take(",")) {
        if (this.is(")")) break;
        list.push(this.expression(0));
      }
      this.need(")");
      const span = { start: inner.span.start, end: list[list.length - 1].span.end };
      return negate(negated, { kind: "in", inner, list, span });
    }

    like(inner, negated, anyCase) {
      if (this.is("any")) throw this.unsupported("`like any`", inner.span.start);
      const pattern = this.expression(LIKE);
      let escape = null;
      if (this.take("escape")) {
        const mark = this.expression(LIKE);
        if (mark.kind !== "text") throw this.syntax("`escape` wants one character in quotes", mark.span.start);
        const letters = [...mark.value];
        if (letters.length > 1) throw this.syntax("`escape` wants one character", mark.span.start);
        escape = letters[0] ?? null;
      }
      this.refuseChain(inner);
      this.refuseChain(pattern);
      const span = { start: inner.span.start, end: pattern.span.end };
      return negate(negated, { kind: "like", inner, pattern, escape, anyCase, span });
    }

    prefix() {
      const token = this.peek();
      if (token === undefined) throw this.expected("an expression");
      const span = { start: token.start, end: token.end };
      this.first = token.start;
      this.at += 1;
      switch (token.kind) {
        case "number":
          return { kind: "number", digits: token.text, span };
        case "text":
          return { kind: "text", value: token.inner, span };
        case "hex":
          if (!/^(?:[0-9a-fA-F]{2})*$/.test(token.inner)) {
            throw this.syntax(`\`${piece(this.text, span)}\` is not hexadecimal`, token.start);
          }
          return { kind: "hex", value: token.inner.toLowerCase(), span };
        case "name":
          return this.column([token.inner], span);
        case "word":
          return this.word(token, span);
      }
      if (token.text === "(") return this.parentheses();
      if (token.text === "-" || token.text === "+") return this.signed(token.text);
      this.at -= 1;
      throw this.expected("an expression");
    }

    parentheses() {
      if (this.is("select") || this.is("with")) throw this.unsupported("a query inside", this.peek().start);
      const inner = this.expression(0);
      if (this.is(",")) throw this.unsupported("a tuple", inner.span.start);
      this.need(")");
      return { ...inner, nested: true };
    }

    signed(sign) {
      const inner = this.expression(PRODUCT);
      if (sign === "+") return inner;
      if (inner.kind === "number") {
        const digits = inner.digits.startsWith("-") ? inner.digits.slice(1) : `-${inner.digits}`;
        return { kind: "number", digits, span: inner.span };
      }
      return { kind: "negate", inner, span: inner.span };
    }

    word(token, span) {
      switch (token.word) {
        case "null":
          return { kind: "null", span };
        case "true":
        case "false":
          return { kind: "bool", value: token.word === "true", span };
        case "not": {
          if (this.is("exists")) throw this.unsupported("a query inside", (this.peek(2) ?? this.peek()).start);
          const inner = this.expression(NOT);
          return { kind: "not", inner, written: true, span: inner.span };
        }
        case "date":
        case "timestamp":
        case "datetime": {
          const text = this.peek();
          if (text?.kind !== "text") break;
          this.at += 1;
          const kind = token.word === "date" ? "date" : "timestamp";
          return { kind, value: text.inner, span: { start: text.start, end: text.end } };
        }
        case "case":
          if (!this.isOperand()) throw this.unsupported("`case`", token.start);
          break;
        case "cast":
        case "try_cast":
          if (this.is("(")) throw this.unsupported("a change of type", token.start);
          break;
        case "exists":
          if (this.is("(")) throw this.unsupported("a query inside", (this.peek(1) ?? token).start);
          break;
      }
      return this.is("(") ? this.call(token) : this.column([token.text], span);
    }

    /** Whether the word before stands alone, so that it is the name of a column. */
    isOperand() {
      const next = this.peek();
      return next === undefined || next.kind === "sign" || ["and", "or", "is", "in", "not", "like"].includes(next.word);
    }

    column(parts, span) {
      let end = span.end;
      while (this.is(".")) {
        this.at += 1;
        const part = this.peek();
        if (part === undefined || !["word", "name"].includes(part.kind)) throw this.expected("an identifier");
        this.at += 1;
        parts.push(part.kind === "name" ? part.inner : part.text);
        end = part.end;
      }
      return { kind: "column", parts, span: { start: span.start, end } };
    }

    call(token) {
      const known = FUNCTIONS.get(token.word);
      if (known === undefined) throw this.unsupported(`the function \`${token.text}\``, token.start);
      this.need("(");
      if (this.is("*") || this.is("distinct")) {
        throw this.unsupported(`this way to call \`${token.text}\``, token.start);
      }
      const args = [];
      while (!this.is(")")) {
        args.push(this.expression(0));
        if (!this.take(",")) break;
      }
      this.need(")");
      const [name, wanted] = known;
      if (args.length !== wanted) {
        const values = {
          1: "one value",
          2: "two values",
          5: "five values, as in near(lat, lon, 48.2, 16.4, 5): within 5 km of there",
        };
        throw this.syntax(`\`${token.text}\` wants ${values[wanted]}`, token.start);
      }
      const span = { start: token.start, end: args[args.length - 1].span.end };
      return { kind: "call", function: name, written: token.text, args, span };
    }
  }

  const negate = (negated, node) => (negated ? { kind: "not", inner: node, span: node.span } : node);

  /** The tree of a condition. */
  pokedex.offline.parseCondition = (text) => new Parser(text).whole();
  Object.assign(pokedex.offline, { character, piece });
})((globalThis.pokedex ??= {}));
