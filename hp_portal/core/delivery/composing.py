"""Messages as they leave, by their channel."""

from __future__ import annotations

from hp_portal.core.delivery import faxes, letters, mail
from hp_portal.core.delivery.attaching import attachments_of
from hp_portal.core.delivery.models import Message
from hp_portal.core.delivery.outbox import FAX, LETTER, values_of
from hp_portal.core.delivery.transports import ComposedFax, ComposedLetter, ComposedMail
from hp_portal.database import PortalSession
from hp_portal.settings import Settings


def compose(
    session: PortalSession, settings: Settings, message: Message
) -> ComposedMail | ComposedFax | ComposedLetter:
    """The message as its way out takes it. Raises NotSent for an address that is none."""
    if message.channel == FAX:
        pdf = faxes.fax_pdf(session, settings.payer, message)
        return ComposedFax(message.recipient, message.token, message.reference or "", message.subject, pdf)
    if message.channel == LETTER:
        address = values_of(session, message)["address"]
        pdf = letters.print_pdf(session, settings.payer, [message], secrets=True)
        return ComposedLetter(message.recipient, message.token, address, message.subject, pdf)
    return mail.compose(settings, message, values_of(session, message), attachments_of(session, message))
