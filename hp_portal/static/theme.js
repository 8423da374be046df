// Runs before the page is drawn, so that a chosen appearance does not flash: light or dark as stored, else the system's.
(() => {
  const root = document.documentElement;
  root.classList.add("js");
  if (!navigator.clipboard) root.classList.add("no-clipboard");
  try {
    const theme = localStorage.getItem("portal-theme");
    if (theme === "light" || theme === "dark") root.dataset.theme = theme;
  } catch {
    // Storage may be forbidden; the system's choice stands.
  }
})();
