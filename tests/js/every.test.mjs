// What holds for every explorable: at each end of each field it draws and can be described.

import assert from "node:assert/strict";
import { readdirSync } from "node:fs";
import test from "node:test";

import { picture } from "../../bnn_lab/widgets/js/core/picture.js";
import { initialState } from "../../bnn_lab/widgets/js/core/state.js";

const sources = new URL("../../bnn_lab/widgets/js/", import.meta.url);
const names = readdirSync(sources)
  .filter((file) => file.endsWith(".json"))
  .map((file) => file.replace(".json", ""));

assert.ok(names.length > 0);

function ends(field) {
  if (field.kind === "number") return [field.low, field.high, ...(field.optional ? [null] : [])];
  if (field.kind === "toggle") return [true, false];
  return field.kind === "choice" ? field.options : [];
}

for (const name of names) {
  const { default: made } = await import(new URL(`${name}.js`, sources));
  const { schema } = made.definition;

  test(`${name}: schema`, () => {
    const taken = ["layout", "keys", "comm", "state", "module", "schema", "tooltip", "tabbable"];
    for (const [key, field] of Object.entries(schema.fields)) {
      assert.match(key, /^[a-z][a-z0-9_]*$/);
      assert.ok(!taken.includes(key), `${key} is a name of anywidget's`);
      assert.ok(["number", "toggle", "choice", "data"].includes(field.kind), key);
      assert.ok(field.label, `${key} has no label`);
    }
    assert.deepEqual(initialState(schema, initialState(schema)), initialState(schema));
    assert.ok(schema.title && schema.python);
  });

  test(`${name}: draws at each end of each field, narrow and wide`, () => {
    for (const width of [330, 560, 1180]) {
      for (const [key, field] of Object.entries(schema.fields)) {
        for (const value of ends(field)) {
          const drawn = picture(made, { [key]: value }, width);
          assert.doesNotMatch(drawn, /NaN|undefined|Infinity/, `${key}=${value} at ${width}`);
          assert.match(drawn, /^<svg .*<\/svg>$/s);
          const words = made.describe({ [key]: value }, width);
          assert.ok(words.length > 20 && !/NaN|undefined|Infinity/.test(words), words);
        }
      }
    }
  });

  test(`${name}: every field changes what is shown`, () => {
    const shown = (state) => picture(made, state, 900) + made.describe(state, 900);
    for (const [key, field] of Object.entries(schema.fields)) {
      const pictures = new Set();
      // Some show only after a while: where there are steps, look at a late one.
      const late = schema.fields.step ? { step: Math.round(schema.fields.step.high / 2) } : {};
      const others = Object.entries(field.when ?? {}).map(([name, [first]]) => [name, first]);
      const base = { ...late, ...Object.fromEntries(others) };
      for (const value of ends(field)) pictures.add(shown({ ...base, [key]: value }));
      assert.equal(pictures.size, new Set(ends(field)).size, `${key} changes nothing`);
    }
  });

  test(`${name}: all that can be grabbed lies within the drawing`, () => {
    for (const width of [330, 560, 1180]) {
      for (const [key, field] of Object.entries(schema.fields)) {
        for (const value of ends(field)) {
          const scene = made.scene({ [key]: value }, width);
          const ids = new Set();
          for (const handle of made.definition.handles?.(scene) ?? []) {
            const where = `${handle.id} with ${key}=${value} at ${width}`;
            assert.ok(handle.x >= 0 && handle.x <= scene.width, `${where}: x ${handle.x}`);
            assert.ok(handle.y >= 0 && handle.y <= scene.height, `${where}: y ${handle.y}`);
            assert.ok(handle.label, where);
            assert.ok(!ids.has(handle.id), `${where} is there twice`);
            ids.add(handle.id);
          }
        }
      }
    }
  });
}
