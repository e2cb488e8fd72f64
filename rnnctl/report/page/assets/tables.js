"use strict";
// Tables: sorted by a click on a heading, filtered by words and conditions, without the columns that are not wanted.
{
  const valueOf = (cell) => {
    const text = (cell?.dataset.value ?? cell?.textContent ?? "").trim();
    return text === "" || text === "-" || text === "–" ? null : isNaN(text) ? text : Number(text);
  };
  const compared = (a, b) =>
    typeof a === "number" && typeof b === "number" ? a - b : String(a).localeCompare(String(b), "en", { numeric: true });
  const headings = (table) => all("thead tr:last-child > th", table);
  const filterOf = (table) => document.querySelector(`input[data-filter-for="${CSS.escape(table.id)}"]`);
  const place = (table) => table.closest(".scroll") ?? table;

  for (const table of all("table[data-sortable]")) {
    const body = table.tBodies[0];
    headings(table).forEach((heading, column) => {
      const sort = button("", () => {
        const sign = heading.getAttribute("aria-sort") === "ascending" ? -1 : 1;
        for (const other of headings(table)) other.removeAttribute("aria-sort");
        heading.setAttribute("aria-sort", sign === 1 ? "ascending" : "descending");
        const rows = [...body.rows].map((row) => [valueOf(row.cells[column]), row]);
        rows.sort(([a], [b]) => (a === null || b === null ? (a === null) - (b === null) : sign * compared(a, b)));
        body.append(...rows.map(([, row]) => row));
      });
      sort.append(...heading.childNodes);
      heading.append(sort);
    });
    const optional = headings(table).flatMap((heading, column) => ("optional" in heading.dataset ? [column] : []));
    const switches = optional.map((column) => {
      const box = make("input", { type: "checkbox", checked: true });
      box.onchange = () => { for (const row of table.rows) row.cells[column].hidden = !box.checked; };
      return make("label", {}, box, headings(table)[column].textContent.trim());
    });
    const summary = make("summary", {}, "Columns");
    if (switches.length && filterOf(table)) place(table).before(controls(make("details", {}, summary, make("div", {}, ...switches))));
  }

  const test = {
    "<": (a, b) => a < b, ">": (a, b) => a > b, "<=": (a, b) => a <= b, ">=": (a, b) => a >= b,
    "=": (a, b) => a === b, "!=": (a, b) => a !== b,
  };
  const comparable = (text) => (text.trim() === "" || isNaN(text) ? text.trim().toLowerCase() : Number(text));
  for (const input of all("input[data-filter-for]")) {
    const table = document.getElementById(input.dataset.filterFor);
    if (!table) continue;
    const keys = headings(table).map((heading) => heading.dataset.key ?? "");
    const ofNumbers = headings(table).find((heading) => heading.classList.contains("numbers"))?.dataset.key;
    const example = keys.find((key) => key.includes(".")) ?? ofNumbers ?? keys[0];
    const found = make("output", { className: "hint" });
    const hint = `Words, or conditions such as ${example}>0.01 or ${example}=…; all must hold.`;
    input.closest(".filter").append(found, make("span", { className: "hint" }, hint));
    const columnOf = (name) => {
      const exact = keys.indexOf(name);
      return exact >= 0 ? exact : keys.findIndex((key) => key.split(".").pop() === name);
    };
    const narrow = () => {
      const words = input.value.replace(/\s*(<=|>=|!=|=|<|>)\s*/g, "$1").trim().split(/\s+/).filter(Boolean);
      const parsed = words.map((word) => [word, /^([\w./-]+)(<=|>=|!=|=|<|>)(.+)$/.exec(word)]);
      const unknown = parsed.filter(([, match]) => match && columnOf(match[1]) < 0).map(([, match]) => match[1]);
      let shown = 0;
      for (const row of table.tBodies[0].rows) {
        row.hidden = !parsed.every(([word, match]) => {
          if (!match || columnOf(match[1]) < 0) return row.textContent.toLowerCase().includes(word.toLowerCase());
          const cell = row.cells[columnOf(match[1])];
          const wanted = comparable(match[3]);
          const values = [cell.dataset.value ?? cell.textContent, cell.textContent].map(comparable);
          const value = values.find((each) => typeof each === typeof wanted) ?? values[1];
          return (typeof value === typeof wanted || match[2] === "!=") && test[match[2]](value, wanted);
        });
        shown += !row.hidden;
      }
      const count = words.length ? `${shown} of ${table.tBodies[0].rows.length} rows` : "";
      found.textContent = unknown.length ? `There is no column ${unknown.join(", ")}.` : count;
    };
    input.addEventListener("input", narrow);
  }
}
