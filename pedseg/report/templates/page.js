"use strict";
for (const panel of document.querySelectorAll(".panel")) {
  const slider = panel.querySelector("input");
  if (!slider) continue;
  const pictures = panel.querySelectorAll("img");
  const place = panel.querySelector("output");
  let frames = null;
  const show = () => {
    frames ??= JSON.parse(panel.querySelector("script").textContent);
    const [text, ...layers] = frames[slider.value];
    layers.forEach((source, i) => { pictures[i].src = source; });
    place.textContent = text;
    pictures[0].alt = panel.dataset.name + " " + text;
    slider.setAttribute("aria-valuetext", text);
  };
  slider.addEventListener("input", show);
  panel.querySelector(".stack").addEventListener("click", () => slider.focus());
}
for (const box of document.querySelectorAll("[data-layer]")) {
  box.addEventListener("change", () => {
    box.closest(".viewer").classList.toggle("no-" + box.dataset.layer, !box.checked);
  });
}
const opened = [];
const expand = () => {
  for (const details of document.querySelectorAll("details:not([open])")) {
    details.open = true;
    opened.push(details);
  }
};
const restore = () => {
  while (opened.length) opened.pop().open = false;
};
addEventListener("beforeprint", expand);
addEventListener("afterprint", restore);
matchMedia("print").addEventListener("change", (event) => (event.matches ? expand() : restore()));
