// The engine of a live page: what Python's numbers do, in JavaScript, and forward and backward over a graph.
// Where Python raises an error (a logarithm of 0, an exponential too large), a function here throws one.
const M = (() => {
  class Failure extends Error { constructor(kind) { super(kind); this.kind = kind; } }
  const fail = kind => { throw new Failure(kind); };
  const guarded = f => (a, b = 0) => {             // a NaN or an infinity out of finite numbers is an error in Python
    const y = f(a, b);
    if (y - y !== 0 && a === a && b === b && (y !== y || a - a + (b - b) === 0)) fail(y !== y || f === Math.log ? "ValueError" : "OverflowError");
    return y;
  };
  const M = {
    fail,
    only: (e, kind) => { if (e.kind !== kind) throw e; },
    add: (a, b) => a + b, sub: (a, b) => a - b, mul: (a, b) => a * b,
    div: (a, b) => b === 0 ? fail("ZeroDivisionError") : a / b,
    floordiv: (a, b) => b === 0 ? fail("ZeroDivisionError") : Math.floor(a / b),
    mod: (a, b) => b === 0 ? fail("ZeroDivisionError") : a - b * Math.floor(a / b),
    truth: x => Array.isArray(x) ? x.length > 0 : x !== x || !!x,
    repeat: (xs, n) => { const found = []; for (let i = 0; i < n; i++) found.push(...xs); return found; },
    at: (xs, i) => xs.at(i),
    slice: (xs, from, to, step) => {
      if (step === null || step === 1) return xs.slice(from ?? 0, to ?? xs.length);
      const found = [];
      for (let i = from ?? xs.length - 1; i > (to ?? -1); i += step) found.push(xs[i]);
      return found;
    },
    zip: (...xs) => xs[0].slice(0, Math.min(...xs.map(x => x.length))).map((_, i) => xs.map(x => x[i])),
    enumerate: xs => [...xs].map((x, i) => [i, x]),
    reversed: xs => [...xs].reverse(),
    map: (f, xs, ys) => ys ? xs.slice(0, ys.length).map((x, i) => f(x, ys[i])) : [...xs].map(x => f(x)),
    range: (a, b) => { const found = []; for (let i = b === undefined ? 0 : a; i < (b ?? a); i++) found.push(i); return found; },
    len: xs => xs.length, tuple: xs => [...xs], list: xs => [...xs],
    any: xs => xs.some(M.truth), all: xs => xs.every(M.truth), bool: x => M.truth(x), float: Number, int: Math.trunc,
    max: (...xs) => (xs.length === 1 ? xs[0] : xs).reduce((a, b) => b > a ? b : a),
    min: (...xs) => (xs.length === 1 ? xs[0] : xs).reduce((a, b) => b < a ? b : a),
    sum: (xs, start = 0) => {                      // from Python 3.12 on the lost low parts are added up and given back
      let total = start, lost = 0;
      for (const x of xs) {
        const next = total + x;
        lost += Math.abs(total) >= Math.abs(x) ? total - next + x : x - next + total;
        total = next;
      }
      return M.compensated && lost - lost === 0 ? total + lost : total;
    },
    fsum: xs => {                                  // exact: partial sums that do not overlap (Shewchuk, 1997)
      let parts = [];
      for (let x of xs) {
        const kept = [];
        for (let y of parts) {
          if (Math.abs(x) < Math.abs(y)) [x, y] = [y, x];
          const high = x + y, low = y - (high - x);
          if (low) kept.push(low);
          x = high;
        }
        parts = [...kept, x];
      }
      return parts.reduceRight((a, b) => a + b, 0);
    },
    prod: xs => [...xs].reduce((a, b) => a * b, 1),
    is_integer: Number.isInteger, isnan: Number.isNaN, isfinite: Number.isFinite, isinf: x => x === Infinity || x === -Infinity,
    floor: Math.floor, ceil: Math.ceil, trunc: Math.trunc, fabs: Math.abs, abs: Math.abs,
    round: x => { const low = Math.floor(x), gap = x - low; return gap < 0.5 || (gap === 0.5 && low % 2 === 0) ? low : low + 1; },
    copysign: (x, y) => { const negative = y < 0 || Object.is(y, -0); return negative ? -Math.abs(x) : Math.abs(x); },
    exp2: guarded(x => 2 ** x),
    hypot: Math.hypot, cbrt: Math.cbrt, atan: Math.atan, atan2: Math.atan2, tanh: Math.tanh, asinh: Math.asinh,
    // e^(-x^2), with x^2 as high^2 + (x - high)(x + high), whose first product is exact
    bell: x => { const c = 134217729 * x, high = c - (c - x); return Math.exp(-high * high) * Math.exp((high - x) * (x + high)); },
    erf: x => {
      if (x !== x) return x;
      if (Math.abs(x) > 2) return x > 0 ? 1 - M.erfc(x) : M.erfc(-x) - 1;
      let term = x, total = 0;                     // e^(-x^2) (x + 2x^3/3 + 4x^5/15 + ...), terms of one sign
      const terms = [];
      for (let n = 1; Math.abs(term) > 1e-20 * Math.abs(x); n++) { terms.push(term); term *= 2 * x * x / (2 * n + 1); }
      for (const t of terms.reverse()) total += t;
      return 1.1283791670955126 * total * M.bell(x);
    },
    erfc: x => {
      if (x < 0.5 || x !== x) return 1 - M.erf(x);
      if (x > 27.3) return 0;
      let below = x;                               // Laplace's continued fraction, from its tail back
      for (let n = x < 1 ? 1200 : x < 2 ? 400 : 120; n > 0; n--) below = x + n / 2 / below;
      return M.bell(x) / (1.772453850905516 * below);
    },
    power: (x, y) => x === 0 && y < 0 ? fail("ZeroDivisionError") : M.pow(x, y),
  };
  for (const name of ["exp", "expm1", "log", "log2", "log10", "log1p", "sqrt", "sin", "cos", "tan", "asin", "acos", "sinh", "cosh", "acosh", "atanh"])
    M[name] = guarded(Math[name]);
  M.pow = guarded((x, y) => x === 1 || y === 0 ? 1 : Math.pow(x, y));
  return M;
})();

// A graph: for each node its op's name ("" for what was put in) and the numbers of its operands.
// `rules` has for each op [forward, local derivatives]; of a frozen node the number and the derivatives stay as they are.
class Graph {
  constructor({ops, parents, data, constant, frozen = {}}, rules) {
    Object.assign(this, {ops, parents, rules, frozen, constant: new Uint8Array(ops.length)});
    for (const i of constant) this.constant[i] = 1;
    this.data = Float64Array.from(data, Number);
    this.grad = new Float64Array(ops.length);
    this.local = parents.map(p => new Float64Array(p.length));
    this.errors = new Map();
  }
  forward() {
    const {ops, parents, data, rules, frozen, errors} = this;
    errors.clear();
    for (let i = 0; i < ops.length; i++) if (ops[i] && !frozen[i]) {
      const p = parents[i], rule = rules[ops[i]][0];
      try { data[i] = p.length === 1 ? rule(data[p[0]]) : p.length === 2 ? rule(data[p[0]], data[p[1]]) : rule(...this.operands(p)); }
      catch (e) { data[i] = NaN; errors.set(i, e.kind || "error"); }
    }
  }
  backward(root) {
    const {ops, parents, data, grad, local, rules, frozen, constant} = this;
    grad.fill(0);
    grad[root] = 1;
    for (let i = root; i >= 0; i--) if (ops[i]) {
      const p = parents[i], own = local[i];
      let found;
      try { found = frozen[i] ? frozen[i].local : rules[ops[i]][1](...this.operands(p), data[i]); }
      catch (e) { found = p.map(() => NaN); }
      for (let k = 0; k < p.length; k++) {
        own[k] = found[k];
        if (!constant[p[k]]) grad[p[k]] += grad[i] * found[k];
      }
    }
  }
  operands(places) {
    const found = new Array(places.length);
    for (let k = 0; k < places.length; k++) found[k] = this.data[places[k]];
    return found;
  }
}

// A number in four significant digits, as Python's format(x, ".4g") writes it.
function short(x) {
  if (x !== x) return "nan";
  if (x - x !== 0) return x > 0 ? "inf" : "-inf";
  if (x === 0) return "0";
  const [digits, exponent] = x.toExponential(3).split("e"), e = Number(exponent);
  if (e >= -4 && e < 4) return String(Number(x.toPrecision(4)));
  return String(Number(digits)) + "e" + (e < 0 ? "-" : "+") + String(Math.abs(e)).padStart(2, "0");
}
