// A live plotly figure. Plotly's script is the state of one widget that all figures share: the kernel
// sends it as that is made, in front of the first figure, and never has to be asked for it.

const CONFIG = { responsive: true, displaylogo: false };
const PAGE = Symbol.for("bnn_lab.plotly"); // once a page

async function loadPlotly(model) {
  const reference = model.get("_plotly").replace("IPY_MODEL_", "");
  const shared = await model.widget_manager.get_model(reference);
  const packed = new Blob([shared.get("packed")]);
  const text = packed.stream().pipeThrough(new DecompressionStream("deflate"));
  const script = document.createElement("script");
  const bytes = await new Response(text).arrayBuffer();
  script.src = URL.createObjectURL(new Blob([bytes], { type: "text/javascript" }));
  const other = globalThis.Plotly; // another extension may have a version of its own
  await new Promise((resolve, reject) => {
    script.onload = resolve;
    script.onerror = () => reject(new Error("plotly's script does not load"));
    document.head.append(script);
  });
  URL.revokeObjectURL(script.src);
  const own = globalThis.Plotly;
  if (other) globalThis.Plotly = other;
  return own;
}

/** The page's plotly; where one figure could not load it, the next one tries. */
function plotlyOf(model) {
  globalThis[PAGE] ??= loadPlotly(model).catch((error) => {
    delete globalThis[PAGE];
    throw error;
  });
  return globalThis[PAGE];
}

async function start(model, plot, signal) {
  const Plotly = await plotlyOf(model);
  if (signal.aborted) return;
  plot.textContent = "";
  // The whole figure each time: a state that is lost or late leaves nothing wrong behind.
  let last = Promise.resolve();
  let removeControls = null;
  const react = ({ data, layout }) =>
    (last = last.catch(() => {}).then(() => Plotly.react(plot, data, layout, CONFIG)));
  const draw = () => {
    const figure = JSON.parse(model.get("content"));
    figure.layout.height ??= 360;
    removeControls?.();
    // Only StudyFigure has them; adding them draws.
    removeControls = typeof addControls === "function" ? addControls(plot, figure, react) : null;
    return removeControls ? last : react(figure);
  };
  model.on("change:content", draw); // first: a change may come while the figure is being drawn
  await draw();
  if (signal.aborted) return model.off("change:content", draw);
  const show = (message) =>
    message.kind === "into view" && plot.scrollIntoView({ block: "nearest", behavior: "smooth" });
  model.on("msg:custom", show);
  plot.on("plotly_click", ({ points }) =>
    model.send({ kind: "click", points: points.map((p) => [p.curveNumber, p.pointIndex]) }));
  const watch = new ResizeObserver(() => plot.offsetParent && Plotly.Plots.resize(plot));
  watch.observe(plot);
  signal.addEventListener("abort", () => {
    watch.disconnect();
    model.off("change:content", draw);
    model.off("msg:custom", show);
    Plotly.purge(plot);
  });
}

function render({ model, el }) {
  const plot = document.createElement("div");
  plot.className = "bnn-lab-plot";
  plot.style.width = "100%";
  plot.innerHTML = model.get("_still"); // until plotly is there, and if it never is
  el.append(plot);
  const view = new AbortController();
  // Not awaited: anywidget allows little time, and a busy machine takes long.
  start(model, plot, view.signal).catch((error) => {
    const note = document.createElement("p");
    note.textContent = `This is a picture; the figure itself cannot be drawn: ${error.message}. Run its cell again.`;
    plot.append(note);
  });
  return () => view.abort();
}

const initialize = ({ model }) => void keepHeard(model);

export default { initialize, render };
