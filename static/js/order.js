/* Ordered lists: drag a row by its grip, or move it with the arrow keys while the grip has the focus.
   <form data-order hx-trigger="reorder"> is sent once the hand rests; its hidden inputs (form="…") stand in the rows,
   so that they are sent in the order of the rows. Neighbours are moved round the row, never the row itself:
   it keeps focus and pointer. Without script the buttons .move do the same (see treatment.css). */
"use strict";

(() => {
  const REST = 400; // ms after the last key before the order is sent
  const rows = (list) => [...list.children].filter((row) => row.matches("[data-id]"));
  const up = (row) => row.previousElementSibling?.matches("[data-id]") && row.after(row.previousElementSibling);
  const down = (row) => row.nextElementSibling?.matches("[data-id]") && row.before(row.nextElementSibling);
  const order = (list) => rows(list).map((row) => row.dataset.id).join(" ");

  const settle = (list) => rows(list).forEach((row, index) => { row.querySelector(".no").textContent = index + 1; });
  const say = (list, row) => {
    const all = rows(list), place = document.getElementById(list.dataset.said);
    if (place) place.textContent = place.dataset.text.replace("{n}", all.indexOf(row) + 1).replace("{m}", all.length);
  };
  const waiting = new WeakMap();
  const send = (list, delay) => {
    clearTimeout(waiting.get(list));
    waiting.set(list, setTimeout(() => window.htmx.trigger(document.getElementById(list.dataset.order), "reorder"), delay));
  };

  document.addEventListener("keydown", (event) => {
    const grip = event.target.closest?.(".grip"), row = grip?.closest("[data-id]");
    if (!row || !["ArrowUp", "ArrowDown"].includes(event.key)) return;
    event.preventDefault();
    const list = row.parentElement, before = order(list);
    (event.key === "ArrowUp" ? up : down)(row);
    if (order(list) === before) return;
    settle(list);
    say(list, row);
    send(list, REST);
  });

  /* The buttons of a row, where the list shows them: the row moves, the button keeps the focus.
     At the end of the way it is hidden, and the other one takes the focus. */
  document.addEventListener("click", (event) => {
    const button = event.target.closest?.(".by-buttons .move button"), row = button?.closest("[data-id]");
    if (!row) return;
    event.preventDefault();
    const list = row.parentElement, before = order(list);
    (button.name === "up" ? up : down)(row);
    if (order(list) === before) return;
    if (getComputedStyle(button).visibility === "hidden") row.querySelector(`.move [name=${button.name === "up" ? "down" : "up"}]`).focus();
    settle(list);
    say(list, row);
    send(list, REST);
  });

  document.addEventListener("pointerdown", (event) => {
    const grip = event.target.closest?.(".grip"), row = grip?.closest("[data-id]");
    if (!row || event.button !== 0) return;
    const list = row.parentElement, before = order(list);
    grip.setPointerCapture(event.pointerId);
    row.classList.add("lifted");
    const follow = ({ clientY }) => {
      const middle = (other) => { const box = other.getBoundingClientRect(); return box.top + box.height / 2; };
      while (row.previousElementSibling?.matches("[data-id]") && clientY < middle(row.previousElementSibling)) up(row);
      while (row.nextElementSibling?.matches("[data-id]") && clientY > middle(row.nextElementSibling)) down(row);
      settle(list);
    };
    const drop = () => {
      grip.removeEventListener("pointermove", follow);
      row.classList.remove("lifted");
      if (order(list) !== before) send(list, 0);
    };
    grip.addEventListener("pointermove", follow);
    grip.addEventListener("lostpointercapture", drop, { once: true });
  });
})();
