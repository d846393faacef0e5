// The page around the engine: the picture follows the graph, and the reader's hands change it.
const at = id => document.getElementById(id);
const P = JSON.parse(at("graph").textContent);
M.compensated = P.compensated;
const G = new Graph(P, RULES);
const given = Float64Array.from(G.data), givenOps = [...P.ops], leaves = new Set(P.leaves);
const users = P.parents.map(() => []);
P.parents.forEach((operands, i) => operands.forEach((p, k) => users[p].push([i, k])));

// A number in four significant digits, as Python's format(x, ".4g") writes it.
function short(x) {
  if (x !== x) return "nan";
  if (x - x !== 0) return x > 0 ? "inf" : "-inf";
  if (x === 0) return "0";
  const [digits, exponent] = x.toExponential(3).split("e"), e = Number(exponent);
  if (e >= -4 && e < 4) return String(Number(x.toPrecision(4)));
  return String(Number(digits)) + "e" + (e < 0 ? "-" : "+") + String(Math.abs(e)).padStart(2, "0");
}
const signed = x => x < 0 ? "(" + short(x) + ")" : short(x);
const constant = new Set(P.constant);
const name = i => constant.has(i) ? short(G.data[i]) : P.names[i];

// ---------------------------------------------------------------- the picture

const boxes = new Map(), edges = new Map(), slopes = new Map();
const stage = at("stage"), svg = stage.querySelector("svg");
const [shiftX, shiftY] = (svg.querySelector(".graph").getAttribute("transform").match(/[-\d.]+/g) || [0, 0]).map(Number);
for (const part of svg.querySelectorAll("[data-k]")) {
  const key = part.dataset.k, number = Number(key.slice(1).split(".")[0]);
  if (key[0] === "v") {
    const [x, y] = part.getAttribute("transform").match(/[-\d.]+/g).map(Number), texts = {};
    for (const text of part.querySelectorAll("text")) for (const role of ["data", "grad", "|grad|"])
      if (text.classList.contains(role)) texts[role] = text;
    boxes.set(number, {part, x: x + shiftX, y: y + shiftY, texts, shown: true});
  } else if (part.classList.contains("slopes")) {
    const text = part.querySelector(".local");
    if (text) slopes.set(number, [...(slopes.get(number) || []), [Number(key.split(".")[1]), text]]);
  }
  else if (key[0] === "e") edges.set(part, key);
}
for (const [i, box] of boxes) {
  if (constant.has(i)) continue;
  const leaf = leaves.has(i) && !P.groups[i];
  if (leaf) box.part.classList.add("leaf");
  if (P.frozen[i]) box.part.classList.add("frozen");
  box.part.setAttribute("tabindex", "0");
  box.part.setAttribute("role", leaf ? "slider" : "button");
  box.part.setAttribute("aria-label", P.names[i]);
}

// Only what is in view is written, and of a large picture only that is there; the rest when it is scrolled to.
let dirty = false, view = [];
const near = new Map();                            // each box's op, and the arrows and texts that lead to it
for (const part of svg.querySelectorAll("[data-k]")) {
  const number = Number(part.dataset.k.slice(1).split(".")[0]);
  near.set(number, [...(near.get(number) || []), part]);
}
function lookAround() {
  const left = stage.scrollLeft - 300, right = stage.scrollLeft + stage.clientWidth + 300;
  const top = stage.scrollTop - 200, bottom = stage.scrollTop + stage.clientHeight + 200;
  view = [];
  for (const [i, box] of boxes) {
    const seen = box.x > left && box.x < right && box.y > top && box.y < bottom;
    if (seen) view.push(i);
    if (boxes.size > 400 && seen !== box.shown) for (const part of near.get(i)) part.style.display = seen ? "" : "none";
    box.shown = seen;
  }
}
function paint() {
  dirty = false;
  for (const i of view) {
    const {texts, part} = boxes.get(i);
    if (texts.data) write(texts.data, short(G.data[i]));
    if (texts.grad) write(texts.grad, short(G.grad[i]));
    if (texts["|grad|"]) write(texts["|grad|"], short(Math.hypot(...P.groups[i].map(m => G.grad[m]))));
    for (const [k, text] of slopes.get(i) || []) write(text, short(G.local[i][k]));
    if (part.getAttribute("role") === "slider") {
      part.setAttribute("aria-valuenow", G.data[i]);
      part.setAttribute("aria-valuetext", short(G.data[i]) + ", gradient " + short(G.grad[i]));
    }
  }
  if (chosen !== null) describe(chosen);
  if (P.model) drawBoundary();
}
function write(text, words) { if (text.textContent !== words) text.textContent = words; }
stage.addEventListener("scroll", () => requestAnimationFrame(() => { lookAround(); paint(); }));
addEventListener("resize", () => { lookAround(); paint(); });

function compute() {
  G.forward();
  G.backward(P.root);
  if (!dirty) { dirty = true; requestAnimationFrame(paint); }
  const [bad] = G.errors;
  at("status").textContent = bad ? name(bad[0]) + ": " + P.ops[bad[0]] + " is not defined there" : "";
}

// ---------------------------------------------------------------- changes, undo, link

const past = [];
const state = () => ({data: P.leaves.map(i => G.data[i]), ops: [...P.ops]});
function keep() { past.push(state()); if (past.length > 200) past.shift(); }
function restore({data, ops}) {
  P.leaves.forEach((i, k) => { G.data[i] = data[k]; });
  ops.forEach((op, i) => { P.ops[i] = op; });
  compute();
  tell();
}
function assign(i, x) { if (x - x === 0) { G.data[i] = x; compute(); tell(); } }
function tell() {                                  // a notebook hears of it
  if (parent !== window) parent.postMessage({live: Object.fromEntries(P.leaves.map(i => [i, G.data[i]]))}, "*");
}
addEventListener("message", event => {
  const numbers = event.source === parent && event.data && event.data.numbers;
  if (!numbers) return;
  for (const i in numbers) if (leaves.has(Number(i)) && typeof numbers[i] === "number") G.data[i] = numbers[i];
  compute();
});
function address() {
  const data = {}, ops = {};
  for (const i of P.leaves) if (!Object.is(G.data[i], given[i])) data[i] = G.data[i];
  P.ops.forEach((op, i) => { if (op !== givenOps[i]) ops[i] = op; });
  return "#" + encodeURIComponent(JSON.stringify({data, ops, rate: rate()}));
}
function follow(hash) {
  try {
    const kept = JSON.parse(decodeURIComponent(hash.slice(1)));
    for (const i in kept.data) if (leaves.has(Number(i)) && typeof kept.data[i] === "number") G.data[i] = kept.data[i];
    for (const i in kept.ops) if (P.flips.includes(kept.ops[i]) && P.flips.includes(P.ops[i])) P.ops[i] = kept.ops[i];
    if (kept.rate > 0) setRate(kept.rate);
  } catch (e) { /* no state of ours */ }
}

// ---------------------------------------------------------------- the chosen value

let chosen = null;
function choose(i) {
  if (chosen !== null && boxes.has(chosen)) boxes.get(chosen).part.classList.remove("chosen");
  chosen = i;
  boxes.get(i).part.classList.add("chosen");
  const leaf = leaves.has(i) && !P.groups[i], flips = P.flips.includes(P.ops[i]) && !P.groups[i];
  at("edit").hidden = !leaf && !flips;
  at("numberlabel").hidden = !leaf;
  at("numbername").textContent = P.names[i];
  at("flipper").hidden = !flips;
  if (flips) {
    at("flip").replaceChildren(...P.flips.map(op => new Option(op, op, false, op === P.ops[i])));
  }
  describe(i);
}
function formula(i, write) {
  const template = P.templates[P.ops[i] + "/" + P.parents[i].length], operands = P.parents[i];
  if (template) return template.replace(/\{(\d+)\}/g, (_, k) => write(operands[k]));
  const shown = operands.slice(0, 4).map(write).join(", ");
  return P.ops[i] + "(" + shown + (operands.length > 4 ? ", ... " + operands.length + " operands" : "") + ")";
}
function describe(i) {
  if (document.activeElement !== at("number")) at("number").value = G.data[i];
  const lines = [], root = P.names[P.root];
  if (P.ops[i]) lines.push(name(i) + " = " + formula(i, name) + "\n  = " + formula(i, p => signed(G.data[p])) + "\n  = " + short(G.data[i]));
  else lines.push(name(i) + " = " + short(G.data[i]));
  const terms = users[i].filter(([u]) => G.grad[u] !== 0 || users[i].length < 12);
  lines.push("", "d " + root + "/d " + name(i) + " = " + short(G.grad[i]));
  if (i === P.root) lines.push("  the result itself: one for one");
  else for (const [u, k] of terms.slice(0, 24)) lines.push("  + " + product(u, k) + "   through " + name(u));
  if (terms.length > 24) lines.push("  + " + (terms.length - 24) + " more");
  if (P.lines[i]) lines.push("", P.lines[i]);
  if (P.frozen[i]) lines.push("", P.frozen[i].why);
  if (G.errors.has(i)) lines.push("", P.ops[i] + " is not defined for these operands");
  at("node").textContent = lines.join("\n");
}
const product = (u, k) => signed(G.grad[u]) + " × " + signed(G.local[u][k]) + " = " + short(G.grad[u] * G.local[u][k]);

// ---------------------------------------------------------------- hands

const numberOf = part => part ? Number(part.dataset.k.slice(1)) : null;
const boxAt = target => target.closest && target.closest('[data-k^="v"][tabindex]');
let drag = null;
stage.addEventListener("pointerdown", event => {
  const part = boxAt(event.target), i = numberOf(part);
  if (i === null) return;
  choose(i);
  if (part.getAttribute("role") !== "slider") return;
  keep();
  drag = {i, x: event.clientX, from: G.data[i]};
  part.setPointerCapture(event.pointerId);
});
stage.addEventListener("pointermove", event => {
  if (drag) assign(drag.i, drag.from + (event.clientX - drag.x) * Math.max(Math.abs(drag.from), 1) / (event.shiftKey ? 2000 : 150));
});
for (const kind of ["pointerup", "pointercancel"]) stage.addEventListener(kind, () => { drag = null; });
stage.addEventListener("pointerover", event => {
  const edge = event.target.closest && event.target.closest(".edge");
  if (!edge || !P.whole) return;
  const [u, k] = edges.get(edge).slice(1).split(".").map(Number);
  at("hint").textContent = name(P.parents[u][k]) + " → " + name(u) + ":  gradient × local derivative = " + (constant.has(P.parents[u][k]) ? "none, a constant" : product(u, k));
});
stage.addEventListener("keydown", event => {
  const part = boxAt(event.target), i = numberOf(part);
  if (i === null) return;
  const way = {ArrowUp: 1, ArrowRight: 1, ArrowDown: -1, ArrowLeft: -1, PageUp: 10, PageDown: -10}[event.key];
  if (event.key === "Enter" || event.key === " ") { choose(i); if (!at("edit").hidden) (at("numberlabel").hidden ? at("flip") : at("number")).focus(); }
  else if (way && part.getAttribute("role") === "slider") { keep(); choose(i); assign(i, G.data[i] + way * Math.max(Math.abs(G.data[i]), 1) / 100); }
  else return;
  event.preventDefault();
  event.stopPropagation();
});
at("number").addEventListener("change", () => { keep(); assign(chosen, Number(at("number").value)); });
at("flip").addEventListener("change", () => {
  keep();
  P.ops[chosen] = at("flip").value;
  if (!P.templates[P.ops[chosen] + "/1"]) P.templates[P.ops[chosen] + "/1"] = P.ops[chosen] + "({0})";
  const symbol = svg.querySelector('[data-k="o' + chosen + '"] text');
  if (symbol) symbol.textContent = P.ops[chosen];
  compute();
});

// ---------------------------------------------------------------- gradient descent

const rate = () => 10 ** Number(at("rate").value);
function setRate(x) { at("rate").value = Math.log10(x); at("ratesaid").textContent = short(rate()); }
at("rate").addEventListener("input", () => setRate(rate()));
let losses = [], running = false;
function step() {
  if (!losses.length) losses.push(G.data[P.root]);
  const by = rate();
  for (const i of P.train) G.data[i] -= by * G.grad[i];
  G.forward();
  G.backward(P.root);
  losses.push(G.data[P.root]);
}
function steps(n) { for (let k = 0; k < n; k++) step(); compute(); drawLosses(); }
function loop() {
  if (!running) return;
  const until = performance.now() + 12;            // as many as fit in a frame, at most ten
  for (let k = 0; k < 10 && (k === 0 || performance.now() < until); k++) step();
  compute();
  drawLosses();
  at("status").textContent = losses.length - 1 + " steps, loss " + short(G.data[P.root]);
  requestAnimationFrame(loop);
}
function toggle() {
  running = !running;
  at("run").textContent = running ? "pause" : "run";
  at("run").setAttribute("aria-pressed", String(running));
  if (running) { keep(); loop(); } else { compute(); tell(); }
}
at("step").addEventListener("click", () => { keep(); steps(1); tell(); });
at("run").addEventListener("click", toggle);
at("undo").addEventListener("click", () => { if (past.length) restore(past.pop()); });
at("reset").addEventListener("click", () => {
  keep();
  losses = [];
  restore({data: P.leaves.map(i => given[i]), ops: givenOps});
  drawLosses();
});
at("link").addEventListener("click", () => {
  const hash = address();
  try { history.replaceState(null, "", hash); } catch (e) { /* a frame has no address of its own */ }
  if (navigator.clipboard) navigator.clipboard.writeText(location.href.split("#")[0] + hash).catch(() => {});
  at("status").textContent = "the address keeps this state";
});
addEventListener("keydown", event => {
  if (event.target.closest("input, select, button")) return;
  if (event.key === "s") at("step").click();
  else if (event.key === " ") toggle();
  else if (event.key === "z" && (event.ctrlKey || event.metaKey)) at("undo").click();
  else return;
  event.preventDefault();
});

const look = word => getComputedStyle(document.documentElement).getPropertyValue(word);
function drawLosses() {
  const canvas = at("losses"), pen = canvas.getContext("2d"), {width, height} = canvas;
  pen.clearRect(0, 0, width, height);
  const shown = losses.filter(x => x - x === 0), top = Math.max(...shown, 1e-12), low = Math.min(...shown, top);
  pen.strokeStyle = look("--glow");
  pen.lineWidth = 2;
  pen.beginPath();
  losses.forEach((x, k) => pen.lineTo(8 + k * (width - 16) / Math.max(losses.length - 1, 1), height - 18 - (x - low) / (top - low || 1) * (height - 40)));
  pen.stroke();
  pen.fillStyle = look("--ink");
  pen.font = "13px system-ui, sans-serif";
  if (shown.length) pen.fillText("from " + short(losses[0]) + " to " + short(losses.at(-1)) + " in " + (losses.length - 1) + " steps", 8, 16);
}

// ---------------------------------------------------------------- the plane of a model with two inputs

const B = P.model && new Graph(P.model, RULES);
const GRID = 40;
const small = Object.assign(document.createElement("canvas"), {width: GRID, height: GRID});
let frame = null, drawn = 0, cost = 0;
if (B) {
  at("plane").hidden = false;
  const xs = P.points.x.length ? P.points.x : [[-2, -2], [2, 2]], reach = axis => {
    const all = xs.map(x => x[axis]), low = Math.min(...all), high = Math.max(...all), edge = 0.15 * (high - low || 1);
    return [low - edge, high + edge];
  };
  frame = {x: reach(0), y: reach(1)};
  const ys = [...new Set(P.points.y)];
  frame.middle = ys.length ? (Math.min(...ys) + Math.max(...ys)) / 2 : 0;
}
function drawBoundary() {
  const began = performance.now();
  if (running && began - drawn < 4 * cost) return;  // training takes most of the time
  const canvas = at("boundary"), pen = canvas.getContext("2d"), {width, height} = canvas, {x, y, middle} = frame;
  for (const [own, ours] of P.model.shared) { B.data[own] = G.data[ours]; if (P.ops[ours]) B.ops[own] = P.ops[ours]; }
  const single = P.model.outputs.length === 1, image = new ImageData(GRID, GRID);
  for (let r = 0; r < GRID; r++) for (let c = 0; c < GRID; c++) {
    B.data[P.model.inputs[0]] = x[0] + (c + 0.5) / GRID * (x[1] - x[0]);
    B.data[P.model.inputs[1]] = y[1] - (r + 0.5) / GRID * (y[1] - y[0]);
    B.forward();
    const out = P.model.outputs.map(i => B.data[i]), sure = Math.tanh(single ? out[0] - middle : out[1] - out[0]);
    image.data.set(sure > 0 ? [224, 123, 57, 40 + 160 * sure] : [74, 144, 217, 40 - 160 * sure], 4 * (r * GRID + c));
  }
  small.getContext("2d").putImageData(image, 0, 0);
  pen.clearRect(0, 0, width, height);
  pen.drawImage(small, 0, 0, width, height);
  P.points.x.forEach(([a, b], i) => {
    const high = P.points.y[i] > middle, px = (a - x[0]) / (x[1] - x[0]) * width, py = (y[1] - b) / (y[1] - y[0]) * height;
    pen.fillStyle = high ? "#b34a00" : "#0063a3";
    pen.strokeStyle = "#fff";
    pen.beginPath();
    if (high) pen.rect(px - 3.5, py - 3.5, 7, 7); else pen.arc(px, py, 4, 0, 7);
    pen.fill();
    pen.stroke();
  });
  drawn = performance.now();
  cost = drawn - began;
}

lookAround();
setRate(P.rate);
follow(location.hash);
compute();
choose(P.groups[P.root] || !boxes.has(P.root) ? [...boxes.keys()].at(-1) : P.root);
