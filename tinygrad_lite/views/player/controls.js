// What every player shares: `steps` with a caption each, the buttons, the slider, the keys.
// The page provides paint(target, fly), which makes its stage look as at step `target`.
const steps = JSON.parse(document.getElementById("script").textContent);
const at = id => document.getElementById(id);
const speed = () => Number(at("speed").value);
const still = matchMedia("(prefers-reduced-motion: reduce)").matches;
let now = -1, timer = null;

function show(target, fly) {
  target = Math.max(0, Math.min(steps.length - 1, target));
  paint(target, fly);
  now = target;
  const step = steps[target], caption = at("caption"), colon = step.caption.indexOf(":");
  caption.className = ["backward", "seed", "end"].includes(step.kind) ? "backward" : "forward";
  caption.textContent = "";
  if (colon > 0 && ["forward", "backward"].includes(step.kind)) {
    const strong = document.createElement("b");
    strong.textContent = step.caption.slice(0, colon + 1);
    caption.append(strong, step.caption.slice(colon + 1));
  } else caption.textContent = step.caption;
  at("formula").textContent = step.formula || "";
  at("slider").value = target;
  at("slider").setAttribute("aria-valuetext", step.caption);
  at("count").textContent = (target + 1) + " / " + steps.length;
  if (target === steps.length - 1) pause();
}

function pause() {
  clearTimeout(timer);
  timer = null;
  at("play").textContent = "play";
  at("play").setAttribute("aria-label", "play");
}

function play() {
  if (now === steps.length - 1) show(0);
  at("play").textContent = "pause";
  at("play").setAttribute("aria-label", "pause");
  (function tick() {
    timer = setTimeout(() => { show(now + 1, true); if (timer !== null) tick(); }, pace / speed());
  })();
}

const act = {
  first: () => { pause(); show(0); },
  back: () => { pause(); show(now - 1); },
  play: () => timer === null ? play() : pause(),
  next: () => { pause(); show(now + 1, true); },
  last: () => { pause(); show(steps.length - 1); },
};
for (const id in act) at(id).addEventListener("click", act[id]);
at("slider").max = steps.length - 1;
at("slider").addEventListener("input", () => { pause(); show(Number(at("slider").value)); });
addEventListener("keydown", event => {
  const key = {ArrowLeft: "back", ArrowRight: "next", Home: "first", End: "last", " ": "play"}[event.key];
  const target = event.target;
  if (!key || event.ctrlKey || event.altKey || event.metaKey || target.tagName === "SELECT" || (event.key === " " && target.tagName === "BUTTON")) return;
  event.preventDefault();
  act[key]();
});
