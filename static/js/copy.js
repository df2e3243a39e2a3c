/* Buttons that copy the text in `data-copy` and say so; and one that prints the page. Without script they are not shown. */
"use strict";

(() => {
  const SHOWN_MS = 2000;
  /* The clipboard needs https or localhost; elsewhere a selection that the browser copies itself. */
  const copy = async (text) => {
    if (navigator.clipboard) return navigator.clipboard.writeText(text);
    const area = document.createElement("textarea");
    area.value = text;
    document.body.append(area);
    area.select();
    document.execCommand("copy");
    area.remove();
  };
  const say = (button) => {
    const label = button.dataset.label ?? button.getAttribute("aria-label");
    button.dataset.label = label;
    button.classList.add("copied");
    button.setAttribute("aria-label", button.dataset.copied);
    window.setTimeout(() => {
      button.classList.remove("copied");
      button.setAttribute("aria-label", label);
    }, SHOWN_MS);
  };
  document.addEventListener("click", async (event) => {
    if (event.target.closest?.("[data-print]")) window.print();
    const button = event.target.closest?.("[data-copy]");
    if (!button) return;
    await copy(button.dataset.copy);
    say(button);
    button.focus();
  });
})();
