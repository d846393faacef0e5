// The buttons, the slider and the keys with which recorded steps are played; perform(step) makes the page look as at one.
const steps = P.steps, speed = () => Number(at("speed").value);
const still = matchMedia("(prefers-reduced-motion: reduce)").matches;
let now = -1, timer = null;
at("player").hidden = false;

function show(target, fly) {
  target = Math.max(0, Math.min(steps.length - 1, target));
  perform(target, fly && !still);
  now = target;
  const {kind, caption: words, formula} = steps[target], caption = at("caption"), colon = words.indexOf(":");
  caption.className = ["backward", "seed", "end"].includes(kind) ? "backward" : "forward";
  caption.textContent = "";
  if (colon > 0 && ["forward", "backward"].includes(kind)) {
    const strong = document.createElement("b");
    strong.textContent = words.slice(0, colon + 1);
    caption.append(strong, words.slice(colon + 1));
  } else caption.textContent = words;
  at("formula").textContent = formula;
  at("slider").value = target;
  at("slider").setAttribute("aria-valuetext", words);
  at("count").textContent = (target + 1) + " / " + steps.length;
  if (target === steps.length - 1) pause();
}
function label(words) {
  at("play").textContent = words;
  at("play").setAttribute("aria-label", words);
}
function pause() {
  clearTimeout(timer);
  timer = null;
  label("play");
}
function play() {
  if (now === steps.length - 1) show(0);
  label("pause");
  (function tick() {
    timer = setTimeout(() => { show(now + 1, true); if (timer !== null) tick(); }, P.pace / speed());
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
show(0);
