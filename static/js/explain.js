/* The answer comes into sight where it would be below the window's edge, as on a phone; elsewhere nothing moves. */
"use strict";

document.addEventListener("htmx:afterSwap", (event) => {
  const answer = event.detail.target;
  if (answer.id === "verdict" && answer.getBoundingClientRect().top > window.innerHeight * 0.6) answer.scrollIntoView({ block: "start" });
});
