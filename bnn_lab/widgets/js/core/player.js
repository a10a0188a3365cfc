// Play, pause, step, speed, and a timeline to scrub. Time counts in the explorable's own steps.

import { assign, button, el } from "./dom.js";

export class Player {
  /**
   * options: speeds in steps a second, speed (index of the first one), unit ("step"), glides (true:
   * what lies between two steps is seen when one goes a step on, and the drawing has the timeline).
   */
  constructor(view, { speeds = [4, 40, 160], speed = 1, unit = "step", glides = false }) {
    this.view = view;
    this.speeds = speeds;
    this.unit = unit;
    this.speed = speed;
    this.glides = glides;
    this.step = 0;
    this.goal = Infinity; // where playing ends before the last step
    this.playing = false;
    this.play = button("play", "play", () => this.toggle(), "Play", "play");
    this.rewind = button("rewind", "back to the start", () => this.seek(0));
    this.once = button("step", `one ${unit} on`, () => this._next());
    this.timeline = el("input", {
      type: "range",
      class: "timeline",
      min: 0,
      step: 1,
      "aria-label": `${unit} that is shown`,
    });
    this.timeline.addEventListener("input", () => this.seek(Number(this.timeline.value)));
    this.count = el("span", { class: "count" });
    this.choices = speeds.map((rate, i) => {
      const label = `${rate} ${unit}s a second`;
      const click = () => {
        this.speed = i;
        view.redraw();
      };
      const text = ["slow", "normal", "fast"][speeds.length === 3 ? i : -1] ?? `${rate}/s`;
      return el("button", { type: "button", title: label, "aria-label": label, click }, text);
    });
    const speedGroup = el("span", { class: "speeds", role: "group", "aria-label": "speed" });
    speedGroup.append(...this.choices);
    const timeline = glides ? el("span", { class: "timeline" }) : this.timeline;
    this.elements = [this.play, this.rewind, this.once, timeline, this.count, speedGroup];
  }

  /** Number of the last step. */
  get steps() {
    return this.view.definition.player.steps(this.view.state);
  }

  toggle() {
    this.view.touch();
    if (this.playing) return this.pause();
    if (this.step >= this.steps) this._go(0);
    this.goal = Infinity;
    this.playing = true;
    this.view.redraw();
  }

  /** One step on; where it glides, in motion. */
  _next() {
    const next = Math.min(Math.floor(this.step + 1e-9) + 1, this.steps);
    if (!this.glides || this.view.still) return this.seek(next);
    this.view.touch();
    this.goal = next;
    this.playing = true;
    this.view.redraw();
  }

  pause() {
    if (!this.playing) return;
    this.playing = false;
    this.seek(Math.round(this.step));
  }

  /** Show a step and stay there. */
  seek(step) {
    this.playing = false;
    this.view.touch();
    this._go(step);
    this._keep();
    this.view.redraw();
  }

  /** Advance by this many milliseconds. */
  advance(elapsed) {
    if (!this.playing || this.view.holding) return;
    // After a pause of the page nothing jumps.
    this._go(this.step + (Math.min(elapsed, 100) / 1000) * this.speeds[this.speed]);
    if (this.step >= this.goal) this._go(this.goal);
    if (this.step >= Math.min(this.goal, this.steps)) {
      this.playing = false;
      this._keep();
    }
  }

  /** Follow the state, which another view or Python may have changed. */
  follow(state) {
    if (!this.playing && "step" in state && Math.round(this.step) !== state.step) {
      this._go(state.step);
    }
  }

  update() {
    const shown = Math.floor(this.step + 1e-9);
    const { steps } = this;
    assign(this.timeline, { max: steps });
    if (this.timeline.value !== String(shown)) this.timeline.value = String(shown);
    this.timeline.style.setProperty("--fill", `${((100 * this.step) / steps).toFixed(1)}%`);
    assign(this.timeline, { "aria-valuetext": `${this.unit} ${shown} of ${steps}` });
    const text = `${this.unit} ${shown}`;
    if (this.count.textContent !== text) this.count.textContent = text;
    if (this.playing) this.play.show("pause", "pause", "Pause");
    else if (this.step >= steps) this.play.show("play", "play again", "Again");
    else this.play.show("play", "play", "Play");
    this.choices.forEach((choice, i) => assign(choice, { "aria-pressed": i === this.speed }));
  }

  _go(step) {
    this.step = Math.min(Math.max(step, 0), this.steps);
    this.view.moved?.();
  }

  _keep() {
    if ("step" in this.view.state) this.view.store.set({ step: Math.round(this.step) }, "player");
  }
}
