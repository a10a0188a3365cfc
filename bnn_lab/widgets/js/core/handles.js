// What one can grab or press in a drawing: real elements over it, so that mouse, finger, keyboard
// and screen reader all reach them. An explorable returns descriptions of them for each frame:
//
//   {id, label, x, y, axis, field, from}          drags one field of the state
//   {id, label, x, y, axis, value, low, high, text, from, set, nudge}      drags anything else
//   {id, label, kind: "button" | "switch", x, y, width, height, pressed, press}
//   {id, label, kind: "area", x, y, width, height, down, move, up, nudge, press}
//
// An area hears where the pointer is: down(px, py, view), and if it has move(px, py, view), as the
// pointer is dragged, up to up(view); without move a click is enough, and a finger may scroll the page
// there. Arrow keys: nudge(dx, dy, view); space and Enter: press(view).
//
// axis: "x", "y" or "xy". from(px, py): pixels to a value. set(value, view). nudge(dx, dy, view):
// arrow keys, where there is no single number that goes up and down. press(view).
// Optional: reach (pixels around it that grab, 22), halo (16), invite (true: it asks to be dragged),
// hold (true: what plays stands still while it is held), grab(view) and release(view).

import { assign, el } from "./dom.js";
import { nudge, show, stepOf } from "./state.js";

const ARROWS = { ArrowUp: [0, 1], ArrowRight: [1, 0], ArrowDown: [0, -1], ArrowLeft: [-1, 0] };
const CURSORS = { x: "ew-resize", y: "ns-resize", xy: "grab" };

/** Take the pointer for an element, if its main button is down. */
function seized(element, event) {
  if (event.button !== 0) return false;
  // The page around must not take this for a click on a cell; the focus must not go elsewhere.
  event.preventDefault();
  event.stopPropagation();
  element.focus({ preventScroll: true, focusVisible: false });
  element.setPointerCapture(event.pointerId);
  return true;
}

export class Handles {
  constructor(stage, view) {
    this.stage = stage;
    this.view = view;
    this.shown = new Map();
    this.held = null;
    this.hovered = null;
  }

  /** Make the elements fit the descriptions. */
  update(descriptions) {
    const gone = new Set(this.shown.keys());
    for (const description of descriptions) {
      gone.delete(description.id);
      const known = this.shown.get(description.id);
      const entry = known ?? this._make(description);
      entry.description = description;
      this._place(entry);
    }
    for (const id of gone) {
      if (this.held === id) continue; // under the pointer: until it is let go
      this.shown.get(id).element.remove();
      this.shown.delete(id);
    }
  }

  _make(description) {
    const entry = { description };
    const { kind } = description;
    entry.element = kind === "area" ? this._area(entry) : kind ? this._spot(entry) : this._grip(entry);
    entry.element.dataset.id = description.id;
    entry.element.addEventListener("pointerenter", () => this._hover(entry.description.id));
    entry.element.addEventListener("pointerleave", () => this._hover(null));
    this.stage.append(entry.element);
    this.shown.set(description.id, entry);
    return entry;
  }

  _place({ element, description }) {
    const { x, y, kind, label } = description;
    const transform = `translate(${x.toFixed(1)}px, ${y.toFixed(1)}px)`;
    if (element.style.transform !== transform) element.style.transform = transform;
    if (kind) {
      const size = [description.width, description.height].map((pixels) => `${pixels}px`);
      if (element.style.width !== size[0]) element.style.width = size[0];
      if (element.style.height !== size[1]) element.style.height = size[1];
      assign(element, { "aria-label": label, title: description.help ?? label });
      if (kind === "area") return;
      if (kind === "switch") assign(element, { "aria-checked": Boolean(description.pressed) });
      else if (description.pressed !== undefined) {
        assign(element, { "aria-pressed": Boolean(description.pressed) });
      }
      return;
    }
    const { value, low, high, text } = this._numbers(description);
    assign(element, { "aria-label": label, "aria-valuetext": text });
    if (typeof value === "number") {
      assign(element, { "aria-valuenow": value, "aria-valuemin": low, "aria-valuemax": high });
    }
    const { reach = 22, halo = 16, axis } = description;
    assign(element, {
      "aria-orientation": axis === "y" ? "vertical" : "horizontal",
      title: description.help ?? label,
    });
    const style = { "--reach": `${reach}px`, "--halo": `${halo}px`, "--cursor": CURSORS[axis] };
    for (const [name, setting] of Object.entries(style)) {
      if (element.style.getPropertyValue(name) !== setting) element.style.setProperty(name, setting);
    }
    const held = this.held === description.id;
    element.classList.toggle("held", held);
    element.classList.toggle("invite", Boolean(description.invite) && !this.view.touched && !held);
  }

  _numbers(description) {
    const { field } = description;
    if (!field) return description;
    const { [field]: shape } = this.view.definition.schema.fields;
    const value = this.view.state[field];
    const text = description.text ?? show(shape, value);
    return { value: value ?? shape.high, low: shape.low, high: shape.high, text };
  }

  _set(description, value) {
    if (description.set) description.set(value, this.view);
    else this.view.set({ [description.field]: value });
    this.view.redraw();
  }

  _grip(entry) {
    const element = el("div", { class: "grip", role: "slider", tabindex: "0" });
    let offset = [0, 0];
    const move = (event) => {
      const box = this.stage.getBoundingClientRect();
      const scale = this.stage.clientWidth / box.width; // a zoomed page
      const at = [(event.clientX - box.left) * scale, (event.clientY - box.top) * scale];
      const { from } = entry.description;
      this._set(entry.description, from(at[0] - offset[0], at[1] - offset[1]));
    };
    element.addEventListener("pointerdown", (event) => {
      if (!seized(element, event)) return;
      const box = this.stage.getBoundingClientRect();
      const { x, y, grab, hold } = entry.description;
      offset = [event.clientX - box.left - x, event.clientY - box.top - y];
      this.held = entry.description.id;
      this.view.begin(Boolean(hold));
      grab?.(this.view);
      this.view.redraw();
    });
    element.addEventListener("pointermove", (event) => {
      if (this.held === entry.description.id) move(event);
    });
    const end = () => {
      if (this.held !== entry.description.id) return;
      this.held = null;
      entry.description.release?.(this.view);
      this.view.end();
      this.view.redraw();
    };
    for (const name of ["pointerup", "pointercancel", "lostpointercapture"]) {
      element.addEventListener(name, end);
    }
    element.addEventListener("keydown", (event) => {
      if (event.ctrlKey || event.metaKey || event.altKey) return;
      if (!this._key(entry.description, event)) return;
      event.preventDefault();
      event.stopPropagation();
    });
    return element;
  }

  _key(description, event) {
    const { key, shiftKey } = event;
    const arrow = ARROWS[key];
    const { view } = this;
    if (arrow && description.nudge) {
      const presses = shiftKey ? 10 : 1;
      view.touch();
      description.nudge(arrow[0] * presses, arrow[1] * presses, view);
      view.redraw();
      return true;
    }
    const { value, low, high } = this._numbers(description);
    if (typeof value !== "number") return false;
    const field = description.field
      ? view.definition.schema.fields[description.field]
      : { low, high, step: description.step, whole: description.whole, log: description.log };
    const large = field.log ? 10 : Math.max(1, Math.round((high - low) / 10 / stepOf(field)));
    let next;
    if (arrow) next = nudge(field, value, (arrow[0] + arrow[1]) * (shiftKey ? large : 1));
    else if (key === "PageUp") next = nudge(field, value, large);
    else if (key === "PageDown") next = nudge(field, value, -large);
    else if (key === "Home") next = low;
    else if (key === "End") next = high;
    else return false;
    view.touch();
    this._set(description, next);
    return true;
  }

  _area(entry) {
    const element = el("div", { class: "area", role: "application", tabindex: "0" });
    const at = (event) => {
      const box = this.stage.getBoundingClientRect();
      const scale = this.stage.clientWidth / box.width; // a zoomed page
      return [(event.clientX - box.left) * scale, (event.clientY - box.top) * scale];
    };
    const begin = (event) => {
      this.view.touch();
      entry.description.down(...at(event), this.view);
      this.view.redraw();
    };
    if (entry.description.move) {
      element.classList.add("drawn");
      element.addEventListener("pointerdown", (event) => {
        if (!seized(element, event)) return;
        this.held = entry.description.id;
        this.view.begin(true);
        begin(event);
      });
      element.addEventListener("pointermove", (event) => {
        if (this.held !== entry.description.id) return;
        // All that the pen has passed since the last frame.
        const passed = event.getCoalescedEvents?.() ?? [];
        for (const one of passed.length ? passed : [event]) {
          entry.description.move(...at(one), this.view);
        }
        this.view.redraw();
      });
      for (const name of ["pointerup", "pointercancel", "lostpointercapture"]) {
        element.addEventListener(name, () => {
          if (this.held !== entry.description.id) return;
          this.held = null;
          entry.description.up?.(this.view);
          this.view.end();
          this.view.redraw();
        });
      }
    } else {
      element.addEventListener("pointerdown", (event) => event.stopPropagation());
      element.addEventListener("click", begin);
    }
    element.addEventListener("keydown", (event) => {
      if (event.ctrlKey || event.metaKey || event.altKey) return;
      const arrow = ARROWS[event.key];
      const { nudge, press } = entry.description;
      const presses = event.shiftKey ? 4 : 1;
      if (arrow) nudge(arrow[0] * presses, arrow[1] * presses, this.view);
      else if (press && (event.key === " " || event.key === "Enter")) press(this.view);
      else return;
      event.preventDefault();
      event.stopPropagation();
      this.view.touch();
      this.view.redraw();
    });
    return element;
  }

  _spot(entry) {
    const role = entry.description.kind === "switch" ? "switch" : "button";
    const element = el("button", { class: "spot", type: "button", role });
    element.addEventListener("pointerdown", (event) => event.stopPropagation());
    element.addEventListener("mousedown", (event) => event.stopPropagation());
    element.addEventListener("click", () => {
      this.view.touch();
      entry.description.press(this.view);
      this.view.redraw();
    });
    return element;
  }

  _hover(id) {
    if (this.hovered === id) return;
    this.hovered = id;
    this.view.redraw();
  }
}
