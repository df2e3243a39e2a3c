/* Destinations: one input each. "+" adds one, a pasted list is spread over as many as it needs, and they are counted. */
"use strict";

(() => {
  const BETWEEN = /[\s,;、，；]+/;

  document.querySelectorAll("[data-destinations]").forEach((part) => {
    const list = part.querySelector(".destination-rows"), add = part.querySelector("[data-add]");
    const counter = part.querySelector("[data-counts]");
    const most = Number(part.dataset.most), used = Number(part.dataset.used), fixed = "fixed" in part.dataset;
    const inputs = () => [...list.querySelectorAll("input")];
    const filled = () => new Set(inputs().map((input) => input.value.trim().toLowerCase()).filter(Boolean)).size;

    const refresh = () => {
      const count = used + filled();
      counter.textContent = counter.dataset.text.replace("{n}", count.toLocaleString(document.documentElement.lang));
      counter.classList.toggle("over", count > most);
      counter.hidden = false;
      if (fixed) return;
      add.hidden = used + inputs().length >= most;
      list.querySelectorAll("[data-remove]").forEach((button) => { button.hidden = inputs().length < 2; });
    };
    const more = () => {
      list.append(part.querySelector("template").content.cloneNode(true));
      return inputs().at(-1);
    };
    /* The input it was pasted into, then the empty ones after it, then new ones. */
    const spread = (input, addresses) => {
      const all = inputs(), free = all.slice(all.indexOf(input)).filter((one) => one === input || !one.value.trim());
      let last = input;
      addresses.forEach((address) => {
        const place = free.shift() ?? (fixed ? null : more());
        if (!place) { last.value += ` ${address}`; return; }
        place.value = address;
        last = place;
      });
      last.focus();
      refresh();
    };

    part.addEventListener("input", refresh);
    part.addEventListener("paste", (event) => {
      const found = (event.clipboardData?.getData("text") ?? "").split(BETWEEN).filter(Boolean);
      const input = event.target.closest("input");
      if (!input || found.length < 2) return;
      event.preventDefault();
      spread(input, found);
    });
    part.addEventListener("click", (event) => {
      if (event.target.closest("[data-add]")) more().focus();
      const row = event.target.closest("[data-remove]")?.closest("li");
      if (row) {
        const next = row.nextElementSibling ?? row.previousElementSibling;
        row.remove();
        next.querySelector("input").focus();
      }
      refresh();
    });
    refresh();
  });
})();
