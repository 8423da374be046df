"""Which agreements apply now, and keeping that somebody has accepted them.

agreements = current_agreements(session, settings, delegate=True)
accept(session, person_id, agreements, address)
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import sqlalchemy as sa
from markupsafe import Markup

from hp_portal import clock
from hp_portal.core.agreements.kinds import KINDS, asked_kinds, first_text, first_version
from hp_portal.core.agreements.models import AgreementVersion
from hp_portal.core.audit.record import Who, get_who, record
from hp_portal.core.identity.models import Acceptance, Person
from hp_portal.core.web.markdown import render_markdown
from hp_portal.database import PortalSession, lock
from hp_portal.scopes import in_whole
from hp_portal.settings import Settings


@dataclass(frozen=True)
class Agreement:
    """A version of an agreement as people read it: its text in Markdown, and `html` of it."""

    key: str
    title: str
    version: str
    markdown: str

    @property
    def label(self) -> str:
        """What whoever accepts it says."""
        return KINDS[self.key].label

    def html(self, top: int = 3) -> Markup:
        """The text as HTML; its headings begin at the level `top`."""
        return render_markdown(self.markdown, prefix=f"{self.key}-", top=top)


@in_whole("agreements are read by everybody, also by somebody who registers")
def current_agreements(session: PortalSession, settings: Settings, *, delegate: bool) -> list[Agreement]:
    """What everybody or, with `delegate`, a delegate of an organization is asked to accept now."""
    found = []
    for kind in asked_kinds(delegate=delegate):
        published = _published(session, settings, kind.key)
        version = published.version if published else first_version(settings, kind.key)
        text = published.text if published else first_text(settings, kind.key)
        found.append(Agreement(kind.key, kind.title, version, text))
    return found


def _published(session: PortalSession, settings: Settings, key: str) -> AgreementVersion | None:
    return session.scalars(
        sa.select(AgreementVersion)
        .where(AgreementVersion.agreement == key, AgreementVersion.applies_on <= clock.today(settings.payer.zone))
        .order_by(AgreementVersion.applies_on.desc(), AgreementVersion.id.desc())
        .limit(1)
    ).one_or_none()


@in_whole("what one has accepted oneself")
def accepted_versions(session: PortalSession, person_id: int) -> set[tuple[str, str]]:
    """Every agreement and version that somebody has accepted."""
    rows = session.execute(sa.select(Acceptance.agreement, Acceptance.version).where(Acceptance.person_id == person_id))
    return {(row.agreement, row.version) for row in rows}


@in_whole("agreements are accepted before anything else, also by somebody who registers")
def accept(session: PortalSession, person_id: int, agreements: Iterable[Agreement], address: str) -> None:
    """Keep that a person has accepted these versions, when and from where. What was accepted before is left as it is.

    The person need not be signed in, and their row may be as new as this transaction. The caller commits.
    """
    lock(session, f"agreements:{person_id}")
    session.flush()
    before = accepted_versions(session, person_id)
    for agreement in agreements:
        if (agreement.key, agreement.version) in before:
            continue
        session.add(
            Acceptance(
                person_id=person_id,
                agreement=agreement.key,
                version=agreement.version,
                accepted_at=clock.now(),
                address=address,
            )
        )
        who = _who_accepts(session, person_id, address)
        record(session, KINDS[agreement.key].event, who=who, version=agreement.version)


def _who_accepts(session: PortalSession, person_id: int, address: str) -> Who:
    who = get_who(session)
    if who.person_id == person_id:
        return who
    return Who(person_id, session.get_one(Person, person_id).organization_id, None, who.request_id, address)
