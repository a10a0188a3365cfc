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

  function place(element, data, layout) {
    const title = layout.title?.text ?? "";
    const top = layout.margin?.t ?? 100;
    const height = (layout.height ?? 450) - (title ? Math.min(TITLE, top) : 0);
    const whole = { ...layout, title: undefined, autosize: false, height };
    whole.margin = { ...layout.margin, t: title ? Math.max(top - TITLE, 12) : top };
    if (title) {
      const words = document.createElement("p");
      words.className = "figure-title";
      words.textContent = plain(title);
      element.before(words);
    }
    const box = document.createElement("div");
    element.replaceChildren(box); // in place of the still
    const least = (layout.annotations?.length ?? 0) > 10 ? CROWDED : NARROWEST;
    let drawn = 0;
    const fit = () => {
      const room = element.clientWidth;
      if (!room || room === drawn) return;
      drawn = room;
      const scale = Math.min(room / least, 1);
      const fitting = { ...whole, ...(scale < 1 ? legendBelow(data, whole) : {}) };
      const width = Math.max(room, least);
      Object.assign(box.style, { width: `${width}px`, transform: `scale(${scale})` });
      element.style.height = `${Math.ceil(scale * fitting.height)}px`;
      window.Plotly.react(box, data, { ...fitting, width }, { displayModeBar: false });
    };
    fit();
    new ResizeObserver(fit).observe(element);
  }

  function draw() {
    for (const stored of document.querySelectorAll("script.figure-data")) {
      const { data, layout } = JSON.parse(stored.textContent);
      place(document.getElementById(stored.dataset.for), data, layout);
    }
  }

  function start() {
    if (!document.querySelector("script.figure-data")) return;
    const script = document.createElement("script");
    script.src = here.replace(/figures\.js.*$/, "plotly.min.js"); // beside this file
    script.onload = draw;
    document.head.append(script);
  }

  if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", start);
  else start();
})();
