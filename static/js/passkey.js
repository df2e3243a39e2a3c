/* Passkeys (WebAuthn): <form data-passkey="get|create" data-options="JSON" or data-options-url="…"> with an input "credential".
   The form is shown only where passkeys can work; sending it asks the device first and sends its answer. */
"use strict";

(() => {
  const forms = [...document.querySelectorAll("form[data-passkey]")];
  const host = window.location.hostname;
  const isAddress = /^[0-9.]+$/.test(host) || host.includes(":");
  if (!forms.length || !window.PublicKeyCredential || isAddress) return;

  const bytes = (text) => {
    const plain = atob(text.replaceAll("-", "+").replaceAll("_", "/"));
    return Uint8Array.from(plain, (letter) => letter.charCodeAt(0)).buffer;
  };
  const text = (buffer) => btoa(String.fromCharCode(...new Uint8Array(buffer)))
    .replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
  const described = (one) => ({ ...one, id: bytes(one.id) });

  /* What the server sends has base64url where the browser wants bytes, and the other way round. */
  const asked = (options) => {
    const key = { ...options.publicKey, challenge: bytes(options.publicKey.challenge) };
    if (key.user) key.user = { ...key.user, id: bytes(key.user.id) };
    if (key.allowCredentials) key.allowCredentials = key.allowCredentials.map(described);
    if (key.excludeCredentials) key.excludeCredentials = key.excludeCredentials.map(described);
    return { publicKey: key };
  };
  const PARTS = ["clientDataJSON", "attestationObject", "authenticatorData", "signature", "userHandle"];
  const answered = (found) => ({
    id: found.id,
    rawId: text(found.rawId),
    type: found.type,
    authenticatorAttachment: found.authenticatorAttachment,
    clientExtensionResults: found.getClientExtensionResults(),
    response: Object.fromEntries(PARTS.filter((part) => found.response[part]).map((part) => [part, text(found.response[part])])),
  });

  const optionsOf = async (form) => {
    if (form.dataset.options) return JSON.parse(form.dataset.options);
    const answer = await fetch(form.dataset.optionsUrl, { headers: { Accept: "application/json" } });
    if (!answer.ok) throw new Error(String(answer.status));
    return answer.json();
  };
  const ask = async (form) => {
    const options = asked(await optionsOf(form));
    const call = form.dataset.passkey === "create" ? "create" : "get";
    return answered(await navigator.credentials[call](options));
  };

  forms.forEach((form) => {
    const failed = form.querySelector("[data-failed]");
    const field = form.querySelector("input[name=credential]");
    form.hidden = false;
    form.addEventListener("submit", async (event) => {
      if (field.value) return;
      event.preventDefault();
      event.stopPropagation(); /* it is not sent yet: app.js must not take the second try for a double click */
      failed.hidden = true;
      try {
        field.value = JSON.stringify(await ask(form));
        form.requestSubmit();
      } catch {
        failed.textContent = failed.dataset.failed;
        failed.hidden = false;
      }
    });
  });
  document.querySelectorAll("[data-without-passkeys]").forEach((note) => { note.hidden = true; });
})();
