"""A check's body: claims with their lines and adjustments, to rows.

This is the hot path, and it is written for speed: three `str.split` cut claims, lines and elements, a layout met
before says where the values stand (see `layouts`), and nothing is looked at twice. What is rare or wrong goes
to `asides`.

A layout is taken for granted once the segments' names and qualifiers stand where they should. A name hidden in
an unlooked-at place makes the segments seen fewer than the segments there are; then the check is read again
with `careful`, each layout worked out afresh (see `transaction`).
"""

from .asides import Asides
from .money import DECIMALS, WHOLE, cents
from .records import LINE

_FROM, _TO = LINE.index("service_from"), LINE.index("service_to")


class Body(Asides):
    """Reads the claims of one check into `rows`."""

    def claim(self, text: str, number: int) -> None:
        """Reads one claim: the marked text between two CLP, without its own first `CLP*`.

        Raises BrokenOffError when the transaction ends in it without SE.
        """
        syntax = self.syntax
        head, *lines = text.split(syntax.line_start)
        elements = head.split(syntax.element)
        elements.append("")
        for layout in self.head_layouts.get(len(elements), ()):
            if layout.names(elements) == layout.expected:
                break
        else:
            layout = self.new_layout(syntax.heads, elements)
        self.segments += layout.segments
        (
            control, status, charge, payment, owed, filing, payer_control, facility, frequency, _, drg, weight,
            last, given, middle, member_qualifier, member,
            rendering_last, rendering_given, rendering_middle, rendering_qualifier, rendering,
            first_day, last_day, received, ended, coverage,
        ) = layout.values(elements)  # fmt: skip
        lx = self.lx
        adjusted = self.claim_adjustments(elements, layout, number) if layout.triplets else 0
        before = len(self.rows.lines)
        remarks = self.remarks(elements, layout)
        more = self.kept(elements, layout, number, 0)
        for place, line in enumerate(lines, 1):
            change = self._line(line, number, place)
            adjusted = None if adjusted is None or change is None else adjusted + change

        charged, paid = cents(charge), cents(payment)
        if charged is None or paid is None:
            charged = self.amount(charge, "CLP03", number)
            paid = self.amount(payment, "CLP04", number)
        balanced = self.claim_balance(number, charged, adjusted, paid)
        if not (control and status and payer_control):
            self.note_claim_ids(control, status, payer_control, number)
        dates = syntax.dates
        service_from = dates.get(first_day) or self.claim_date(first_day, number)
        service_to = dates.get(last_day) or self.claim_date(last_day, number)
        if service_from is None:
            service_from, service_to = self._line_dates(before, service_to)
        self.add_claim(
            (
                self.number, number, lx, control.strip(), status, charged, paid,
                (cents(owed) or self.amount(owed, "CLP05", number)) if owed else None,
                adjusted, filing or None, payer_control.strip() or None, facility or None, frequency or None,
                drg or None, weight or None,
                last or None, given or None, middle or None, member_qualifier or None, member.strip() or None,
                *(self.person(layout.subscriber, elements) if layout.subscriber else _NOBODY),
                *(self.person(layout.corrected, elements) if layout.corrected else _NOBODY),
                self.name(rendering_last, rendering_given, rendering_middle) if rendering_last else None,
                rendering or None if rendering_qualifier == "XX" else None,
                service_from, service_to or service_from,
                dates.get(received) or self.claim_date(received, number),
                self.claim_date(ended, number) if ended else None,
                (cents(coverage) or self.amount(coverage, "AMT02", number)) if coverage else None,
                remarks, len(lines), balanced, more,
            )
        )  # fmt: skip

    def _line(self, text: str, claim: int, number: int) -> int | None:
        """Reads one service line, without its first `SVC*`; the sum of its CAS, None when not readable."""
        syntax = self.syntax
        elements = text.split(syntax.element)
        elements.append("")
        for layout in self.line_layouts.get(len(elements), ()):
            if layout.names(elements) == layout.expected:
                break
        else:
            layout = self.new_layout(syntax.lines, elements)
        self.segments += layout.segments
        composite, charge, payment, revenue, units, first_day, last_day, control, allowed_text, rendering = (
            layout.values(elements)
        )
        adjusted: int | None = 0
        for triplet in layout.triplets:
            group, reason, amount, quantity = triplet
            change = cents(elements[amount])
            if change is None or adjusted is None or elements[quantity]:
                adjusted = self.adjust(elements, layout, triplet, claim, number, adjusted)
            else:
                self.add_adjustment((self.number, "L", claim, number, elements[group], elements[reason], change, None))
                adjusted += change
        # As `cents`, written out: two calls a line less are five percent of the time.
        try:
            whole, _, decimals = charge.partition(".")
            charged: int | None = WHOLE[whole] + DECIMALS[decimals]
            whole, _, decimals = payment.partition(".")
            paid: int | None = WHOLE[whole] + DECIMALS[decimals]
        except KeyError:
            charged = self.amount(charge, "SVC02", claim, number)
            paid = self.amount(payment, "SVC03", claim, number)
        if charged is None or paid is None or adjusted is None:
            balanced = self.balanced = False
        elif charged - adjusted == paid:
            balanced = True
        else:
            balanced = self.balanced = False
            self.note_balance("line", claim, number, charged, adjusted, paid)
        if allowed_text == payment:
            allowed = paid
        elif allowed_text:
            allowed = cents(allowed_text)
            if allowed is None:
                at = layout.ordinal(elements.index(allowed_text))
                self.amount(allowed_text, "AMT02", claim, number, at)
        else:
            allowed = None
        service_from = syntax.dates.get(first_day)
        service_to = service_from if last_day is first_day else syntax.dates.get(last_day)
        if service_from is None or service_to is None:
            service_from = self.line_date(first_day, elements, layout, claim, number)
            service_to = (
                service_from if last_day is first_day else self.line_date(last_day, elements, layout, claim, number)
            )
        qualifier, code, modifiers, description = syntax.procedures.get(composite) or syntax.procedure(composite)
        submitted = submitted_units = remarks = more = None
        if layout.unusual:
            if layout.submitted:
                submitted, submitted_units = self.submitted(elements, layout.submitted, claim, number)
            remarks = self.remarks(elements, layout)
            more = self.kept(elements, layout, claim, number)
        self.add_line(
            (
                self.number, claim, number, qualifier, code, modifiers, description, submitted,
                charged, paid, adjusted,
                revenue or (code if qualifier == "NU" else None),
                (syntax.units.get(units) or self.units(units, "SVC05", claim, number)) if units else "1",
                submitted_units, service_from, service_to, allowed, control or None, rendering or None,
                remarks, balanced, more,
            )
        )  # fmt: skip
        return adjusted

    def _line_dates(self, first_line: int, service_to: str | None) -> tuple[str | None, str | None]:
        """Earliest and latest date of the claim's lines, for a claim that gives none itself."""
        lines = self.rows.lines[first_line:]
        starts = [str(line[_FROM]) for line in lines if line[_FROM]]
        ends = [str(line[_TO] or line[_FROM]) for line in lines if line[_TO] or line[_FROM]]
        return min(starts, default=None), service_to or max(ends, default=None)


_NOBODY = (None, None)
