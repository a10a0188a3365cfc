// "Compare devices": the latency explorer in a page, for reports that are dropped on it.

import { figureOf } from "./plot.js";
import { packed, profiledOf } from "./ops.js";
import { citedPoints, measuredPoints, modelsOf, runtimesOf } from "./points.js";
import { merged, readFile, repeated } from "./reports.js";

const ROWS = "a row for each layer";
const NONE = "none";
const root = document.getElementById("latency");

function make(tag, options = {}, ...children) {
  const made = Object.assign(document.createElement(tag), options);
  made.append(...children);
  return made;
}

const ui = {
  controls: make("div", { className: "figure-controls" }),
  figure: make("div", { className: "figure" }),
  words: make("p", { className: "figure-words" }),
  filter: make("fieldset", { className: "figure-controls" }),
  networks: make("details", { className: "networks" }),
  ops: make("div", { className: "ops" }),
  opsWords: make("p", { className: "figure-words" }),
  zone: make("label", { className: "drop" }),
  input: make("input", { type: "file", multiple: true, accept: ".json,application/json" }),
  said: make("ul", { className: "said" }),
  devices: make("ul", { className: "devices" }),
};
ui.words.setAttribute("aria-live", "polite");
ui.opsWords.setAttribute("aria-live", "polite");
ui.said.setAttribute("role", "status");
ui.figure.setAttribute("role", "img");

function choice(label, options, value, changed) {
  const select = make("select", {}, ...options.map((text) => new Option(text, text)));
  select.value = value;
  select.addEventListener("change", () => changed(select.value));
  return { label: make("label", {}, `${label} `, select), select };
}

function toggle(label, checked, changed) {
  const input = make("input", { type: "checkbox", checked });
  input.addEventListener("change", () => changed(input.checked));
  return make("label", {}, input, ` ${label}`);
}

class Page {
  constructor(site, show) {
    Object.assign(this, { site, show, dropped: [], picked: null, drawnOps: null });
    const { axes, networksOf, ours } = site;
    this.state = { of: networksOf, x: axes.latency, y: axes.accuracy, runtime: ours, threads: "1", lines: false, cited: true, models: [] };
    this.build();
    this.draw();
  }

  /** What is shown: what comes with the page until something was dropped, and then as long as it is kept. */
  get reports() {
    return merged([...(this.withExample ? [this.site.example] : []), ...this.dropped]);
  }

  build() {
    this.withExample = true;
    const set = (key) => (value) => {
      this.state[key] = value;
      this.draw();
    };
    const { site, state } = this;
    const axes = Object.values(site.axes);
    const list = {
      of: ["show", [site.networksOf, site.layersOf]],
      x: ["across", axes],
      y: ["up", axes],
      runtime: ["runs on", site.runtimes],
      threads: ["threads", ["1", "2", "4", "8"]],
    };
    this.selects = {};
    for (const [key, [label, options]] of Object.entries(list)) {
      const made = choice(label, options, state[key], set(key));
      this.selects[key] = made.select;
      ui.controls.append(made.label);
    }
    ui.controls.append(
      toggle("float32 → int8 → binary", state.lines, set("lines")),
      toggle("cited figures", state.cited, set("cited")),
    );
    const ops = choice("ops of", [NONE], NONE, () => this.pick(this.offered[ops.select.selectedIndex - 1] ?? null));
    this.selects.ops = ops.select;
    ui.networks.append(make("summary"), ui.filter);
    ui.zone.append(ui.input, make("b", { textContent: "Drop reports here" }), " or click to choose: JSON files of bnn-lab bench … --json. Nothing is sent.");
    root.replaceChildren(ui.zone, ui.said, ui.controls, ui.networks, ui.figure, ui.words, ui.devices,
      make("div", { className: "figure-controls" }, ops.label), ui.opsWords, ui.ops);
    ui.input.addEventListener("change", async () => {
      await this.take([...ui.input.files]);
      ui.input.value = ""; // the same file may be chosen again
    });
    // Beside the zone, too: a browser would leave the page for the file.
    const lit = (on) => (event) => {
      event.preventDefault();
      ui.zone.classList.toggle("over", on);
    };
    addEventListener("dragover", lit(true));
    addEventListener("dragleave", lit(false));
    addEventListener("drop", (event) => {
      lit(false)(event);
      this.take([...(event.dataTransfer?.files ?? [])]);
    });
  }

  async take(files) {
    const lines = [];
    const found = [];
    for (const file of files) {
      try {
        found.push(await readFile(file, this.site));
      } catch (error) {
        lines.push(["refused", error.message]);
      }
    }
    if (found.length) {
      this.dropped.push(...found);
      const names = [...new Set(found.map(({ device }) => device))];
      lines.unshift(["", `Shown: ${names.slice(0, 6).join(", ")}${names.length > 6 ? `, and ${names.length - 6} more` : ""}.`]);
    }
    for (const { device, models } of found) {
      if (models.length || found.every((one) => !one.models.length)) continue;
      lines.push(["", `${device} measured layers alone: choose ${this.site.layersOf}.`]);
    }
    const twice = repeated([...this.dropped, ...(this.withExample ? [this.site.example] : [])]);
    for (const label of twice) {
      lines.push(["", `Several reports of ${label} measured the same: the newest counts. If they are of several devices, measure with bnn-lab bench … --name.`]);
    }
    if (!files.length) lines.push(["refused", "That was not a file. Drop files of bnn-lab bench … --json."]);
    ui.said.replaceChildren(...lines.map(([className, textContent]) => make("li", { className, textContent })));
    if (found.length) this.showsWhatWasDropped(found);
    this.draw();
  }

  /** Reports of layers alone, such as a phone's, would leave the figure of networks as it is. */
  showsWhatWasDropped(found) {
    const { site, state, selects } = this;
    if (state.of !== site.networksOf || found.some(({ models }) => models.length)) return;
    state.of = selects.of.value = site.layersOf;
    state.y = ROWS;
  }

  /** Only what there is to choose. */
  offer(key, options, otherwise = options[0]) {
    const { state, selects } = this;
    if (!options.includes(state[key])) state[key] = otherwise;
    selects[key].replaceChildren(...options.map((text) => new Option(text, text)));
    selects[key].value = state[key];
  }

  draw() {
    const { site, state } = this;
    const reports = this.reports;
    const axes = state.of === site.layersOf ? site.ofLayers : Object.values(site.axes);
    this.offer("x", axes);
    if (state.of === site.layersOf) this.offer("y", [ROWS, ...axes]);
    else this.offer("y", axes, site.axes.accuracy);
    this.offer("runtime", runtimesOf(reports, site));
    const drawn = figureOf(measuredPoints(reports, state, site), citedPoints(state, site), state, site);
    this.show(drawn);
    ui.words.textContent = drawn.words;
    ui.figure.setAttribute("aria-label", drawn.words);
    ui.devices.replaceChildren(...this.rows());
    this.drawFilter(reports);
    this.drawOps(reports);
  }

  /** A box for each network; none ticked shows all, as in `LatencyExplorer`. */
  drawFilter(reports) {
    const { site, state } = this;
    const names = modelsOf(reports, site);
    ui.networks.hidden = state.of === site.layersOf;
    state.models = state.models.filter((name) => names.includes(name));
    ui.networks.firstChild.textContent = `networks: ${state.models.length ? state.models.join(", ") : "all"}`;
    if (names.join("\n") === this.filtered) return; // the focus stays on the box that was ticked
    this.filtered = names.join("\n");
    const box = (name) =>
      toggle(name, state.models.includes(name), (on) => {
        state.models = on ? [...state.models, name] : state.models.filter((other) => other !== name);
        this.draw();
      });
    ui.filter.replaceChildren(make("legend", { textContent: "Only these; none ticked shows all" }), ...names.map(box));
  }

  /** The network whose ops are shown: {device, model}, or null. */
  pick(picked, jump = false) {
    this.picked = picked;
    this.drawOps(this.reports);
    if (jump) ui.ops.scrollIntoView({ block: "center" });
  }

  /** A point was clicked: its ops, or why there are none. */
  clicked(customdata) {
    if (!customdata || this.state.of === this.site.layersOf) return;
    const [device, model] = customdata;
    this.pick({ device, model }, true);
  }

  drawOps(reports) {
    const { site, state, picked, selects } = this;
    this.offered = profiledOf(reports, state.threads);
    const same = (one) => picked && one.device === picked.device && one.model === picked.model;
    const at = this.offered.findIndex(same);
    selects.ops.replaceChildren(...[NONE, ...this.offered.map(({ device, model }) => `${model}, ${device}`)].map((text) => new Option(text, text)));
    selects.ops.selectedIndex = at + 1;
    const cited = site.cited[site.networksOf].some(same);
    if (at >= 0) ui.opsWords.textContent = "";
    else if (!picked) ui.opsWords.textContent = "Click a filled point, or choose a network in the list, to see where its time goes.";
    else if (cited) ui.opsWords.textContent = `${picked.model} on ${picked.device} is a cited figure: only its latency was published.`;
    else ui.opsWords.textContent = `${picked.model} on ${picked.device} was not profiled with ${state.threads} ${Number(state.threads) === 1 ? "thread" : "threads"}.`;
    const file = at >= 0 ? packed(this.offered[at], site) : null;
    if (JSON.stringify(file) === this.drawnOps) return;
    this.drawnOps = JSON.stringify(file);
    this.mountOps(file);
  }

  /**
   * The explorable of the notebook; its settings stay from network to network, in the address. Its
   * script loads with the first network.
   */
  async mountOps(file) {
    this.opsView?.remove();
    this.opsView = null;
    ui.ops.replaceChildren();
    if (!file) return;
    const now = this.drawnOps;
    const { load } = globalThis.bnnLabFigures;
    try {
      await load("explorables/explorables.js");
      await load("explorables/op_profile.js");
    } catch (error) {
      ui.opsWords.textContent = error.message;
      return;
    }
    if (now !== this.drawnOps) return; // another was chosen meanwhile
    const box = make("div");
    ui.ops.append(box);
    this.opsView = globalThis.bnnLab.explorables.op_profile.mount(box, { start: { files: [file] }, name: "ops", address: true });
  }

  /** A device each, with a button that takes it away. */
  rows() {
    const own = this.withExample ? [[this.site.example.device, " (comes with this page)", () => (this.withExample = false)]] : [];
    const labels = [...new Set(this.dropped.map(({ device }) => device))];
    const dropped = labels.map((label) => [label, "", () => (this.dropped = this.dropped.filter(({ device }) => device !== label))]);
    return [...own, ...dropped].map(([label, note, remove]) => {
      const button = make("button", { type: "button", textContent: "remove" });
      button.setAttribute("aria-label", `remove ${label}`);
      button.addEventListener("click", () => {
        remove();
        this.draw();
        (ui.devices.querySelector("button") ?? ui.input).focus();
      });
      return make("li", {}, `${label}${note} `, button);
    });
  }
}

async function begin() {
  const answer = await fetch(new URL("site.json", import.meta.url));
  if (!answer.ok) throw new Error(`site.json: ${answer.status}`);
  const site = await answer.json();
  const { load, place } = globalThis.bnnLabFigures;
  await load("plotly.min.js");
  let draw = null;
  const page = new Page(site, (figure) => {
    if (draw) draw(figure);
    else draw = place(ui.figure, figure, (customdata) => page.clicked(customdata));
  });
}

begin().catch((error) => {
  root.replaceChildren(make("p", { textContent: `This page could not start: ${error.message}` }));
});
