/* Rows of conditions: add and remove, and each row shows what its field has a use for.
   Every row keeps all four inputs, hidden or not: the server reads them by their places. */
"use strict";

(() => {
  const WITHOUT_VALUE = ["exists", "empty"];
  const part = (row, name) => row.querySelector(`[name=condition_${name}]`);

  const suit = (row, editor) => {
    const field = part(row, "field").value, operator = part(row, "operator");
    part(row, "header_name").hidden = field !== "header";
    operator.hidden = !field;
    [...operator.options].forEach((option) => { option.hidden = option.disabled = !option.dataset.suits.split(" ").includes(field); });
    if (operator.selectedOptions[0]?.disabled ?? true) operator.value = [...operator.options].find((option) => !option.disabled)?.value ?? "";
    const keys = editor.querySelector(`template[data-keys="${CSS.escape(field)}"]`);
    let value = part(row, "value");
    if (Boolean(keys) !== value.matches("select") || (keys && value.dataset.of !== field)) value = swap(row, value, keys, editor, field);
    value.hidden = !field || WITHOUT_VALUE.includes(operator.value);
  };
  const swap = (row, old, keys, editor, field) => {
    const source = keys ? keys.content : editor.querySelector("template:not([data-keys])").content;
    const fresh = source.querySelector("[name=condition_value]").cloneNode(true);
    fresh.dataset.of = keys ? field : "";
    if (keys && [...fresh.options].some((option) => option.value === old.value)) fresh.value = old.value;
    old.replaceWith(fresh);
    return fresh;
  };

  document.querySelectorAll("[data-conditions]").forEach((editor) => {
    const list = editor.querySelector(".condition-rows"), add = editor.querySelector("[data-add]");
    const most = Number(editor.dataset.most);
    const refresh = () => {
      [...list.children].forEach((row) => {
        suit(row, editor);
        row.querySelector("[data-remove]").hidden = list.children.length < 2;
      });
      if (add) add.hidden = list.children.length >= most;
    };
    /* The spare row is for whoever has no script. */
    [...list.children].slice(1).forEach((row) => { if (!part(row, "field").value) row.remove(); });
    list.addEventListener("change", refresh);
    editor.addEventListener("click", (event) => {
      if (event.target.closest("[data-add]")) {
        list.append(editor.querySelector("template:not([data-keys])").content.cloneNode(true));
        refresh();
        part(list.lastElementChild, "field").focus();
      }
      const row = event.target.closest("[data-remove]")?.closest("li");
      if (row) {
        const next = row.nextElementSibling ?? row.previousElementSibling;
        row.remove();
        refresh();
        part(next, "field").focus();
      }
    });
    refresh();
  });

  /* "All mail" needs no conditions. */
  document.querySelectorAll("[data-conditions]").forEach((editor) => {
    const choices = document.querySelectorAll("input[name=match]");
    if (![...choices].some((choice) => choice.value === "everything")) return;
    const show = () => { editor.hidden = document.querySelector("input[name=match]:checked")?.value === "everything"; };
    choices.forEach((choice) => choice.addEventListener("change", show));
    show();
  });
})();
