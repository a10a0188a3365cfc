// An explorable as a picture, for documents without scripts; no page loads it.

import { stillScene } from "./explorable.js";
import { SvgPen } from "./svg_pen.js";
import { PRINT } from "./theme.js";

/** The first frame as SVG text. */
export function picture({ definition }, state, width = 900) {
  const scene = stillScene(definition, state, width);
  const pen = new SvgPen(PRINT.font);
  definition.draw(pen, scene);
  const words = `${definition.schema.title}. ${definition.describe(scene)}`;
  return pen.svg(scene.width, scene.height, words, PRINT.paper);
}
