// What explorables draw with. Two pens have the same methods: this one draws on a canvas, the one of
// svg_pen.js writes SVG, for stored notebooks, print and pages without scripts.
//
// A style is {stroke, width, dash, cap, join, fill, alpha}; without stroke or fill nothing is
// stroked or filled. A fill or stroke is a colour, or a gradient of `linear` or `radial` below.

/** A gradient from (x1, y1) to (x2, y2); stops are [share, colour]. */
export const linear = (x1, y1, x2, y2, ...stops) => ({ linear: [x1, y1, x2, y2], stops });

/** A gradient around (x, y), to radius r. */
export const radial = (x, y, r, ...stops) => ({ radial: [x, y, r], stops });

export class CanvasPen {
  constructor(context, font) {
    this.context = context;
    this.font = font;
  }

  /** A straight line. */
  line(x1, y1, x2, y2, style) {
    this.context.beginPath();
    this.context.moveTo(x1, y1);
    this.context.lineTo(x2, y2);
    this._paint(style);
  }

  /** A line through points: [x0, y0, x1, y1, ...]; `closed` joins its ends. */
  path(points, style, closed = false) {
    this.context.beginPath();
    for (let i = 0; i < points.length; i += 2) this.context.lineTo(points[i], points[i + 1]);
    if (closed) this.context.closePath();
    this._paint(style);
  }

  /** Any outline, in the language of SVG's `d`. */
  shape(d, style) {
    this._paint(style, new Path2D(d));
  }

  circle(x, y, r, style) {
    this.context.beginPath();
    this.context.arc(x, y, Math.max(r, 0), 0, 2 * Math.PI);
    this._paint(style);
  }

  /** A rectangle; `radius` rounds its corners. */
  rect(x, y, width, height, style, radius = 0) {
    this.context.beginPath();
    if (radius) this.context.roundRect(x, y, width, height, Math.min(radius, width / 2, height / 2));
    else this.context.rect(x, y, width, height);
    this._paint(style);
  }

  /** Many squares of one fill, without a stroke: centres [x0, y0, x1, y1, ...] and their side. */
  squares(centres, side, style, radius = 0) {
    const { context } = this;
    context.beginPath();
    for (let i = 0; i < centres.length; i += 2) {
      const [x, y] = [centres[i] - side / 2, centres[i + 1] - side / 2];
      if (radius) context.roundRect(x, y, side, side, radius);
      else context.rect(x, y, side, side);
    }
    this._paint(style);
  }

  /** Many upright bars of one style: [x0, from0, to0, x1, from1, to1, ...]. */
  bars(ends, style) {
    this.context.beginPath();
    for (let i = 0; i < ends.length; i += 3) {
      this.context.moveTo(ends[i], ends[i + 1]);
      this.context.lineTo(ends[i], ends[i + 2]);
    }
    this._paint(style);
  }

  /**
   * A line of text. style: fill, size (13), weight (400), align ("left", "center", "right"),
   * base ("alphabetic", "middle", "top", "bottom"), italic, mono, halo (a colour around it).
   */
  text(text, x, y, style) {
    const { context } = this;
    const { fill, align = "left", base = "alphabetic", alpha = 1, halo } = style;
    context.save();
    context.globalAlpha *= alpha;
    context.font = fontOf(style, this.font);
    context.textAlign = align;
    context.textBaseline = base;
    if (halo) {
      context.strokeStyle = halo;
      context.lineWidth = 4;
      context.lineJoin = "round";
      context.strokeText(text, x, y);
    }
    context.fillStyle = fill;
    context.fillText(text, x, y);
    context.restore();
  }

  /** Width of a text in pixels. */
  measure(text, style = {}) {
    this.context.font = fontOf(style, this.font);
    return this.context.measureText(text).width;
  }

  /** Draw within a moved, turned (radians), scaled, clipped ([x, y, w, h]) or faded frame. */
  group({ x = 0, y = 0, turn = 0, scale = 1, clip, alpha = 1 }, draw) {
    const { context } = this;
    context.save();
    context.globalAlpha *= alpha;
    if (clip) {
      context.beginPath();
      context.rect(...clip);
      context.clip();
    }
    context.translate(x, y);
    if (turn) context.rotate(turn);
    if (scale !== 1) context.scale(scale, scale);
    draw();
    context.restore();
  }

  /** A picture of width * height pixels, four bytes each, as sharp squares in a box. */
  pixels(width, height, rgba, x, y, w, h) {
    this.canvas ??= document.createElement("canvas");
    const { canvas, context } = this;
    if (canvas.width !== width || canvas.height !== height) {
      Object.assign(canvas, { width, height });
    }
    canvas.getContext("2d").putImageData(new ImageData(rgba, width, height), 0, 0);
    context.imageSmoothingEnabled = false;
    context.drawImage(canvas, x, y, w, h);
  }

  _paint({ fill, stroke, width = 1, dash, cap = "butt", join = "round", alpha = 1 }, path) {
    const { context } = this;
    const before = context.globalAlpha;
    context.globalAlpha = before * alpha;
    const outline = path ? [path] : [];
    if (fill) {
      context.fillStyle = this._colour(fill);
      context.fill(...outline);
    }
    if (stroke) {
      context.strokeStyle = this._colour(stroke);
      context.lineWidth = width;
      context.lineCap = cap;
      context.lineJoin = join;
      context.setLineDash(dash ?? []);
      context.stroke(...outline);
    }
    context.globalAlpha = before;
  }

  _colour(fill) {
    if (typeof fill === "string") return fill;
    const [a, b, c, d] = fill.linear ?? fill.radial;
    const gradient = fill.linear
      ? this.context.createLinearGradient(a, b, c, d)
      : this.context.createRadialGradient(a, b, 0, a, b, c);
    for (const [share, colour] of fill.stops) gradient.addColorStop(share, colour);
    return gradient;
  }
}

export const MONO = "ui-monospace, 'SF Mono', Menlo, Consolas, 'DejaVu Sans Mono', monospace";

function fontOf({ size = 13, weight = 400, italic, mono }, font) {
  return `${italic ? "italic " : ""}${weight} ${size}px ${mono ? MONO : font}`;
}
