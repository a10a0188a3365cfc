// The look of everything around the drawing; colours come from theme.js as custom properties.

/** Style sheet of an explorable's shadow root. */
export const CSS = `
:host { display: block; contain: layout style; }
* { box-sizing: border-box; }
.root { color: var(--ink); font: 14px/1.45 var(--font); max-width: 1180px; margin: 0 auto;
  padding: 4px 0 8px; -webkit-text-size-adjust: 100%; }
.stage { position: relative; width: 100%; overflow: hidden; border-radius: 10px; }
canvas { display: block; position: absolute; inset: 0; width: 100%; height: 100%; }

.grip { position: absolute; left: 0; top: 0; width: 0; height: 0; touch-action: none;
  outline: none; border: 0; padding: 0; background: none; }
.grip::before { content: ""; position: absolute; border-radius: 50%; cursor: var(--cursor);
  left: calc(-1 * var(--reach)); top: calc(-1 * var(--reach));
  width: calc(2 * var(--reach)); height: calc(2 * var(--reach)); }
.grip::after { content: ""; position: absolute; border-radius: 50%; pointer-events: none;
  left: calc(-1 * var(--halo)); top: calc(-1 * var(--halo));
  width: calc(2 * var(--halo)); height: calc(2 * var(--halo));
  background: radial-gradient(circle, transparent 52%, var(--accent) 55%);
  opacity: 0; transform: scale(.6); transition: opacity .15s, transform .15s; }
.grip:hover::after { opacity: .22; transform: scale(1); }
.grip.held::after { opacity: .36; transform: scale(1.12); }
.grip:focus-visible::after { opacity: .9; transform: scale(1); background: none;
  box-shadow: inset 0 0 0 2.5px var(--accent), 0 0 0 1.5px var(--paper); }
.grip.invite::after { animation: invite 2.2s ease-out infinite; }
@keyframes invite { 0% { opacity: .5; transform: scale(.55); }
  70%, 100% { opacity: 0; transform: scale(1.6); } }
.spot { position: absolute; left: 0; top: 0; background: none; border: 0; padding: 0; margin: 0;
  border-radius: 4px; cursor: pointer; outline: none; color: inherit; }
.spot:hover { box-shadow: inset 0 0 0 2px var(--accent-half); }
.spot:focus-visible { box-shadow: inset 0 0 0 2.5px var(--accent); }

.area { position: absolute; left: 0; top: 0; outline: none; cursor: pointer; border-radius: 6px; }
.area.drawn { touch-action: none; cursor: crosshair; }
.area:focus-visible { box-shadow: 0 0 0 2.5px var(--accent); }

.bar { display: flex; align-items: center; gap: 10px; padding: 8px 2px 2px; }
.bar .timeline { flex: 1; min-width: 60px; }
.bar button, .more summary { font: inherit; color: var(--ink); background: var(--panel);
  border: 1px solid var(--line); border-radius: 8px; height: 34px; min-width: 34px; padding: 0 9px;
  cursor: pointer; display: inline-flex; align-items: center; justify-content: center; gap: 6px; }
.bar button:hover, .more summary:hover { border-color: var(--soft); }
.bar button.play { background: var(--accent); border-color: var(--accent); color: var(--on-accent);
  min-width: 84px; font-weight: 600; }
.bar button.play:hover { filter: brightness(1.08); }
.bar svg { width: 15px; height: 15px; fill: currentColor; display: block; }
button:focus-visible, summary:focus-visible, label:focus-within > .face,
input[type=range]:focus-visible { outline: 2.5px solid var(--accent); outline-offset: 2px; }
.speeds { display: inline-flex; border: 1px solid var(--line); border-radius: 8px; overflow: hidden; }
.speeds button { border: 0; border-radius: 0; height: 32px; min-width: 38px; padding: 0 6px;
  font-variant-numeric: tabular-nums; font-size: 13px; color: var(--soft); background: none; }
.speeds button[aria-pressed=true] { background: var(--accent-tint); color: var(--ink);
  font-weight: 600; }
.count { font-variant-numeric: tabular-nums; color: var(--soft); font-size: 13px;
  min-width: 66px; text-align: right; white-space: nowrap; }

.controls { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(330px, 100%), 1fr));
  gap: 2px 28px; padding: 6px 2px 0; }
.control { display: grid; grid-template-columns: minmax(118px, auto) 1fr 74px; gap: 12px;
  align-items: center; min-height: 34px; min-width: 0; }
.controls .name { color: var(--ink); }
.controls .name i { font-style: italic; color: var(--soft); padding-left: 3px; }
.controls [inert] { opacity: .4; }
.control output { text-align: right; font-variant-numeric: tabular-nums; color: var(--ink);
  white-space: nowrap; }
.control output.off { color: var(--soft); }
.control.choice { grid-template-columns: minmax(118px, auto) 1fr; grid-column: 1 / -1;
  justify-items: start; }
.options { display: flex; flex-wrap: wrap; gap: 6px; }
.options label, .switch { cursor: pointer; position: relative; }
.options input, .switch input { position: absolute; opacity: 0; inset: 0; width: 100%;
  height: 100%; margin: 0; cursor: pointer; }
.options .face { display: block; padding: 3px 11px; border: 1px solid var(--line);
  border-radius: 15px; color: var(--soft); }
.options input:checked + .face { background: var(--accent-tint); border-color: var(--accent);
  color: var(--ink); }
.options input:focus-visible + .face, .switch input:focus-visible + .face {
  outline: 2.5px solid var(--accent); outline-offset: 2px; }
.switch { display: flex; align-items: center; gap: 10px; min-height: 34px; }
.switch .face { width: 34px; height: 20px; border-radius: 10px; background: var(--faint);
  position: relative; transition: background .15s; flex: none; }
.switch .face::after { content: ""; position: absolute; width: 16px; height: 16px; left: 2px;
  top: 2px; border-radius: 50%; background: var(--paper); transition: transform .15s; }
.switch input:checked + .face { background: var(--accent); }
.switch input:checked + .face::after { transform: translateX(14px); }

input[type=range] { -webkit-appearance: none; appearance: none; width: 100%; height: 28px;
  margin: 0; background: none; cursor: pointer; border-radius: 8px; min-width: 0; }
input[type=range]::-webkit-slider-runnable-track { height: 5px; border-radius: 3px;
  background: linear-gradient(to right, var(--accent) var(--fill), var(--faint) var(--fill)); }
input[type=range]::-moz-range-track { height: 5px; border-radius: 3px; background: var(--faint); }
input[type=range]::-moz-range-progress { height: 5px; border-radius: 3px; background: var(--accent); }
input[type=range]::-webkit-slider-thumb { -webkit-appearance: none; width: 18px; height: 18px;
  margin-top: -6.5px; border-radius: 50%; background: var(--accent);
  border: 2.5px solid var(--paper); box-shadow: 0 0 0 1px var(--accent); }
input[type=range]::-moz-range-thumb { width: 14px; height: 14px; border-radius: 50%;
  background: var(--accent); border: 2.5px solid var(--paper); box-shadow: 0 0 0 1px var(--accent); }
input[type=range]:disabled { opacity: .35; cursor: default; }

.more { padding: 6px 2px 0; }
.more summary { display: inline-flex; list-style: none; height: 30px; color: var(--soft);
  font-size: 13px; }
.more summary::-webkit-details-marker { display: none; }
.more summary::before { content: "+"; font-weight: 600; }
.more[open] summary::before { content: "\\2212"; }
.words { margin: 8px 2px 0; color: var(--ink); min-height: 2.9em; max-width: 76em; }
.unseen { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%);
  white-space: nowrap; }
@media (max-width: 560px) { .words { font-size: 13px; } }
.narrow .bar { flex-wrap: wrap; gap: 8px; }
.narrow .bar .timeline { flex-basis: 100%; order: 9; }
.narrow .count { min-width: 0; }
@media (prefers-reduced-motion: reduce) {
  .grip::after, .switch .face, .switch .face::after { transition: none; }
  .grip.invite::after { animation: none; opacity: .2; transform: scale(1); }
}
`;
