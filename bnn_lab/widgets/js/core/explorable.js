// An explorable: a schema, and pure functions of its state. README.md says how to write one.

import { Handles } from "./handles.js";
import { makeControls } from "./controls.js";
import { button, el } from "./dom.js";
import { keepHeard } from "./heard.js";
import { address, linkAddress, linkModel, linkTab } from "./links.js";
import { CanvasPen } from "./pen.js";
import { Player } from "./player.js";
import { initialState, same, snap, Store } from "./state.js";
import { CSS } from "./style.js";
import { fade, mix, onThemeChange, PRINT, themeOf } from "./theme.js";

const NARROW = 560; // pixels; below it a drawing stacks its parts
const GESTURE = 700; // milliseconds between changes that belong together
const SPEAK = 700; // milliseconds of rest until a screen reader is told what is seen
const WIDEST = 1180;

/**
 * Makes what a page, a widget and Python need of a definition; each module's default export.
 *
 * @param definition {schema, height(width, state), compute(state), layout(scene), draw(pen, scene),
 *   handles(scene), describe(scene), player, local(state), changed(view, names, source),
 *   moved(view), press(scene, x, y, view), hover, panel(view), received(view, content)}
 */
export function explorable(definition) {
  return {
    definition,
    initialize: ({ model }) => void keepHeard(model),
    render: ({ model, el: host }) => renderWidget(definition, model, host),
    mount: (host, options) => new View(definition, host, options),
    describe: (state, width) => definition.describe(stillScene(definition, state, width)),
    scene: (state, width) => stillScene(definition, state, width),
  };
}

/** anywidget's entry: the state is the model's. */
function renderWidget(definition, model, host) {
  const store = new Store(definition.schema);
  const name = model.get("_name") || definition.schema.name;
  const start = initialState(definition.schema, model.get("_start") ?? {});
  const ends = [linkModel(store, model), linkTab(store, name, start)];
  const view = new View(definition, host, { store, name, start, model });
  return () => [() => view.remove(), ...ends].forEach((end) => end());
}

/** One drawing on a page, with all that is around it. */
class View {
  /** options: store, or `start` (values) and `address` (true: the link keeps the state); name, model. */
  constructor(definition, host, options = {}) {
    this.definition = definition;
    this.name = options.name ?? definition.schema.name;
    this.store = options.store ?? new Store(definition.schema, options.start);
    this.start = initialState(definition.schema, options.start ?? {});
    this.model = options.model ?? null;
    this.ends = options.address ? [linkAddress(this.store, this.name)] : [];
    this.local = definition.local?.(this.store.state) ?? {};
    this.touched = false;
    this.ghost = null;
    this.pointer = null;
    this.frames = 0;
    this.lastFrame = 0;
    this._visible = false;
    this._changedAt = -Infinity;
    this._build(host);
    this._watch();
    this.redraw();
  }

  get state() {
    return this.store.state;
  }

  /** Whether the reader wants no motion. */
  get still() {
    return this._still.matches;
  }

  /** Whether there is a Python behind it. */
  get python() {
    return this.model !== null;
  }

  /** Ask something of Python, which may be busy or gone; an answer goes to `received`. */
  ask(content) {
    this.model?.send(content);
  }

  /** Change fields of the state, as a reader's hand does. */
  set(changes) {
    const { fields } = this.definition.schema;
    const snapped = Object.entries(changes).map(([name, value]) => [name, snap(fields[name], value)]);
    this._gesture();
    this.store.set(Object.fromEntries(snapped), "user");
  }

  /** Ask for a frame. */
  redraw() {
    this._dirty = true;
    if (!this._visible || this._frame) return;
    this._frame = requestAnimationFrame((now) => this._tick(now));
  }

  /** The reader has done something: nothing invites any more. */
  touch() {
    this.touched = true;
  }

  /** A pointer has grabbed something. With `hold` time stands still until `end`. */
  begin(hold = false) {
    this.touch();
    this._gesture(true);
    this.held = true;
    this.holding = hold;
  }

  end() {
    this.held = false;
    this.holding = false;
  }

  /** What `draw`, `layout`, `handles` and `describe` get. */
  scene(now = 0) {
    const { state, local, ghost, width, height, theme, pointer } = this;
    const step = this.player?.step ?? 0;
    const scene = {
      state,
      data: this._data(),
      local,
      ghost,
      width,
      height,
      colours: theme,
      pointer,
      step,
      now,
      narrow: width < NARROW,
      still: this.still,
      playing: this.player?.playing ?? false,
      held: this.handles.held,
      hovered: this.handles.hovered,
    };
    scene.layout = this.definition.layout?.(scene) ?? {};
    return scene;
  }

  /** Take everything away. */
  remove() {
    cancelAnimationFrame(this._frame);
    clearTimeout(this._speakTimer);
    this.ends.forEach((end) => end());
    this.host.remove();
  }

  _build(parent) {
    const { definition } = this;
    this.host = el("div", { class: `bnn-lab-explorable bnn-lab-${this.name}` });
    // JupyterLab must not take our arrow keys for its own.
    this.host.setAttribute("data-lm-suppress-shortcuts", "true");
    this.host.explorable = this;
    const shadow = this.host.attachShadow({ mode: "open" });
    this.canvas = el("canvas", { role: "img", "aria-label": definition.schema.title });
    this.stage = el("div", { class: "stage" }, this.canvas);
    this.words = el("p", { class: "words" });
    this.spoken = el("div", { class: "unseen", role: "status", "aria-live": "polite" });
    this.root = el("div", { class: "root" }, this.stage);
    shadow.append(el("style", {}, CSS), this.root);
    this.handles = new Handles(this.stage, this);
    const bar = el("div", { class: "bar" });
    if (definition.player) {
      this.player = new Player(this, definition.player);
      this.player.follow(this.state);
      bar.append(...this.player.elements);
    } else bar.append(el("span", { class: "timeline" }));
    bar.append(button("reset", "settings of the start", () => this._reset()));
    this.share = button("share", this._shareLabel(), () => this._copy());
    bar.append(this.share);
    this.controls = makeControls(this);
    this.panel = definition.panel?.(this) ?? null;
    this.root.append(bar, this.controls.element, this.words, this.spoken);
    if (this.panel) this.root.append(this.panel.element);
    this.pen = new CanvasPen(this.canvas.getContext("2d"), "");
    this._still = globalThis.matchMedia("(prefers-reduced-motion: reduce)");
    parent.append(this.host);
    this._colour();
    this._resize();
  }

  _watch() {
    const { ends } = this;
    const size = new ResizeObserver(() => this._resize());
    size.observe(this.stage);
    const sight = new IntersectionObserver(
      (entries) => {
        this._visible = entries.at(-1).isIntersecting;
        if (!this._visible) return;
        this._colour();
        this.redraw();
      },
      { rootMargin: "120px" },
    );
    sight.observe(this.host);
    const colours = onThemeChange(() => this._colour());
    const still = () => this.redraw();
    this._still.addEventListener("change", still);
    const changed = this.store.on((names, source) => {
      if (source !== "player") this.player?.follow(this.state);
      this.definition.changed?.(this, names, source);
      if (this.definition.height.length > 1) this._resize(); // its height follows the state
      this.redraw();
    });
    ends.push(() => size.disconnect(), () => sight.disconnect(), colours, changed);
    ends.push(() => this._still.removeEventListener("change", still));
    if (this.model && this.definition.received) {
      const receive = (content) => {
        this.definition.received(this, content);
        this.redraw();
      };
      this.model.on("msg:custom", receive);
      ends.push(() => this.model.off("msg:custom", receive));
    }
    if (this.definition.hover) {
      this.stage.addEventListener("pointermove", (event) => this._point(event));
      this.stage.addEventListener("pointerleave", () => this._point(null));
    }
    if (this.definition.press) {
      this.canvas.addEventListener("click", (event) => {
        this.touch();
        this._point(event);
        this.definition.press(this.scene(), this.pointer.x, this.pointer.y, this);
        this.redraw();
      });
    }
  }

  _point(event) {
    const box = this.stage.getBoundingClientRect();
    this.pointer = event && { x: event.clientX - box.left, y: event.clientY - box.top };
    this.redraw();
  }

  _tick(now) {
    this._frame = null;
    if (!this._visible) return;
    this._dirty = false;
    this.player?.advance(now - (this._now ?? now));
    this._now = now;
    const goesOn = this._draw(now);
    if (goesOn || this.player?.playing) this.redraw();
    else this._now = undefined;
    if (this._dirty) this.redraw();
  }

  _draw(now) {
    if (!(this.width > 0)) return false; // hidden: nothing to be seen, and no size to keep
    const scene = this.scene(now);
    const { context } = this.pen;
    context.setTransform(this._ratio, 0, 0, this._ratio, 0, 0);
    context.clearRect(0, 0, this.width, this.height);
    const goesOn = this.definition.draw(this.pen, scene);
    this.handles.update(this.definition.handles?.(scene) ?? []);
    this.controls.update(this.state);
    this.player?.update();
    this.panel?.update(scene);
    this._say(this.definition.describe(scene));
    this.frames += 1;
    this.lastFrame = performance.now();
    return Boolean(goesOn) && !scene.still;
  }

  _say(text) {
    if (this.words.textContent === text) return;
    this.words.textContent = text;
    this.canvas.setAttribute("aria-label", `${this.definition.schema.title}. ${text}`);
    clearTimeout(this._speakTimer);
    this._speakTimer = setTimeout(() => (this.spoken.textContent = text), SPEAK);
  }

  _data() {
    const { definition, state } = this;
    if (!this._computed || differs(definition.schema, state, this._computed.state)) {
      this._computed = { state, data: definition.compute?.(state) ?? null };
    }
    return this._computed.data;
  }

  /** Keep what is shown as the ghost, once for each gesture. */
  _gesture(fresh = false) {
    const now = performance.now();
    if (this._computed && (fresh || (!this.held && now - this._changedAt > GESTURE))) {
      this._before = { state: this._computed.state, data: this._computed.data };
      this.ghost = this._before;
    }
    this._changedAt = now;
  }

  _resize() {
    const width = this.stage.clientWidth;
    if (!width) return; // not shown: keep the size that it had
    const height = Math.round(this.definition.height(width, this.state));
    const ratio = Math.min(globalThis.devicePixelRatio || 1, 3);
    if (width === this.width && height === this.height && ratio === this._ratio) return;
    Object.assign(this, { width, height, _ratio: ratio });
    this.stage.style.height = `${height}px`;
    this.root.classList.toggle("narrow", width < NARROW);
    this.canvas.width = Math.round(width * ratio);
    this.canvas.height = Math.round(height * ratio);
    // A canvas of another size is blank: not even one frame of that.
    if (this.frames && this._visible) this._draw(performance.now());
    this.redraw();
  }

  _colour() {
    const theme = themeOf(this.host);
    if (same(theme, this.theme)) return;
    this.theme = theme;
    this.pen.font = theme.font;
    const names = {
      ink: theme.ink,
      soft: theme.soft,
      faint: theme.faint,
      panel: theme.panel,
      paper: theme.paper,
      accent: theme.accent,
      wrong: theme.wrong,
      good: theme.formula,
      line: mix(theme.paper, theme.ink, 0.16),
      font: theme.font,
      "accent-half": fade(theme.accent, 0.5),
      "accent-tint": fade(theme.accent, 0.14),
      "on-accent": theme.dark ? "#14121f" : "#ffffff",
    };
    for (const [name, value] of Object.entries(names)) {
      this.root.style.setProperty(`--${name}`, value);
    }
    this.redraw();
  }

  _reset() {
    this.touch();
    this.local = this.definition.local?.(this.start) ?? {};
    this.set(this.start);
    this.player?.seek(this.start.step ?? 0);
    this.ghost = null;
    this.redraw();
  }

  _shareLabel() {
    return this.python ? "copy these settings as Python" : "copy a link to these settings";
  }

  async _copy() {
    const { schema } = this.definition;
    const text = this.python
      ? pythonCall(schema, this.state)
      : new URL(address(this.store, this.name, this.start), location.href).href;
    try {
      await navigator.clipboard.writeText(text);
      this.share.show("share", "copied", "");
      this.spoken.textContent = "copied";
    } catch {
      globalThis.prompt?.(this._shareLabel(), text); // a page without the right to the clipboard
    }
    setTimeout(() => this.share.show("share", this._shareLabel(), ""), 1500);
  }
}

/** What to write in a cell to begin in a state. */
function pythonCall(schema, state) {
  const values = { true: "True", false: "False", null: "None" };
  const given = Object.entries(schema.fields)
    .filter(([name, field]) => field.kind !== "data" && !same(state[name], field.default))
    .map(([name]) => {
      const text = JSON.stringify(state[name]);
      return `${name}=${values[text] ?? text}`;
    });
  return `${schema.python}(${given.join(", ")})`;
}

/** What a picture shows: the first frame, on white paper, at rest; needs no page. */
export function stillScene(definition, start, width = 900) {
  const state = initialState(definition.schema, start);
  const scene = {
    state,
    data: definition.compute?.(state) ?? null,
    local: definition.local?.(state) ?? {},
    ghost: null,
    width: Math.min(width, WIDEST),
    height: Math.round(definition.height(Math.min(width, WIDEST), state)),
    colours: PRINT,
    pointer: null,
    step: state.step ?? 0,
    now: 0,
    narrow: width < NARROW,
    still: true,
    playing: false,
    held: null,
    hovered: null,
  };
  scene.layout = definition.layout?.(scene) ?? {};
  return scene;
}

/** Whether what is computed of two states may differ. */
function differs(schema, a, b) {
  return Object.entries(schema.fields).some(([name, { view }]) => !view && a[name] !== b[name]);
}
