// What Python says reaches a widget, however long its script took to load.

// A message without effect.
const PROBE = { content: { data: { method: "probe", state: {} } }, buffers: [] };

/**
 * anywidget drops all messages to a model whose script took more than two seconds to load: it waits
 * for a promise that has failed by then. Here we wait for the same one, and if it fails, take the
 * messages ourselves and ask for what was lost. Call it in `initialize`, without waiting for it.
 *
 * @returns a promise: whether messages had been lost
 */
export async function keepHeard(model) {
  const own = await ownModel(model);
  const late = own?._handle_comm_msg;
  if (typeof late !== "function" || !own.comm) return false;
  // What changes from here on is the reader's, so newer than what was lost.
  const before = {};
  for (const name of own.keys?.() ?? []) before[name] = own.get(name);
  try {
    await late.call(own, PROBE);
    return false;
  } catch {
    // too late
  }
  let above = own; // up to the class that anywidget's is made of
  while (above && above._handle_comm_msg === late) above = Object.getPrototypeOf(above);
  if (!above) return false;
  own._handle_comm_msg = above._handle_comm_msg;
  own.comm.on_msg(own._handle_comm_msg.bind(own));
  const answer = ({ kind, state }) => {
    if (kind !== "again") return;
    own.off("msg:custom", answer);
    const missed = Object.entries(state).filter(([name]) => own.get(name) === before[name]);
    own.set_state(Object.fromEntries(missed));
  };
  own.on("msg:custom", answer);
  own.send({ kind: "missed" });
  return true;
}

async function ownModel(model) {
  try {
    return await model.widget_manager.get_model(model.get("_id"));
  } catch {
    return null; // another front end, which has its own ways
  }
}
