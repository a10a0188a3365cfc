// A widget whose script loads late hears Python all the same. With stand-ins of anywidget's model.

import assert from "node:assert/strict";
import test from "node:test";

import { keepHeard } from "../../bnn_lab/widgets/js/core/heard.js";

/** As ipywidgets' model: takes messages when they come. */
class Plain {
  constructor(values) {
    this.values = values;
    this.sent = [];
    this.listeners = [];
    this.comm = { on_msg: (take) => (this.take = take) };
    this.comm.on_msg(this._handle_comm_msg.bind(this));
  }
  async _handle_comm_msg({ content: { data } }) {
    if (data.method === "update") this.set_state(data.state);
    if (data.method === "custom") [...this.listeners].forEach((listen) => listen(data.content));
  }
  keys() {
    return Object.keys(this.values);
  }
  get(name) {
    return this.values[name];
  }
  set_state(state) {
    Object.assign(this.values, state);
  }
  on(event, listener) {
    assert.equal(event, "msg:custom");
    this.listeners.push(listener);
  }
  off(event, listener) {
    this.listeners = this.listeners.filter((one) => one !== listener);
  }
  send(content) {
    this.sent.push(content);
  }
}

/** As anywidget's: waits for its script first. */
class Late extends Plain {
  constructor(values, ready) {
    super(values);
    this.ready = ready;
  }
  async _handle_comm_msg(message) {
    await this.ready;
    return super._handle_comm_msg(message);
  }
}

const proxy = (own) => ({
  get: (name) => (name === "_id" ? "own" : own.get(name)),
  widget_manager: { get_model: async (id) => (id === "own" ? own : assert.fail(id)) },
});
const message = (data) => ({ content: { data }, buffers: [] });

test("a script in time changes nothing", async () => {
  const own = new Late({ size: 1 }, Promise.resolve());
  const { take } = own;
  assert.equal(await keepHeard(proxy(own)), false);
  assert.equal(own.take, take);
  assert.deepEqual(own.sent, []);
});

test("a late script asks for what it has missed, and hears what comes", async () => {
  const ready = Promise.reject(new Error("Failed to initialize model."));
  ready.catch(() => {});
  const own = new Late({ size: 1, on: false, blob: null }, ready);
  await assert.rejects(own.take(message({ method: "update", state: { size: 5, on: true } })));
  assert.equal(own.get("size"), 1); // lost

  assert.equal(await keepHeard(proxy(own)), true);
  assert.deepEqual(own.sent, [{ kind: "missed" }]);
  own.values.on = "the reader's"; // before the kernel has had time
  const other = [];
  own.on("msg:custom", (content) => other.push(content));
  const state = { size: 5, on: true, blob: [1] };
  await own.take(message({ method: "custom", content: { kind: "again", state } }));
  assert.deepEqual(own.values, { size: 5, on: "the reader's", blob: [1] });

  await own.take(message({ method: "update", state: { size: 7 } }));
  assert.equal(own.get("size"), 7);
  // Only one answer is waited for.
  await own.take(message({ method: "custom", content: { kind: "again", state } }));
  assert.equal(own.get("size"), 7);
  await own.take(message({ method: "custom", content: { kind: "answer" } }));
  assert.equal(other.at(-1).kind, "answer");
});

test("a front end with other models is left alone", async () => {
  assert.equal(await keepHeard({ get: () => "own" }), false);
  const other = { widget_manager: { get_model: async () => ({}) }, get: () => "own" };
  assert.equal(await keepHeard(other), false);
  const none = { widget_manager: { get_model: () => Promise.reject(new Error("unknown")) }, get: () => "own" };
  assert.equal(await keepHeard(none), false);
  const plain = new Plain({ size: 1 });
  assert.equal(await keepHeard(proxy(plain)), false);
});
