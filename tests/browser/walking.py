"""Somebody on the way through the portal in a real browser: by keyboard alone, or without JavaScript on a phone."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from playwright.sync_api import Locator, Page, expect

from tests.browser.conftest import Live, axe, sign_in
from tests.browser.test_core_journeys import press_to
from tests.support.layout import layout_problems

PHONE = 360
# What an office worker does without hurry: words read in a minute, keys pressed in a second.
WORDS_A_MINUTE, KEYS_A_SECOND = 250, 3
# Pages that axe has found nothing wrong with: most walks begin with the same ones.
_looked_at: set[tuple[str, str]] = set()


@dataclass(frozen=True)
class Seen:
    """A page that somebody was shown: its heading, and how many words are to be read, those of agreements told apart."""

    heading: str
    words: int
    agreements: int = 0


@dataclass
class Walk:
    """A person at a browser. With `keyboard`: on a desk, keys only, and axe looks at every page. Without: a phone of 360 px on
    which no script runs, and nothing may be wider than it."""

    live: Live
    page: Page
    keyboard: bool
    seen: list[Seen] = field(default_factory=list)
    seen_elsewhere: int = 0
    keys: int = 0
    clicks: int = 0
    known: set[str] = field(default_factory=set)

    @classmethod
    def begin(cls, live: Live, new_context: Any, *, keyboard: bool) -> Walk:
        context = new_context() if keyboard else new_context(javascript=False, size="phone")
        return cls(live, context.new_page(), keyboard)

    def sign_in(self, username: str) -> None:
        sign_in(self.page, self.live.url, username)

    def go(self, path: str) -> None:
        self.page.goto(self.live.url + path)

    def see(self, heading: str, *, again: bool = False) -> None:
        """The page with this heading is there, and fit to be used. `again`: it was read before, and only what is new on it is."""
        expect(self.page.get_by_role("heading", level=1)).to_contain_text(heading)
        if self.keyboard:
            shown = (urlsplit(self.page.url).path, self.main.inner_text())
            if shown not in _looked_at:
                axe(self.page)
                _looked_at.add(shown)
        else:
            assert layout_problems(self.page, (PHONE,)) == []
        agreements = self._words(self.main.locator(".panel").filter(has_text="Version 20"))
        agreements += self._words(self.main.locator(".agreement, .statement"))
        # Pictures and the steps are looked at, what is below a form is for those who get stuck, of a list one line is seen.
        beside = self._words(self.main.locator("figure, .after-form, .steps, option:not(:checked), .visually-hidden"))
        # Where only a number is another, nobody reads the line again.
        lines = re.sub(r"\d+", "0", self.main.inner_text()).splitlines()
        words = sum(len(line.split()) for line in lines if line not in self.known) if again else self._words(self.main)
        self.known |= set(lines)
        self.seen.append(Seen(heading, words - (0 if again else agreements + beside), 0 if again else agreements))

    def reads(self, text: str) -> None:
        """Something outside of the portal, such as an e-mail, up to its signature."""
        self.seen_elsewhere += len(text.partition("\n--")[0].split())

    @staticmethod
    def _words(where: Locator) -> int:
        return sum(len(text.split()) for text in where.all_inner_texts())

    @property
    def main(self) -> Locator:
        return self.page.get_by_role("main")

    def says(self, *texts: str) -> None:
        for text in texts:
            expect(self.main).to_contain_text(text)

    def enter(self, label: str, text: str) -> None:
        if self.keyboard:
            self._to(label)
            self._type(text)
        else:
            name = re.compile(rf"^{re.escape(label)}( \(optional\))?$")
            self.page.get_by_role("textbox", name=name).fill(text)

    def day(self, label: str, day: str) -> None:
        """A day, such as `2026-08-31`, in the browser's own field for it."""
        if self.keyboard:
            self._to(label)
            self._type(f"{day[5:7]}{day[8:]}{day[:4]}")
        else:
            self.page.get_by_label(label).fill(day)

    def select(self, label: str, option: str) -> None:
        self.clicks += 1
        if self.keyboard:
            self._to(label)
            self._type(option[:3])
            expect(self.page.locator(":focus").locator("option:checked")).to_have_text(option)
        else:
            self.page.get_by_label(label, exact=True).select_option(label=option)

    def press(self, name: str) -> None:
        """A button, or a link that looks like one."""
        self.clicks += 1
        if self.keyboard:
            self._to(name)
            self._key("Enter")
        else:
            self.main.get_by_role("button", name=name).or_(self.main.get_by_role("link", name=name)).first.click()

    def tick(self, label: str) -> None:
        """A box."""
        self.clicks += 1
        if self.keyboard:
            self._to(label)
            self._key("Space")
        else:
            self.page.get_by_label(label).check()

    def pick(self, label: str) -> None:
        """One of several: the keyboard comes to the first of them, and goes on with the arrow."""
        self.clicks += 1
        wanted = self.page.get_by_label(label)
        if not self.keyboard:
            wanted.check()
            return
        group = self.page.locator(f'input[type=radio][name="{wanted.get_attribute("name")}"]')
        self._to(str(group.first.evaluate("node => node.labels[0].innerText")))
        self._key("Space")
        for _ in range(group.count()):
            if wanted.is_checked():
                return
            self._key("ArrowDown")
        expect(wanted).to_be_checked()

    def _to(self, name: str) -> None:
        self.keys += press_to(self.page, name)

    def _key(self, key: str) -> None:
        self.page.keyboard.press(key)
        self.keys += 1

    def _type(self, text: str) -> None:
        self.page.keyboard.type(text)
        self.keys += len(text)

    def seconds(self, *, agreements: bool) -> float:
        """How long it takes to read up to the page that is the goal, and to press every key that was pressed."""
        words = sum(page.words + page.agreements * agreements for page in self.seen[:-1]) + self.seen_elsewhere
        return words * 60 / WORDS_A_MINUTE + self.keys / KEYS_A_SECOND
