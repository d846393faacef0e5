"""The live page as a Jupyter widget, by anywidget: numbers go both ways between the page and the Values."""

from __future__ import annotations

import importlib.util
from typing import Any

from tinygrad_lite.errors import RenderingError

_ESM = """
function render({model, el}) {
  const frame = document.createElement("iframe");
  frame.setAttribute("sandbox", "allow-scripts");
  frame.style.cssText = "width:100%;border:0;height:" + model.get("height") + "px";
  frame.srcdoc = model.get("page");
  el.append(frame);
  let told = "";
  const heard = event => {
    if (event.source !== frame.contentWindow || !event.data || !event.data.live) return;
    told = JSON.stringify(event.data.live);
    model.set("numbers", event.data.live);
    model.save_changes();
  };
  const changed = () => {
    const numbers = model.get("numbers");
    if (JSON.stringify(numbers) !== told) frame.contentWindow.postMessage({numbers}, "*");
  };
  addEventListener("message", heard);
  model.on("change:numbers", changed);
  return () => { removeEventListener("message", heard); model.off("change:numbers", changed); };
}
export default {render};
"""


def available() -> bool:
    """Whether this is a Jupyter kernel with anywidget."""
    if importlib.util.find_spec("anywidget") is None or importlib.util.find_spec("IPython") is None:
        return False
    from IPython import get_ipython

    return getattr(get_ipython(), "kernel", None) is not None


def widget_of(live: Any, leaves: list[int]) -> Any:
    """The widget of a `Live`; its `numbers` are those of the leaves, by their places in the graph.

    Raises:
        RenderingError: anywidget is not installed.
    """
    try:
        import anywidget
        import traitlets
    except ImportError:
        raise RenderingError(
            "a live page that talks with Python needs anywidget.\n"
            "  Install it with: pip install 'tinygrad-lite[live]'; .save('graph.html') needs nothing."
        ) from None
    values = {str(i): live.picture.graph.nodes[i] for i in leaves}

    class LiveWidget(anywidget.AnyWidget):  # type: ignore[misc]
        """The page, and `numbers`, the numbers of its leaves."""

        _esm = _ESM
        page = traitlets.Unicode().tag(sync=True)
        height = traitlets.Int().tag(sync=True)
        numbers = traitlets.Dict().tag(sync=True)

        def pull(self, *_: Any) -> None:
            """Show what the Values hold now; a notebook does so after each cell."""
            self.numbers = {i: value.data for i, value in values.items()}

    shown = LiveWidget(page=live.page(), height=live.height)
    shown.pull()
    shown.observe(lambda change: _assign(values, change["new"]), names="numbers")
    if available():
        from IPython import get_ipython

        get_ipython().events.register("post_run_cell", shown.pull)
    return shown


def _assign(values: dict[str, Any], numbers: dict[str, Any]) -> None:
    for i, number in numbers.items():
        if i in values and isinstance(number, (int, float)) and values[i].data != number:
            values[i].data = float(number)
