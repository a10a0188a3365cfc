// Controls of a plotly figure that need no kernel. What they do is described in the figure itself, by
// bnn_lab/figures/controls_in_figure.py:
//
// layout.meta.controls: [{name, label, kind: "choice", options: [{label, value, layout}], value}]
//   A point (or a whole trace) is shown if each of trace.meta.of[name], a list with an entry for each
//   point or one value, is the chosen value; a value of null shows all. `layout` is laid over the
//   figure's, by dotted path.
// or [{name, label, kind: "ratio", low, high, value, marks}]
//   For traces with meta.macs = {float, binary}, in millions: x is float + binary / ratio. The status
//   line then tells how the logarithms of x and y of the points that are shown correlate.

const POINTWISE = ["x", "y", "text", "customdata", "textposition"];

/** What is chosen before a reader touches anything. */
export function defaults(controls) {
  return Object.fromEntries(controls.map(({ name, value }) => [name, value]));
}

/** Equivalent MACs: a float one counts one, `ratio` binary ones count one. */
export function equivalent({ float, binary }, ratio) {
  return float.map((value, i) => value + binary[i] / ratio);
}

/** Pearson's correlation; NaN where one of both does not vary, or there are fewer than 3 points. */
export function correlation(xs, ys) {
  const n = xs.length;
  const mean = (list) => list.reduce((sum, value) => sum + value, 0) / n;
  const [mx, my] = [mean(xs), mean(ys)];
  let [xy, xx, yy] = [0, 0, 0];
  for (let i = 0; i < n; i++) {
    xy += (xs[i] - mx) * (ys[i] - my);
    xx += (xs[i] - mx) ** 2;
    yy += (ys[i] - my) ** 2;
  }
  return n > 2 && xx > 0 && yy > 0 ? xy / Math.sqrt(xx * yy) : NaN;
}

/** Ranks from 1; equals share the mean of theirs. */
export function ranks(values) {
  const order = values.map((_, i) => i).sort((a, b) => values[a] - values[b]);
  const found = new Array(values.length);
  for (let from = 0, to; from < order.length; from = to) {
    for (to = from + 1; to < order.length && values[order[to]] === values[order[from]]; ) to++;
    for (let k = from; k < to; k++) found[order[k]] = (from + 1 + to) / 2;
  }
  return found;
}

/** Of a value and a list or single value of what a trace's points are. */
function kept(of, chosen, count) {
  const keep = new Array(count).fill(true);
  for (const [name, value] of Object.entries(chosen)) {
    const found = of?.[name];
    if (found === undefined || value === null) continue;
    for (let i = 0; i < count; i++) {
      if ((Array.isArray(found) ? found[i] : found) !== value) keep[i] = false;
    }
  }
  return keep;
}

function subset(trace, keep) {
  const pick = (list) => (Array.isArray(list) && list.length === keep.length ? list.filter((_, i) => keep[i]) : list);
  const made = { ...trace, visible: true };
  for (const key of POINTWISE) if (trace[key] !== undefined) made[key] = pick(trace[key]);
  if (trace.marker) {
    made.marker = { ...trace.marker, size: pick(trace.marker.size), color: pick(trace.marker.color), symbol: pick(trace.marker.symbol) };
  }
  for (const bars of ["error_x", "error_y"]) {
    if (trace[bars]) made[bars] = { ...trace[bars], array: pick(trace[bars].array), arrayminus: pick(trace[bars].arrayminus) };
  }
  if (!keep.some(Boolean)) made.visible = false;
  return made;
}

function lay(layout, path, value) {
  const [first, ...rest] = path.split(".");
  return { ...layout, [first]: rest.length ? lay(layout[first] ?? {}, rest.join("."), value) : value };
}

/** The figure {data, layout} with these choices, and what to say of it. Pure. */
export function shown({ data, layout }, chosen) {
  const controls = layout.meta?.controls ?? [];
  let made = { ...layout };
  const choices = {};
  let ratio = null;
  for (const { name, kind, options } of controls) {
    if (kind === "ratio") {
      ratio = chosen[name];
      continue;
    }
    choices[name] = chosen[name];
    const option = options.find(({ value }) => value === chosen[name]);
    for (const [path, value] of Object.entries(option?.layout ?? {})) made = lay(made, path, value);
  }
  const found = { count: 0, of: 0 };
  const [xs, ys] = [[], []];
  const traces = data.map((trace) => {
    const count = Math.max(trace.x?.length ?? 0, trace.y?.length ?? 0);
    const keep = kept(trace.meta?.of, choices, count);
    const macs = ratio !== null && trace.meta?.macs;
    const one = subset(macs ? { ...trace, x: equivalent(macs, ratio) } : trace, keep);
    // A trace that a choice leaves out as a whole, such as of another quantity, does not count.
    const out = Object.entries(choices).some(([name, value]) => {
      const of = trace.meta?.of?.[name];
      return value !== null && of !== undefined && !Array.isArray(of) && of !== value;
    });
    if (trace.meta?.counted !== false && !out) {
      found.of += count;
      found.count += keep.filter(Boolean).length;
    }
    if (macs && one.visible) {
      xs.push(...one.x);
      ys.push(...one.y);
    }
    return one;
  });
  const words = [];
  if (found.count !== found.of) words.push(`${found.count} of ${found.of} points are shown.`);
  if (ratio !== null) {
    const logs = (list) => list.map(Math.log);
    const [plain, ranked] = [correlation(logs(xs), logs(ys)), correlation(ranks(xs), ranks(ys))];
    const share = Number.isNaN(plain) ? "" : `: correlation of the logarithms ${plain.toFixed(3)}, of the ranks ${ranked.toFixed(3)}`;
    words.push(`One float MAC counts as ${ratio.toPrecision(3)} binary ones${share}.`);
  }
  return { data: traces, layout: made, words: words.join(" ") };
}

const STYLE = `
.bnn-lab-controls { display: flex; flex-wrap: wrap; gap: 6px 18px; align-items: center; margin: 6px 2px;
  font: 14px/1.4 system-ui, sans-serif; }
.bnn-lab-controls label { display: flex; gap: 7px; align-items: center; }
.bnn-lab-controls select { font: inherit; padding: 3px 6px; border-radius: 6px; max-width: 60vw;
  border: 1px solid #8886; background: Canvas; color: CanvasText; }
.bnn-lab-controls input[type=range] { width: min(320px, 50vw); accent-color: #d55e00; }
.bnn-lab-controls output { min-width: 3em; font-variant-numeric: tabular-nums; }
.bnn-lab-said { margin: 2px; font: 14px/1.4 system-ui, sans-serif; min-height: 1.4em; }
`;
const SHARES = 400;

function make(name, attributes, ...children) {
  const element = Object.assign(document.createElement(name), attributes);
  element.append(...children);
  return element;
}

function choiceOf({ name, label, options }, chosen, changed) {
  const select = make("select", {}, ...options.map(({ label: text }) => make("option", {}, text)));
  select.selectedIndex = options.findIndex(({ value }) => value === chosen[name]);
  select.addEventListener("change", () => changed(name, options[select.selectedIndex].value));
  return make("label", {}, label, select);
}

function ratioOf({ name, label, low, high, marks = [] }, chosen, changed) {
  const span = Math.log(high / low);
  const toShare = (value) => Math.round((SHARES * Math.log(value / low)) / span);
  const input = make("input", { type: "range", min: 0, max: SHARES, step: 1 });
  const output = make("output", {});
  const tell = () => {
    output.textContent = chosen[name].toPrecision(3);
    input.setAttribute("aria-valuetext", output.textContent);
  };
  input.value = toShare(chosen[name]);
  input.addEventListener("input", () => {
    const value = low * Math.exp((span * input.value) / SHARES);
    // A mark, such as what was measured here, is easy to come back to.
    chosen[name] = marks.find((mark) => Math.abs(toShare(mark) - input.value) < 4) ?? value;
    tell();
    changed(name, chosen[name]);
  });
  tell();
  return make("label", {}, label, input, output);
}

/**
 * Puts controls before an element that shows a figure.
 * @param figure {data, layout} with layout.meta.controls
 * @param draw called with {data, layout} at each change, and at first
 * @returns what removes them; null if the figure has none
 */
export function addControls(before, figure, draw) {
  const controls = figure.layout.meta?.controls;
  if (!controls?.length) return null;
  const chosen = defaults(controls);
  const said = make("p", { className: "bnn-lab-said" });
  said.setAttribute("role", "status");
  const update = () => {
    const now = shown(figure, chosen);
    said.textContent = now.words;
    draw(now);
  };
  const changed = (name, value) => {
    chosen[name] = value;
    update();
  };
  const row = make("div", { className: "bnn-lab-controls" }, make("style", {}, STYLE));
  row.append(...controls.map((control) => (control.kind === "ratio" ? ratioOf : choiceOf)(control, chosen, changed)));
  before.before(row, said);
  update();
  return () => [row, said].forEach((element) => element.remove());
}
