// A live plotly figure. Plotly itself is fetched from the kernel once for all figures of a page.

const CONFIG = { responsive: true, displaylogo: false };
const PATIENCE = 60_000; // milliseconds until another figure asks too, the second time twice that
const WAITING = "This figure is drawn as soon as the kernel has time for it.";

// What all figures of the page share. A kernel that runs cells answers only after them, however
// long they take, so that nothing here ever gives up; but the figure that has asked may be gone.
function newPage() {
  const page = { came: false, asker: null, askAt: 0, patience: PATIENCE };
  page.plotly = new Promise((resolve, reject) => {
    page.load = (bytes) => {
      if (page.came) return;
      page.came = true;
      const script = document.createElement("script");
      script.src = URL.createObjectURL(new Blob([bytes], { type: "text/javascript" }));
      const other = globalThis.Plotly; // another extension may have a version of its own
      script.onload = () => {
        URL.revokeObjectURL(script.src);
        resolve(globalThis.Plotly);
        if (other) globalThis.Plotly = other;
      };
      script.onerror = () => reject(new Error("plotly's script does not load"));
      document.head.append(script);
    };
  });
  return page;
}

async function loadPlotly(model, signal) {
  const page = (globalThis[Symbol.for("bnn_lab.page")] ??= newPage());
  const receive = (message, buffers) => message.kind === "plotly" && page.load(buffers[0]);
  let timer;
  const ask = () => {
    if (page.came) return;
    if (page.askAt <= Date.now()) {
      model.send({ kind: "plotly" });
      page.asker = signal;
      page.askAt = Date.now() + page.patience;
      page.patience *= 2;
    }
    timer = setTimeout(ask, page.askAt - Date.now());
  };
  model.on("msg:custom", receive);
  signal.addEventListener("abort", () => {
    clearTimeout(timer);
    if (page.asker === signal) Object.assign(page, { askAt: 0, patience: PATIENCE });
  });
  try {
    ask();
    return await page.plotly;
  } finally {
    clearTimeout(timer);
    model.off("msg:custom", receive);
  }
}

async function start(model, plot, signal) {
  const Plotly = await loadPlotly(model, signal);
  if (signal.aborted) return;
  plot.textContent = "";
  // The whole figure each time: a state that is lost or late leaves nothing wrong behind.
  let last = Promise.resolve();
  const draw = () => {
    const { data, layout } = JSON.parse(model.get("content"));
    layout.height ??= 360;
    return (last = last.catch(() => {}).then(() => Plotly.react(plot, data, layout, CONFIG)));
  };
  model.on("change:content", draw); // first: a change may come while the figure is being drawn
  await draw();
  if (signal.aborted) return model.off("change:content", draw);
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
  plot.textContent = WAITING;
  el.append(plot);
  const view = new AbortController();
  // Not awaited: anywidget allows little time, and a busy machine takes long.
  start(model, plot, view.signal).catch((error) => {
    plot.textContent = `The figure cannot be drawn: ${error.message}. Run its cell again.`;
  });
  return () => view.abort();
}

export default { render };
