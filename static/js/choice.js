/* Parts that matter only for some of the choices of a row of radio buttons: <div data-for="name" data-values="one two">. */
"use strict";

(() => {
  const parts = [...document.querySelectorAll("[data-for][data-values]")];
  const show = () => parts.forEach((part) => {
    const chosen = document.querySelector(`input[type=radio][name="${CSS.escape(part.dataset.for)}"]:checked`);
    part.hidden = !chosen || !part.dataset.values.split(" ").includes(chosen.value);
  });
  document.addEventListener("change", (event) => { if (event.target.type === "radio") show(); });
  show();
})();
