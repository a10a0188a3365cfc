/* Draws the figures of a lesson. Plotly is large: it loads only on pages that have a figure. */
(() => {
  const here = document.currentScript.src;

  function draw() {
    for (const stored of document.querySelectorAll("script.figure-data")) {
      const { data, layout } = JSON.parse(stored.textContent);
      const place = document.getElementById(stored.dataset.for);
      place.textContent = ""; // the still
      window.Plotly.newPlot(place, data, layout, { displayModeBar: false, responsive: true });
    }
  }

  function start() {
    if (!document.querySelector("script.figure-data")) return;
    const script = document.createElement("script");
    script.src = here.replace(/figures\.js.*$/, "plotly.min.js"); // beside this file
    script.onload = draw;
    document.head.append(script);
  }

  if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", start);
  else start();
})();
