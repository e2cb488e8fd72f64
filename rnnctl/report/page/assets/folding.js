"use strict";
// Folding: all at once, on the way to the target of a link, for paper, and as it was when the page reloads itself.
{
  const folds = all("main details");
  const foldAll = (open) => { for (const fold of folds) fold.open = open; };
  const place = document.querySelector("nav") ?? document.querySelector("main");
  if (folds.length) place.append(controls(button("Unfold all", () => foldAll(true)), button("Fold all", () => foldAll(false))));

  const unfoldTarget = () => {
    const target = document.getElementById(decodeURIComponent(location.hash.slice(1)));
    for (let fold = target?.closest("details"); fold; fold = fold.parentElement.closest("details")) fold.open = true;
    target?.scrollIntoView();
  };
  addEventListener("hashchange", unfoldTarget);
  addEventListener("click", ({ target }) => { if (target.closest("a[href^='#']")) setTimeout(unfoldTarget); });
  if (location.hash) unfoldTarget();

  let folded = [];
  addEventListener("beforeprint", () => {
    folded = folds.filter((fold) => !fold.open);
    foldAll(true);
  });
  addEventListener("afterprint", () => { for (const fold of folded) fold.open = false; });

  // A page that is written again has the same folds and filters.
  if (document.querySelector("meta[http-equiv='refresh']")) {
    const kept = `rnnctl ${location.pathname}`;
    const inputs = all("input[data-filter-for]");
    const named = (element, i) => element.id || `fold ${i}`;
    const before = JSON.parse(sessionStorage.getItem(kept) ?? "{}");
    folds.forEach((fold, i) => { fold.open = before[named(fold, i)] ?? fold.open; });
    addEventListener("DOMContentLoaded", () => { // when tables can be filtered
      for (const input of inputs) {
        input.value = before[input.id] ?? "";
        input.dispatchEvent(new Event("input"));
      }
    });
    addEventListener("pagehide", () => {
      const now = [...folds.map((fold, i) => [named(fold, i), fold.open]), ...inputs.map(({ id, value }) => [id, value])];
      sessionStorage.setItem(kept, JSON.stringify(Object.fromEntries(now)));
    });
  }
}
