"""A change of the demo's office that waits for staff; the record has changed meanwhile. Production never imports it."""

from __future__ import annotations

import datetime as dt

import sqlalchemy as sa

from hp_portal.api import PortalSession, open_case, settings, today

from ..proposing.proposals import Proposal, propose
from ..proposing.stages import CHANGE
from ..record.applying import Fact, Stated, apply_change
from ..record.facts import facts_of
from ..record.fields import Subject
from ..record.models import Affiliation, Location
from ..record.timeline import value_on

_PLACE = "DEMO-L01"


def load_waiting_change(session: PortalSession, organization_id: int) -> None:
    """A location of the office wants another telephone and fax, and a practitioner there takes no new patients; the plan has
    recorded another telephone since the office began. Commits nothing."""
    location_id = session.scalar(sa.select(Location.id).where(Location.reference == _PLACE))
    both = session.scalar(
        sa.select(Affiliation.id)
        .where(Affiliation.location_id == location_id, Affiliation.since.is_not(None), Affiliation.until.is_(None))
        .order_by(Affiliation.id)
        .limit(1)
    )
    if location_id is None or both is None:
        return
    day = today(settings().payer.zone) + dt.timedelta(days=14)
    wanted: tuple[tuple[Subject, int, str, str], ...] = (
        ("location", location_id, "phone", "9525550188"),
        ("location", location_id, "fax", "9525550189"),
        ("affiliation", both, "accepting", "closed"),
    )
    facts = [Fact(subject, one, name, "", value, day) for subject, one, name, value in wanted]
    seen = [
        Fact(subject, one, name, "", value_on(facts_of(session, subject, [one])[one].get((name, ""), []), day), day)
        for subject, one, name, _ in wanted
    ]
    case = open_case(session, CHANGE, "Change a location: telephone and fax", organization_id=organization_id)
    doubts = ["The telephone and the fax number differ in one digit alone."]
    propose(session, case.id, organization_id, Proposal("location-changed", day, facts, seen, doubts=doubts))
    meanwhile = Fact("location", location_id, "phone", "", "9525550190", day - dt.timedelta(days=20))
    apply_change(session, Stated("loaded", "The plan’s record, last night"), [meanwhile])
