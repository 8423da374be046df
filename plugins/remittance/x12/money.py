"""Amounts and quantities: X12 type R text to exact values, with neither `Decimal` nor `float`."""

import re

_AMOUNT = re.compile(r"(-?)([0-9]*)(?:\.([0-9]*))?")
_QUANTITY = re.compile(r"-?(?:[0-9]{1,15}(?:\.[0-9]{0,6})?|\.[0-9]{1,6})")
_MOST_DIGITS = 15
"""Digits of the largest amount taken, in cents: fits every database's 64-bit integer, sums included."""

# Dollars below 10,000 and all fractions: what nearly every amount is made of. The hot path uses them itself.
WHOLE = {str(amount): amount * 100 for amount in range(10_000)}
DECIMALS = {"": 0} | {f"{n}": n * 10 for n in range(10)} | {f"{n:02d}": n for n in range(100)}


def cents(text: str) -> int | None:
    """Integer cents of an amount such as `12`, `12.3`, `-12.34` or `.5`; None where it is not exact.

    None stands for empty, malformed, more than two decimals, an exponent, or more than 15 digits:
    an amount is never guessed. Extra decimals that are all zero lose nothing (`1.500` is 150 cents).
    """
    # Called for every amount of a file: two look-ups are quicker than int() and prove at once that all is digits.
    whole, _, decimals = text.partition(".")
    try:
        return WHOLE[whole] + DECIMALS[decimals]
    except KeyError:
        return _careful_cents(text)


def _careful_cents(text: str) -> int | None:
    found = _AMOUNT.fullmatch(text.strip(" "))
    if found is None:
        return None
    sign, whole, decimals = found[1], found[2], found[3] or ""
    if decimals[2:].strip("0") or not (whole or decimals):
        return None
    digits = whole + (decimals + "00")[:2]
    if len(digits.lstrip("0")) > _MOST_DIGITS:
        return None
    # Many leading zeros are harmless, but int() refuses thousands of digits.
    amount = int(digits.lstrip("0") or "0")
    return -amount if sign else amount


def quantity(text: str) -> str | None:
    """A number of units as plain decimal text (`1`, `0.5`, `-2`), fit for a numeric column; None if malformed."""
    text = text.strip(" ")
    if _QUANTITY.fullmatch(text) is None:
        return None
    sign, digits = ("-", text[1:]) if text.startswith("-") else ("", text)
    whole, _, decimals = digits.partition(".")
    decimals = decimals.rstrip("0")
    plain = (whole.lstrip("0") or "0") + (f".{decimals}" if decimals else "")
    return plain if plain == "0" else sign + plain


def dollars(amount: int) -> str:
    """Cents as an X12 amount with two decimals, for messages: `-12.34`."""
    whole, part = divmod(abs(amount), 100)
    return f"{'-' if amount < 0 else ''}{whole}.{part:02d}"
