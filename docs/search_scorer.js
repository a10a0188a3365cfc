// For Sphinx's search: lessons and guides come before the reference, whose pages repeat a term often
// and have an object of its name. Sphinx puts this in front of its script.
var Scorer = {
  score([page, , , , score, , kind]) {
    const query = typeof location === "undefined" ? "" : (new URLSearchParams(location.search).get("q") ?? "");
    // Who writes `pack_bits` or `LatencyExplorer` wants just that.
    const isName = /^\s*[\w.]*(\w[_.]\w|[a-z][A-Z])[\w.]*\s*$/.test(query);
    const reference = page.startsWith("reference/");
    if (isName) return score + (kind === "object" ? 1000 : 0);
    return score + (page.startsWith("lessons/") ? 1003 : reference ? 0 : 1000);
  },
  // As Sphinx has them.
  objNameMatch: 11,
  objPartialMatch: 6,
  objPrio: { 0: 15, 1: 5, 2: -5 },
  objPrioDefault: 0,
  title: 15,
  partialTitle: 7,
  term: 5,
  partialTerm: 2,
};
