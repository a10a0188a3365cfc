/* Draws the figures of a lesson when they come near the window. Plotly is large: it loads with the
   first of them. Until then, without scripts, and where it cannot be loaded, a still stands there. */
(() => {
  const here = document.currentScript.src;
  const SOON = "600px"; // how near the window a figure is when it is drawn
  const NARROWEST = 440; // pixels that a figure's words need; a smaller window shows it smaller
  const CROWDED = 700; // and one with many notes
  const TITLE = 30; // pixels that a title takes, which stands above instead, where it can wrap
  const ROW = 24; // of a legend

  function plain(text) {
    return new DOMParser().parseFromString(text.replaceAll("<br>", " "), "text/html").body.textContent;
  }

  /** Rows of a legend whose names stand side by side; letters are about 7 pixels wide. */
  function rowsOf(names, width) {
    const widest = 46 + 7 * Math.max(...names.map((name) => plain(name).length));
    return Math.ceil(names.length / Math.max(Math.floor(width / widest), 1));
  }

  /** A legend beside the points takes half of a narrow figure: it goes below the axis's title. */
  function legendBelow(data, layout, width) {
    const names = data.filter(({ name, showlegend }) => name && showlegend !== false).map(({ name }) => name);
    if (layout.showlegend === false || names.length < 2 || layout.legend?.orientation === "h") return {};
    const more = ROW * rowsOf(names, width) + 8;
    const legend = { ...layout.legend, orientation: "h", x: 0, xanchor: "left" };
    Object.assign(legend, { yref: "container", y: 0, yanchor: "bottom" });
    const margin = { ...layout.margin, r: 20, b: (layout.margin.b ?? 80) + more };
    return { height: layout.height + more, legend, margin };
  }

  /** Without its title, which stands above it. */
  function fitted({ layout, least = layout.annotations?.length > 10 ? CROWDED : NARROWEST }) {
    const title = layout.title?.text ?? "";
    const top = layout.margin?.t ?? 100;
    const height = (layout.height ?? 450) - (title ? Math.min(TITLE, top) : 0);
    const whole = { ...layout, title: undefined, autosize: false, height };
    whole.margin = { ...layout.margin, t: title ? Math.max(top - TITLE, 12) : top };
    return { whole, title: plain(title), least };
  }

  /** Draws a figure at its place; returns what draws another one there. */
  function place(element, figure) {
    const heading = document.createElement("p");
    heading.className = "figure-title";
    element.before(heading);
    const box = document.createElement("div");
    element.replaceChildren(box); // in place of the still
    let drawn = 0;
    let shown = null;
    const fit = () => {
      const room = element.clientWidth;
      if (!room || room === drawn) return;
      drawn = room;
      const { data, whole, least } = shown;
      const scale = Math.min(room / least, 1);
      const width = Math.max(room, least);
      const fitting = { ...whole, ...(scale < 1 ? legendBelow(data, whole, width) : {}) };
      Object.assign(box.style, { width: `${width}px`, transform: `scale(${scale})` });
      element.style.height = `${Math.ceil(scale * fitting.height)}px`;
      window.Plotly.react(box, data, { ...fitting, width }, { displayModeBar: false });
    };
    const show = (next) => {
      shown = { data: next.data, ...fitted(next) };
      heading.textContent = shown.title;
      heading.hidden = !shown.title;
      drawn = 0;
      fit();
    };
    show(figure);
    new ResizeObserver(fit).observe(element);
    return show;
  }

  /** Controls above a figure whose settings docs/_ext/recorded.py has drawn beforehand. */
  function control(element, { controls, figures, shown }, show) {
    const bar = document.createElement("div");
    bar.className = "figure-controls";
    const at = controls.map(({ first }) => first);
    let words = document.createElement("p");
    words.className = "figure-words";
    words.setAttribute("aria-live", "polite");
    const change = () => {
      const place = controls.reduce((sum, { values }, i) => sum * values.length + at[i], 0);
      const figure = figures[shown[place]];
      show(figure);
      element.setAttribute("aria-label", figure.words);
      words.textContent = figure.words;
    };
    controls.forEach((one, i) => {
      const label = document.createElement("label");
      const input = document.createElement(one.kind === "choice" ? "select" : "input");
      label.append(`${one.label} `, input);
      if (one.kind === "choice") {
        for (const value of one.values) input.append(new Option(value, value));
        input.selectedIndex = one.first;
        input.addEventListener("change", () => {
          at[i] = input.selectedIndex;
          change();
        });
      } else {
        const value = document.createElement("output");
        Object.assign(input, { type: "range", min: 0, max: one.values.length - 1, value: one.first });
        const say = () => {
          value.textContent = one.values[at[i]];
          input.setAttribute("aria-valuetext", one.values[at[i]]);
        };
        say();
        input.addEventListener("input", () => {
          at[i] = Number(input.value);
          say();
          change();
        });
        label.append(" ", value);
      }
      bar.append(label);
    });
    element.previousElementSibling.before(bar); // the title
    const old = element.closest(".cell_output")?.querySelector(".figure-words");
    if (old) {
      old.setAttribute("aria-live", "polite");
      words = old;
    } else element.after(words);
    change();
  }

  const loaded = new Map();

  /** A script beside this one; the same promise for all who ask. */
  function load(file) {
    if (!loaded.has(file)) {
      const script = document.createElement("script");
      script.src = here.replace(/figures\.js.*$/, file);
      loaded.set(file, new Promise((done, failed) => Object.assign(script, { onload: done, onerror: failed })));
      document.head.append(script);
    }
    return loaded.get(file);
  }

  async function draw(element, stored) {
    const { recorded } = stored.dataset;
    await Promise.all(["plotly.min.js", ...(recorded ? [`recorded/${recorded}.js`] : [])].map(load));
    const { narrow, ...wide } = JSON.parse(stored.textContent);
    const show = place(element, narrow && element.clientWidth < NARROWEST ? { ...narrow, least: 0 } : wide);
    if (recorded) control(element, globalThis.bnnLabRecorded[recorded], show);
  }

  function start() {
    const stored = new Map();
    for (const script of document.querySelectorAll("script.figure-data")) {
      stored.set(document.getElementById(script.dataset.for), script);
    }
    const sight = new IntersectionObserver(
      (entries) => {
        for (const { target } of entries.filter(({ isIntersecting }) => isIntersecting)) {
          sight.unobserve(target);
          draw(target, stored.get(target)).catch((error) => console.error(error));
        }
      },
      { rootMargin: SOON },
    );
    for (const element of stored.keys()) sight.observe(element);
  }

  if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", start);
  else start();
})();
