/* Draws the figures of a lesson. Plotly is large: it loads only on pages that have a figure. */
(() => {
  const here = document.currentScript.src;
  const NARROWEST = 520; // pixels that a figure's words need; a smaller window shows it smaller
  const CROWDED = 700; // and one with many notes
  const TITLE = 30; // pixels that a title takes, which stands above instead, where it can wrap
  const ROW = 24; // of a legend

  function plain(text) {
    return new DOMParser().parseFromString(text.replaceAll("<br>", " "), "text/html").body.textContent;
  }

  /** A legend beside the points takes half of a narrow figure: it goes below. */
  function legendBelow(data, layout) {
    const named = data.filter(({ name, showlegend }) => name && showlegend !== false);
    if (layout.showlegend === false || named.length < 2 || layout.legend?.orientation === "h") return {};
    const height = layout.height + ROW * Math.ceil(named.length / 2);
    const plot = layout.height - layout.margin.t - (layout.margin.b ?? 80);
    const legend = { ...layout.legend, orientation: "h", x: 0, xanchor: "left", y: -66 / plot, yanchor: "top" };
    return { height, legend, margin: { ...layout.margin, r: 20 } };
  }

  /** Without its title, which stands above it. */
  function fitted({ layout }) {
    const title = layout.title?.text ?? "";
    const top = layout.margin?.t ?? 100;
    const height = (layout.height ?? 450) - (title ? Math.min(TITLE, top) : 0);
    const whole = { ...layout, title: undefined, autosize: false, height };
    whole.margin = { ...layout.margin, t: title ? Math.max(top - TITLE, 12) : top };
    return { whole, title: plain(title), least: (layout.annotations?.length ?? 0) > 10 ? CROWDED : NARROWEST };
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
      const fitting = { ...whole, ...(scale < 1 ? legendBelow(data, whole) : {}) };
      const width = Math.max(room, least);
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

  function load(file, then) {
    const script = document.createElement("script");
    script.src = here.replace(/figures\.js.*$/, file); // beside this file
    script.onload = then;
    document.head.append(script);
  }

  function draw() {
    for (const stored of document.querySelectorAll("script.figure-data")) {
      const element = document.getElementById(stored.dataset.for);
      const show = place(element, JSON.parse(stored.textContent));
      const name = stored.dataset.recorded;
      if (name) load(`recorded/${name}.js`, () => control(element, globalThis.bnnLabRecorded[name], show));
    }
  }

  function start() {
    if (!document.querySelector("script.figure-data")) return;
    load("plotly.min.js", draw);
  }

  if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", start);
  else start();
})();
