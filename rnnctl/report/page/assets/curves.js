"use strict";
// Curves: when a still figure comes near, it makes way for one that answers to the pointer.
for (const figure of all("figure[data-curves]")) new IntersectionObserver((entries, observer) => {
  if (!entries.some((each) => each.isIntersecting)) return;
  observer.disconnect();
  const HUES = 6, DASHES = [[], [8, 4], [2, 3], [10, 4, 2, 4]];
  const STEPS = Array.from({ length: 13 }, (_, power) => [1, 2, 5].map((factor) => factor * 10 ** power)).flat();
  const style = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  const number = (value) => String(Number.isInteger(value) ? value : Number(value.toPrecision(4)));
  const { lines, ...data } = JSON.parse(figure.querySelector("script").textContent);
  const names = [...new Set(lines.map((line) => line.name))];
  const groups = [...new Set(lines.filter((line) => !line.floor).map((line) => line.group))];
  const hueOf = (line) => (line.floor ? "--soft" : `--hue-${groups.indexOf(line.group) % HUES}`);
  const dashOf = (line) => DASHES[line.floor ? 1 : Math.floor(groups.indexOf(line.group) / HUES) % DASHES.length];
  const logs = { x: data.log_x, y: data.log_y }, off = new Set();
  const tip = make("div", { className: "tip", hidden: true }), box = make("div", { className: "plot" });
  let plot, near = null;
  const tell = (u) => {
    const i = near && u.cursor.idxs[near], { left, top } = u.cursor;
    tip.hidden = i == null || left < 0;
    if (tip.hidden) return;
    const at = `${data.x_label} ${u.data[0][i]}, ${data.y_label} ${number(u.data[near][i])}`;
    tip.textContent = [lines[near - 1].name, lines[near - 1].run, at].filter(Boolean).join("\n");
    const side = left > u.over.clientWidth / 2 ? "- 100% - 8px" : "+ 16px";
    tip.style.translate = `calc(${left}px ${side}) ${top + 16}px`;
  };
  const axis = (key, size) => ({
    label: data[`${key}_label`], labelFont: `12px ${style("--sans")}`, font: `12px ${style("--sans")}`, size,
    stroke: style("--ink"), grid: { stroke: style("--line"), width: 1 }, ticks: { stroke: style("--line"), width: 1 },
    values: (_, places) => places.map((at) =>
      (at === null || (logs[key] && at.toPrecision(1) - at.toPrecision(3)) ? "" : number(at))),
    ...(key === "x" && { incrs: STEPS }), // no parts of updates
  });
  const size = () => {
    const width = Math.max(200, box.clientWidth - 16);
    return { width, height: Math.round(Math.min(480, 180 + width / 4)) };
  };
  const draw = () => {
    const powers = { distr: 3, range: (_, low, high) => [low * 0.9 || 0.1, high * 1.1 || 1] };
    const tables = lines.map(({ x, y }) => {
      const kept = [...x.keys()].filter((i) => (x[i] > 0 || !logs.x) && (y[i] > 0 || !logs.y));
      return [kept.map((i) => x[i]), kept.map((i) => y[i])];
    });
    const series = lines.map((line) => ({
      stroke: style(hueOf(line)), width: line.floor ? 1 : 1.75, dash: dashOf(line), show: !off.has(line.name),
      spanGaps: true, points: { show: line.x.length < 2 },
    }));
    plot?.destroy();
    plot = new uPlot({
      ...size(), series: [{}, ...series], axes: [axis("x", 44), axis("y", 64)], legend: { show: false },
      scales: { x: { distr: logs.x ? 3 : 1, time: false, range: (_, ...it) => it }, y: logs.y ? powers : {} },
      focus: { alpha: 0.2 },
      cursor: { focus: { prox: 30 }, hover: { skip: [null, undefined] }, drag: { x: true, y: true, uni: 20 } },
      hooks: { setCursor: [tell], setSeries: [(u, i, { focus }) => { if (focus) near = i; tell(u); }] },
    }, uPlot.join(tables), box);
    plot.over.append(tip);
  };
  const toggle = (key) => button(`log ${key}`, ({ target }) => {
    target.ariaPressed = String(logs[key] = !logs[key]);
    draw();
  }, { ariaPressed: String(logs[key]) });
  const picks = names.map((name) => {
    const line = lines.find((each) => each.name === name), dashes = dashOf(line).length ? "dashed" : "solid";
    const swatch = make("i", { style: `border-top: 3px ${dashes} var(${hueOf(line)})` });
    return button([swatch, name], () => show(name, off.has(name)), { ariaPressed: "true" });
  });
  const show = (name, on) => {
    off[on ? "delete" : "add"](name);
    picks[names.indexOf(name)].ariaPressed = String(on);
    lines.forEach((line, i) => { if (line.name === name) plot.setSeries(i + 1, { show: on }); });
  };
  const showAll = (on) => () => plot.batch(() => names.forEach((name) => show(name, on)));
  figure.querySelector(".still").hidden = true;
  figure.append(controls(
    toggle("x"), toggle("y"), button("Whole range", () => plot.setData(plot.data)), button("All curves", showAll(true)),
    button("No curves", showAll(false)), make("span", { className: "hint" }, "Drag over curves to zoom in."),
  ), box, make("div", { className: "picks" }, ...picks));
  draw();
  new ResizeObserver(() => plot.setSize(size())).observe(box);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", draw);
}, { rootMargin: "400px" }).observe(figure);
