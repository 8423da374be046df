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
  const take = (target, options) => {
    if (!target.matches("a[href], button, input, select, textarea, [tabindex]")) target.tabIndex = -1;
    target.focus(options);
  };
  const settle = (root, focused = ".error-summary, [data-focus-after-swap]") => {
    const target = all(root, focused)[0];
    if (target) take(target);
    for (const element of all(root, "[data-announce]")) announce(element.dataset.announce);
    watchTables(root);
  };

  // A link that sorts or turns pages is swapped out with its list: sorting, the focus stays on the same head; turning pages,
  // it goes to where the list begins.
  let pressed = null;
  const follow = (list, { label, page }) => {
    const head = label && [...list.querySelectorAll(".sort a")].find((link) => link.textContent === label);
    if (head) take(head, { preventScroll: true });
    else if (page && !list.contains(document.activeElement)) {
      take(list.querySelector("h2, h3, .table-scroll") ?? list);
      const rows = list.querySelector(".pager p");
      if (rows && !list.querySelector("[data-announce]")) announce(rows.textContent);
    }
  };

  // ---- tables: a frame takes the keyboard's focus only where it is shown and scrolls
  const offer = (frame) => {
    if (frame.checkVisibility() && frame.scrollWidth > frame.clientWidth) frame.tabIndex = 0;
    else if (frame !== document.activeElement) frame.removeAttribute("tabindex");
  };
  const frames = new ResizeObserver((entries) => entries.forEach(({ target }) => offer(target)));
  const watchTables = (root) => all(root, ".table-scroll").forEach((frame) => (offer(frame), frames.observe(frame)));

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
  on("click", "[data-print]", () => window.print());
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

  // ---- the connection: nothing is sent, and nothing typed lost, while there is none
  const offline = document.getElementById("offline");
  const showConnection = () => {
    if (offline) offline.hidden = navigator.onLine;
  };
  for (const type of ["online", "offline", "pageshow"]) addEventListener(type, showConnection);
  document.addEventListener("submit", (event) => {
    if (navigator.onLine) return;
    event.preventDefault();
    event.stopImmediatePropagation();
    showConnection();
    announce("You are offline. Nothing was sent.");
  }, true);

  // ---- downloads: the button is busy until the file has come; what is no file is opened as a page
  const nameOf = (disposition) => {
    const coded = /filename\*=UTF-8''([^;]+)/i.exec(disposition);
    return coded ? decodeURIComponent(coded[1]) : /filename="?([^";]+)/i.exec(disposition)?.[1] ?? "download";
  };
  const download = async (address, button) => {
    if (button.getAttribute("aria-busy")) return;
    button.setAttribute("aria-busy", "true");
    announce("The file is being prepared.");
    try {
      const answer = await fetch(address, { headers: { Accept: "*/*" } });
      const disposition = answer.headers.get("Content-Disposition") ?? "";
      if (!answer.ok || !disposition.startsWith("attachment")) return location.assign(answer.redirected ? answer.url : address);
      const link = document.createElement("a");
      link.href = URL.createObjectURL(await answer.blob());
      link.download = nameOf(disposition);
      link.click();
      setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
      document.dispatchEvent(new Event("portal:answered"));
      announce("The file has been downloaded.");
    } catch {
      showConnection();
      announce("The portal could not be reached. Check the connection and try again.");
    } finally {
      button.removeAttribute("aria-busy");
    }
  };
  on("click", "a[data-download]", (link, event) => {
    if (event.button || event.ctrlKey || event.metaKey || event.shiftKey) return;
    event.preventDefault();
    download(link.href, link);
  });

  // ---- one submission at a time, and a button that says so
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
    // htmx prevents the default and reports the end by itself.
    if (event.defaultPrevented || form.target === "_blank") return;
    if (event.submitter && form.matches("[data-download]")) {
      event.preventDefault();
      const address = new URL(event.submitter.formAction);
      address.search = new URLSearchParams(new FormData(form));
      download(address, event.submitter);
      return;
    }
    // A GET may be repeated at will: its button is busy, but nothing is held.
    if (form.method === "post") hold(form, event.submitter);
    else event.submitter?.setAttribute("aria-busy", "true");
    // Whoever stops the page from loading may send again after a while.
    setTimeout(() => release(form), 60_000);
  });
  addEventListener("pageshow", () => {
    for (const button of document.querySelectorAll("form [aria-busy]")) release(button.form);
  });

  // ---- htmx
  // A field that is checked while somebody types sends nothing: its form can be sent meanwhile.
  const checks = (ctx) => ctx.sourceElement?.matches?.("[data-checks]");
  document.addEventListener("htmx:before:request", (event) => {
    const { ctx } = event.detail;
    if (checks(ctx)) return;
    ctx.target?.setAttribute("aria-busy", "true");
    if (ctx.request.form && ctx.request.method === "POST") hold(ctx.request.form, ctx.request.submitter);
    else ctx.request.submitter?.setAttribute("aria-busy", "true");
  });
  document.addEventListener("htmx:finally:request", (event) => {
    const { ctx } = event.detail;
    ctx.target?.removeAttribute("aria-busy");
    if (ctx.request.form && !checks(ctx)) release(ctx.request.form);
  });
  document.addEventListener("htmx:before:swap", (event) => {
    const link = event.detail.ctx.sourceElement?.closest?.(".sort a, .pager a");
    const sorts = link?.closest(".sort");
    pressed = link ? { label: sorts && link.textContent, page: !sorts } : null;
  });
  // Rows that were ticked stay ticked while one turns the pages of a list: on other pages as hidden fields.
  let ticked = null;
  document.addEventListener("htmx:before:swap", (event) => {
    const link = event.detail.ctx.sourceElement?.closest?.(".sort a, .pager a");
    const form = link && document.querySelector("form[data-keeps]");
    ticked = form ? new FormData(form).getAll(form.dataset.keeps) : null;
  });
  document.addEventListener("htmx:after:settle", () => {
    const form = ticked && document.querySelector("form[data-keeps]");
    if (!form) return;
    const name = form.dataset.keeps;
    let elsewhere = 0;
    for (const value of new Set(ticked)) {
      const box = form.querySelector(`[name="${name}"][value="${CSS.escape(value)}"]`);
      if (box) box.checked = true;
      else {
        const input = document.createElement("input");
        input.type = "hidden";
        input.name = name;
        input.value = value;
        form.append(input);
        elsewhere += 1;
      }
    }
    ticked = null;
    const said = form.querySelector("[data-elsewhere]");
    if (said && elsewhere) said.textContent = `${elsewhere} more ticked on other pages`;
  });
  document.addEventListener("htmx:after:settle", (event) => {
    for (const node of event.detail.newContent ?? []) if (node.nodeType === 1) settle(node);
    if (pressed && event.target.nodeType === 1) follow(event.target, pressed);
    pressed = null;
  });
  document.addEventListener("htmx:error", (event) => {
    showConnection();
    if (event.detail.ctx) announce("The portal could not be reached. Check the connection and try again.");
  });

  window.portal = { announce };
  showTheme();
  showConnection();
  settle(document.body, ".error-summary");
  // A menu wider than the screen begins where one is.
  for (const nav of document.querySelectorAll(".site-nav ul, .tabs")) {
    const here = nav.querySelector("[aria-current]");
    if (here) nav.scrollLeft = here.getBoundingClientRect().left - nav.getBoundingClientRect().left - (nav.clientWidth - here.offsetWidth) / 2;
  }
})();
