// A place to drop files on; a click or Enter chooses them. Each is sent to the kernel as bytes.

const STYLE = `
.bnn-lab-drop { display: block; box-sizing: border-box; max-width: 860px; margin: 4px 2px; padding: 10px 14px;
  border: 2px dashed #8a8a8a; border-radius: 8px; cursor: pointer; font: 14px/1.45 system-ui, sans-serif;
  color: inherit; }
.bnn-lab-drop:hover, .bnn-lab-drop.over, .bnn-lab-drop:focus-within { border-color: #0072b2; }
.bnn-lab-drop.over { background: rgba(0, 114, 178, .12); }
.bnn-lab-drop input { position: absolute; opacity: 0; width: 1px; height: 1px; }
.bnn-lab-drop b { color: #3d8fc4; font-weight: 600; }
`;

function render({ model, el }) {
  const style = document.createElement("style");
  style.textContent = STYLE;
  const zone = document.createElement("label");
  zone.className = "bnn-lab-drop";
  const input = Object.assign(document.createElement("input"), { type: "file", multiple: true, accept: ".json,application/json" });
  const strong = document.createElement("b");
  strong.textContent = model.get("title");
  const note = document.createElement("span");
  note.setAttribute("role", "status");
  zone.append(input, strong, note);
  el.append(style, zone);
  const draw = () => (note.textContent = ` ${model.get("note")}`);
  model.on("change:note", draw);
  draw();

  const most = model.get("most");
  async function send(files) {
    for (const file of files) {
      if (file.size > most) {
        model.send({ kind: "too large", name: file.name, size: file.size });
        continue;
      }
      try {
        const bytes = await file.arrayBuffer();
        model.send({ kind: "file", name: file.name }, undefined, [bytes]);
      } catch (error) {
        model.send({ kind: "unreadable", name: file.name, reason: error.message }); // a folder, for example
      }
    }
  }
  input.addEventListener("change", () => {
    send([...input.files]);
    input.value = ""; // the same file may be chosen again
  });
  const lit = (on) => (event) => {
    event.preventDefault();
    event.stopPropagation();
    zone.classList.toggle("over", on);
  };
  zone.addEventListener("dragenter", lit(true));
  zone.addEventListener("dragover", lit(true));
  zone.addEventListener("dragleave", lit(false));
  zone.addEventListener("drop", (event) => {
    lit(false)(event);
    send([...event.dataTransfer.files]);
  });
  return () => model.off("change:note", draw);
}

const initialize = ({ model }) => void keepHeard(model);

export default { initialize, render };
