/* Draws the figures of a lesson when they come near the window. Plotly is large: it loads with the
   first of them. Until then, without scripts, and where it cannot be loaded, a still stands there. */
(() => {
  const here = document.currentScript.src;
  const SOON = "600px"; // how near the window a figure is when it is drawn
  const NARROWEST = 440; // pixels that a figure's words need; a smaller window shows it smaller
  const PANEL = 120; // and each of several panels side by side
  const SMALLEST = 80; // of its axes
  const PANELS = 600; // but all of them no more than that
  const MOST = 520; // pixels if words are cut otherwise
  const NAMES = 8; // of points that a narrow figure has room for
  const ROW = 20; // of a legend
  const CROWDED = 700; // and one with many notes
  const PAPER = 640; // pixels of a sheet between its margins, A4 or Letter
  const TITLE = 30; // pixels that a title takes, which stands above instead, where it can wrap

  function plain(text) {
    return new DOMParser().parseFromString(text.replaceAll("<br>", " "), "text/html").body.textContent;
  }

  /**
   * A legend beside the points takes half of a narrow figure: it goes below, at first in much room.
   * So does one that is below already, where it may lie on the axis's title.
   */
  function legendBelow(data, layout, narrow) {
    const isNamed = ({ name, showlegend, visible }) => name && showlegend !== false && visible !== false;
    const named = data.filter(isNamed);
    const { orientation, y } = layout.legend ?? {};
    const wanted = orientation === "h" ? y < 0 : narrow;
    if (layout.showlegend === false || named.length < 2 || !wanted) return {};
    const legend = { ...layout.legend, orientation: "h", x: 0, xanchor: "left" };
    Object.assign(legend, { yref: "container", y: 0, yanchor: "bottom" });
    const height = layout.height + ROW * named.length;
    return { height, legend, margin: { ...layout.margin, r: 20 } };
  }

  /** Pixels that are missing below an axis's words: to the legend, or to the edge. */
  function missing(box) {
    const whole = box.querySelector(".main-svg").getBoundingClientRect();
    const legend = box.querySelector(".legend")?.getBoundingClientRect();
    const floor = legend?.height && legend.top > whole.top + whole.height / 2 ? legend.top - 4 : whole.bottom;
    const words = [...box.querySelectorAll(".xtick text, .infolayer [class^=g-x] text")];
    const lowest = Math.max(...words.map((word) => word.getBoundingClientRect().bottom)); // above the window: negative
    return Math.max(Math.ceil(((lowest - floor) * box.offsetWidth) / whole.width), 0);
  }

  /** Pixels of letters that lie outside of the picture: on its left, on its right. */
  function cut(box) {
    const { left, right, width } = box.getBoundingClientRect();
    const words = [...box.querySelectorAll(".main-svg text")].map((word) => word.getBoundingClientRect());
    const shown = words.filter((word) => word.width);
    const sides = [shown.map((word) => left - word.left), shown.map((word) => word.right - right)];
    return sides.map((found) => Math.max(Math.ceil((Math.max(...found, 0) * box.offsetWidth) / width) - 1, 0));
  }

  function panelsOf(layout) {
    const axes = Object.entries(layout).filter(([name]) => /^xaxis\d*$/.test(name));
    const domains = axes.map(([, { domain = [0, 1] }]) => domain);
    return domains.filter(([start], i) => domains.findIndex((other) => other[0] === start) === i);
  }

  const isHeading = ({ yref, y, showarrow }) => yref === "paper" && y >= 1 && !showarrow;

  /** Headings of panels, in as many lines as they need where the axes are so wide. */
  function wrapped(layout, wide) {
    const panels = panelsOf(layout);
    if (panels.length < 2) return layout;
    let more = 0;
    const annotations = layout.annotations?.map((note) => {
      const domain = isHeading(note) && panels.find(([start, end]) => start <= note.x && note.x <= end);
      if (!domain) return note;
      const size = note.font?.size ?? 16;
      const letters = ((domain[1] - domain[0]) * wide + 16) / (0.6 * size);
      const lines = [];
      for (const line of note.text.split("<br>")) {
        lines.push("");
        for (const word of line.split(" ")) {
          if (lines.at(-1) && plain(`${lines.at(-1)} ${word}`).length > letters) lines.push("");
          lines.push(`${lines.pop()} ${word}`.trim());
        }
      }
      more = Math.max(more, (lines.length - note.text.split("<br>").length) * 1.3 * size);
      return { ...note, text: lines.join("<br>") };
    });
    const margin = { ...layout.margin, t: layout.margin.t + more };
    return { ...layout, annotations, margin, height: layout.height + more };
  }

  /** Each name once, at the first of its points, where there is no room for more; a tap tells the others. */
  function namedOnce(data) {
    const names = data.flatMap(({ mode, text }) => (mode?.includes("text") && Array.isArray(text) ? text : []));
    if (names.filter(Boolean).length <= NAMES) return data;
    const seen = new Set();
    const first = (name) => (seen.has(name) ? "" : (seen.add(name), name));
    return data.map((one) => (one.mode?.includes("text") && Array.isArray(one.text) ? { ...one, text: one.text.map(first) } : one));
  }

  /** Without its title, which stands above it. */
  function fitted({ layout, least }) {
    const title = layout.title?.text ?? "";
    const top = layout.margin?.t ?? 100;
    const above = layout.annotations?.some(isHeading) || layout.legend?.y >= 1;
    const t = title ? Math.max(above ? top - TITLE : 0, 12) : top;
    const height = (layout.height ?? 450) - top + t;
    const whole = { ...layout, title: undefined, autosize: false, height, margin: { ...layout.margin, t } };
    const notes = layout.annotations?.filter(({ showarrow }) => showarrow).length ?? 0;
    const words = Math.min(Math.max(NARROWEST, PANEL * panelsOf(layout).length), PANELS);
    return { whole, title: plain(title), least: least ?? (notes > 5 ? CROWDED : words) };
  }

  /**
   * Draws a figure at its place; returns what draws another one there. `clicked` is told the customdata
   * of a point that is clicked.
   */
  function place(element, figure, clicked = () => {}) {
    const heading = document.createElement("p");
    heading.className = "figure-title";
    element.before(heading);
    const box = document.createElement("div");
    element.replaceChildren(box); // in place of the still
    let drawn = 0;
    let shown = null;
    const fit = async () => {
      const room = element.clientWidth;
      if (!room || room === drawn) return;
      drawn = room;
      const now = shown;
      const { whole, least } = now;
      const narrow = room < least;
      const data = narrow ? namedOnce(now.data) : now.data;
      const panels = panelsOf(whole).length;
      let layout = { ...whole, ...legendBelow(data, whole, narrow) };
      let width = Math.max(room, least);
      let wide = width;
      const draw = async () => {
        const scale = Math.min(room / width, 1);
        const fitting = wrapped(layout, wide);
        Object.assign(box.style, { width: `${width}px`, transform: `scale(${scale})` });
        element.style.height = `${Math.ceil(scale * fitting.height)}px`;
        // Paper is narrower than a window, and nothing asks for another drawing before it is printed.
        const onPaper = Math.min(PAPER / width, 1);
        element.style.setProperty("--on-paper", onPaper);
        element.style.setProperty("--tall-on-paper", `${Math.ceil(onPaper * fitting.height)}px`);
        await window.Plotly.react(box, data, { ...fitting, width }, { displayModeBar: false });
        if (!box.listens) {
          box.on("plotly_afterplot", () => thinNames(box));
          box.on("plotly_click", ({ points }) => clicked(points[0].customdata));
        }
        box.listens = true;
        thinNames(box);
        wide = box._fullLayout._size.w;
        return shown === now && drawn === room;
      };
      if (!(await draw())) return;
      if (narrow && wide < SMALLEST * panels) width = Math.max(width, PANELS);
      if (panels > 1 && !(await draw())) return;
      for (let tries = 0; tries < 8 && Math.max(...cut(box)); tries++) {
        if (narrow && width < MOST) width = Math.min(width + 40, MOST);
        else {
          const { l, r } = box._fullLayout._size;
          const [left, right] = cut(box);
          layout = { ...layout, margin: { ...layout.margin, l: l + left, r: r + right } };
        }
        if (!(await draw())) return;
      }
      // The axes keep their height, whatever stands below them.
      const more = missing(box);
      if (!more && !layout.legend?.yref) return;
      const b = box._fullLayout._size.b + more;
      const height = whole.height - (whole.margin.b ?? 80) + b;
      layout = { ...layout, margin: { ...layout.margin, b }, height };
      await draw();
    };
    const show = (next) => {
      // A number at the edge of the axes is no longer cut there.
      const hasText = ({ mode, text, textposition }) => mode?.includes("text") || (text && textposition === "outside");
      const data = next.data.map((one) => (hasText(one) ? { ...one, cliponaxis: false } : one));
      shown = { data, ...fitted(next) };
      heading.textContent = shown.title;
      heading.hidden = !shown.title;
      drawn = 0;
      fit();
    };
    show(figure);
    new ResizeObserver(fit).observe(element);
    return show;
  }

  /** Of names that would stand over a point, another name or an axis's number, the later ones: left to the hover. */
  function thinNames(box) {
    const room = 3; // pixels that a name may reach into another box, as its letters do not
    const covers = (a, b) =>
      a.left < b.right - room && b.left < a.right - room && a.top < b.bottom - room && b.top < a.bottom - room;
    const boxes = (what) => [...box.querySelectorAll(`.scatterlayer ${what}`)].map((one) => [one, one.getBoundingClientRect()]);
    const ticks = [...box.querySelectorAll(".xtick text, .ytick text")].map((one) => one.getBoundingClientRect());
    const stand = [...boxes(".points path").map(([, place]) => place), ...ticks];
    for (const [name, place] of boxes(".textpoint text")) {
      const over = stand.some((one) => covers(place, one));
      name.style.visibility = over ? "hidden" : "";
      if (!over) stand.push(place);
    }
  }

  /** Controls above a figure whose settings docs/_ext/recorded.py has drawn beforehand. */
  function control(element, { controls, parts, keys, figures, shown }, show) {
    const bar = document.createElement("div");
    bar.className = "figure-controls";
    const at = controls.map(({ first }) => first);
    let words = document.createElement("p");
    words.className = "figure-words";
    words.setAttribute("aria-live", "polite");
    const change = () => {
      const place = controls.reduce((sum, { values }, i) => sum * values.length + at[i], 0);
      const { words: spoken, layout, data } = figures[shown[place]];
      const whole = ([named, ...of]) => Object.fromEntries(keys[named].map((key, i) => [key, parts[of[i]]]));
      const figure = { words: parts[spoken], layout: whole(layout), data: data.map(whole) };
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
      const wanted = new Promise((done, failed) => {
        script.onload = done;
        script.onerror = () => failed(new Error(`${file} could not be loaded`));
      });
      wanted.catch(() => loaded.delete(file)); // the next figure tries again
      loaded.set(file, wanted);
      document.head.append(script);
    }
    return loaded.get(file);
  }

  async function draw(element, stored) {
    const { recorded } = stored.dataset;
    const { narrow, ...wide } = JSON.parse(stored.textContent);
    const own = wide.layout.meta?.controls?.length;
    const files = ["plotly.min.js", ...(recorded ? [`recorded/${recorded}.js`] : []), ...(own ? ["controls.js"] : [])];
    await Promise.all(files.map(load));
    if (own) {
      let show = null;
      globalThis.bnnLabControls(element, wide, (now) => {
        if (show) show(now);
        else show = place(element, now);
      });
      return;
    }
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
          draw(target, stored.get(target)).catch((error) => console.warn(error.message));
        }
      },
      { rootMargin: SOON },
    );
    for (const element of stored.keys()) sight.observe(element);
  }

  globalThis.bnnLabFigures = { load, place }; // for a page's own script

  if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", start);
  else start();
})();
