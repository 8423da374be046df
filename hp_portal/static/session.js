// The end of a session for want of activity: a warning two minutes before, and nothing typed is lost.
//
// The server's clock starts again with every request of the session, so every tab notes each request in localStorage and all
// tabs count from the newest. Typing counts as activity, too: it is reported at most once in a fifth of the time allowed, by
// POST to `data-keepalive-url`, which answers 2xx or, when the session has ended, anything else.
(() => {
  "use strict";
  const SIGNED_OUT = "portal-signed-out";
  // The page after signing out tells the other tabs: only now is nobody signed in.
  if (document.querySelector("[data-signed-out]")) {
    try {
      localStorage.setItem(SIGNED_OUT, String(Date.now()));
    } catch {
      // Storage may be forbidden: the other tabs find out at their next request.
    }
  }
  const { idleSeconds, keepaliveUrl, signInUrl, person } = document.body.dataset;
  // The server notes activity only once in a fifteenth of its time, so its clock may be that much ahead.
  const allowed = Number(idleSeconds) * 1000 * 14 / 15;
  if (!allowed) return;
  const SEEN = "portal-seen";
  const DRAFT = `portal-draft ${person} ${location.pathname}`;
  const warning = Math.min(120_000, allowed / 2);
  const dialog = document.getElementById("idle-dialog");
  const part = (name) => dialog.querySelector(`[data-idle="${name}"]`);
  const find = (name) => dialog.querySelector(`[data-idle-${name}]`);
  let seen = Date.now();
  let ended = false;
  let told = "";

  const store = (act) => {
    try {
      return act();
    } catch {
      return null; // Storage may be forbidden: this tab then counts by itself.
    }
  };
  const touch = () => {
    seen = Date.now();
    store(() => localStorage.setItem(SEEN, String(seen)));
  };

  // ---- what was typed
  const sensitive = (field) => field.closest("[data-sensitive]") || field.autocomplete === "one-time-code";
  const changed = (field) =>
    field.type === "checkbox" || field.type === "radio"
      ? field.checked !== field.defaultChecked
      : field.options
        ? field.selectedIndex !== Math.max(0, [...field.options].findIndex((option) => option.defaultSelected))
        : field.value !== field.defaultValue;
  const typed = () =>
    [...document.querySelectorAll("main form")].flatMap((form, number) =>
      [...form.elements]
        .filter((field) => field.name && !/^(hidden|submit|button|password|file|fieldset)$/.test(field.type) && changed(field))
        .map((field) => ({ field, key: `${number} ${field.name} ${/checkbox|radio/.test(field.type) ? field.value : ""}` })));
  const keep = () => {
    const plain = typed().filter(({ field }) => !sensitive(field));
    const draft = plain.map(({ field, key }) => [key, /checkbox|radio/.test(field.type) ? field.checked : field.value]);
    store(() => (draft.length ? sessionStorage.setItem(DRAFT, JSON.stringify(draft)) : sessionStorage.removeItem(DRAFT)));
  };
  const restore = () => {
    // Drafts of whoever used this tab before go.
    store(() => Object.keys(sessionStorage)
      .filter((key) => key.startsWith("portal-draft ") && !key.startsWith(`portal-draft ${person} `))
      .forEach((key) => sessionStorage.removeItem(key)));
    const draft = new Map(JSON.parse(store(() => sessionStorage.getItem(DRAFT)) ?? "[]"));
    if (!draft.size) return;
    store(() => sessionStorage.removeItem(DRAFT));
    let count = 0;
    [...document.querySelectorAll("main form")].forEach((form, number) => {
      for (const field of form.elements) {
        const box = /checkbox|radio/.test(field.type);
        const value = draft.get(`${number} ${field.name} ${box ? field.value : ""}`);
        if (value === undefined || sensitive(field) || field.type === "password") continue;
        if (box) field.checked = value;
        else field.value = value;
        count += 1;
      }
    });
    if (count) portal.announce("What you had typed before you were signed out is back in the form.");
  };

  // ---- the dialog
  const say = (text) => {
    if (text !== told) portal.announce(text);
    told = text;
  };
  const leftText = (ms) => {
    const seconds = Math.max(1, Math.ceil(ms / 1000));
    if (seconds >= 90) return `${Math.round(seconds / 60)} minutes`;
    return seconds === 1 ? "1 second" : `${seconds} seconds`;
  };
  const show = (name) => {
    part("warning").hidden = name !== "warning";
    part("ended").hidden = name !== "ended";
    dialog.classList.toggle("covering", name === "ended");
    dialog.setAttribute("aria-labelledby", name === "ended" ? "ended-title" : "idle-title");
    dialog.setAttribute("aria-describedby", name === "ended" ? "ended-text" : "idle-text");
    if (!dialog.open) dialog.showModal();
  };
  const end = () => {
    if (ended) return;
    ended = true;
    const fields = typed();
    const only = fields.some(({ field }) => sensitive(field));
    keep();
    const next = `${signInUrl}?next=${encodeURIComponent(location.pathname + location.search)}`;
    find("sign-in").href = next;
    find("sign-in").hidden = only;
    find("new-tab").hidden = find("continue").hidden = !only;
    dialog.querySelector('[data-idle-kept="sensitive"]').hidden = !only;
    dialog.querySelector('[data-idle-kept="plain"]').hidden = only || !fields.length;
    show("ended");
    find(only ? "new-tab" : "sign-in").focus();
  };
  const back = () => {
    store(() => sessionStorage.removeItem(DRAFT));
    ended = false;
    told = "";
    touch();
    if (dialog.open) dialog.close();
  };
  const renew = (token) => {
    document.querySelector('meta[name="csrf-token"]').content = token;
    for (const field of document.querySelectorAll('input[name="csrf_token"]')) field.value = token;
  };
  const report = async () => {
    const token = document.querySelector('meta[name="csrf-token"]').content;
    const answer = await fetch(keepaliveUrl, { method: "POST", redirect: "manual", headers: { "X-CSRFToken": token } });
    return answer.ok;
  };
  // Who is signed in now: the sign-in page leads whoever is signed in to a page that says so.
  const whoIs = async () => {
    const page = new DOMParser().parseFromString(await (await fetch(signInUrl)).text(), "text/html");
    return { person: page.body.dataset.person, token: page.querySelector('meta[name="csrf-token"]')?.content };
  };
  const problem = (text) => {
    find("problem").textContent = text;
    find("problem").hidden = !text;
  };
  const stay = async () => {
    try {
      if (await report()) back();
      else end();
    } catch {
      say("The portal could not be reached.");
    }
  };
  find("stay").addEventListener("click", stay);
  find("continue").addEventListener("click", async () => {
    try {
      const now = await whoIs();
      if (!now.person) problem("You are not signed in yet.");
      else if (now.person === person) {
        problem("");
        renew(now.token);
        back();
      } else location.reload(); // Somebody else: not their page.
    } catch {
      problem("The portal could not be reached.");
    }
  });
  dialog.addEventListener("cancel", (event) => {
    event.preventDefault();
    if (!ended) stay();
  });

  // ---- the clock
  const check = () => {
    if (ended) return;
    const left = Math.max(seen, Number(store(() => localStorage.getItem(SEEN)))) + allowed - Date.now();
    if (left <= 0) end();
    else if (left <= warning) {
      find("left").textContent = leftText(left);
      show("warning");
      if (left < 21_000) say("You will be signed out in 20 seconds.");
    } else if (dialog.open) {
      told = "";
      dialog.close();
    }
  };
  let reported = Date.now();
  const active = () => {
    const now = Date.now();
    if (ended || dialog.open || now - Math.max(seen, reported) < allowed / 5) return;
    reported = now;
    report().then((alive) => (alive ? touch() : end())).catch(() => {});
  };
  for (const type of ["keydown", "pointerdown", "wheel"]) addEventListener(type, active, { passive: true });
  for (const type of ["focus", "pageshow"]) addEventListener(type, check);
  document.addEventListener("visibilitychange", check);
  setInterval(check, 1000);

  // ---- a request that meets an ended session must not take the page away
  document.addEventListener("submit", (event) => {
    check();
    if (!ended) return;
    event.preventDefault();
    event.stopImmediatePropagation();
  }, true);
  document.addEventListener("htmx:before:response", (event) => {
    if (event.detail.ctx.response.status === 401) {
      event.preventDefault();
      end();
    } else touch();
  });
  document.addEventListener("portal:answered", touch);

  // ---- signing out in one tab ends every tab: nothing is left to be read
  const opened = Date.now();
  const leave = () => {
    if (Number(store(() => localStorage.getItem(SIGNED_OUT))) > opened) location.replace(`${signInUrl}?ended=signed-out`);
  };
  addEventListener("storage", (event) => {
    if (event.key === SEEN) check();
    if (event.key === SIGNED_OUT) leave();
  });
  // A tab that slept, or a page that comes back by the browser's Back button, may have missed it.
  addEventListener("pageshow", leave);
  document.addEventListener("visibilitychange", leave);

  touch();
  restore();
})();
