/* Password fields: a show button, and the rules ticked off while typing.
   The server renders the rules of the plan as data (see accounts.passwords); it checks them again on submit. */
"use strict";

(() => {
  const SYMBOLS = "#()+-.[]{}!<>_:*$@%^&,~";
  const has = (pattern) => (value) => pattern.test(value);
  const CHECKS = {
    length: (value, rule) => [...value].length >= Number(rule.min) && [...value].length <= Number(rule.max || 128),
    lower: has(/[a-z]/),
    upper: has(/[A-Z]/),
    digit: has(/[0-9]/),
    symbol: (value) => [...value].some((letter) => SYMBOLS.includes(letter)),
    alphabet: (value) => [...value].every((letter) => /[a-zA-Z0-9]/.test(letter) || SYMBOLS.includes(letter)),
    printable: has(/^[\x20-\x7e]+$/),
    digits: (value) => !/[0-9]{6}/.test(value),
    names: (value, rule) => !forbidden(rule).some((name) => value.toLowerCase() === name),
  };
  /* The name may be typed in the same form: data-name-field points at it. */
  const forbidden = (rule) => {
    const names = JSON.parse(rule.names || "[]");
    const typed = rule.nameField ? document.getElementById(rule.nameField)?.value.trim().toLowerCase() : "";
    return typed ? [...names, typed, `${typed}@${rule.domain || ""}`] : names;
  };

  const tick = (list, value) => [...list.children].forEach((item) => {
    const met = value !== "" && CHECKS[item.dataset.rule](value, item.dataset);
    /* Not yet long enough is no mistake; a letter that is never allowed is one at once. */
    const broken = value !== "" && !met && ["alphabet", "printable", "digits", "names"].includes(item.dataset.rule);
    item.classList.toggle("met", met);
    item.classList.toggle("unmet", broken);
    item.querySelector("[data-state]").textContent = met ? list.dataset.met : list.dataset.unmet;
  });
  document.querySelectorAll("[data-rules-for]").forEach((list) => {
    const input = document.getElementById(list.dataset.rulesFor);
    if (!input) return;
    input.addEventListener("input", () => tick(list, input.value));
    list.querySelectorAll("[data-name-field]").forEach((item) => {
      document.getElementById(item.dataset.nameField)?.addEventListener("input", () => tick(list, input.value));
    });
    tick(list, input.value);
  });

  document.querySelectorAll("[data-reveal]").forEach((button) => {
    const input = document.getElementById(button.dataset.reveal);
    if (!input) return;
    button.hidden = false;
    button.addEventListener("click", () => {
      const shown = input.type === "text";
      input.type = shown ? "password" : "text";
      button.textContent = shown ? button.dataset.show : button.dataset.hide;
      button.setAttribute("aria-pressed", String(!shown));
      input.focus();
    });
    /* Never leave it readable for the browser's form history. */
    input.form?.addEventListener("submit", () => { input.type = "password"; });
  });
})();
