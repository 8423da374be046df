"""Whether a page stays within its frame: no width may make it scroll sideways or cut a part off."""

from __future__ import annotations

from typing import Any

from playwright.sync_api import Page

# Phone, the narrowest and a common tablet, two small windows, a desk.
WIDTHS = (360, 641, 768, 960, 1024, 1280)

_PROBLEMS = """() => {
  const frame = document.documentElement;
  const name = (node) => node.outerHTML.slice(0, 120).replaceAll("\\n", " ");
  const clipped = (node) => {
    for (let at = node.parentElement; at; at = at.parentElement) {
      const style = getComputedStyle(at);
      if (style.overflowX !== "visible" || style.clipPath !== "none") return true;
    }
    return getComputedStyle(node).clipPath !== "none";
  };
  const problems = frame.scrollWidth > frame.clientWidth ? ["the page scrolls sideways"] : [];
  for (const node of document.body.querySelectorAll("*")) {
    if (node.getBoundingClientRect().right > frame.clientWidth + 1 && !clipped(node))
      problems.push(`beyond the page: ${name(node)}`);
  }
  // Rows become cards before they would not fit.
  for (const node of document.querySelectorAll(".table-scroll:has(> table.cards)")) {
    if (node.scrollWidth > node.clientWidth) problems.push(`beyond its frame: ${name(node.firstElementChild)}`);
  }
  // A number in pieces has more than one box.
  for (const node of document.querySelectorAll(".code:not(.long)")) {
    if (getComputedStyle(node).display === "inline" && node.getClientRects().length > 1 && !node.textContent.includes(" "))
      problems.push(`broken: ${name(node)}`);
  }
  // Mails are not pages of the portal: their headings are looked at alone.
  const page = document.querySelector("main.page");
  for (const node of page ? [document.body] : document.querySelectorAll("h1, h2, h3")) {
    for (const walk = document.createTreeWalker(node, NodeFilter.SHOW_TEXT); walk.nextNode(); ) {
      for (const { index } of walk.currentNode.data.matchAll(/\\be-mail/gi)) {
        const word = document.createRange();
        word.setStart(walk.currentNode, index);
        word.setEnd(walk.currentNode, index + 6);
        if (new Set([...word.getClientRects()].map((box) => Math.round(box.top))).size > 1)
          problems.push(`a word in two lines: ${name(walk.currentNode.parentElement)}`);
      }
    }
  }
  return problems.slice(0, 5);
}"""


def layout_problems(page: Page, widths: tuple[int, ...] = WIDTHS) -> list[str]:
    """What does not fit at any of the widths (px); the page gets its own size back."""
    before: Any = page.viewport_size
    found = []
    for width in widths:
        page.set_viewport_size({"width": width, "height": 800})
        found += [f"at {width} px {problem}" for problem in page.evaluate(_PROBLEMS)]
    page.set_viewport_size(before)
    return found
