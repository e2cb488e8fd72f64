"use strict";
// What the other scripts of the page share. All content of the page is there without them.
const all = (selector, root = document) => [...root.querySelectorAll(selector)];
const make = (tag, properties, ...children) => {
  const element = Object.assign(document.createElement(tag), properties);
  element.append(...children);
  return element;
};
const button = (words, onclick, more) => make("button", { type: "button", onclick, ...more }, ...[words].flat());
const controls = (...children) => make("div", { className: "controls" }, ...children);
// Whoever has no pointer can only scroll what takes the focus.
const sizes = new ResizeObserver((entries) => entries.forEach(({ target: it }) => {
  it.tabIndex = it.scrollWidth > it.clientWidth || it.scrollHeight > it.clientHeight ? 0 : -1;
}));
for (const element of all(".scroll, .still, pre")) sizes.observe(element);
