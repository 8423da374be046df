"""The audit events of messages. Whom they went to stands in the outbox, not in the record."""

from __future__ import annotations

from hp_portal.events import EventSpec

DELIVERY_EVENTS = (
    EventSpec("delivery.message.added", "Wrote a message", ("message", "template", "about")),
    EventSpec("delivery.message.canceled", "Canceled a message", ("message",), staff_only=True),
    EventSpec("delivery.message.sent-again", "Had a message sent again", ("message",), staff_only=True),
    EventSpec("delivery.message.given-up", "A message could not be sent", ("message",), staff_only=True),
    EventSpec("delivery.message.returned", "A message came back", ("message",), staff_only=True),
    EventSpec("delivery.print-run.made", "Made a print run of letters", ("run", "letters"), staff_only=True),
    EventSpec("delivery.print-run.downloaded", "Downloaded a print run", ("run", "letters"), staff_only=True),
    EventSpec("delivery.print-run.posted", "Mailed a print run", ("run", "letters"), staff_only=True),
    EventSpec("delivery.letter.downloaded", "Downloaded a letter", ("message",), staff_only=True),
    EventSpec("delivery.fax.downloaded", "Downloaded a fax", ("message",), staff_only=True),
    EventSpec("delivery.fax.marked", "Marked a fax as sent or not sent", ("message", "sent"), staff_only=True),
    EventSpec("delivery.digests.stopped", "Stopped summaries by e-mail", ("message",), staff_only=True),
    EventSpec("delivery.digests.taken-up", "Took summaries by e-mail up again", ("message",), staff_only=True),
    EventSpec("delivery.returns-viewed", "Looked at mail that came back", ("shown",), staff_only=True),
    EventSpec("delivery.return.settled", "Settled mail that came back", ("mail",), staff_only=True),
    EventSpec("delivery.queue-viewed", "Looked at deliveries", ("shown",), staff_only=True),
    EventSpec("delivery.message.viewed", "Looked at a delivery", ("message",), staff_only=True),
)
