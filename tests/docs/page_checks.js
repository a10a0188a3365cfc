// What tests/docs/test_site.py asks of an open page: an expression, an object of functions.
({
  /** To each explorable and figure, which begin when they come near; true if all were drawn. */
  async through() {
    const places = document.querySelectorAll(".bnn-lab-explorable-here, .figure");
    const drawn = (place) =>
      place.querySelector(".bnn-lab-explorable")?.explorable.frames > 0 || place.querySelector(".main-svg");
    let all = true;
    for (const place of places) {
      if (!place.checkVisibility()) continue; // in a fold
      place.scrollIntoView({ block: "center", behavior: "instant" }); // the theme scrolls smoothly
      const until = performance.now() + 20_000;
      while (!drawn(place) && performance.now() < until) {
        await new Promise((done) => setTimeout(done, 20));
      }
      all &&= Boolean(drawn(place));
    }
    scrollTo({ top: 0, behavior: "instant" });
    return all;
  },

  /** Letters of figures that lie outside of their picture, or are below 7 pixels. */
  cut() {
    const wrong = [];
    for (const figure of document.querySelectorAll(".figure")) {
      const box = figure.getBoundingClientRect();
      for (const text of box.width ? figure.querySelectorAll(".main-svg text") : []) {
        const { left, right, height } = text.getBoundingClientRect();
        if (!height || !text.textContent.trim() || !text.checkVisibility()) continue;
        const { a, b } = text.getScreenCTM();
        const size = parseFloat(getComputedStyle(text).fontSize) * Math.hypot(a, b);
        if (left < box.left - 2 || right > box.right + 2 || size < 7) {
          const ends = [left - box.left, box.right - right].map(Math.round);
          wrong.push(`${figure.id}: ${text.textContent}: ${ends}, ${size.toFixed(1)} pixels`);
        }
      }
    }
    return wrong;
  },

  /** Names of points that stand over another name. */
  crowded() {
    const wrong = [];
    for (const figure of document.querySelectorAll(".figure")) {
      const names = [...figure.querySelectorAll(".scatterlayer .textpoint text")].filter((name) =>
        name.checkVisibility({ visibilityProperty: true }),
      );
      const places = names.map((name) => name.getBoundingClientRect());
      names.forEach((name, i) => {
        const { left, right, top, bottom } = places[i];
        const over = places.findIndex(
          (one, j) => j < i && left < one.right - 3 && one.left < right - 3 && top < one.bottom - 3 && one.top < bottom - 3,
        );
        if (over >= 0) wrong.push(`${figure.id}: ${name.textContent} over ${names[over].textContent}`);
      });
    }
    return wrong;
  },

  /**
   * What the keyboard reaches without a sign that it is there. Ask after a press of a key: after
   * the mouse, nothing shows its focus.
   */
  unseen() {
    const wrong = [];
    const kinds = "a[href], button, input, select, textarea, summary, [tabindex]";
    const properties = ["outlineStyle", "outlineWidth", "boxShadow", "backgroundColor", "borderTopColor", "stroke", "opacity", "transform"];
    const still = new CSSStyleSheet();
    still.replaceSync("*, ::before, ::after { transition: none !important; animation: none !important; }");
    const name = (one) => `${one.localName}.${one.getAttribute("class")}: ${(one.getAttribute("aria-label") ?? one.textContent).trim().slice(0, 40)}`;
    // A sign may stand on what is drawn for an unseen input: its label, or what follows it.
    const signs = (one) => [one, one.closest("label"), one.nextElementSibling].filter((sign) => sign?.checkVisibility({ opacityProperty: true }));
    const look = (one) =>
      signs(one).flatMap((sign) => [null, "::after"].map((part) => {
        const style = getComputedStyle(sign, part);
        return properties.map((key) => (key === "outlineWidth" && style.outlineStyle === "none" ? "" : style[key])).join();
      }));
    const through = (root) => {
      root.adoptedStyleSheets = [...root.adoptedStyleSheets, still];
      for (const one of root.querySelectorAll("*")) {
        if (one.shadowRoot) through(one.shadowRoot);
        if (!one.matches(kinds) || one.tabIndex < 0 || one.disabled || one.closest("[inert]")) continue;
        if (!one.checkVisibility({ visibilityProperty: true })) continue;
        const before = look(one);
        one.focus({ preventScroll: true });
        if (!one.matches(":focus")) continue; // a radio button's group, a part that the window is too narrow for
        const now = look(one);
        const seen = signs(one).length && (now.length !== before.length || now.some((value, i) => value !== before[i]));
        if (!seen) wrong.push(name(one));
        one.blur();
      }
    };
    document.activeElement.blur();
    through(document);
    return wrong;
  },

  /**
   * What axe finds but what it calls minor. The contrast of letters of one look on one ground is
   * looked at once: on a page of thousands of names it takes most of a minute otherwise.
   */
  async violations() {
    const run = (what, options) => axe.run(what, { resultTypes: ["violations"], ...options });
    const all = await run(document, { rules: { "color-contrast": { enabled: false } } });
    const contrast = await run({ include: distinct() }, { runOnly: ["color-contrast"] });
    const found = [...all.violations, ...contrast.violations]
      .filter(({ impact }) => impact !== "minor")
      .map(({ id, nodes }) => [id, nodes.slice(0, 4).map(({ html }) => html.slice(0, 200))]);
    return [all.passes.length, found];

    function distinct() {
      const seen = new Map();
      for (const element of document.body.querySelectorAll("*")) {
        const own = [...element.childNodes].some((n) => n.nodeType === 3 && n.data.trim());
        if (own && element.checkVisibility({ visibilityProperty: true })) {
          const key = look(element).join();
          if (!seen.has(key)) seen.set(key, element);
        }
      }
      return [...seen.values()];
    }

    function look(element) {
      const { color, fill, fontSize, fontWeight } = getComputedStyle(element);
      const found = [color, fill, fontSize, fontWeight, element.closest("svg") !== null];
      for (let box = element; box; box = box.parentElement) {
        const { backgroundColor, backgroundImage, opacity } = getComputedStyle(box);
        found.push(opacity, backgroundImage, backgroundColor);
        if (backgroundColor.startsWith("rgb(")) break; // it covers what is below
      }
      return found.filter((value) => !["1", "none", "rgba(0, 0, 0, 0)"].includes(value));
    }
  },
})
