// Names in a row, of which one is chosen: for what a schema cannot list, since data brings it.

const SIZE = 13;
const HIGH = 26;
const PAD = 10;
const GAP = 6;

// As a rule of thumb, so that a layout needs no pen; letters of most fonts are narrower.
const wide = (text) => Math.ceil(text.length * 7.9) + 2 * PAD;

/** Boxes {text, x, y, width, height} in as many rows as it takes, and where they end. */
export function placeTabs(texts, left, right, top) {
  let [x, y] = [left, top];
  const boxes = texts.map((text) => {
    const width = Math.min(wide(text), right - left);
    if (x > left && x + width > right) [x, y] = [left, y + HIGH + GAP];
    const box = { text, x, y, width, height: HIGH };
    x += width + GAP;
    return box;
  });
  return { boxes, bottom: texts.length ? y + HIGH : top };
}

export function drawTabs(pen, { boxes }, chosen, colours) {
  boxes.forEach(({ text, x, y, width, height }, i) => {
    const on = i === chosen;
    pen.rect(x, y, width, height, { fill: on ? colours.accent : colours.panel, stroke: on ? colours.accent : colours.faint }, 8);
    pen.text(text, x + width / 2, y + height / 2 + 0.5, {
      fill: on ? colours.paper : colours.ink, size: SIZE, weight: on ? 600 : 400, align: "center", base: "middle",
    });
  });
}

/** Handles for them; press(view, i) chooses. */
export function tabHandles({ boxes }, id, label, chosen, press) {
  return boxes.map(({ text, x, y, width, height }, i) => ({
    id: `${id}${i}`,
    kind: "button",
    label: `${label}: ${text}`,
    x,
    y,
    width,
    height,
    pressed: i === chosen,
    press: (view) => press(view, i),
  }));
}
