"use strict";
// Tables: sorted by a click on a heading, filtered by words and conditions, without the columns that are not wanted.
for (const table of all("table[data-sortable]")) {
  const body = table.tBodies[0], heads = [...table.tHead.rows[0].cells];
  const parsed = (text) => (["", "-", "–"].includes(text) ? null : isNaN(text) ? text : Number(text));
  const contentOf = (cell) => (cell.dataset.value ?? cell.textContent).trim();
  const valueOf = (row, head) => parsed(contentOf(row.cells[head.cellIndex]));
  const compared = (a, b) => (typeof a === "number" && typeof b === "number"
    ? a - b : String(a).localeCompare(b, "en", { numeric: true, sensitivity: "base" }));
  for (const head of heads) {
    const sort = button([...head.childNodes], () => {
      const sign = head.ariaSort === "ascending" ? -1 : 1;
      for (const each of heads) each.ariaSort = each !== head ? null : sign === 1 ? "ascending" : "descending";
      const rows = [...body.rows].map((row) => [valueOf(row, head), row]);
      rows.sort(([a], [b]) => (a === null || b === null ? (a === null) - (b === null) : sign * compared(a, b)));
      body.append(...rows.map(([, row]) => row));
    });
    head.append(sort);
  }

  const input = document.querySelector(`[data-filter-for="${CSS.escape(table.id)}"]`);
  if (!input) continue;
  const switches = heads.filter((head) => "optional" in head.dataset).map((head) => {
    const box = make("input", { type: "checkbox", checked: true });
    box.onchange = () => { for (const row of table.rows) row.cells[head.cellIndex].hidden = !box.checked; };
    return make("label", {}, box, head.textContent);
  });
  const columns = make("details", {}, make("summary", {}, "Columns"), make("div", {}, ...switches));
  if (switches.length) table.closest(".scroll").before(controls(columns));
  const told = input.insertAdjacentElement("afterend", make("output", { className: "hint" }));
  input.addEventListener("input", () => {
    const words = input.value.replace(/\s*([<>!]?=|[<>])\s*/g, "$1").split(/\s+/).filter(Boolean), unknown = [];
    const tests = words.map((word) => {
      const [, key, sign, wanted] = /^([^<>!=]+)([<>!]?=|[<>])(.+)$/.exec(word) ?? [];
      const named = (name) => name === key || name.split(".").pop() === key;
      const head = heads.find((each) => each.dataset.key === key) ?? heads.find((each) => named(each.dataset.key));
      if (key && !head) unknown.push(key);
      if (!head) return (row) => row.textContent.toLowerCase().includes(word.toLowerCase());
      return (row) => {
        const [a, b] = [valueOf(row, head), parsed(wanted)], by = typeof a === typeof b ? compared(a, b) : NaN;
        return { "<": by < 0, ">": by > 0, "<=": by <= 0, ">=": by >= 0, "=": by === 0, "!=": by !== 0 }[sign];
      };
    });
    for (const row of body.rows) row.hidden = !tests.every((test) => test(row));
    const count = `${[...body.rows].filter((row) => !row.hidden).length} of ${body.rows.length} rows`;
    told.textContent = unknown.length ? `There is no column ${unknown.join(", ")}.` : words.length ? count : "";
  });
}
