// A machine's roof: what arithmetic allows, and what memory can feed. Drag the star, a layer of one's
// own, or set its sizes; measured layers lie below. Williams, Waterman and Patterson, CACM 52(4), 2009.

import schema from "./roofline.json" with { type: "json" };
import { explorable } from "./core/explorable.js";
import { scale } from "./core/marks.js";
import { allRuns, isBinary } from "./core/runs.js";
import { drawTabs, placeTabs, tabHandles } from "./core/tabs.js";
import { fade } from "./core/theme.js";
import { at, grouped, seconds } from "./core/words.js";

const [BINARY, , FLOATS] = schema.fields.values.options;
const BITS = { [BINARY]: [1, 32], "binary, writes bits": [1, 1], [FLOATS]: [32, 32] };
const DOMAIN = [0, 4.05]; // powers of ten of multiply-accumulates a byte; from less for a layer with less
const REACH = 18; // pixels around a point

/** Bytes that a convolution must at least read and write, as bnn_lab/bench/machine.py has them. */
export function convBytes({ size, channels_in: inputs, channels_out: outputs, kernel }, bits, outputBits) {
  const stored = (channels, width) => (width === 1 ? 4 * Math.ceil(channels / 32) : (channels * width) / 8);
  const pixels = size ** 2;
  return (pixels + outputs * kernel ** 2) * stored(inputs, bits) + pixels * stored(outputs, outputBits);
}

const macsOf = ({ size, channels_in: inputs, channels_out: outputs, kernel }) => size ** 2 * kernel ** 2 * inputs * outputs;

const layerOf = ({ size, channels, kernel }) => ({
  size,
  channels_in: channels,
  channels_out: channels,
  kernel: Number(kernel[0]),
});

/** The bound of the state's layer: the smaller of intensity times bandwidth, and the ceiling. */
export function boundOf(roof, state) {
  const layer = layerOf(state);
  const bytes = convBytes(layer, ...BITS[state.values]);
  const macs = macsOf(layer);
  const ceilings = Object.values(roof.ceilings);
  const ceiling = state.values === FLOATS || !ceilings.length ? roof.float_best : Math.max(...ceilings);
  const limit = (macs / bytes) * roof.bandwidths[state.place];
  return { intensity: macs / bytes, gmacs: Math.min(limit, ceiling), byMemory: limit < ceiling, macs, bytes };
}

/** Width in bits of what a row reads and writes. */
const bitsOf = (name) => (isBinary(name) ? [1, 32] : name.startsWith("int8") ? [8, 8] : [32, 32]);

export function compute(state) {
  const runs = allRuns(state.own).filter(({ roof }) => roof);
  const run = at(runs, state.machine);
  const points = run.layers.flatMap((layer) =>
    layer.rows
      .filter(([name]) => name !== "NumPy, bits")
      .map(([name, best]) => ({
        name,
        layer: layer.name,
        intensity: layer.macs / convBytes(layer, ...bitsOf(name)),
        gmacs: layer.macs / best / 1e9,
      })),
  );
  const names = [...new Set(points.map(({ name }) => name))];
  const roofs = [...Object.entries(run.roof.ceilings), ["float32", run.roof.float_best]];
  return { runs, run, points, names, roofs, bound: boundOf(run.roof, state) };
}

function place(state, width) {
  const runs = allRuns(state.own).filter(({ roof }) => roof);
  const names = runs.length > 1 ? runs.map(({ machine }) => machine) : [];
  const tabs = placeTabs(names, 12, width - 12, 10);
  const top = tabs.bottom + 48;
  return { tabs, top, bottom: top + (width < 560 ? 300 : 360) };
}

function height(width, state) {
  return place(state, width).bottom + (width < 560 ? 122 : 84);
}

function layout({ state, data, width, narrow }) {
  const l = place(state, width);
  const [left, right] = [narrow ? 46 : 62, width - 16];
  const speeds = [...data.points.map(({ gmacs }) => gmacs), data.run.roof.float_best / 10];
  const low = Math.log10(Math.min(...speeds) / 1.5);
  const high = Math.log10(Math.max(...data.roofs.map(([, gmacs]) => gmacs)) * 2);
  const domain = [Math.min(DOMAIN[0], Math.floor(Math.log10(data.bound.intensity))), DOMAIN[1]];
  const [lineX, lineY] = [scale(domain, [left, right]), scale([low, high], [l.bottom, l.top])];
  const x = (intensity) => lineX(Math.min(Math.max(Math.log10(intensity), domain[0]), domain[1]));
  const y = (gmacs) => lineY(Math.min(Math.max(Math.log10(gmacs), low), high));
  return { ...l, left, right, low, high, domain, lineX, x, y };
}

const marks = ["circle", "diamond", "ring", "box", "triangle"];

function drawMark(pen, kind, x, y, fill, paper) {
  const r = 5.5;
  if (kind === "circle") pen.circle(x, y, r, { fill });
  else if (kind === "ring") pen.circle(x, y, r - 1, { fill: paper, stroke: fill, width: 2.2 });
  else if (kind === "box") pen.rect(x - 5, y - 5, 10, 10, { fill }, 1.5);
  else {
    const corners = kind === "diamond" ? [x, y - 7, x + 6, y, x, y + 7, x - 6, y] : [x, y - 6.5, x + 6.5, y + 5, x - 6.5, y + 5];
    pen.path(corners, { fill }, true);
  }
}

/** Binary ones warm, int8 and floats cool; the wider the instructions, the stronger. */
function styleOf(name, data, c) {
  if (!isBinary(name)) {
    const others = data.names.filter((one) => !isBinary(one));
    return { colour: name.startsWith("int8") ? c.kick : c.minus, mark: marks[3 + (others.indexOf(name) % 2)] };
  }
  return { colour: c.plus, mark: marks[data.names.filter(isBinary).indexOf(name) % 3] };
}

function draw(pen, scene) {
  const { state, data, colours: c, layout: l, narrow } = scene;
  drawTabs(pen, l.tabs, data.runs.indexOf(data.run), c);
  const { bound } = data;
  const title = `Your layer: at most ${grouped(bound.gmacs)} GMAC/s`;
  pen.text(title, 12, l.top - 24, { fill: c.ink, size: narrow ? 16 : 19, weight: 700 });
  const reason = `set by ${bound.byMemory ? `the ${state.place}` : "arithmetic"}; ${data.run.machine}, one thread`;
  pen.text(reason, 12, l.top - 6, { fill: bound.byMemory ? c.wrong : c.formula, size: 13, weight: 600 });
  drawAxes(pen, scene);
  drawRoofs(pen, scene);
  for (const { name, intensity, gmacs } of data.points) {
    const { colour, mark } = styleOf(name, data, c);
    drawMark(pen, mark, l.x(intensity), l.y(gmacs), colour, c.paper);
  }
  drawStar(pen, l.x(bound.intensity), l.y(bound.gmacs), c);
  drawLegend(pen, scene);
  drawHint(pen, scene);
}

function drawAxes(pen, { colours: c, layout: l, narrow }) {
  for (let power = l.domain[0]; power <= 4; power++) {
    const x = l.x(10 ** power);
    pen.line(x, l.top, x, l.bottom, { stroke: c.grid });
    if (narrow && l.domain[0] < 0 && power % 2) continue; // no room for all
    pen.text(grouped(10 ** power, Math.max(-power, 0)), x, l.bottom + 16, { fill: c.soft, size: 12, align: power === 4 ? "right" : "center" });
  }
  for (let power = Math.ceil(l.low); power <= l.high; power++) {
    const y = l.y(10 ** power);
    pen.line(l.left, y, l.right, y, { stroke: c.grid });
    pen.text(power < 0 ? String(10 ** power) : grouped(10 ** power, 0), l.left - 7, y, { fill: c.soft, size: 12, align: "right", base: "middle" });
  }
  pen.text("GMAC/s", l.left + 6, l.top + 12, { fill: c.soft, size: 12, halo: c.paper });
  const text = narrow ? "intensity, MACs per byte" : "intensity, MACs per byte read or written";
  pen.text(text, l.right, l.bottom + 34, { fill: c.soft, size: 12, align: "right" });
}

/** Each roof rises with the bandwidth and is flat from its ridge on. */
function drawRoofs(pen, { state, data, colours: c, layout: l }) {
  const bandwidth = data.run.roof.bandwidths[state.place];
  const least = 10 ** l.domain[0];
  const ridge = (gmacs) => Math.max(gmacs / bandwidth, least);
  const best = Math.max(...data.roofs.map(([, gmacs]) => gmacs));
  const foot = Math.max(10 ** l.low / bandwidth, least);
  const area = [l.x(foot), l.y(foot * bandwidth), l.x(ridge(best)), l.y(best), l.right, l.y(best), l.right, l.bottom, l.x(foot), l.bottom];
  pen.path(area, { fill: fade(c.formula, 0.06) }, true);
  const star = [l.x(data.bound.intensity), l.y(data.bound.gmacs)];
  let above = -Infinity;
  for (const [name, gmacs] of [...data.roofs].sort((a, b) => b[1] - a[1])) {
    const colour = name === "float32" ? c.minus : c.plus;
    const y = l.y(gmacs);
    pen.path([l.x(foot), l.y(foot * bandwidth), l.x(ridge(gmacs)), y, l.right, y], { stroke: colour, width: 2, alpha: 0.85 });
    const label = `${name} ${grouped(gmacs, 0)}`;
    const starred = Math.abs(y - 6 - star[1]) < 20 && star[0] > l.right - 16 - pen.measure(label, { size: 12, weight: 600 });
    // Over the star, and below its line where the label of another roof is above.
    const line = y - above < 16 ? y + 15 : y - (starred ? 17 : 6);
    pen.text(label, l.right - 4, line, { fill: colour, size: 12, weight: 600, align: "right", halo: c.paper });
    above = y;
  }
  const low = foot * 1.25;
  const [x, label] = [l.x(low) + 12, `${state.place} ${grouped(bandwidth, 0)} GB/s`];
  const end = x + pen.measure(label, { size: 12 });
  const free = (line) => data.points.every(({ intensity, gmacs }) => {
    const [px, py] = [l.x(intensity), l.y(gmacs)];
    return px < x - 8 || px > end + 8 || py < line - 20 || py > line + 10;
  });
  const line = l.y(low * bandwidth) + 16;
  pen.text(label, x, free(line) ? line : l.bottom - 8, { fill: c.soft, size: 12, halo: c.paper });
}

function drawStar(pen, x, y, c) {
  const corners = [];
  for (let k = 0; k < 10; k++) {
    const [r, angle] = [k % 2 ? 5 : 12, (k * Math.PI) / 5];
    corners.push(x + r * Math.sin(angle), y - r * Math.cos(angle));
  }
  pen.path(corners, { fill: c.accent, stroke: c.paper, width: 1.5 }, true);
}

function drawLegend(pen, { data, colours: c, layout: l, width, narrow }) {
  let [x, y] = [12, l.bottom + (narrow ? 56 : 60)];
  const entry = (text, drawn) => {
    const wide = 34 + pen.measure(text, { size: 12 });
    if (x + wide > width - 6) [x, y] = [12, y + 20];
    drawn(x + 8, y);
    pen.text(text, x + 19, y, { fill: c.soft, size: 12, base: "middle" });
    x += wide;
  };
  entry("your layer", (px, py) => drawStar(pen, px, py, c));
  for (const name of data.names) {
    const { colour, mark } = styleOf(name, data, c);
    entry(name.replace("bnn_lab ", ""), (px, py) => drawMark(pen, mark, px, py, colour, c.paper));
  }
}

/** What the pointer is near. */
function drawHint(pen, { data, colours: c, layout: l, pointer, held, width }) {
  if (!pointer || held) return;
  const far = (point) => Math.hypot(l.x(point.intensity) - pointer.x, l.y(point.gmacs) - pointer.y);
  const nearest = data.points.reduce((best, point) => (best && far(best) <= far(point) ? best : point), null);
  if (!nearest || far(nearest) > REACH) return;
  const [x, y] = [l.x(nearest.intensity), l.y(nearest.gmacs)];
  pen.circle(x, y, 9, { stroke: c.ink, width: 1.5 });
  const lines = [`${nearest.name}, ${nearest.layer}`, `${grouped(nearest.gmacs)} GMAC/s, ${grouped(nearest.intensity, 0)} MACs per byte`];
  const wide = Math.max(...lines.map((line) => pen.measure(line, { size: 12.5 }))) + 18;
  const left = Math.min(Math.max(x - wide / 2, 4), width - wide - 4);
  const top = y > l.top + 60 ? y - 58 : y + 14;
  pen.rect(left, top, wide, 42, { fill: c.panel, stroke: c.faint }, 7);
  lines.forEach((line, i) => pen.text(line, left + 9, top + 17 + 17 * i, { fill: c.ink, size: 12.5, weight: i ? 400 : 600 }));
}

function handles({ state, data, layout: l }) {
  const { bound } = data;
  /** The channels whose layer lies nearest below the pointer. */
  const from = (px) => {
    const wanted = 10 ** l.lineX.invert(px);
    const { low, high, step } = schema.fields.channels;
    let best = low;
    const off = (channels) => Math.abs(Math.log(boundOf(data.run.roof, { ...state, channels }).intensity / wanted));
    for (let channels = low; channels <= high; channels += step) if (off(channels) < off(best)) best = channels;
    return best;
  };
  const star = {
    id: "star",
    label: "channels of your layer",
    help: "drag sideways: more or fewer channels",
    field: "channels",
    x: l.x(bound.intensity),
    y: l.y(bound.gmacs),
    axis: "x",
    invite: true,
    text: `${state.channels} channels, ${grouped(bound.intensity, 1)} MACs per byte`,
    from,
  };
  const machine = data.runs.indexOf(data.run);
  return [...tabHandles(l.tabs, "machine", "machine", machine, (view, i) => view.set({ machine: i })), star];
}

/** A number of multiply-accumulates. */
function counted(macs) {
  if (macs >= 1e9) return `${grouped(macs / 1e9, 1)} billion`;
  return macs >= 1e5 ? `${grouped(macs / 1e6, 1)} million` : grouped(macs, 0);
}

/** A number of bytes. */
const sized = (bytes) => (bytes >= 1e6 ? `${grouped(bytes / 1e6, 1)} MB` : `${grouped(bytes / 1e3, bytes < 1e4 ? 1 : 0)} kB`);

function describe({ state, data }) {
  const { bound, run } = data;
  const reason = bound.byMemory
    ? `the ${state.place} delivers ${grouped(run.roof.bandwidths[state.place], 0)} GB/s, and arithmetic alone would be faster`
    : `arithmetic is the limit, and the ${state.place} could deliver more`;
  return (
    `A ${state.kernel} convolution of ${state.size}\u00d7${state.size} pixels with ${state.channels} channels, ` +
    `${state.values}: ${counted(bound.macs)} MACs and ${sized(bound.bytes)}, so ` +
    `${grouped(bound.intensity, 1)} MACs per byte. It runs at ${grouped(bound.gmacs, 0)} GMAC/s at most, in ` +
    `${seconds(bound.macs / bound.gmacs / 1e9)} at least: ${reason}.`
  );
}

export default explorable({ schema, height, compute, layout, draw, handles, describe, hover: true });
