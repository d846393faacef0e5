// Charts on canvases, in the colours of the picture: the loss over the steps, and what a model answers over its inputs.
const C = P.colours, rgb = hex => [1, 3, 5].map(k => parseInt(hex.slice(k, k + 2), 16)), ground = rgb(C.background);
const mixed = (colour, share) => rgb(colour).map((c, k) => ground[k] + (c - ground[k]) * share);

function drawLosses(losses, here = losses.length - 1) {
  const canvas = at("losses"), pen = canvas.getContext("2d"), {width, height} = canvas;
  const shown = losses.filter(x => x - x === 0), top = Math.max(...shown, 1e-12), low = Math.min(0, ...shown);
  const x = k => 52 + k * (width - 66) / Math.max(losses.length - 1, 1), y = v => height - 22 - (v - low) / (top - low) * (height - 46);
  pen.clearRect(0, 0, width, height);
  if (!shown.length) return;
  pen.font = "12px system-ui, sans-serif";
  pen.fillStyle = C.faint;
  for (const v of [low, top]) pen.fillText(short(v), 6, y(v) + 4);
  pen.fillText("step " + here + " of " + (losses.length - 1) + ", loss " + short(losses[here]), 52, 14);
  pen.strokeStyle = C.classes[0];
  pen.lineWidth = 2;
  pen.beginPath();
  losses.forEach((v, k) => { if (v - v === 0) pen.lineTo(x(k), y(v)); });
  pen.stroke();
  pen.fillStyle = C.classes[1];
  pen.beginPath();
  pen.arc(x(here), y(losses[here]), 4.5, 0, 7);
  pen.fill();
}

// What a model of two inputs answers over the plane, or one of one input over a line, with the samples.
// One answer is told from the other by its side of `middle`; of several the largest wins.
class Plane {
  constructor(model, points) {
    const section = at("model"), names = ["Decision boundary", "The model and the samples"];
    section.hidden = false;
    this.canvas = section.querySelector("canvas");
    this.one = model.inputs.length === 1;
    section.querySelector("h2").textContent = names[Number(this.one)];
    this.canvas.setAttribute("aria-label", names[Number(this.one)] + ", and the samples");
    Object.assign(this, {model, points, graph: new Graph(model, RULES), drawn: 0, cost: 0});
    const xs = points.x.length ? points.x : [[-2, -2], [2, 2]], reach = all => {
      const low = Math.min(...all), high = Math.max(...all), edge = 0.12 * (high - low || 1);
      return [low - edge, high + edge];
    };
    this.x = reach(xs.map(x => x[0]));
    this.y = reach(this.one ? points.y : xs.map(x => x[1]));
    this.small = Object.assign(document.createElement("canvas"), {width: 40, height: 40});
  }
  answer(...inputs) {
    inputs.forEach((x, k) => { this.graph.data[this.model.inputs[k]] = x; });
    this.graph.forward();
    return this.model.outputs.map(i => this.graph.data[i]);
  }
  colour(out) {
    if (out.length > 1) return mixed(C.classes[out.indexOf(Math.max(...out)) % C.classes.length], 0.28);
    const far = (out[0] - this.points.middle) / this.points.half;
    return mixed(C.classes[far > 0 ? 1 : 0], 0.62 * Math.abs(far) / Math.hypot(1, far));
  }
  follow(hurry) {                                  // the leaves of the page's graph; training takes most of the time
    const began = performance.now();
    if (hurry && began - this.drawn < 4 * this.cost) return;
    for (const [own, ours] of this.model.shared) { this.graph.data[own] = G.data[ours]; if (P.ops[ours]) this.graph.ops[own] = P.ops[ours]; }
    this.draw();
    this.drawn = performance.now();
    this.cost = this.drawn - began;
  }
  draw() {
    const pen = this.canvas.getContext("2d"), {width, height} = this.canvas, {x, y, points, one, small} = this;
    const px = a => (a - x[0]) / (x[1] - x[0]) * width, py = b => (y[1] - b) / (y[1] - y[0]) * height;
    pen.clearRect(0, 0, width, height);
    if (!one) {
      const n = small.width, image = new ImageData(n, n), pixels = small.getContext("2d");
      for (let r = 0; r < n; r++) for (let c = 0; c < n; c++)
        image.data.set([...this.colour(this.answer(x[0] + (c + 0.5) / n * (x[1] - x[0]), y[1] - (r + 0.5) / n * (y[1] - y[0]))), 255], 4 * (r * n + c));
      pixels.putImageData(image, 0, 0);
      pen.imageSmoothingEnabled = this.model.outputs.length === 1;
      pen.drawImage(small, 0, 0, width, height);
    }
    points.x.forEach((place, i) => {
      const kind = one ? 0 : this.model.outputs.length > 1 ? points.y[i] : Number(points.y[i] > points.middle);
      const a = px(place[0]), b = py(one ? points.y[i] : place[1]);
      pen.fillStyle = C.classes[kind % C.classes.length];
      pen.strokeStyle = C.background;
      pen.beginPath();
      if (kind % 2) pen.rect(a - 3.5, b - 3.5, 7, 7); else pen.arc(a, b, 4, 0, 7);
      pen.fill();
      pen.stroke();
    });
    if (!one) return;
    pen.beginPath();
    pen.strokeStyle = C.classes[1];
    pen.lineWidth = 3;
    for (let k = 0; k <= 100; k++) { const a = x[0] + k / 100 * (x[1] - x[0]); pen.lineTo(px(a), py(this.answer(a)[0])); }
    pen.stroke();
    pen.lineWidth = 1;
  }
}
