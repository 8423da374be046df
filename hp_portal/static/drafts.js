// Keeps what is typed into a step of a long form: some seconds after typing stops, and on leaving the page. Without it the form's
// own buttons save it.
(() => {
  "use strict";
  const PAUSE = 3000;
  let timer = 0;
  let sending = null;
  let stopped = false;
  const theForm = () => document.querySelector("form[data-draft]");
  // Files are sent by the form itself, and a search parameter has no place for one.
  const fields = (form) => new URLSearchParams([...new FormData(form)].filter(([, value]) => typeof value === "string"));
  const kept = (form) => {
    const sent = fields(form);
    for (const name of ["csrf_token", "version", "page", "back"]) sent.delete(name);
    return sent.toString();
  };
  let last = theForm() ? kept(theForm()) : "";

  const say = (form, text, failed) => {
    const line = form.querySelector("[data-draft-kept]");
    line.textContent = text;
    line.className = failed ? "error" : "hint";
    if (failed) window.portal.announce(text);
  };
  const keep = async (leaving = false) => {
    clearTimeout(timer);
    const form = theForm();
    if (!form || stopped || "submitting" in form.dataset || kept(form) === last) return;
    if (sending) {
      if (!leaving) timer = setTimeout(keep, PAUSE);
      return;
    }
    const now = kept(form);
    try {
      sending = fetch(form.dataset.draft, {
        method: "POST",
        body: fields(form),
        headers: { "HX-Request": "true", "HX-Request-Type": "partial" },
        keepalive: leaving,
        redirect: "manual",
      });
      const answer = await sending;
      const part = new DOMParser().parseFromString(await answer.text(), "text/html").querySelector("p");
      if (answer.ok && part?.dataset.version) {
        last = now;
        form.querySelector("input[name=version]").value = part.dataset.version;
        say(form, part.textContent);
        document.dispatchEvent(new Event("portal:answered"));
      } else if (answer.status === 401) {
        say(form, "Not saved: your session has ended. Press Continue to sign in and send what is here.", true);
      } else {
        // Somebody else has saved the step, or the draft is gone: saving again by itself would not help.
        stopped = answer.status === 404 || answer.status === 409;
        say(form, part?.textContent ?? "Not saved just now. It is tried again as you go on typing.", true);
      }
    } catch {
      say(form, "Not saved: the portal could not be reached. It is tried again as you go on typing.", true);
    } finally {
      sending = null;
    }
  };
  const typed = (event) => {
    if (!event.target.closest?.("form[data-draft]")) return;
    clearTimeout(timer);
    timer = setTimeout(keep, PAUSE);
  };
  document.addEventListener("input", typed);
  document.addEventListener("change", typed);
  document.addEventListener("visibilitychange", () => {
    if (document.visibilityState === "hidden") keep(true);
  });
  addEventListener("pagehide", () => keep(true));
})();
