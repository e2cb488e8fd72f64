"use strict";
// The design grid: name the best combination, then see it, and look at any part of the grid.
for (const section of all("[data-design-grid]")) {
  const table = section.querySelector("table"), fold = table.closest("details"), rows = [...table.tBodies[0].rows];
  const columns = [...table.tHead.rows[0].cells].map((head) => head.dataset.key);
  const keys = columns.slice(0, section.dataset.designGrid);
  const cell = (row, key) => row.cells[columns.indexOf(key)].textContent;
  const best = rows.find((row) => cell(row, "rank") === "1"), ranked = rows.filter((row) => cell(row, "rank") !== "-");
  const choose = (value, ...extra) => keys.map((key) => {
    const values = [...extra, ...new Set(rows.map((row) => cell(row, key)))];
    const select = make("select", {}, ...values.map((each) => make("option", {}, each)));
    select.value = value(key, values);
    return make("label", {}, key, select);
  });
  const fits = (row, labels) => labels.every((label, i) => ["all", cell(row, keys[i])].includes(label.lastChild.value));
  const words = (row) => `${keys.map((key) => `${key} = ${cell(row, key)}`).join(", ")}: ${cell(row, "result")}`;
  const guess = choose((_, values) => values[0]), said = make("p", { role: "status" });
  const parts = choose((key) => (key === keys.at(-1) ? "all" : cell(best, key)), "all");
  const onchange = () => { for (const row of rows) row.hidden = !fits(row, parts); };
  const reveal = () => {
    const mine = rows.find((row) => fits(row, guess)), rank = cell(mine, "rank");
    said.textContent = `Your prediction, ${words(mine)}, rank ${rank} of ${ranked.length}. The best: ${words(best)}.`;
    fold.open = true;
  };
  fold.before(make("div", { className: "grid-choice" }, ...guess, button("Reveal", reveal)), said);
  table.closest(".scroll").before(make("div", { className: "grid-choice", onchange }, ...parts));
  onchange();
}
