// Vectors: those of a site's rows, packed; and those of words, by the text tower of the built-in model: a sum of the
// vectors of pieces, scaled to length 1, and a small network whose result is added to it and scaled again.
((pokedex) => {
  "use strict";

  const { WordPiece } = pokedex.offline;

  /** The bytes of a text in base64. */
  function decode(text) {
    const binary = atob(text);
    const bytes = new Uint8Array(binary.length);
    for (let at = 0; at < binary.length; at++) bytes[at] = binary.charCodeAt(at);
    return bytes;
  }

  const isLittle = new Uint8Array(new Uint16Array([1]).buffer)[0] === 1;

  /** Numbers of a kind, lowest byte first, from base64. */
  function numbers(Kind, text) {
    const bytes = decode(text);
    const size = Kind.BYTES_PER_ELEMENT;
    if (!isLittle && size > 1) {
      for (let at = 0; at < bytes.length; at += size) bytes.subarray(at, at + size).reverse();
    }
    return new Kind(bytes.buffer);
  }

  function dot(a, b) {
    let sum = 0;
    for (let at = 0; at < a.length; at++) sum += a[at] * b[at];
    return sum;
  }

  /** Scales a vector to length 1; false where it is zero or not finite. */
  function normalise(vector) {
    const length = Math.sqrt(dot(vector, vector));
    if (!Number.isFinite(length) || length <= 1e-12) return false;
    if (Math.abs(length - 1) > 1e-7) {
      const scale = 1 / length;
      for (let at = 0; at < vector.length; at++) vector[at] *= scale;
    }
    return true;
  }

  /** Whole numbers of three bytes, lowest byte first, from base64. */
  function triples(text) {
    const bytes = decode(text);
    const whole = new Int32Array(bytes.length / 3);
    for (let at = 0, byte = 0; at < whole.length; at++, byte += 3) {
      whole[at] = ((bytes[byte] << 8) | (bytes[byte + 1] << 16) | (bytes[byte + 2] << 24)) >> 8;
    }
    return whole;
  }

  /** The vectors of all rows: whole numbers, and what each row's are multiplied by; 0 where a row has no vector. */
  class Vectors {
    constructor({ dimension, scales, numbers: packed }) {
      this.dimension = dimension;
      this.scales = numbers(Float32Array, scales);
      this.packed = triples(packed);
    }

    get count() {
      return this.scales.length;
    }

    /** Whether a row has a vector. */
    has(row) {
      return this.scales[row] > 0;
    }

    of(row) {
      const start = row * this.dimension;
      const vector = Float32Array.from(this.packed.subarray(start, start + this.dimension));
      for (let at = 0; at < vector.length; at++) vector[at] *= this.scales[row];
      return vector;
    }

    /** The cosine of a row and a vector of length 1. */
    cosine(row, vector) {
      const start = row * this.dimension;
      let sum = 0;
      for (let at = 0; at < vector.length; at++) sum += this.packed[start + at] * vector[at];
      return Math.fround(Math.min(Math.max(sum * this.scales[row], -1), 1));
    }
  }

  /** `x · weightᵀ + bias`, of whole numbers of 8 bits with a scale a row. */
  class Linear {
    constructor({ numbers: packed, scales, bias }) {
      this.packed = numbers(Int8Array, packed);
      this.scales = numbers(Float32Array, scales);
      this.bias = numbers(Float32Array, bias);
    }

    of(x) {
      const out = new Float32Array(this.bias.length);
      for (let row = 0; row < out.length; row++) {
        const start = row * x.length;
        let sum = 0;
        for (let at = 0; at < x.length; at++) sum += this.packed[start + at] * x[at];
        out[row] = sum * this.scales[row] + this.bias[row];
      }
      return out;
    }
  }

  class TextTower {
    constructor({ vocabulary, most, dimension, table, scales, bias, up, down }) {
      this.tokenizer = new WordPiece(vocabulary, most);
      this.dimension = dimension;
      this.table = numbers(Int8Array, table);
      this.scales = numbers(Float32Array, scales);
      this.bias = numbers(Float32Array, bias);
      this.up = new Linear(up);
      this.down = new Linear(down);
    }

    /** The vector of a text, of length 1. */
    embed(text) {
      const sum = Float64Array.from(this.bias);
      for (const id of this.tokenizer.encode(text)) {
        const start = id * this.dimension;
        const scale = this.scales[id];
        for (let at = 0; at < sum.length; at++) sum[at] += Math.fround(this.table[start + at] * scale);
      }
      normalise(sum);
      const x = Float32Array.from(sum);
      const y = this.down.of(this.up.of(x).map((number) => Math.max(number, 0)));
      const vector = x.map((number, at) => number + y[at]);
      normalise(vector);
      return vector;
    }

    lookUp(word) {
      return this.tokenizer.lookUp(word);
    }
  }

  Object.assign(pokedex.offline, { Vectors, TextTower, dot, normalise });
})((globalThis.pokedex ??= {}));
