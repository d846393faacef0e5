// The picture of a graph in a page: its numbers follow the graph, and a chosen value tells its chain rule.
M.compensated = P.compensated;
const G = new Graph(P, RULES);
const leaves = new Set(P.leaves), constant = new Set(P.constant);
const users = P.parents.map(() => []);
P.parents.forEach((operands, i) => operands.forEach((p, k) => users[p].push([i, k])));

const signed = x => x < 0 ? "(" + short(x) + ")" : short(x);
const name = i => constant.has(i) ? short(G.data[i]) : P.names[i];
const isLeaf = i => leaves.has(i) && !P.groups[i];

// For each number its box, the texts in it and beside the arrows that lead to its op, and all parts that belong to it.
const boxes = new Map(), parts = {};
const stage = at("stage"), svg = stage.querySelector("svg");
const [shiftX, shiftY] = (svg.querySelector(".graph").getAttribute("transform").match(/[-\d.]+/g) || [0, 0]).map(Number);
for (const part of svg.querySelectorAll("[data-k]")) {
  const key = part.dataset.k, [number, operand] = key.slice(1).split(".").map(Number);
  if (!boxes.has(number)) boxes.set(number, {all: [], texts: {}, local: [], shown: true});
  const box = boxes.get(number), text = part.querySelector(".local");
  box.all.push(part);
  if (!part.classList.contains("beside")) parts[key] = part;
  else if (text) box.local.push([operand, text]);
  if (key[0] === "v") {
    const [x, y] = part.getAttribute("transform").match(/[-\d.]+/g).map(Number);
    Object.assign(box, {part, x: x + shiftX, y: y + shiftY});
    for (const text of part.querySelectorAll("text")) for (const role of ["data", "grad", "|grad|"])
      if (text.classList.contains(role)) box.texts[role] = text;
  }
}
for (const [i, {part}] of boxes) {
  if (constant.has(i)) continue;
  if (P.frozen[i]) part.classList.add("frozen");
  part.setAttribute("tabindex", "0");
  part.setAttribute("role", "button");
  part.setAttribute("aria-label", P.names[i]);
}

// Only what is in view is written, and of a large picture only that is in the document, since a browser's work grows
// with all that is there; the rest comes when it is scrolled to. Numbers stay above arrows and boxes.
let dirty = false, view = [];
const large = boxes.size > 400, layers = [0, 1, 2].map(() => document.createElementNS(svg.namespaceURI, "g"));
const layerOf = part => layers[part.matches(".edge, .result") ? 0 : part.matches(".beside") ? 2 : 1];
svg.querySelector(".graph").append(...layers);
function lookAround() {
  const left = stage.scrollLeft - 300, right = stage.scrollLeft + stage.clientWidth + 300;
  const top = stage.scrollTop - 200, bottom = stage.scrollTop + stage.clientHeight + 200;
  view = [];
  for (const entry of boxes) {
    const [i, box] = entry, seen = i === chosen || (box.x > left && box.x < right && box.y > top && box.y < bottom);
    if (seen) view.push(entry);
    if (large && seen !== box.shown) for (const part of box.all) if (seen) layerOf(part).append(part); else part.remove();
    box.shown = seen;
  }
}
function paint() {
  dirty = false;
  for (const [i, {texts, local}] of view) {
    if (texts.data) write(texts.data, G.data[i]);
    if (texts.grad) write(texts.grad, G.grad[i]);
    if (texts["|grad|"]) write(texts["|grad|"], Math.hypot(...P.groups[i].map(m => G.grad[m])));
    for (const [k, text] of local) write(text, G.local[i][k]);
  }
  if (chosen !== null) describe(chosen);
}
function write(text, x) {                          // a number that has not changed is not even put into words
  if (Object.is(text.number, x)) return;
  text.number = x;
  const words = short(x);
  if (text.words !== words) text.textContent = text.words = words;
}
function compute() {
  G.forward();
  G.backward(P.root);
  if (!dirty) { dirty = true; requestAnimationFrame(paint); }
}

// ---------------------------------------------------------------- the chosen value

let chosen = null;
function choose(i) {
  if (chosen !== null) boxes.get(chosen).part.classList.remove("chosen");
  chosen = i;
  boxes.get(i).part.classList.add("chosen");
  at("chosen").hidden = false;
  describe(i);
}
function formula(i, write) {
  const template = P.templates[P.ops[i] + "/" + P.parents[i].length], operands = P.parents[i];
  if (template) return template.replace(/\{(\d+)\}/g, (_, k) => write(operands[k])).replace(/\((\(-[\w.+-]+\))\)/g, "$1");
  const shown = operands.slice(0, 4).map(write).join(", ");
  return P.ops[i] + "(" + shown + (operands.length > 4 ? ", ... " + operands.length + " operands" : "") + ")";
}
function describe(i) {
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

const boxAt = target => target.closest && target.closest('[data-k^="v"][tabindex]');
const numberAt = target => boxAt(target) ? Number(boxAt(target).dataset.k.slice(1)) : null;
stage.addEventListener("pointerdown", event => { if (numberAt(event.target) !== null) choose(numberAt(event.target)); });
stage.addEventListener("keydown", event => {
  if (numberAt(event.target) === null || (event.key !== "Enter" && event.key !== " ")) return;
  choose(numberAt(event.target));
  event.preventDefault();
  event.stopPropagation();
});
stage.addEventListener("pointerover", event => {
  const edge = event.target.closest && event.target.closest(".edge");
  if (!edge || !P.whole) return;
  const [u, k] = edge.dataset.k.slice(1).split(".").map(Number), from = P.parents[u][k];
  at("hint").textContent = name(from) + " → " + name(u) + ":  gradient × local derivative = " + (constant.has(from) ? "none, a constant" : product(u, k));
});
