// Colours. Those that carry meaning are of Okabe and Ito's palette, which stays apart for
// colour-blind eyes, moved until each has at least 3:1 contrast on its background; +1 is always
// warm and -1 cool. Paper and ink are the page's own.

const LIGHT = {
  dark: false,
  paper: "#ffffff",
  ink: "#1f2933",
  soft: "#5f6c7a",
  faint: "#c3ccd5",
  grid: "#e6eaee",
  panel: "#f5f7f9",
  plus: "#d9730d",
  plusGlow: "#ffb224",
  plusTint: "#fff3e0",
  minus: "#0072b2",
  minusGlow: "#56b4e9",
  minusTint: "#e5f1f9",
  formula: "#00845f",
  formulaTint: "#d5efe6",
  kick: "#b5458f",
  wrong: "#c8321e",
  accent: "#4d3fb8",
  ghost: "#a9b3bd",
  lampOff: "#39424e",
};

const DARK = {
  dark: true,
  paper: "#111418",
  ink: "#e4e9ee",
  soft: "#9aa7b4",
  faint: "#48525d",
  grid: "#262d35",
  panel: "#1a1f25",
  plus: "#f59b3a",
  plusGlow: "#ffc247",
  plusTint: "#2b2115",
  minus: "#4aa8e0",
  minusGlow: "#7cc7f2",
  minusTint: "#13222e",
  formula: "#2fc292",
  formulaTint: "#143429",
  kick: "#e58bc4",
  wrong: "#ff7b66",
  accent: "#a99bff",
  ghost: "#66717c",
  lampOff: "#2a323b",
};

const FONT = "system-ui, -apple-system, 'Segoe UI', Roboto, 'Helvetica Neue', sans-serif";

/** Colours for paper that is white: print, and documents without scripts. */
export const PRINT = { ...LIGHT, font: FONT };

/** The colours that fit the page around an element, as it is now. */
export function themeOf(element) {
  const style = getComputedStyle(element);
  const named = (...names) =>
    names.map((name) => style.getPropertyValue(name).trim()).find((value) => parse(value));
  const behind = parse(
    named("--jp-layout-color0", "--color-background-primary", "--vscode-editor-background") ??
      backgroundOf(element),
  );
  const dark = behind ? luminance(behind) < 0.35 : prefersDark();
  const base = dark ? DARK : LIGHT;
  const paper = behind ? hex(behind) : base.paper;
  return {
    ...base,
    paper,
    font: style.getPropertyValue("--jp-ui-font-family").trim() || style.fontFamily || FONT,
  };
}

/** Call `changed` when the page's colours may have changed; returns a function that ends it. */
export function onThemeChange(changed) {
  // A front end changes an attribute, and its style sheet may arrive seconds later.
  let timers = [];
  const soon = () => {
    timers.forEach(clearTimeout);
    timers = [0, 100, 400, 1500, 5000].map((wait) => setTimeout(changed, wait));
  };
  const watch = new MutationObserver(soon);
  watch.observe(document.documentElement, { attributes: true });
  watch.observe(document.body, { attributes: true });
  watch.observe(document.head, { childList: true });
  const loaded = (event) => event.target.rel === "stylesheet" && soon();
  document.head.addEventListener("load", loaded, true);
  document.body.addEventListener("load", loaded, true);
  const query = globalThis.matchMedia("(prefers-color-scheme: dark)");
  query.addEventListener("change", soon);
  return () => {
    timers.forEach(clearTimeout);
    watch.disconnect();
    document.head.removeEventListener("load", loaded, true);
    document.body.removeEventListener("load", loaded, true);
    query.removeEventListener("change", soon);
  };
}

/** A colour with another opacity, in 0..1. */
export function fade(colour, opacity) {
  const [r, g, b] = parse(colour);
  return `rgba(${r}, ${g}, ${b}, ${Number(opacity.toFixed(3))})`;
}

/** A colour between two, `share` of the way from `a` to `b`. */
export function mix(a, b, share) {
  const [from, to] = [parse(a), parse(b)];
  return hex(from.map((value, i) => Math.round(value + share * (to[i] - value))));
}

function prefersDark() {
  return globalThis.matchMedia?.("(prefers-color-scheme: dark)").matches ?? false;
}

function backgroundOf(element) {
  for (let at = element; at; at = at.parentElement ?? at.getRootNode?.().host) {
    const colour = getComputedStyle(at).backgroundColor;
    if (parse(colour) && !/, 0\)$/.test(colour)) return colour;
  }
  return "";
}

/** [r, g, b] of #rgb, #rrggbb or rgb(); undefined for anything else. */
function parse(colour = "") {
  const numbers = /^rgba?\(([\d.]+)[, ]+([\d.]+)[, ]+([\d.]+)/.exec(colour);
  if (numbers) return numbers.slice(1, 4).map(Number);
  const digits = /^#([\da-f]{3}|[\da-f]{6})$/i.exec(colour)?.[1];
  if (digits?.length === 3) return [...digits].map((digit) => parseInt(digit + digit, 16));
  return digits?.match(/../g).map((pair) => parseInt(pair, 16));
}

function hex(rgb) {
  return `#${rgb.map((value) => Math.round(value).toString(16).padStart(2, "0")).join("")}`;
}

function luminance(rgb) {
  const [r, g, b] = rgb.map((value) => (value / 255) ** 2.2);
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
}
