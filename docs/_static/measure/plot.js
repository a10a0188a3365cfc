// Latencies of layers, a band for each, a line for each device, on a logarithmic axis.

const SVG = "http://www.w3.org/2000/svg";
const LINE = 34; // pixels between the devices of a band
const BAND = 40; // above the first of them
const EDGE = 14;
const KINDS = {
  binary: (name) => name.startsWith("bnn_lab "),
  int8: (name) => name.startsWith("int8 "),
  float32: (name) => name.startsWith("float32 "),
};

export const kindOf = (name) => Object.keys(KINDS).find((kind) => KINDS[kind](name)) ?? null;

/** Three significant digits. */
export const digits = (value) => Number(value.toPrecision(3)).toLocaleString("en");

function element(name, attributes, parent, content = "") {
  const made = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  if (content) made.textContent = content;
  parent?.append(made);
  return made;
}

/** Of a report: for each layer the points {kind, name, min, median, p90} in seconds. */
export function pointsOf(layer) {
  return layer.times
    .map(({ name, min_s, median_s, p90_s }) => ({
      kind: kindOf(name),
      name,
      min: min_s,
      median: median_s,
      p90: p90_s,
    }))
    .filter(({ kind }) => kind);
}

/** Of a recorded device: the fastest of ours, and its neighbours in LiteRT. */
export function recordedPoints(times) {
  const all = Object.entries(times).map(([name, min]) => ({ kind: kindOf(name), name, min }));
  const ours = all.filter(({ kind, name }) => kind === "binary" && !name.includes("LiteRT"));
  const fastest = ours.sort((a, b) => a.min - b.min).slice(0, 1);
  return [...fastest, ...all.filter(({ kind }) => kind === "int8" || kind === "float32")];
}

/** 1, 2, 5 and their tenfolds. */
function ticks(low, high, many) {
  const found = [];
  for (let e = Math.floor(Math.log10(low)); e <= Math.ceil(Math.log10(high)); e += 1) {
    for (const step of many ? [1, 2, 5] : [1]) {
      const value = step * 10 ** e;
      if (value >= low && value <= high) found.push(value);
    }
  }
  return found;
}

/**
 * Draws into `box` and redraws when its width changes.
 * @param bands [{name, macs, lines: [{device, here, points}]}]
 * @param say is told what the point under pointer or focus stands for
 */
export function drawPlot(box, bands, { unit, say }) {
  const value = (band, seconds) =>
    unit === "GMAC/s" ? band.macs / seconds / 1e9 : seconds * 1e3;
  const all = bands.flatMap((band) =>
    band.lines.flatMap(({ points }) =>
      points.flatMap((point) => [point.min, point.p90 ?? point.min].map((s) => value(band, s))),
    ),
  );
  const low = Math.min(...all) / 1.3;
  const high = Math.max(...all) * 1.3;

  function draw() {
    drawn = box.clientWidth;
    const width = Math.max(260, drawn);
    const x = (v) => EDGE + ((width - 2 * EDGE) * Math.log(v / low)) / Math.log(high / low);
    const heights = bands.map(({ lines }) => BAND + LINE * lines.length);
    const height = 24 + heights.reduce((a, b) => a + b, 0);
    const focused = box.contains(document.activeElement)
      ? document.activeElement.getAttribute("data-at")
      : null;
    const svg = element("svg", { width, height, viewBox: `0 0 ${width} ${height}`, role: "group" });
    svg.setAttribute("aria-label", `Layers in ${unit}; arrow keys go from point to point.`);
    for (const tick of ticks(low, high, width > 560)) {
      const at = x(tick);
      if (at > width - 60) continue; // there stands the unit
      element("line", { x1: at, x2: at, y1: 20, y2: height, class: "grid" }, svg);
      element("text", { x: at, y: 13, class: "tick" }, svg, `${digits(tick)}`);
    }
    element("text", { x: width - 2, y: 13, class: "unit" }, svg, unit);
    let top = 24;
    const dots = [];
    bands.forEach((band, b) => {
      element("text", { x: 2, y: top + 18, class: "band" }, svg, band.name);
      band.lines.forEach((line, l) => {
        const y = top + BAND + LINE * l + 10;
        element("text", { x: 2, y: y - 11, class: "device" }, svg, line.device);
        element("line", { x1: 0, x2: width, y1: y, y2: y, class: "line" }, svg);
        for (const point of [...line.points].sort((a, b) => a.min - b.min)) {
          const [a, c] = [point.min, point.p90 ?? point.min].map((s) => x(value(band, s)));
          const whisker = { x1: a, x2: c, y1: y, y2: y, class: `whisker ${point.kind}` };
          if (line.here) element("line", whisker, svg);
          const kind = `dot ${point.kind} ${line.here ? "here" : "recorded"}`;
          const dot = element("g", { class: kind, tabindex: -1, role: "img" }, svg);
          dot.setAttribute("data-at", dots.length);
          element("circle", { cx: a, cy: y, r: 14, class: "touch" }, dot);
          element("circle", { cx: a, cy: y, r: 5.5 }, dot);
          const text = describe(band, line, point);
          dot.setAttribute("aria-label", text);
          // Not pointerenter: a page that scrolls under a resting pointer tells nothing.
          for (const event of ["pointermove", "focus", "click"]) {
            dot.addEventListener(event, () => say(text));
          }
          dots.push(dot);
        }
      });
      top += heights[b];
    });
    svg.addEventListener("keydown", (event) => {
      const step = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
      const ends = { Home: 0, End: dots.length - 1 };
      const at = dots.indexOf(document.activeElement);
      if (at < 0 || (!step && !(event.key in ends))) return;
      event.preventDefault();
      move(step ? Math.min(Math.max(at + step, 0), dots.length - 1) : ends[event.key]);
    });
    const move = (at) => {
      dots.forEach((dot, i) => dot.setAttribute("tabindex", i === at ? 0 : -1));
      dots[at].focus();
    };
    dots[0]?.setAttribute("tabindex", 0);
    box.replaceChildren(svg);
    if (focused !== null) move(Number(focused));
  }

  const describe = (band, line, { name, min, median, p90 }) => {
    const rate = `${digits(band.macs / min / 1e9)} GMAC/s`;
    const spread = median
      ? `, median ${digits(median * 1e3)}, 90 % below ${digits(p90 * 1e3)}`
      : "";
    return `${band.name}, ${line.device}, ${name}: best ${digits(min * 1e3)} ms${spread}; ${rate}`;
  };
  let drawn;
  const observer = new ResizeObserver(() => {
    if (box.clientWidth !== drawn) draw();
  });
  draw();
  observer.observe(box);
  return () => observer.disconnect();
}
