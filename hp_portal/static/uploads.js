// Sends the files of a form with a bar that shows how much has left. Without it the browser sends the form itself.
(() => {
  "use strict";
  const BROKEN = "The connection broke off before everything was sent. Nothing of it was kept; the files are still chosen. Try again.";

  const KEPT = "What you have chosen and written is still here.";
  const WHY = {
    413: "The files together are larger than can be sent at once, and nothing of them was kept. Choose fewer, and send the others after them.",
    429: "Too much was sent in a short time. Wait a minute, then try again.",
  };
  const AWAY = "The portal cannot be reached at the moment. Try again in a few minutes; what has arrived already is not attached twice.";
  const said = (status) => `${WHY[status] ?? ([502, 503, 504].includes(status) ? AWAY : `Something went wrong (error ${status}). Try again.`)} ${KEPT}`;
  const megabytes = (bytes) => (Math.ceil((bytes * 10) / 1048576) / 10).toFixed(1);

  // The answer is a page: what is new of it stands in its main part, and a notice in it would be gone if it were asked for again.
  const show = (answer) => {
    const main = answer.querySelector("main");
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
    const stay = (words) => {
      failed.textContent = words;
      failed.hidden = false;
    };
    const most = Number(frame.dataset.uploadProgress) * 1048576;
    const total = [...form.querySelectorAll("input[type=file]")].flatMap((field) => [...field.files]).reduce((sum, file) => sum + file.size, 0);
    if (most && total > most) {
      return stay(`The files together have ${megabytes(total)} MB, and ${most / 1048576} MB can be sent at once. Choose fewer, and send the others after them. ${KEPT}`);
    }
    request.addEventListener("load", () => {
      end();
      const address = new URL(request.responseURL || form.action);
      // Somewhere else than here, such as the page to sign in: the whole of it.
      if (request.status < 400 && address.pathname !== location.pathname && address.pathname !== new URL(form.action).pathname) location.assign(address);
      // No page, such as what a server in front of the portal says, or one that would take the place of the form.
      else if (!request.response?.querySelector("main") || request.status === 413 || request.status === 429 || request.status >= 500) stay(said(request.status));
      else show(request.response);
    });
    request.addEventListener("error", () => {
      end();
      stay(BROKEN);
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
