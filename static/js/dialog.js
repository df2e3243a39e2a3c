/* A link to a page of confirmation opens the same question as a dialog, where the page holds it:
   <a data-dialog="id" href="…"> and <dialog id="id">. The browser keeps the focus inside and gives it back. */
"use strict";

(() => {
  document.addEventListener("click", (event) => {
    const opener = event.target.closest?.("[data-dialog]");
    const dialog = opener && document.getElementById(opener.dataset.dialog);
    if (dialog && !event.ctrlKey && !event.metaKey && !event.shiftKey) {
      event.preventDefault();
      dialog.showModal();
      return;
    }
    if (event.target.closest?.("dialog [data-close]") || event.target.matches?.("dialog[open]")) {
      event.preventDefault();
      event.target.closest("dialog").close();
    }
  });
  /* What says it is a switch answers to the space bar too. */
  document.addEventListener("keydown", (event) => {
    if (event.key !== " " || !event.target.matches?.("a[role=switch]")) return;
    event.preventDefault();
    event.target.click();
  });
})();
