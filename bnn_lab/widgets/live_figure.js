// A live plotly figure. Plotly itself is fetched from the kernel once for all figures of a page.

const CONFIG = { responsive: true, displaylogo: false };
const PATIENCE = 60_000; // milliseconds until another figure may ask again

function loadPlotly(model) {
  const key = Symbol.for("bnn_lab.plotly");
  return (globalThis[key] ??= new Promise((resolve, reject) => {
    const giveUp = (reason) => {
      delete globalThis[key];
      reject(new Error(reason));
    };
    const timer = setTimeout(() => giveUp("the kernel did not send plotly"), PATIENCE);
    const receive = (message, buffers) => {
      if (message.kind !== "plotly") return;
      model.off("msg:custom", receive);
      clearTimeout(timer);
      const script = document.createElement("script");
      script.src = URL.createObjectURL(new Blob([buffers[0]], { type: "text/javascript" }));
      const other = globalThis.Plotly; // another extension may have a version of its own
      script.onload = () => {
        URL.revokeObjectURL(script.src);
        resolve(globalThis.Plotly);
        if (other) globalThis.Plotly = other;
      };
      script.onerror = () => giveUp("plotly's script does not load");
      document.head.append(script);
    };
    model.on("msg:custom", receive);
    model.send({ kind: "plotly" });
  }));
}

async function start(model, plot, signal) {
  const Plotly = await loadPlotly(model);
  if (signal.aborted) return;
  // The whole figure each time: a state that is lost or late leaves nothing wrong behind.
  const draw = () => {
    const { data, layout } = JSON.parse(model.get("content"));
    layout.height ??= 360;
    return Plotly.react(plot, data, layout, CONFIG);
  };
  await draw();
  if (signal.aborted) return;
  model.on("change:content", draw);
  plot.on("plotly_click", ({ points }) =>
    model.send({ kind: "click", points: points.map((p) => [p.curveNumber, p.pointIndex]) }));
  const watch = new ResizeObserver(() => plot.offsetParent && Plotly.Plots.resize(plot));
  watch.observe(plot);
  signal.addEventListener("abort", () => {
    watch.disconnect();
    model.off("change:content", draw);
    Plotly.purge(plot);
  });
}

function render({ model, el }) {
  const plot = document.createElement("div");
  plot.className = "bnn-lab-plot";
  plot.style.width = "100%";
  el.append(plot);
  const view = new AbortController();
  // Not awaited: anywidget allows little time, and a busy machine takes long.
  start(model, plot, view.signal).catch((error) => {
    plot.textContent = `The figure cannot be drawn: ${error.message}. Run its cell again.`;
  });
  return () => view.abort();
}

export default { render };
