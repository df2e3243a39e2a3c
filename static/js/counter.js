/* The length of an auto-reply as CP932 counts it, and the characters that cannot be used, while it is typed (AR4).
   mailsettings.services.replies has the last word and counts alike. */
"use strict";

(() => {
  /* One byte: ASCII, half-width katakana, and the four private ones that Python's cp932 knows. All else two. */
  const bytes = (letter) => {
    const code = letter.codePointAt(0);
    return code <= 0x80 || (code >= 0xff61 && code <= 0xff9f) || (code >= 0xf8f0 && code <= 0xf8f3) ? 1 : 2;
  };
  const length = (text) => [...text].reduce((sum, letter) => sum + bytes(letter), 0);
  const named = (letter) => `U+${letter.codePointAt(0).toString(16).toUpperCase().padStart(4, "0")}`;

  document.querySelectorAll("[data-counts]").forEach((counter) => {
    const field = document.getElementById(counter.dataset.counts);
    const figure = counter.querySelector("[data-figure]"), list = counter.querySelector("[data-bad]");
    const most = Number(counter.dataset.most), refused = new Set([...counter.dataset.refused]);
    const show = () => {
      const text = field.value.replace(/\r\n?/g, "\n").replace(/^\n+|\n+$/g, "");
      const used = length(text);
      figure.textContent = used.toLocaleString(document.documentElement.lang || undefined);
      counter.classList.toggle("over", used > most);
      const bad = [...new Set([...text])].filter((letter) => refused.has(letter));
      list.replaceChildren(...bad.map((letter) => {
        const item = document.createElement("li");
        item.textContent = list.dataset.bad.replace("{char}", letter).replace("{code}", named(letter));
        return item;
      }));
    };
    field.addEventListener("input", show);
    show();
  });
})();
