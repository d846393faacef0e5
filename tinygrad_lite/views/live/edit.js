// The reader's hands: numbers are dragged and typed, activations exchanged, steps of gradient descent made and undone.
const given = Float64Array.from(G.data), givenOps = [...P.ops];
const plane = P.model && new Plane(P.model, P.points);
for (const id of ["hint", "descent", "loss"]) at(id).hidden = false;
for (const i of P.leaves) if (boxes.has(i) && isLeaf(i)) {
  boxes.get(i).part.classList.add("leaf");
  boxes.get(i).part.setAttribute("role", "slider");
}
stage.addEventListener("scroll", () => requestAnimationFrame(() => { lookAround(); paint(); }));
addEventListener("resize", () => { lookAround(); paint(); });

// ---------------------------------------------------------------- changes, undo, link

const past = [];
function keep() {
  past.push({data: P.leaves.map(i => G.data[i]), ops: [...P.ops]});
  if (past.length > 200) past.shift();
}
function restore({data, ops}) {
  P.leaves.forEach((i, k) => { G.data[i] = data[k]; });
  ops.forEach((op, i) => { P.ops[i] = op; });
  change();
}
function assign(i, x) { if (x - x === 0) { G.data[i] = x; change(); } }
function change(told = true) {
  compute();
  requestAnimationFrame(follow);
  const [bad] = G.errors;
  at("status").textContent = bad ? name(bad[0]) + ": " + P.ops[bad[0]] + " is not defined there" : "";
  if (told && parent !== window)                   // a notebook hears of it
    parent.postMessage({live: Object.fromEntries(P.leaves.map(i => [i, G.data[i]]))}, "*");
}
function follow() {                                // what stands beside the picture
  if (isLeaf(chosen)) {
    const {part} = boxes.get(chosen);
    part.setAttribute("aria-valuenow", G.data[chosen]);
    part.setAttribute("aria-valuetext", short(G.data[chosen]) + ", gradient " + short(G.grad[chosen]));
  }
  if (document.activeElement !== at("number")) at("number").value = G.data[chosen];
  if (plane) plane.follow(running);
}
addEventListener("message", event => {
  const numbers = event.source === parent && event.data && event.data.numbers;
  if (!numbers) return;
  for (const i in numbers) if (leaves.has(Number(i)) && typeof numbers[i] === "number") G.data[i] = numbers[i];
  change(false);
});
function address() {
  const data = {}, ops = {};
  for (const i of P.leaves) if (!Object.is(G.data[i], given[i])) data[i] = G.data[i];
  P.ops.forEach((op, i) => { if (op !== givenOps[i]) ops[i] = op; });
  return "#" + encodeURIComponent(JSON.stringify({data, ops, rate: rate()}));
}
function recall(hash) {
  try {
    const kept = JSON.parse(decodeURIComponent(hash.slice(1)));
    for (const i in kept.data) if (leaves.has(Number(i)) && typeof kept.data[i] === "number") G.data[i] = kept.data[i];
    for (const i in kept.ops) if (P.flips.includes(kept.ops[i]) && P.flips.includes(P.ops[i])) P.ops[i] = kept.ops[i];
    if (kept.rate > 0) setRate(kept.rate);
  } catch (e) { /* no state of ours */ }
}

// ---------------------------------------------------------------- hands

function edit(i) {                                 // the fields for the chosen value
  choose(i);
  const flips = P.flips.includes(P.ops[i]) && !P.groups[i];
  at("edit").hidden = !isLeaf(i) && !flips;
  at("numberlabel").hidden = !isLeaf(i);
  at("numbername").textContent = P.names[i];
  at("flipper").hidden = !flips;
  if (flips) at("flip").replaceChildren(...P.flips.map(op => new Option(op, op, false, op === P.ops[i])));
  follow();
}
let drag = null;
stage.addEventListener("pointerdown", event => {
  const i = numberAt(event.target);
  if (i === null) return;
  edit(i);
  if (!isLeaf(i)) return;
  keep();
  drag = {i, x: event.clientX, from: G.data[i]};
  boxAt(event.target).setPointerCapture(event.pointerId);
});
stage.addEventListener("pointermove", event => {
  if (drag) assign(drag.i, drag.from + (event.clientX - drag.x) * Math.max(Math.abs(drag.from), 1) / (event.shiftKey ? 2000 : 150));
});
for (const kind of ["pointerup", "pointercancel"]) stage.addEventListener(kind, () => { drag = null; });
stage.addEventListener("focusin", event => { if (!drag && numberAt(event.target) !== null) edit(numberAt(event.target)); });
stage.addEventListener("keydown", event => {
  const i = numberAt(event.target), way = {ArrowUp: 1, ArrowRight: 1, ArrowDown: -1, ArrowLeft: -1, PageUp: 10, PageDown: -10}[event.key];
  if (i !== null && event.key === "Enter" && !at("edit").hidden) (isLeaf(i) ? at("number") : at("flip")).focus();
  if (i === null || !way || !isLeaf(i)) return;
  keep();
  assign(i, G.data[i] + way * Math.max(Math.abs(G.data[i]), 1) / 100);
  event.preventDefault();
});
at("number").addEventListener("change", () => { keep(); assign(chosen, Number(at("number").value)); });
at("flip").addEventListener("change", () => {
  keep();
  P.ops[chosen] = at("flip").value;
  if (!P.templates[P.ops[chosen] + "/1"]) P.templates[P.ops[chosen] + "/1"] = P.ops[chosen] + "({0})";
  const symbol = parts["o" + chosen] && parts["o" + chosen].querySelector("text");
  if (symbol) symbol.textContent = P.ops[chosen];
  change();
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
function loop() {
  if (!running) return;
  const until = performance.now() + 12;            // as many as fit in a frame, at most ten
  for (let k = 0; k < 10 && (k === 0 || performance.now() < until); k++) step();
  change(false);
  drawLosses(losses);
  at("status").textContent = losses.length - 1 + " steps, loss " + short(G.data[P.root]);
  requestAnimationFrame(loop);
}
function toggle() {
  running = !running;
  at("run").textContent = running ? "pause" : "run";
  at("run").setAttribute("aria-pressed", String(running));
  if (running) { keep(); loop(); } else change();
}
at("step").addEventListener("click", () => { keep(); step(); change(); drawLosses(losses); });
at("run").addEventListener("click", toggle);
at("undo").addEventListener("click", () => { if (past.length) restore(past.pop()); });
at("reset").addEventListener("click", () => {
  keep();
  losses = [];
  restore({data: P.leaves.map(i => given[i]), ops: givenOps});
  drawLosses(losses);
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

lookAround();
setRate(P.rate);
recall(location.hash);
compute();
edit(P.groups[P.root] || !boxes.has(P.root) ? [...boxes.keys()].at(-1) : P.root);
change(false);
