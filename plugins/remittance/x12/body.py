"""A check's body: claims with their lines and adjustments, to rows.

This is the hot path, and it is written for speed: three `str.split` cut claims, lines and elements, a layout met
before says where the values stand (see `layouts`), and nothing is looked at twice. That is why the two functions are long
and bind attributes to names first. What is rare or wrong goes to `check_reader`.

A layout is taken for granted once the segments' names and qualifiers stand where they should. A name hidden in
an unlooked-at place makes the segments seen fewer than the segments there are; then the check is read again
with `careful`, each layout worked out afresh (see `transaction`).
"""

from collections.abc import Callable
from operator import itemgetter

from . import compiled
from .check_reader import CheckReader, ReadHere
from .codes import ADJUSTMENT_GROUPS, CLAIM_STATUSES, PATIENT, REVERSAL
from .money import DECIMALS, WHOLE, cents
from .records import LINE, Row

_ReadLines = Callable[[list[str], int], int | None]
_CHARGED: Callable[[Row], int] = itemgetter(LINE.index("charged"))  # of lines that balance
_FROM, _TO = LINE.index("service_from"), LINE.index("service_to")


class Body(CheckReader):
    """Reads the claims of one check into `rows`."""

    def claims(self, texts: list[str]) -> None:
        """Reads claims: the marked texts after each CLP, without their own `CLP*`; the usual ones by the compiled part.

        Raises BrokenOffError when the transaction ends in one of them without SE.
        """
        syntax = self.syntax
        if compiled.fast_claims is None or self.careful or not (syntax.element + syntax.mark).isascii():
            self._claims(texts, 0, len(texts), self._lines)
            return
        rows, done = self.rows, 0
        while True:
            done, paid, segments = compiled.fast_claims.read_claims(
                self.more, texts, done, self.number, self.lx, syntax.element, syntax.line_start, syntax.heads.plans,
                syntax.lines.plans, syntax.dates, syntax.procedures, syntax.units, rows.claims, rows.lines, rows.adjustments,
                ADJUSTMENT_GROUPS, CLAIM_STATUSES, PATIENT, REVERSAL,
            )  # fmt: skip
            self.claims_paid += paid
            self.segments += segments
            if done >= len(texts):
                return
            self._claims(texts, done, done + 1, self._fast_lines)
            done += 1

    def _claims(self, texts: list[str], first: int, stop: int, read_lines: _ReadLines) -> None:
        """Reads the claims from index `first` up to `stop`."""
        syntax = self.syntax
        dates, element, line_start = syntax.dates, syntax.element, syntax.line_start
        known_layouts, all_lines, payment_number = self.head_layouts, self.rows.lines, self.number
        add_claim, whole_dollars, fractions = self.add_claim, WHOLE, DECIMALS
        adjustments_before = len(self.rows.adjustments)
        for number, text in enumerate(texts[first:stop], first + 1):
            lines = text.rsplit(line_start)  # finds from the right, which is twice as quick as from the left
            elements = lines[0].split(element)
            for layout in known_layouts.get(len(elements), ()):
                if layout.names(elements) == layout.expected:
                    break
            else:
                layout = self.new_layout(syntax.heads, elements)
            self.segments += layout.segments
            (
                control, status, charge, payment, owed, filing, payer_control, facility, frequency, _, drg, weight,
                last, given, middle, member_qualifier, member,
                rendering_last, rendering_given, rendering_middle, rendering_qualifier, rendering,
                first_day, last_day, received, ended, coverage, remarks,
            ) = layout.values(elements)  # fmt: skip
            lx = self.lx
            more = subscriber = subscriber_id = corrected = corrected_id = None
            if layout.unusual:
                if layout.remarks:
                    remarks = self.remarks(elements, layout)
                if layout.subscriber:
                    subscriber, subscriber_id = self.person(layout.subscriber, elements)
                if layout.corrected:
                    corrected, corrected_id = self.person(layout.corrected, elements)
                if layout.special or layout.unknown or layout.misplaced:
                    self.aside(elements, layout, number, 0)
                if layout.kept:
                    more = self.more(elements, layout.kept)
            adjusted = self.claim_adjustments(elements, layout, number) if layout.triplets else 0
            before, lines_before = len(all_lines), self.unbalanced_lines
            change = read_lines(lines, number)
            adjusted = None if adjusted is None or change is None else adjusted + change

            try:
                whole, _, decimals = charge.partition(".")
                charged: int | None = whole_dollars[whole] + fractions[decimals]
                whole, _, decimals = payment.partition(".")
                paid: int | None = whole_dollars[whole] + fractions[decimals]
            except KeyError:
                charged = self.amount(charge, "CLP03", number)
                paid = self.amount(payment, "CLP04", number)
            if charged is None or paid is None or adjusted is None or charged - adjusted != paid:
                balanced = self.unbalanced_claim(number, charged, adjusted, paid)
            else:
                balanced = True
                self.claims_paid += paid
            if self.unbalanced_lines != lines_before:
                balanced = False
            if not balanced:
                self.unbalanced_claims += 1
            elif len(lines) > 1 and charged != (of_lines := sum(map(_CHARGED, all_lines[before:]))):
                self.note_charges(number, charged or 0, of_lines)
            if not (control and status and payer_control):
                self.note_claim_ids(control, status, payer_control, number)
            service_from = dates.get(first_day) or self.claim_date(first_day, number)
            service_to = dates.get(last_day) or self.claim_date(last_day, number)
            if service_from is None:
                service_from, service_to = self._line_dates(before, service_to)
            add_claim(
                (
                    payment_number, number, lx, control.strip(), status, charged, paid,
                    (cents(owed) or self.amount(owed, "CLP05", number)) if owed else None,
                    None, adjusted, filing or None, payer_control.strip() or None, facility or None, frequency or None,
                    drg or None, weight or None,
                    last or None, given or None, middle or None, member_qualifier or None, member.strip() or None,
                    subscriber, subscriber_id, corrected, corrected_id,
                    self.name(rendering_last, rendering_given, rendering_middle) if rendering_last else None,
                    rendering or None if rendering_qualifier == "XX" else None,
                    service_from, service_to or service_from,
                    (dates.get(received) or self.claim_date(received, number)) if received else None,
                    self.claim_date(ended, number) if ended else None,
                    (cents(coverage) or self.amount(coverage, "AMT02", number)) if coverage else None,
                    remarks or None, len(lines) - 1, balanced, more,
                )
            )  # fmt: skip
        adjustments = slice(adjustments_before, len(self.rows.adjustments))
        self.looked_at.append(ReadHere(slice(first, stop), adjustments))

    def _fast_lines(self, texts: list[str], claim: int) -> int | None:
        """As `_lines`, with the usual lines read by the compiled part."""
        assert compiled.fast_claims is not None
        syntax = self.syntax
        number, total = 1, 0
        complete = True
        while True:
            number, change, segments = compiled.fast_claims.read_lines(
                self.more, texts, number, self.number, claim, syntax.element, syntax.lines.plans, syntax.dates,
                syntax.procedures, syntax.units, self.rows.lines, self.rows.adjustments,
            )  # fmt: skip
            self.segments += segments
            total += change
            if number >= len(texts):
                return total if complete else None
            unusual = self._lines(texts, claim, number, number + 1)
            complete = complete and unusual is not None
            total += unusual or 0
            number += 1

    def _lines(self, texts: list[str], claim: int, first: int = 1, stop: int | None = None) -> int | None:
        """Reads a claim's service lines: the marked texts after each SVC; the first text is the claim's own head.

        All lines, or those from `first` up to `stop`. The sum of their CAS in cents, None when one is not readable.
        """
        syntax = self.syntax
        dates, procedures, known_units, element = syntax.dates, syntax.procedures, syntax.units, syntax.element
        known_layouts, add_line, add_adjustment = self.line_layouts, self.add_line, self.add_adjustment
        payment_number, whole_dollars, fractions = self.number, WHOLE, DECIMALS
        total: int | None = 0
        segments = 0
        for number in range(first, len(texts) if stop is None else stop):
            elements = texts[number].split(element)
            for layout in known_layouts.get(len(elements), ()):
                if layout.names(elements) == layout.expected:
                    break
            else:
                layout = self.new_layout(syntax.lines, elements)
            segments += layout.segments
            (
                composite, charge, payment, revenue, units, first_day, last_day, control, allowed_text, rendering, remarks,
            ) = layout.values(elements)  # fmt: skip
            adjusted: int | None = 0
            for group, reason, amount in layout.plain_triplets:
                # As `cents`, written out here and below: the calls would be five percent of the time.
                whole, _, decimals = elements[amount].partition(".")
                try:
                    change = whole_dollars[whole] + fractions[decimals]
                except KeyError:
                    adjusted = self.adjust(elements, layout, (group, reason, amount, -1), claim, number, adjusted)
                    continue
                add_adjustment((payment_number, "L", claim, number, elements[group], elements[reason], change, None))
                if adjusted is not None:
                    adjusted += change
            for triplet in layout.triplets:
                adjusted = self.adjust(elements, layout, triplet, claim, number, adjusted)
            try:
                whole, _, decimals = charge.partition(".")
                charged: int | None = whole_dollars[whole] + fractions[decimals]
                whole, _, decimals = payment.partition(".")
                paid: int | None = whole_dollars[whole] + fractions[decimals]
            except KeyError:
                charged = self.amount(charge, "SVC02", claim, number)
                paid = self.amount(payment, "SVC03", claim, number)
            if charged is None or paid is None or adjusted is None:
                balanced = False
                self.unbalanced_lines += 1
            elif charged - adjusted == paid:
                balanced = True
            else:
                balanced = False
                self.unbalanced_lines += 1
                self.note_balance("line", claim, number, charged, adjusted, paid)
            if allowed_text == payment:
                allowed = paid
            elif allowed_text:
                whole, _, decimals = allowed_text.partition(".")
                try:
                    allowed = whole_dollars[whole] + fractions[decimals]
                except KeyError:
                    at = layout.ordinal(elements.index(allowed_text))
                    allowed = self.amount(allowed_text, "AMT02", claim, number, at)
            else:
                allowed = None
            service_from = dates.get(first_day)
            service_to = service_from if last_day is first_day else dates.get(last_day)
            if service_from is None or service_to is None:
                service_from, service_to = self.line_dates(first_day, last_day, elements, layout, claim, number)
            qualifier, code, modifiers, description = procedures.get(composite) or syntax.procedure(composite)
            submitted = submitted_units = more = None
            if layout.unusual:
                if layout.submitted:
                    submitted, submitted_units = self.submitted(elements, layout.submitted, claim, number)
                if layout.remarks:
                    remarks = self.remarks(elements, layout)
                if layout.special or layout.unknown or layout.misplaced:
                    self.aside(elements, layout, claim, number)
                if layout.kept:
                    more = self.more(elements, layout.kept)
            add_line(
                (
                    payment_number, claim, number, qualifier, code, modifiers, description, submitted,
                    charged, paid, adjusted,
                    revenue or (code if qualifier == "NU" else None),
                    (known_units.get(units) or self.units(units, "SVC05", claim, number)) if units else "1",
                    submitted_units, service_from, service_to, allowed, control or None, rendering or None,
                    remarks or None, balanced, more,
                )
            )  # fmt: skip
            total = None if total is None or adjusted is None else total + adjusted
        self.segments += segments
        return total

    def _line_dates(self, first_line: int, service_to: str | None) -> tuple[str | None, str | None]:
        """Earliest and latest date of the claim's lines, for a claim that gives none itself."""
        lines = self.rows.lines[first_line:]
        starts = [str(line[_FROM]) for line in lines if line[_FROM]]
        ends = [str(line[_TO] or line[_FROM]) for line in lines if line[_TO] or line[_FROM]]
        return min(starts, default=None), service_to or max(ends, default=None)
