// Elements in a line: el("p", {class: "words"}, "text", child).

/** An element with attributes (functions are listeners, others set) and children. */
export function el(name, attributes = {}, ...children) {
  const element = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (typeof value === "function") element.addEventListener(key, value);
    else if (value === true) element.setAttribute(key, "");
    else if (value !== false && value !== undefined) element.setAttribute(key, value);
  }
  element.append(...children.filter((child) => child !== null && child !== undefined));
  return element;
}

/** Set attributes that differ; a frame must not touch the page without need. */
export function assign(element, attributes) {
  for (const [key, value] of Object.entries(attributes)) {
    const text = String(value);
    if (element.getAttribute(key) !== text) element.setAttribute(key, text);
  }
}

const ICONS = {
  play: "M3 1.5v12l10.5-6z",
  pause: "M2.5 1.5h3.6v12H2.5zM8.9 1.5h3.6v12H8.9z",
  step: "M2 1.5v12l7.5-6zM10.4 1.5H13v12h-2.6z",
  rewind: "M13 1.5v12l-7.5-6zM2 1.5h2.6v12H2z",
  reset:
    "M7.5 2.2a5.3 5.3 0 1 1-5 3.6l1.7.6a3.5 3.5 0 1 0 3.3-2.4v2L3.6 3.1 7.5.2z",
  share:
    "M5.2 9.8a1 1 0 0 1 0-1.4l3.2-3.2a1 1 0 1 1 1.4 1.4L6.6 9.8a1 1 0 0 1-1.4 0zM7.6 3.1l1-1a3.2 " +
    "3.2 0 0 1 4.5 4.5l-1.9 1.8-.1-1.8.9-1a1.6 1.6 0 0 0-2.3-2.3l-1 .9zM7.4 11.9l-1 1A3.2 3.2 0 0 " +
    "1 1.9 8.4l1.8-1.8.2 1.8-.9 1a1.6 1.6 0 0 0 2.3 2.2l1-.9z",
};

/** A button with an icon, a label for all, and if `text` that too. */
export function button(icon, label, click, text = "", kind = "") {
  const picture = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  picture.setAttribute("viewBox", "0 0 15 15");
  picture.setAttribute("aria-hidden", "true");
  const path = document.createElementNS(picture.namespaceURI, "path");
  picture.append(path);
  const words = el("span", {}, text);
  const made = el("button", { type: "button", class: kind, click }, picture, text ? words : null);
  made.show = (newIcon, newLabel, newText) => {
    assign(path, { d: ICONS[newIcon] });
    assign(made, { title: newLabel, "aria-label": newLabel });
    if (words.textContent !== newText) words.textContent = newText;
  };
  made.show(icon, label, text);
  return made;
}
