/* What scrolls sideways is reached by keyboard, too; what does not is no stop on the way. */
(() => {
  const kinds = "pre, .table-wrapper, div.math, .math-wrapper, .highlight";

  function look() {
    for (const box of document.querySelectorAll(kinds)) {
      const style = getComputedStyle(box);
      const scrolls = /auto|scroll/.test(style.overflowX) && box.scrollWidth > box.clientWidth;
      if (scrolls) box.tabIndex = 0;
      else box.removeAttribute("tabindex");
    }
  }

  function start() {
    look();
    new ResizeObserver(look).observe(document.body);
    addEventListener("load", look);
    document.fonts.ready.then(look); // letters of another width move no edge of the page
    document.addEventListener("toggle", look, true); // a fold has been opened
  }

  if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", start);
  else start();
})();
