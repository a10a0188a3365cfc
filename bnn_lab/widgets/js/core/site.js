// The classic build for pages without a kernel: explorables register themselves, and each element
//   <div class="bnn-lab-explorable-here" data-explorable="ball-and-lamp" data-start='{"drift": 0.5}'>
// becomes one when it comes near the window. The script of each lies beside this one. What the
// element holds, such as a picture, is shown until then, and in print.

const SOON = "600px"; // how near the window an element is when its script is loaded
const here = globalThis.document?.currentScript?.src ?? "";

/** Everything by name; modules of the classic build add themselves. */
const registry = (globalThis.bnnLab ??= { explorables: {}, waiting: {} });

/** Called by each explorable's classic script. */
export function register(name, made) {
  registry.explorables[name] = made;
  (registry.waiting[name] ?? []).forEach((start) => start());
  delete registry.waiting[name];
}

/** Put explorables into all elements that ask for one. */
function mountAll(root = document) {
  const sight = new IntersectionObserver(
    (entries) => {
      for (const entry of entries.filter(({ isIntersecting }) => isIntersecting)) {
        sight.unobserve(entry.target);
        mountOne(entry.target);
      }
    },
    { rootMargin: SOON },
  );
  for (const element of root.querySelectorAll(".bnn-lab-explorable-here")) sight.observe(element);
  goToLink(root);
}

function mountOne(element) {
  const { explorable: module, start = "{}", name = module } = element.dataset;
  const begin = () => {
    const box = document.createElement("div");
    const options = { start: JSON.parse(start), name, address: true };
    registry.explorables[module].mount(box, options);
    box.className = "bnn-lab-alive";
    element.querySelector(":scope > .bnn-lab-alive")?.remove();
    element.prepend(box);
    element.classList.add("bnn-lab-awake");
  };
  if (registry.explorables[module]) return begin();
  if (!registry.waiting[module]) {
    registry.waiting[module] = [];
    const script = document.createElement("script");
    script.src = here.replace(/[^/]*$/, `${module}.js`);
    document.head.append(script);
  }
  registry.waiting[module].push(begin);
}

/** A link that sets an explorable shows it, too. */
function goToLink(root) {
  const name = /^#([^=&]+)\.[^=&]+=/.exec(globalThis.location.hash)?.[1];
  if (!name) return;
  for (const element of root.querySelectorAll(".bnn-lab-explorable-here")) {
    const { explorable: module, name: own = module } = element.dataset;
    if (own === decodeURIComponent(name)) {
      element.scrollIntoView({ block: "center" });
      return;
    }
  }
}

if (globalThis.document) {
  if (document.readyState === "loading") {
    document.addEventListener("DOMContentLoaded", () => mountAll());
  } else mountAll();
}
