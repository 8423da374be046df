// What makes pages smooth. Every page works without it: real links, real forms.
(() => {
  "use strict";
  const all = (root, selector) => [...(root.matches?.(selector) ? [root] : []), ...root.querySelectorAll(selector)];
  const on = (type, selector, act) =>
    document.addEventListener(type, (event) => {
      const element = event.target.closest?.(selector);
      if (element) act(element, event);
    });

  // ---- announcements: heard through the page's one live region
  const announce = (text) => {
    const region = document.getElementById("announce");
    if (!region) return;
    region.textContent = "";
    // Emptied first: the same words twice would otherwise be heard once.
    setTimeout(() => (region.textContent = text), 50);
  };

  // ---- focus: a summary of errors or the marked element of what has just arrived
  const settle = (root, focused = ".error-summary, [data-focus-after-swap]") => {
    const target = all(root, focused)[0];
    if (target) {
      if (!target.matches("a[href], button, input, select, textarea, [tabindex]")) target.tabIndex = -1;
      target.focus();
    }
    for (const element of all(root, "[data-announce]")) announce(element.dataset.announce);
    watchTables(root);
  };

  // ---- tables: a frame takes the keyboard's focus only where it scrolls
  const frames = new ResizeObserver((entries) => {
    for (const { target } of entries) {
      if (target.scrollWidth > target.clientWidth) target.tabIndex = 0;
      else target.removeAttribute("tabindex");
    }
  });
  const watchTables = (root) => all(root, ".table-scroll").forEach((frame) => frames.observe(frame));

  // ---- appearance
  const showTheme = () => {
    const theme = document.documentElement.dataset.theme ?? "auto";
    for (const button of document.querySelectorAll("[data-theme-choice]"))
      button.setAttribute("aria-pressed", String(button.dataset.themeChoice === theme));
  };
  on("click", "[data-theme-choice]", (button) => {
    const theme = button.dataset.themeChoice;
    if (theme === "auto") delete document.documentElement.dataset.theme;
    else document.documentElement.dataset.theme = theme;
    try {
      if (theme === "auto") localStorage.removeItem("portal-theme");
      else localStorage.setItem("portal-theme", theme);
    } catch {
      // Storage may be forbidden; the choice holds for this page.
    }
    showTheme();
  });

  // ---- copy, password, menus
  on("click", "[data-copy]", async (button) => {
    try {
      await navigator.clipboard.writeText(button.dataset.copy);
    } catch {
      announce("Copying was not possible.");
      return;
    }
    button.classList.add("copied");
    announce("Copied.");
    setTimeout(() => button.classList.remove("copied"), 2000);
  });
  on("click", "[data-reveal]", (button) => {
    const input = document.getElementById(button.dataset.reveal);
    const shown = input.type === "text";
    input.type = shown ? "password" : "text";
    button.setAttribute("aria-pressed", String(!shown));
  });
  // A switch sends its form: in HTML it may not be the form's submit button.
  on("click", "[data-sends]", (button) => button.form.requestSubmit());
  const closeMenus = (except) => {
    for (const menu of document.querySelectorAll("details.menu[open]")) if (menu !== except) menu.open = false;
  };
  document.addEventListener("click", (event) => closeMenus(event.target.closest?.("details.menu")));
  document.addEventListener("keydown", (event) => {
    const menu = event.key === "Escape" && event.target.closest?.("details.menu[open]");
    if (!menu) return;
    menu.open = false;
    menu.querySelector("summary").focus();
  });

  // ---- one submission at a time
  const release = (form) => {
    delete form.dataset.submitting;
    for (const button of form.querySelectorAll("[aria-busy]")) button.removeAttribute("aria-busy");
  };
  const hold = (form, submitter) => {
    form.dataset.submitting = "";
    submitter?.setAttribute("aria-busy", "true");
  };
  document.addEventListener("submit", (event) => {
    if ("submitting" in event.target.dataset) {
      event.preventDefault();
      event.stopImmediatePropagation();
    }
  }, true);
  document.addEventListener("submit", (event) => {
    const form = event.target;
    // htmx prevents the default and reports the end by itself; a GET may be repeated at will.
    if (event.defaultPrevented || form.method !== "post" || form.target === "_blank") return;
    hold(form, event.submitter);
    // A form may answer with a download, after which the page stays.
    setTimeout(() => release(form), 8000);
  });
  addEventListener("pageshow", () => document.querySelectorAll("[data-submitting]").forEach(release));

  // ---- htmx
  document.addEventListener("htmx:before:request", (event) => {
    const { ctx } = event.detail;
    ctx.target?.setAttribute("aria-busy", "true");
    if (ctx.request.form && ctx.request.method === "POST") hold(ctx.request.form, ctx.request.submitter);
  });
  document.addEventListener("htmx:finally:request", (event) => {
    const { ctx } = event.detail;
    ctx.target?.removeAttribute("aria-busy");
    if (ctx.request.form) release(ctx.request.form);
  });
  document.addEventListener("htmx:after:settle", (event) => {
    for (const node of event.detail.newContent ?? []) if (node.nodeType === 1) settle(node);
  });
  document.addEventListener("htmx:error", (event) => {
    if (event.detail.ctx) announce("The portal could not be reached. Check the connection and try again.");
  });

  window.portal = { announce };
  showTheme();
  settle(document.body, ".error-summary");
  // A menu wider than the screen begins where one is.
  for (const nav of document.querySelectorAll(".site-nav, .tabs")) {
    const here = nav.querySelector("[aria-current]");
    if (here) nav.scrollLeft = here.getBoundingClientRect().left - nav.getBoundingClientRect().left - (nav.clientWidth - here.offsetWidth) / 2;
  }
})();
