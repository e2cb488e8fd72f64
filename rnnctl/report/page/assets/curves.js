"use strict";
// Curves: the still figure makes way for one that answers to the pointer.
{
  const HUES = 6;
  const STEPS = Array.from({ length: 13 }, (_, power) => [1, 2, 5].map((factor) => factor * 10 ** power)).flat();
  const DASHES = [[], [8, 4], [2, 3], [10, 4, 2, 4]];
  const style = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  const dark = matchMedia("(prefers-color-scheme: dark)");

  // Places of ticks between two powers of ten: 1, 2 and 5 of each decade, powers of ten alone where there are many
  // decades, and even steps of the value where there is not one.
  const logarithmicTicks = (low, high) => {
    if (high - low < 0.7) {
      const [from, to] = [10 ** low, 10 ** high];
      const power = 10 ** Math.floor(Math.log10((to - from) / 5));
      const step = power * [1, 2, 5, 10].find((factor) => factor * power >= (to - from) / 5);
      const first = Math.ceil(from / step);
      return Array.from({ length: Math.floor(to / step) - first + 1 }, (_, i) => Math.log10((first + i) * step));
    }
    const every = Math.ceil((high - low) / 12);
    const decades = Array.from({ length: Math.ceil(high) - Math.floor(low) + 1 }, (_, i) => Math.floor(low) + i);
    const places = decades.filter((power) => power % every === 0).flatMap((power) =>
      (high - low > 4 ? [1] : [1, 2, 5]).map((factor) => power + Math.log10(factor)));
    return places.filter((place) => place >= low && place <= high);
  };

  const curves = (figure) => {
    const data = dataOf(document.getElementById(figure.dataset.curves));
    const names = [...new Set(data.lines.map((line) => line.name))];
    const groups = [...new Set(data.lines.filter((line) => !line.floor).map((line) => line.group))];
    const hueOf = (line) => (line.floor ? "--soft" : `--hue-${groups.indexOf(line.group) % HUES}`);
    const dashOf = (line) => (line.floor ? [4, 4] : DASHES[Math.floor(groups.indexOf(line.group) / HUES) % DASHES.length]);
    const logarithmic = { x: Boolean(data.log_x), y: Boolean(data.log_y) };
    const off = new Set();
    const tip = make("div", { className: "tip", hidden: true });
    const box = make("div", { className: "plot" }, tip);
    let plot, focused = null;
    const valid = (value, key) => value !== null && (!logarithmic[key] || value > 0);
    const position = (value, key) => (logarithmic[key] ? Math.log10(value) : value);
    const valueAt = (place, key) => Number((logarithmic[key] ? 10 ** place : place).toPrecision(12));
    const tables = () => data.lines.map((line) => {
      const kept = line.x.flatMap((x, i) => (valid(x, "x") && valid(line.y[i], "y") ? [i] : []));
      return [kept.map((i) => position(line.x[i], "x")), kept.map((i) => position(line.y[i], "y"))];
    });
    const nearest = (u, index, hovered) => {
      for (let far = 0; index && far < u.data[0].length; far++)
        for (const i of [hovered - far, hovered + far]) if (u.data[index][i] != null) return i;
      return hovered;
    };
    const tell = (u) => {
      const i = focused === null ? null : u.cursor.idxs[focused];
      tip.hidden = i == null || u.cursor.left < 0;
      if (tip.hidden) return;
      const line = data.lines[focused - 1];
      const at = `${data.x_label} ${number(valueAt(u.data[0][i], "x"))}, ${data.y_label} ${number(valueAt(u.data[focused][i], "y"))}`;
      tip.textContent = [line.name, line.run && line.run !== line.name ? line.run : "", at].filter(Boolean).join("\n");
      const left = u.over.offsetLeft + u.cursor.left, right = left > box.clientWidth / 2;
      tip.style.top = `${u.over.offsetTop + u.cursor.top + 16}px`;
      tip.style.left = right ? "" : `${left + 16}px`;
      tip.style.right = right ? `${box.clientWidth - left + 8}px` : "";
    };
    const axis = (key, label, space) => ({
      label, size: space, stroke: style("--ink"), font: `12px ${style("--sans")}`, labelFont: `12px ${style("--sans")}`,
      grid: { stroke: style("--line"), width: 1 }, ticks: { stroke: style("--line"), width: 1 },
      values: (_, places) => places.map((place) => number(valueAt(place, key))),
      ...(key === "x" && { incrs: STEPS }), // no parts of updates
      ...(logarithmic[key] && { splits: (_, index, low, high) => logarithmicTicks(low, high) }),
    });
    const size = () => ({ width: Math.max(200, box.clientWidth - 16), height: Math.round(Math.min(480, 180 + box.clientWidth / 4)) });
    const draw = () => {
      plot?.destroy();
      const series = data.lines.map((line) => ({
        label: line.name, stroke: style(hueOf(line)), width: line.floor ? 1 : 1.75, dash: dashOf(line),
        spanGaps: true, show: !off.has(line.name), points: { show: line.x.length < 2 },
      }));
      plot = new uPlot({
        ...size(), series: [{}, ...series], scales: { x: { time: false } },
        axes: [axis("x", data.x_label, 44), axis("y", data.y_label, 64)], legend: { show: false }, focus: { alpha: 0.2 },
        cursor: { focus: { prox: 30 }, dataIdx: nearest, drag: { x: true, y: true, uni: 20 } },
        hooks: { setCursor: [tell], setSeries: [(u, i, { focus }) => { if (focus) [focused] = [i]; tell(u); }] },
      }, uPlot.join(tables()), box);
    };
    const toggle = (key) => button(`log ${key}`, (event) => {
      logarithmic[key] = !logarithmic[key];
      event.target.setAttribute("aria-pressed", logarithmic[key]);
      draw();
    }, { ariaPressed: String(logarithmic[key]) });
    const picks = names.map((name) => {
      const line = data.lines.find((each) => each.name === name);
      const swatch = make("i");
      swatch.style.borderTop = `3px ${dashOf(line).length ? "dashed" : "solid"} var(${hueOf(line)})`;
      const pick = button(name, () => show(name, off.has(name)), { ariaPressed: "true" });
      pick.prepend(swatch);
      return pick;
    });
    const show = (name, on) => {
      off[on ? "delete" : "add"](name);
      picks[names.indexOf(name)].ariaPressed = String(on);
      data.lines.forEach((line, i) => { if (line.name === name) plot.setSeries(i + 1, { show: on }); });
    };
    const showAll = (on) => () => plot.batch(() => names.forEach((name) => show(name, on)));
    const still = figure.querySelector(".still");
    still.hidden = true;
    still.after(controls(
      toggle("x"), toggle("y"), button("Whole range", () => plot.setData(plot.data)), button("All curves", showAll(true)),
      button("No curves", showAll(false)), make("span", { className: "hint" }, "Drag over curves to zoom in."),
    ), box, make("div", { className: "picks" }, ...picks));
    draw();
    new ResizeObserver(() => plot.setSize(size())).observe(box);
    dark.addEventListener("change", draw);
  };
  const whenSeen = new IntersectionObserver((entries) => {
    for (const { isIntersecting, target } of entries) {
      if (!isIntersecting) continue;
      whenSeen.unobserve(target);
      curves(target);
    }
  }, { rootMargin: "400px" });
  for (const figure of all("figure[data-curves]")) whenSeen.observe(figure);
}
