"""Files that say something is wrong with them: one lost a claim on its way, one names a currency that there is not."""

from __future__ import annotations

import datetime as dt
import io
import random
from dataclasses import replace

from hp_portal.api import PortalSession

from ..intake.importing import import_file
from .scenes import Days, Story
from .writing import FileText, PayeeText, PaymentText

_VISITS = (("HC:99213", 14200), ("HC:99214", 20800), ("HC:93000", 9500))
LOST, CURRENCY = "940000050031", "940000050032"
WORTH_TRYING = {
    LOST: "an EFT of which a claim was lost: the remittance has fewer segments than its sender counted (SE01)",
    CURRENCY: "an EFT whose remittance names a currency that is not known",
}


def payments(payee: PayeeText, days: Days) -> tuple[PaymentText, PaymentText]:
    """What the sender meant to send."""
    story = Story(payee, random.Random("demo odd files"), "D9")  # noqa: S311 – made-up data, the same every time
    issued = days.back(4)
    story.pay(LOST, "ACH", issued, [story.claim(_VISITS, issued, lines=1) for _ in range(4)])
    story.pay(CURRENCY, "ACH", issued, [story.claim(_VISITS, issued) for _ in range(2)], currency="DOLLARS")
    lost, currency = story.payments
    return lost, currency


def import_odd_files(session: PortalSession, payee: PayeeText, days: Days, file: FileText) -> list[PaymentText]:
    """Import both, each in a file of its own; `file` is what files are made from. What was meant to be in them."""
    lost, currency = payments(payee, days)
    for place, (one, name) in enumerate(((lost, "demo-claim-lost.835"), (currency, "demo-unknown-currency.835"))):
        written = dt.datetime.combine(one.issued, file.written.time())
        text = replace(file, written=written, control=file.control + place, payments=[one]).encoded()
        import_file(session, io.BytesIO(_without_last_claim(text) if one is lost else text), name)
    return [lost, currency]


def _without_last_claim(text: bytes) -> bytes:
    """As if a part had been lost: SE01 still counts it."""
    begin = text.rindex(b"CLP*")
    return text[:begin] + text[text.index(b"SE*", begin) :]
