/* What plain HTML cannot do: closing menus, counting a selection, asking a list again, moving the focus.
   Every word shown comes from data attributes, so that it is in the page's language. */
"use strict";

(() => {
  const one = (selector, root = document) => root.querySelector(selector);
  const all = (selector, root = document) => [...root.querySelectorAll(selector)];

  /* <details class="menu"> closes on Escape, on a click elsewhere, and gives the focus back. */
  const closeMenus = (except) => all("details.menu[open]").forEach((menu) => {
    if (menu !== except && !menu.contains(except)) menu.open = false;
  });
  document.addEventListener("click", (event) => closeMenus(event.target));
  document.addEventListener("keydown", (event) => {
    const menu = event.key === "Escape" && event.target.closest?.("details.menu[open]");
    if (!menu) return;
    menu.open = false;
    one("summary", menu).focus();
  });
  document.addEventListener("toggle", (event) => {
    if (event.target.matches?.("details.menu[open]")) one("[data-autofocus]", event.target)?.focus();
  }, true);

  /* Lists: "3 selected", and one box for all rows of the page. */
  const recount = (listing) => {
    const boxes = all("tbody input[type=checkbox]", listing);
    const picked = boxes.filter((box) => box.checked).length;
    const master = one("[data-pick-all]", listing);
    if (master) {
      master.checked = picked > 0 && picked === boxes.length;
      master.indeterminate = picked > 0 && picked < boxes.length;
    }
    const count = one("[data-count]", listing);
    if (count) count.textContent = (picked === 1 ? count.dataset.one : count.dataset.many).replace("{n}", picked);
  };
  document.addEventListener("change", (event) => {
    const listing = event.target.closest?.(".listing");
    if (!listing || event.target.type !== "checkbox") return;
    if (event.target.matches("[data-pick-all]")) {
      all("tbody input[type=checkbox]", listing).forEach((box) => { box.checked = event.target.checked; });
    }
    recount(listing);
  });
  document.addEventListener("click", (event) => {
    const listing = event.target.closest?.("[data-pick-none]")?.closest(".listing");
    if (!listing) return;
    all("input[type=checkbox]", listing).forEach((box) => { box.checked = false; box.indeterminate = false; });
    recount(listing);
  });
  window.addEventListener("pageshow", () => all(".listing").forEach(recount));

  /* The way back from a page that was left signed in must not show it again from memory. */
  document.addEventListener("htmx:responseError", (event) => {
    if ([401, 403].includes(event.detail.xhr.status)) window.location.reload();
  });

  /* After a refused form the summary has the focus, so that a screen reader begins there. */
  const summary = one("[data-error-summary]");
  if (summary) summary.focus();

  /* A form is sent once: a second click while the answer is on its way does nothing. */
  document.addEventListener("submit", (event) => {
    const form = event.target;
    if (form.method !== "post" || form.hasAttribute("hx-post")) return;
    if (form.dataset.sent) event.preventDefault();
    form.dataset.sent = "1";
  });
  window.addEventListener("pageshow", () => all("form[data-sent]").forEach((form) => { delete form.dataset.sent; }));

  /* Fields that only matter for one choice of another field. */
  const showFor = (select) => all(`[data-show-for="${select.name}"]`).forEach((part) => {
    part.hidden = !part.dataset.showValues.split(" ").includes(select.value);
  });
  all("select[data-decides]").forEach((select) => {
    showFor(select);
    select.addEventListener("change", () => showFor(select));
  });
})();
