// Passkeys: made and used by the browser; what it answers goes to the portal in a form of the page.
// A form with data-passkey="make" or "use" has an address to ask for options (data-options), hidden fields `token` and
// `credential`, and a place for words ([data-said]). data-passkey-offered: the browser offers passkeys in the user-name field, too.
(() => {
  "use strict";
  const able = typeof PublicKeyCredential === "function" && "parseRequestOptionsFromJSON" in PublicKeyCredential;
  const csrf = document.querySelector('meta[name="csrf-token"]').content;
  const FRESH = 8 * 60_000; // a challenge is answered within ten minutes
  let offered = null;

  const ask = async (form) => {
    const answer = await fetch(form.dataset.options, { method: "POST", headers: { "X-CSRFToken": csrf } });
    // Too long ago that it was shown who sits here: that comes first.
    if (answer.status === 409) location.assign((await answer.json()).confirm);
    if (!answer.ok) throw new Error(`${answer.status}`);
    return answer.json();
  };
  const send = (form, token, credential) => {
    form.elements.token.value = token;
    form.elements.credential.value = JSON.stringify(credential.toJSON());
    form.requestSubmit();
  };
  const say = (form, words) => {
    form.querySelector("[data-said]").textContent = words;
  };
  const make = async (form) => {
    const { token, options } = await ask(form);
    const publicKey = PublicKeyCredential.parseCreationOptionsFromJSON(options);
    send(form, token, await navigator.credentials.create({ publicKey }));
  };
  const use = async (form, more = {}) => {
    const { token, options } = await ask(form);
    const publicKey = PublicKeyCredential.parseRequestOptionsFromJSON(options);
    send(form, token, await navigator.credentials.get({ publicKey, ...more }));
  };
  const run = async (form) => {
    offered?.abort();
    say(form, "");
    try {
      await (form.dataset.passkey === "make" ? make(form) : use(form));
    } catch (error) {
      if (error.name === "InvalidStateError") say(form, form.dataset.known);
      else if (error.name === "NotAllowedError" || error.name === "AbortError") say(form, form.dataset.refused);
      else say(form, form.dataset.failed);
    }
  };
  const offer = async (form) => {
    if (!(await PublicKeyCredential.isConditionalMediationAvailable?.())) return;
    const waiting = new AbortController();
    offered = waiting;
    setTimeout(() => waiting.abort("again"), FRESH);
    try {
      await use(form, { mediation: "conditional", signal: waiting.signal });
    } catch (error) {
      if (error === "again") offer(form);
    }
  };

  for (const form of document.querySelectorAll("form[data-passkey]")) {
    if (!able) {
      say(form, form.dataset.unable);
      form.querySelector("[type=submit]").disabled = true;
      continue;
    }
    form.addEventListener("submit", (event) => {
      if (form.elements.credential.value) return;
      event.preventDefault();
      run(form);
    });
    if ("passkeyOffered" in form.dataset) offer(form);
  }
})();
