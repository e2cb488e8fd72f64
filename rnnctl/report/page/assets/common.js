"use strict";
// What the other scripts of the page share. All content of the page is there without them.
const all = (selector, root = document) => [...root.querySelectorAll(selector)];
const make = (tag, properties = {}, ...children) => {
  const element = Object.assign(document.createElement(tag), properties);
  element.append(...children);
  return element;
};
const button = (text, onclick, properties = {}) => make("button", { type: "button", onclick, ...properties }, text);
const controls = (...children) => make("div", { className: "controls" }, ...children);
const dataOf = (script) => JSON.parse(script.textContent);
// As the page writes numbers elsewhere: four digits; whole numbers in full.
const number = (value) => {
  if (typeof value !== "number") return value == null ? "–" : String(value);
  if (Number.isInteger(value)) return String(value);
  if (Math.abs(value) >= 1e-4 && Math.abs(value) < 1e4) return String(Number(value.toPrecision(4)));
  return value.toExponential(3).replace(/\.?0+e/, "e").replace(/e([+-])(\d)$/, "e$10$2");
};
// Whoever has no pointer can only scroll what takes the focus.
const scrolls = (element) => new ResizeObserver(() => {
  if (element.scrollWidth > element.clientWidth) element.tabIndex = 0;
  else element.removeAttribute("tabindex");
}).observe(element);
for (const element of all(".scroll, .still, pre")) scrolls(element);
document.documentElement.classList.add("js");
