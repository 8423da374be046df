"""A check's body: claims with their lines and adjustments, and provider adjustments, to rows.

This is the hot path: three calls of `str.split` cut claims, lines and segments, and one function a claim and
one a line look at each segment once. A segment's first letter chooses the branch, whole DTM segments are looked up
among those met before, and nothing is split that need not be. What is rare or wrong goes to `asides`.
"""

from .asides import Asides, IrregularError
from .money import cents
from .records import LINE, Row

_FROM, _TO = LINE.index("service_from"), LINE.index("service_to")
_CLP_ELEMENTS, _NM1_ELEMENTS = 12, 10
_CLAIM_DATES = frozenset({"232", "233", "050", "036"})
_CLAIM_PEOPLE = frozenset({"QC", "IL", "74", "82"})
_NOBODY = [""] * _NM1_ELEMENTS


class Body(Asides):
    """Reads the claims of one check into `rows`."""

    def claim(self, text: str, end: str, number: int) -> None:
        """Reads one claim: the text between two CLP, without its own first `CLP*`; `end` divides segments.

        Raises IrregularError and BrokenOffError (see `asides`).
        """
        syntax = self.syntax
        head, *lines = text.split(f"{end}SVC{syntax.element}")
        segments = head.split(end)
        self.segments += len(segments)
        clp = segments[0].split(syntax.element)
        if len(clp) < _CLP_ELEMENTS:
            clp += [""] * (_CLP_ELEMENTS - len(clp))
        lx = self.lx
        days: dict[str, str | None] = {}
        people: dict[str, list[str]] = {}
        extra: list[str] = []
        coverage, remarks, adjusted = self._claim_head(segments, number, days, people, extra)
        before = len(self.rows.lines)
        for place, line in enumerate(lines, 1):
            change = self._line(line, end, number, place)
            adjusted = None if adjusted is None or change is None else adjusted + change

        charged, paid = cents(clp[2]), cents(clp[3])
        if charged is None or paid is None:
            charged = self.amount(clp[2], "CLP03", number, 0)
            paid = self.amount(clp[3], "CLP04", number, 0)
        if paid is None:
            self.readable = False
        else:
            self.claims_paid += paid
        if charged is None or paid is None or adjusted is None:
            balanced = False
        else:
            balanced = charged - adjusted == paid
            if not balanced:
                self.note_balance("claim", number, 0, charged, adjusted, paid)
        if not balanced:
            self.balanced = False
        if not (clp[0] and clp[1] and clp[6]):
            self.note_claim_ids(clp, number)

        service_from, service_to = days.get("232"), days.get("233")
        if service_from is None:
            service_from, service_to = self._line_dates(before, service_to)
        patient = people.get("QC", _NOBODY)
        subscriber, corrected, rendering = people.get("IL"), people.get("74"), people.get("82")
        row: Row = (
            self.number, number, lx, clp[0].strip(), clp[1], charged, paid,
            self.amount(clp[4], "CLP05", number, 0) if clp[4] else None,
            adjusted, clp[5] or None, clp[6].strip() or None, clp[7] or None, clp[8] or None,
            clp[10] or None, clp[11] or None,
            patient[3] or None, patient[4] or None, patient[5] or None, patient[8] or None, patient[9].strip() or None,
            self.name(subscriber) if subscriber else None, subscriber[9].strip() or None if subscriber else None,
            self.name(corrected) if corrected else None, corrected[9].strip() or None if corrected else None,
            self.name(rendering) if rendering else None,
            rendering[9] or None if rendering and rendering[8] == "XX" else None,
            service_from, service_to or service_from, days.get("050"), days.get("036"),
            coverage, remarks, len(lines), balanced,
            self.more(extra) if extra else None,
        )  # fmt: skip
        self.rows.claims.append(row)

    def _claim_head(
        self,
        segments: list[str],
        number: int,
        days: dict[str, str | None],
        people: dict[str, list[str]],
        extra: list[str],
    ) -> tuple[int | None, str | None, int | None]:
        """The segments between CLP and the first SVC: coverage amount, remark codes, sum of the claim's own CAS."""
        syntax = self.syntax
        element, dates, coverage_mark = syntax.element, syntax.dates, syntax.coverage_mark
        coverage: int | None = None
        remarks: str | None = None
        adjusted: int | None = 0
        rest = iter(segments)
        next(rest)
        for segment in rest:
            first = segment[:1]
            if first == "R":  # REF
                extra.append(segment)
            elif first == "D":
                qualifier, day = dates.get(segment) or self.date(segment, extra, number, 0)
                if qualifier in _CLAIM_DATES:
                    days[qualifier] = day
                elif qualifier:
                    extra.append(segment)
            elif first == "N":
                person = segment.split(element)
                if person[0] != "NM1":
                    self.other(segment, extra, number, 0)
                    continue
                if len(person) < _NM1_ELEMENTS:
                    person += [""] * (_NM1_ELEMENTS - len(person))
                if person[1] in _CLAIM_PEOPLE:
                    people[person[1]] = person
                else:
                    extra.append(segment)
            elif first == "A" and segment[3:7] == coverage_mark:
                coverage = self.amount(segment[7:].split(element)[0], "AMT02", number, 0, segment)
            elif first == "M":
                remarks = self.claim_remarks(segment, remarks)
                extra.append(segment)
            elif first == "C" and segment.startswith("CAS"):
                change = self.adjust(segment, number, None)
                adjusted = None if adjusted is None or change is None else adjusted + change
            else:
                self.other(segment, extra, number, 0)
        return coverage, remarks, adjusted

    def _line(self, line: str, end: str, claim: int, number: int) -> int | None:
        """Reads one service line, without its first `SVC*`; the sum of its CAS, None when not readable."""
        syntax = self.syntax
        element, dates = syntax.element, syntax.dates
        segments = line.split(end)
        self.segments += len(segments)
        rest = iter(segments)
        svc = next(rest).split(element)
        if len(svc) < 5:
            svc += [""] * (5 - len(svc))
        charged = cents(svc[1])
        paid = cents(svc[2])
        if charged is None or paid is None:
            charged = self.amount(svc[1], "SVC02", claim, number)
            paid = self.amount(svc[2], "SVC03", claim, number)
        service_from = service_to = allowed = control = rendering = remarks = None
        adjusted: int | None = 0
        extra: list[str] = []
        for segment in rest:
            try:
                first = segment[0]
            except IndexError:
                raise IrregularError from None
            if first == "C":
                cas = segment.split(element)
                # Nearly every CAS has one triplet without quantity.
                if len(cas) == 4 and cas[0] == "CAS" and adjusted is not None:
                    change = cents(cas[3])
                    if change is not None:
                        self.add_adjustment((self.number, "L", claim, number, cas[1], cas[2], change, None))
                        adjusted += change
                        continue
                if cas[0] != "CAS":
                    self.other(segment, extra, claim, number)
                    continue
                change = self.adjust(segment, claim, number)
                adjusted = None if adjusted is None or change is None else adjusted + change
            elif first == "D":
                qualifier, day = dates.get(segment) or self.date(segment, extra, claim, number)
                if qualifier == "472":
                    service_from = service_to = day
                elif qualifier == "150":
                    service_from = day
                elif qualifier == "151":
                    service_to = day
                elif qualifier:
                    extra.append(segment)
            elif first == "R" and segment[3:7] == syntax.control_mark:
                control = segment[7:]
            elif first == "A" and segment[3:7] == syntax.allowed_mark:
                text = segment[7:]
                allowed = paid if text == svc[2] else cents(text)
                if allowed is None:
                    allowed = self.amount(text.split(element)[0], "AMT02", claim, number, segment)
            elif first == "L" and segment.startswith(syntax.remarks):
                code = segment.split(element)[2]
                remarks = code if remarks is None else f"{remarks} {code}"
            elif first == "R" and segment.startswith(syntax.rendering_start):
                rendering = segment.split(element)[2]
            else:
                self.other(segment, extra, claim, number)

        if charged is None or paid is None or adjusted is None:
            balanced = self.balanced = False
        elif charged - adjusted == paid:
            balanced = True
        else:
            balanced = self.balanced = False
            self.note_balance("line", claim, number, charged, adjusted, paid)
        qualifier, code, modifiers, description = syntax.procedures.get(svc[0]) or syntax.procedure(svc[0])
        units = svc[4]
        self.add_line(
            (
                self.number, claim, number, qualifier, code, modifiers, description,
                self.submitted(svc) if len(svc) > 5 else None,
                charged, paid, adjusted,
                svc[3] or (code if qualifier == "NU" else None),
                (syntax.units.get(units) or self.units(units, claim, number)) if units else "1",
                self.submitted_units(svc, claim, number) if len(svc) > 6 else None,
                service_from, service_to, allowed,
                control if control is None or element not in control else control.split(element)[0],
                rendering, remarks, balanced,
                self.more(extra) if extra else None,
            )
        )  # fmt: skip
        return adjusted

    def _line_dates(self, first_line: int, service_to: str | None) -> tuple[str | None, str | None]:
        """Earliest and latest date of the claim's lines, for a claim that gives none itself."""
        lines = self.rows.lines[first_line:]
        starts = [str(line[_FROM]) for line in lines if line[_FROM]]
        ends = [str(line[_TO] or line[_FROM]) for line in lines if line[_TO] or line[_FROM]]
        return min(starts, default=None), service_to or max(ends, default=None)
