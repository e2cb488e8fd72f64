"use strict";
// The design grid: name the best combination, then see it, and look at any part of the grid.
{
  for (const section of all("[data-design-grid]")) {
    const { keys, cells } = dataOf(section.querySelector("script"));
    const known = cells.filter((cell) => typeof cell.loss === "number").sort((a, b) => a.loss - b.loss);
    if (known.length < 2) continue;
    const choose = (value, extra = []) => keys.map(({ key, values }) => {
      const select = make("select", {}, ...[...extra, ...values].map((each) => make("option", {}, String(each))));
      select.value = String(value(key, values));
      return make("label", {}, key, select);
    });
    const chosen = (labels) => Object.fromEntries(labels.map((label, i) => [keys[i].key, label.lastChild.value]));
    const fits = (cell, at) => keys.every(({ key }) => at[key] === "all" || String(cell.at[key]) === at[key]);
    const words = (cell) => `${keys.map(({ key }) => `${key} = ${cell.at[key]}`).join(", ")}: loss ${number(cell.loss)}` +
      (typeof cell.sd === "number" ? ` ± ${number(cell.sd)}` : "");
    const fields = [...new Set(cells.flatMap((cell) => Object.keys(cell)))].filter((field) => field !== "at");
    const result = make("p", { role: "status" });
    const view = make("div", { className: "scroll grid-view", role: "region", ariaLabel: "Part of the grid" });
    scrolls(view);
    const parts = choose((key) => (key === keys.at(-1).key ? "all" : known[0].at[key]), ["all"]);
    const look = () => {
      const at = chosen(parts), free = keys.filter(({ key }) => at[key] === "all");
      const row = (cell) => make("tr", {}, ...free.map(({ key }) => make("th", { scope: "row" }, String(cell.at[key]))),
        ...fields.map((field) => make("td", {}, number(cell[field]))));
      const heads = [...free.map(({ key }) => key), ...fields].map((name) => make("th", { scope: "col" }, name));
      const rows = cells.filter((cell) => fits(cell, at)).map((cell) => [cell, row(cell)]);
      for (const [cell, each] of rows) each.toggleAttribute("data-best", cell === known[0]);
      view.replaceChildren(make("table", {}, make("thead", {}, make("tr", {}, ...heads)),
        make("tbody", {}, ...rows.map(([, each]) => each))));
    };
    const open = make("div", { hidden: true }, make("div", { className: "grid-choice" }, ...parts), view);
    const guess = choose((_, values) => values[0]);
    const reveal = (predicted) => () => {
      const mine = predicted && known.findIndex((cell) => fits(cell, chosen(guess)));
      const yours = mine < 0 ? "Your prediction has no result. " : `Your prediction, ${words(known[mine || 0])}, rank ${mine + 1} of ${known.length}. `;
      result.textContent = `${predicted ? yours : ""}The best: ${words(known[0])}.`;
      open.hidden = false;
      look();
    };
    open.addEventListener("change", look);
    section.append(make("p", { className: "hint" }, "Which combination has the lowest loss? Predict, then reveal."),
      make("div", { className: "grid-choice" }, ...guess, button("Reveal", reveal(true)), button("Show it all", reveal(false))),
      result, open);
  }
}
