// Points as a plotly figure, and in words. Measured points are filled, cited ones hollow.

const MANY = 6; // devices: then each network has its name once
const LONGEST = 44; // letters of a device in the legend; the hover has all
const SMALL = 9;
const LARGE = 12;
// Pixels of the plot, of a letter, a line and half a marker in it; a wider window leaves more room.
const [WIDE, HIGH, LETTER, LINE, MARKER] = [560, 330, 5.6, 12, 8];

const digits = (value) => String(Number(value.toPrecision(4)));
const unique = (list) => [...new Set(list)];

/** Both quantities; no vertical one stands for a row of each layer. */
export function axesOf({ of, x, y }, { layersOf, ofLayers, axes }) {
  if (of !== layersOf) return [x, y];
  const across = ofLayers.includes(x) ? x : axes.latency;
  return [across, ofLayers.includes(y) && y !== across ? y : null];
}

const known = (points, x, y) => points.filter(({ values }) => x in values && (y === null || y in values));

function called({ model, form }, { binary }) {
  return form === binary ? model : `${model} in ${form}`;
}

function hover(point, site) {
  const on = point.runtime ? `${point.device}, ${point.runtime}` : point.device;
  const lines = [`<b>${plain(called(point, site))}</b> on ${plain(on)}`];
  for (const [quantity, value] of Object.entries(point.values)) {
    const ends = point.spread[quantity];
    const between = ends ? ` (${ends.map(digits).join(" to ")})` : "";
    lines.push(`${site.titles[quantity]}: ${digits(value)}${between}`);
  }
  if (point.source) lines.push(plain(point.source).replace(": ", ":<br>").replace(", https", ",<br>https"));
  return lines.join("<br>");
}

/** Plotly reads some HTML in texts; a dropped file's names are only names. */
export function plain(text) {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
}

function bars(points, quantity, color) {
  const ends = points.map(({ values, spread }) => spread[quantity] ?? [values[quantity], values[quantity]]);
  return {
    type: "data",
    visible: points.some(({ spread }) => quantity in spread),
    symmetric: false,
    array: points.map(({ values }, i) => ends[i][1] - values[quantity]),
    arrayminus: points.map(({ values }, i) => values[quantity] - ends[i][0]),
    color,
    thickness: 1.2,
    width: 3,
  };
}

/** The points that get a name: of many that have the same one, the first in its place. */
function labelledOf(points, x, y, { axes, binary }) {
  const many = unique(points.map(({ device }) => device)).length > MANY;
  const threads = [x, y].includes(axes.threads);
  const rank = ({ values }) => (threads ? -values[axes.threads] : (values[axes.latency] ?? 0));
  const found = new Map();
  for (const point of [...points].sort((a, b) => rank(a) - rank(b))) {
    const key = point.form === binary ? `${many ? "" : point.device}\n${point.model}` : point.form;
    if (!found.has(key)) found.set(key, point);
  }
  return new Set(found.values());
}

function traceOf(points, x, y, name, marker, labelled, site) {
  const trace = {
    type: "scatter",
    name: plain(name.length <= LONGEST ? name : `${name.slice(0, LONGEST - 1)}…`),
    x: points.map(({ values }) => values[x]),
    y: points.map(({ model, values }) => (y === null ? plain(model) : values[y])),
    text: points.map((point) => (!labelled.has(point) ? "" : point.form === site.binary ? point.model : point.form)),
    hovertext: points.map((point) => hover(point, site)),
    customdata: points.map(({ device, model }) => [device, model]),
    hovertemplate: "%{hovertext}<extra></extra>",
    mode: y === null ? "markers" : "markers+text",
    textfont: { size: 10 },
    cliponaxis: false,
    marker: { ...marker, size: points.map(({ form }) => (form === site.binary ? LARGE : SMALL)) },
    error_x: bars(points, x, marker.color),
  };
  if (y !== null) trace.error_y = bars(points, y, marker.color);
  return trace;
}

/** From form to form of one network, and from one number of threads to the next. */
function lineOf(points, x, y, color, { axes }) {
  const threads = [x, y].includes(axes.threads);
  const chains = new Map();
  for (const point of points) {
    const key = `${point.model}\n${threads ? point.form : point.values[axes.threads]}`;
    chains.set(key, [...(chains.get(key) ?? []), point]);
  }
  const at = { x: [], y: [] };
  for (const chain of chains.values()) {
    if (chain.length < 2) continue;
    if (threads) chain.sort((a, b) => a.values[axes.threads] - b.values[axes.threads]);
    at.x.push(...chain.map(({ values }) => values[x]), null);
    at.y.push(...chain.map(({ model, values }) => (y === null ? plain(model) : values[y])), null);
  }
  return { type: "scatter", ...at, mode: "lines", line: { color, width: 1.2, dash: "dot" }, opacity: 0.8, showlegend: false, hoverinfo: "skip" };
}

function axisOf(quantity, points, { axis, axes, titles }) {
  const made = { ...structuredClone(axis), title: { ...axis.title, text: titles[quantity] } };
  if (quantity === axes.accuracy) return made;
  const ends = points.flatMap(({ values, spread }) => (quantity in values ? [values[quantity], ...(spread[quantity] ?? [])] : []));
  const values = ends.filter((value) => value > 0);
  made.type = "log";
  if (quantity === axes.threads) {
    made.tickvals = unique(values).sort((a, b) => a - b);
    made.ticktext = made.tickvals.map(String);
  } else made.dtick = "D2";
  if (values.length) made.range = [Math.log10(Math.min(...values) / 1.5), Math.log10(Math.max(...values) * 1.7)];
  if (made.range && made.range[1] - made.range[0] > 2.5 && made.dtick) made.dtick = 1;
  return made;
}

/** Each name where it covers no marker and no other name, or left to the hover. */
function placeNames(traces, layout) {
  const scale = (axis, size) => {
    const of = axis.type === "log" ? Math.log10 : Number;
    const values = traces.flatMap((trace) => (axis === layout.xaxis ? trace.x : trace.y)).map(of);
    const [low, high] = axis.range ?? [Math.min(...values), Math.max(...values)];
    return (value) => ((of(value) - low) / (high - low || 1)) * size;
  };
  const [toX, toY] = [scale(layout.xaxis, WIDE), scale(layout.yaxis, HIGH)];
  const at = traces.map((trace) => trace.x.map((x, i) => [toX(x), toY(trace.y[i])]));
  const taken = at.flat().map(([x, y]) => [x, y, MARKER, MARKER]);
  traces.forEach((trace, t) => {
    trace.textposition = trace.text.map(() => "top center");
    trace.text = trace.text.map((text, i) => {
      if (!text) return "";
      const [x, y] = at[t][i];
      const [halfX, halfY] = [(text.length * LETTER) / 2, LINE / 2];
      const [awayX, awayY] = [MARKER + halfX + 1, MARKER + halfY + 1];
      const tries = { "top center": [x, y + awayY], "bottom center": [x, y - awayY], "middle right": [x + awayX, y], "middle left": [x - awayX, y] };
      for (const [place, [mx, my]] of Object.entries(tries)) {
        if (taken.every(([ox, oy, w, h]) => Math.abs(ox - mx) >= w + halfX || Math.abs(oy - my) >= h + halfY)) {
          trace.textposition[i] = place;
          taken.push([mx, my, halfX, halfY]);
          return plain(text);
        }
      }
      return "";
    });
  });
}

/**
 * The figure of these points.
 * @returns {data, layout, words}
 */
export function figureOf(measured, cited, state, site) {
  const [x, y] = axesOf(state, site);
  const [ours, others] = [known(measured, x, y), known(cited, x, y)];
  const labelled = labelledOf(ours, x, y, site);
  const devices = unique(measured.map(({ device }) => device));
  const { colours, symbols } = site;
  const markerOf = (index) => ({
    color: colours[index % colours.length],
    symbol: symbols[(index + Math.floor(index / colours.length)) % symbols.length],
  });
  const traces = devices.map((device, i) =>
    traceOf(ours.filter((point) => point.device === device), x, y, device, markerOf(i), labelled, site),
  );
  unique(others.map(({ device, runtime }) => `${device}, ${runtime}`)).forEach((name, i) => {
    const points = others.filter(({ device, runtime }) => `${device}, ${runtime}` === name);
    const marker = { color: site.text, symbol: `${symbols[i % symbols.length]}-open`, line: { width: 2 } };
    traces.push(traceOf(points, x, y, `${name} (cited)`, marker, labelledOf(points, x, y, site), site));
  });
  const lines = devices.map((device, i) => lineOf(ours.filter((point) => point.device === device), x, y, markerOf(i).color, site));
  const shown = [...ours, ...others];
  const count = unique(shown.map(({ model }) => model)).length;
  const rows = { ...structuredClone(site.axis), type: "category", autorange: "reversed", ticksuffix: "  " };
  const layout = {
    ...structuredClone(site.layout),
    title: { text: y === null ? `${x} of ${site.layersOf}` : `${y} over ${x}` },
    showlegend: true,
    legend: { orientation: "h", x: 0, xanchor: "left", y: -0.2, yanchor: "top" },
    height: y === null ? Math.max(500, 200 + 24 * count) : 500,
    margin: { l: 10, r: 30, t: 60, b: 60 },
    xaxis: axisOf(x, shown, site),
    yaxis: y === null ? rows : axisOf(y, shown, site),
  };
  if (y !== null) placeNames(traces, layout);
  if (!shown.length) {
    const text = "nothing was measured so: choose another<br>runtime, quantity or number of threads";
    layout.annotations = [{ text, showarrow: false, xref: "paper", yref: "paper", x: 0.5, y: 0.5 }];
  }
  return { data: [...traces, ...lines], layout, words: wordsOf(measured, ours, others, state, site) };
}

function wordsOf(measured, ours, others, state, site) {
  const { latency } = site.axes;
  const words = [];
  if (ours.length) {
    const sorted = [...ours].sort((a, b) => a.values[latency] - b.values[latency]);
    const [first, last] = [sorted[0], sorted.at(-1)];
    const say = (point) => `${called(point, site)} with ${Number(point.values[latency].toPrecision(3))} ms on ${point.device}`;
    words.push(`${ours.length} measured points, from ${say(first)} to ${say(last)}.`);
  } else words.push("Nothing of this was measured on these devices.");
  const over = axesOf(state, site).some((axis) => [site.axes.overFloat, site.axes.overInt8].includes(axis));
  const counts = ({ form }) => !over || form === site.binary; // a form is not compared with itself
  const lacking = unique(measured.filter((point) => counts(point) && !ours.includes(point)).map(({ model }) => model));
  if (lacking.length) words.push(`Without a value, so left out: ${lacking.slice(0, 4).join(", ")}${lacking.length > 4 ? `, and ${lacking.length - 4} more` : ""}.`);
  if (axesOf(state, site).includes(site.axes.accuracy)) words.push("Accuracies are cited, not reproduced.");
  if (axesOf(state, site).includes(site.axes.energy)) words.push("Energy is a model, not a measurement: a published table of a 45 nm process, each byte read once from memory.");
  if (others.length) {
    const [devices, sources] = ["device", "source"].map((key) => unique(others.map((point) => point[key])));
    words.push(`Hollow points are cited: ${devices.join(", ")}. Source: ${sources.join("; ")}.`);
  }
  return words.join(" ");
}
