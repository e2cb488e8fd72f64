"use strict";
// Folding: all at once, and on the way to the target of a link.
const folds = all("main details");
const foldAll = (open) => () => { for (const fold of folds) fold.open = open; };
const buttons = controls(button("Unfold all", foldAll(true)), button("Fold all", foldAll(false)));
if (folds.length) document.querySelector("nav").append(buttons);
const named = (hash) => { try { return decodeURIComponent(hash); } catch { return hash; } };  // "%zz" is no encoding
const unfoldTarget = () => {
  const target = document.getElementById(named(location.hash.slice(1)));
  for (let fold = target?.closest("details"); fold; fold = fold.parentElement.closest("details")) fold.open = true;
  target?.scrollIntoView();
};
addEventListener("hashchange", unfoldTarget);
addEventListener("click", ({ target }) => { if (target.closest("a[href^='#']")) setTimeout(unfoldTarget); });
unfoldTarget();
