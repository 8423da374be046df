// Sends the files of a form with a bar that shows how much has left. Without it the browser sends the form itself.
(() => {
  "use strict";
  const BROKEN = "The connection broke off before everything was sent. Nothing of it was kept; the files are still chosen. Try again.";

  // The answer is a page: what is new of it stands in its main part, and a notice in it would be gone if it were asked for again.
  const show = (answer, address) => {
    const main = answer?.querySelector("main");
    if (!main) return location.assign(address);
    document.title = answer.title;
    const fresh = document.importNode(main, true);
    document.querySelector("main").replaceWith(fresh);
    window.htmx?.process(fresh);
    const said = fresh.querySelector(".error-summary, [role=status]");
    if (said?.matches(".error-summary")) said.focus();
    else window.portal.announce(said?.textContent ?? "The files were sent.");
    document.dispatchEvent(new Event("portal:answered"));
  };

  const send = (form, submitter) => {
    const frame = form.querySelector("[data-upload-progress]");
    const failed = form.querySelector("[data-upload-error]");
    const bar = frame.querySelector("progress");
    const request = new XMLHttpRequest();
    const end = () => {
      delete form.dataset.submitting;
      submitter?.removeAttribute("aria-busy");
      frame.hidden = true;
    };
    request.upload.addEventListener("progress", ({ loaded, total }) => {
      bar.value = Math.floor((100 * loaded) / (total || 1));
      frame.querySelector(".percent").textContent = `${bar.value}%`;
    });
    request.addEventListener("load", () => {
      end();
      const address = new URL(request.responseURL || form.action);
      // Somewhere else than here, such as the page to sign in: the whole of it.
      if (request.status < 400 && address.pathname !== location.pathname) location.assign(address);
      else show(request.response, address);
    });
    request.addEventListener("error", () => {
      end();
      failed.textContent = BROKEN;
      failed.hidden = false;
    });
    form.dataset.submitting = "";
    submitter?.setAttribute("aria-busy", "true");
    failed.hidden = true;
    bar.value = 0;
    frame.hidden = false;
    window.portal.announce("The files are being sent.");
    request.open("POST", form.action);
    request.responseType = "document";
    request.send(new FormData(form, submitter));
  };

  document.addEventListener("submit", (event) => {
    const form = event.target;
    if (!form.matches("form[data-upload]") || "submitting" in form.dataset) return;
    event.preventDefault();
    send(form, event.submitter);
  }, true);
})();
