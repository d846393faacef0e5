// The passes of a computation, replayed on its picture: a step lights what it touches and writes what it finds.
G.forward();
G.backward(P.root);
const numbers = new Set();                         // the texts that steps write; local derivatives come with their op's number
for (const {data, grad} of P.steps) {
  for (const i in data) for (const text of [boxes.get(Number(i)).texts.data, ...beside(i)]) numbers.add(text);
  for (const i in grad) numbers.add(boxes.get(Number(i)).texts.grad);
}
numbers.delete(undefined);
if (Number(svg.getAttribute("width")) <= Math.min(1400, 1.7 * stage.clientWidth)) stage.classList.add("fit");

function beside(i) { return boxes.get(Number(i)).all.filter(part => part.classList.contains("beside")); }
function unveil(text, words) {
  if (!text) return;
  text.classList.remove("unset");
  if (words !== undefined) text.textContent = words;
}
function record({data, grad}) {
  for (const i in data) { unveil(boxes.get(Number(i)).texts.data, data[i]); beside(i).forEach(part => unveil(part)); }
  for (const i in grad) unveil(boxes.get(Number(i)).texts.grad, grad[i]);
}

function perform(target, fly) {
  land();
  let known = now;
  if (target <= known || known < 0) {              // backwards: begin again and replay what has changed
    for (const text of numbers) text.classList.add("unset");
    known = -1;
  }
  for (let i = known + 1; i < target; i++) record(P.steps[i]);
  const step = P.steps[target];
  if (fly && step.fly.length) launch(step); else record(step);
  for (const part of svg.querySelectorAll(".lit")) part.classList.remove("lit", "forward", "backward");
  const way = ["backward", "seed", "end"].includes(step.kind) ? "backward" : "forward";
  for (const key of step.lit) if (parts[key]) parts[key].classList.add("lit", way);
  if (parts[step.lit[0]]) scrollTo(parts[step.lit[0]]);
}

// Where the picture is larger than its frame, scroll the frame, and nothing around it, to what is lit.
function scrollTo(part) {
  const frame = stage.getBoundingClientRect(), box = part.getBoundingClientRect();
  if (box.left < frame.left || box.right > frame.right) stage.scrollLeft += (box.left + box.right - frame.left - frame.right) / 2;
  if (box.top < frame.top || box.bottom > frame.bottom) stage.scrollTop += (box.top + box.bottom - frame.top - frame.bottom) / 2;
}

// Contributions travel backward on their arrows and are added when they arrive.
let flying = [];
function launch(step) {
  const make = name => document.createElementNS("http://www.w3.org/2000/svg", name);
  const length = Math.min(700, 700 / speed()), began = performance.now();
  const mine = flying = step.fly.map(([key, label]) => {
    const path = parts[key].querySelector("path"), chip = make("g"), box = make("rect"), words = make("text");
    chip.setAttribute("class", "flight");
    words.setAttribute("text-anchor", "middle");
    words.setAttribute("dy", "0.35em");
    words.textContent = label;
    chip.append(box, words);
    path.parentNode.append(chip);
    const width = words.getBBox().width + 12;
    for (const [name, value] of Object.entries({x: -width / 2, y: -9, width, height: 18, rx: 9})) box.setAttribute(name, value);
    return {chip, path, whole: path.getTotalLength()};
  });
  mine.arrived = () => record(step);
  (function move(time) {
    if (mine !== flying) return;
    const share = Math.min(1, Math.max(0, (time - began) / length));
    for (const {chip, path, whole} of mine) {
      const {x, y} = path.getPointAtLength(whole * (1 - share));
      chip.setAttribute("transform", "translate(" + x + " " + y + ")");
    }
    if (share < 1) requestAnimationFrame(move); else land();
  })(began);
}
function land() {
  const mine = flying;
  flying = [];
  for (const {chip} of mine) chip.remove();
  if (mine.arrived) mine.arrived();
}
