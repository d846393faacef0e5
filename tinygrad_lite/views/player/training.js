// A training run, replayed: the loss with a point where we are, what the network answered then, and its gradients.
const plane = P.model && new Plane(P.model, P.points);
at("loss").hidden = at("sizes").hidden = false;
const rows = P.tensors.map(name => {
  const row = at("sizes").insertRow(), head = document.createElement("th"), bar = document.createElement("i");
  head.textContent = name;
  row.append(head);
  const cell = row.insertCell(), number = row.insertCell();
  cell.className = "bar";
  cell.append(bar);
  return {bar, number};
});
const sizes = P.steps.flatMap(step => step.sizes).filter(x => x > 0).map(Math.log10);
const least = Math.min(...sizes) - 0.3, most = Math.max(...sizes);

function perform(target) {
  const step = P.steps[target];
  drawLosses(P.losses, step.at);
  if (plane) {
    step.parameters.forEach((x, k) => { plane.graph.data[P.parameters[k]] = x; });
    plane.draw();
  }
  step.sizes.forEach((size, k) => {
    const share = size > 0 ? (Math.log10(size) - least) / ((most - least) || 1) : 0;
    rows[k].bar.style.width = (100 * share).toFixed(1) + "%";
    rows[k].number.textContent = Number(size).toExponential(1);
  });
}
