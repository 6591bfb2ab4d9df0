// Numbers of SQL in a condition: whole ones and decimal fractions are exact (BigInt), others are of 32 or 64 bits. What
// meets what in which type is that of src/filter/bind/types.rs and numbers.rs, which is DuckDB's.
((pokedex) => {
  "use strict";

  const WHOLE_DIGITS = 20;
  const DECIMAL_DIGITS = 38;
  const LEAST = -(2n ** 63n);
  const MOST = 2n ** 63n - 1n;
  const MOST_DECIMAL = 2n ** 127n - 1n;

  const INT = { of: "int", bits: 64, signed: true };
  const UINT64 = { of: "int", bits: 64, signed: false };
  const FLOAT = { of: "float", bits: 32 };
  const DOUBLE = { of: "float", bits: 64 };
  const decimal = (digits, scale) => ({ of: "decimal", digits, scale });

  const isUnsigned64 = (type) => type.of === "int" && type.bits === 64 && !type.signed;
  const isSigned = (type) => type.of === "int" && type.signed;
  const power = (digits) => 10n ** BigInt(digits);

  /** The type and the value of a constant; null where it is no number that fits. */
  function constant(digits) {
    const plain = /^(-?)(\d*)(?:\.(\d*))?$/.exec(digits);
    if (plain !== null) {
      const [, sign, whole, fraction] = plain;
      const value = BigInt(`${whole}${fraction ?? ""}` || "0") * (sign === "-" ? -1n : 1n);
      if (fraction === undefined && value >= LEAST && value <= MOST) return { type: INT, value };
      const scale = (fraction ?? "").length;
      const count = Math.max(String(value < 0n ? -value : value).length, scale, 1);
      if (count <= DECIMAL_DIGITS) return { type: decimal(count, scale), value };
    }
    const value = Number(digits);
    return Number.isFinite(value) ? { type: DOUBLE, value } : null;
  }

  /** The type in which two numbers meet. */
  function common(a, b) {
    const either = (test) => test(a) || test(b);
    if (["of", "bits", "signed", "digits", "scale"].every((part) => a[part] === b[part])) return a;
    if (either((type) => type.of === "float" && type.bits === 64)) return DOUBLE;
    if (either((type) => type.of === "float")) return FLOAT;
    const mixesSign = either(isUnsigned64) && either(isSigned);
    if (a.of === "int" && b.of === "int" && !mixesSign) return either(isUnsigned64) ? UINT64 : INT;
    const whole = (type) => (type.of === "decimal" ? type.digits - type.scale : WHOLE_DIGITS);
    const scale = Math.max(a.scale ?? 0, b.scale ?? 0);
    const digits = Math.max(whole(a), whole(b)) + scale;
    return digits <= DECIMAL_DIGITS ? decimal(Math.max(digits, 1), scale) : DOUBLE;
  }

  /** A value of one type as one of another, into which it fits. */
  function cast(value, from, to) {
    if (value === null) return null;
    if (to.of === "int") return value;
    if (to.of === "decimal") return value * power(to.scale - (from.scale ?? 0));
    const wide = from.of === "decimal" ? Number(value) / 10 ** from.scale : Number(value);
    return to.bits === 32 ? Math.fround(wide) : wide;
  }

  /** The order of two values of one type: SQL has one zero and one NaN, above all numbers. */
  function order(a, b) {
    if (a === b) return 0;
    if (Number.isNaN(a) || Number.isNaN(b)) return (Number.isNaN(a) ? 1 : 0) - (Number.isNaN(b) ? 1 : 0);
    return a < b ? -1 : a > b ? 1 : 0;
  }

  /** What an operator makes of two types: the one they are brought to, and that of the result. */
  function arithmetic(op, left, right) {
    let met = common(left, right);
    if (isUnsigned64(met)) met = decimal(WHOLE_DIGITS, 0);
    else if (met.of === "int") met = INT;
    else if (met.of === "decimal" && op === "*" && met.scale > 18) met = DOUBLE;
    if (op === "/" && !(met.of === "float" && met.bits === 32)) met = DOUBLE;
    let result = met;
    if (met.of === "decimal") {
      const { digits, scale } = met;
      const most = (count) => Math.min(count, DECIMAL_DIGITS);
      if (op === "+" || op === "-") result = decimal(most(digits + 1), scale);
      if (op === "*") result = decimal(most(2 * digits + 1), 2 * scale);
    }
    return { met, result };
  }

  /** Computes with two values of the type `met`. Throws a text where the result is too large. */
  function compute(op, a, b, { of, bits }) {
    if (a === null || b === null) return null;
    if (of === "float") {
      const value = op === "+" ? a + b : op === "-" ? a - b : op === "*" ? a * b : op === "/" ? a / b : a % b;
      return bits === 32 ? Math.fround(value) : value;
    }
    if (op === "%") return b === 0n ? null : a % b;
    const value = op === "+" ? a + b : op === "-" ? a - b : a * b;
    return within(value, of, `${a} ${op} ${b}`);
  }

  function negate(value, { of }) {
    if (value === null) return null;
    return of === "float" ? -value : within(-value, of, `- ${value}`);
  }

  function within(value, of, what) {
    const fits = of === "int" ? value >= LEAST && value <= MOST : value >= -MOST_DECIMAL - 1n && value <= MOST_DECIMAL;
    if (!fits) throw `Arithmetic overflow: Overflow happened on: ${what}`;
    return value;
  }

  /** The type in which a number is turned to its opposite. */
  function negated(type) {
    if (isUnsigned64(type)) return decimal(WHOLE_DIGITS, 0);
    return type.of === "int" ? INT : type;
  }

  pokedex.offline.sql = { INT, constant, common, cast, order, arithmetic, compute, negate, negated, decimal };
})((globalThis.pokedex ??= {}));
