"use strict";
// A page that is written again while training goes on has the same folds, filters and order of rows.
if (document.querySelector("meta[http-equiv='refresh']")) {
  const key = `rnnctl ${location.pathname}`, before = JSON.parse(sessionStorage.getItem(key)) ?? {};
  const states = [ // names, how each is read, and how it is set
    ...all("main details").map((it, i) => [it.id || `fold ${i}`, () => it.open, (open) => { it.open = open; }]),
    ...all("input[data-filter-for]").map((it) => [it.id, () => it.value, (words) => {
      it.value = words;
      it.dispatchEvent(new Event("input"));
    }]),
    ...all("th[data-key]").map((it, i) => [`order ${i}`, () => it.ariaSort, (order) => {
      while (it.ariaSort !== order && order) it.firstChild.click();
    }]),
  ];
  for (const [name, , put] of states) if (name in before) put(before[name]);
  addEventListener("pagehide", () => {
    sessionStorage.setItem(key, JSON.stringify(Object.fromEntries(states.map(([name, get]) => [name, get()]))));
  });
}
