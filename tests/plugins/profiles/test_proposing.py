"""What a change proposes: kept with its case, of one's own subjects alone, applied in whole or in part, and kept as it was."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection
from dataclasses import replace

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hp_portal.core.cases.models import Case
from hp_portal.database import PortalSession
from hp_portal.scopes import WholeScope
from hp_portal_plugins.profiles.proposing import settling
from hp_portal_plugins.profiles.proposing.at_once import apply_at_once
from hp_portal_plugins.profiles.proposing.models import MadeSubject, ProposedChange
from hp_portal_plugins.profiles.proposing.proposals import (
    NewAffiliation,
    NewLocation,
    NewPractitioner,
    NotTheirs,
    Proposal,
    proposal_of,
    propose,
)
from hp_portal_plugins.profiles.proposing.settling import (
    ANOTHER,
    CannotSettle,
    Choice,
    PossibleDuplicate,
    apply_proposal,
    outcomes_of,
    settle,
    undo_lines,
)
from hp_portal_plugins.profiles.proposing.stages import CHANGE
from hp_portal_plugins.profiles.proposing.triggers import REFUSAL
from hp_portal_plugins.profiles.record.applying import Fact, RecordMoved, saying
from hp_portal_plugins.profiles.record.fields import BadValue
from hp_portal_plugins.profiles.record.models import Affiliation, Practitioner
from tests.plugins.profiles.proposing import DAY, NPI, Office, a_case, an_office, holds, moves, say
from tests.support.cases import portal_case
from tests.support.databases import as_owner
from tests.support.identifiers import make_npi
from tests.support.world import World


def adds(office: Office, npi: str = NPI) -> Proposal:
    """Somebody new, at a new location and at the one on record."""
    active = {("standing", ""): "active"}
    return Proposal(
        "practitioner-added",
        DAY,
        [
            *saying(
                "practitioner", -1, DAY, {("last_name", ""): "Sample", ("npi", ""): npi, ("dea_number", ""): "AS1"}
            ),
            *saying("location", -2, DAY, {("name", ""): "Second Site", ("standing", ""): "open"}),
            *saying("affiliation", -3, DAY, active),
            *saying("affiliation", -4, DAY, active),
        ],
        new=[
            NewAffiliation(-3, -1, -2),
            NewAffiliation(-4, -1, office.location),
            NewPractitioner(-1),
            NewLocation(-2, office.payee),
        ],
        doubts=["The form doubted it."],
    )


def test_a_proposal_is_applied_in_part_once_and_taken_back(world: World) -> None:
    office = an_office(world)
    with world.session_of(office.organization) as session:
        assert proposal_of(session, 1) is None
    with world.session() as session:
        case = a_case(session, office, moves(office)).id
        assert holds(session, "location", office.location, "phone") == "9525550100"
    with world.session_of(office.organization) as session:
        kept = proposal_of(session, case)
        assert kept is not None
        assert [fact.value for fact in kept.facts] == ["9525550200", "9525550201", "closed"], "as the record has values"
    with world.session() as session:
        with pytest.raises(CannotSettle, match="Say why"):
            apply_proposal(session, case, [0, 2])
        done = apply_proposal(session, case, [0, 2], "This fax is another office’s")
        assert (done.applied, done.refused) == ([0, 2], [1])
        assert done.change is not None
        assert (done.change.case_id, done.change.kind) == (case, "location-changed")
        became = outcomes_of(session, case)
        assert [became[line].became for line in range(3)] == ["applied", "refused", "applied"]
        assert became[1].why == "This fax is another office’s"
        with pytest.raises(CannotSettle, match="meanwhile"):
            settle(session, case, Choice([1]))
        assert holds(session, "location", office.location, "phone") == "9525550200"
        assert holds(session, "location", office.location, "fax") == "9525550101"
        assert undo_lines(session, case, done.change.id, "A mistake") == [0, 2]
        assert holds(session, "location", office.location, "phone") == "9525550100"
        with pytest.raises(LookupError):
            undo_lines(session, case, done.change.id, "Again")
    with world.session_of(office.organization) as session:
        assert {line: row.became for line, row in outcomes_of(session, case).items()} == {
            0: "undone",
            1: "refused",
            2: "undone",
        }
    for statement in (
        "UPDATE profiles_proposal SET kind = 'x'",
        "UPDATE profiles_line_outcome SET why = 'x'",
        "DELETE FROM profiles_line_outcome",
        "DELETE FROM profiles_proposal",
    ):
        with (
            pytest.raises(sa.exc.DBAPIError, match=REFUSAL),
            as_owner(world.app) as engine,
            engine.begin() as connection,
        ):
            connection.execute(sa.text(statement))


def test_an_office_proposes_what_is_its_own(world: World) -> None:
    """Not another's location, affiliation, practitioner or payee; asked again when it is applied."""
    own, other = an_office(world), an_office(world, "Birch Clinic", make_npi(702))
    new = adds(own, make_npi(703))
    theirs = [
        moves(other),
        moves(replace(own, location=other.location)),
        moves(replace(own, affiliation=other.affiliation)),
        Proposal("practitioner-changed", DAY, saying("practitioner", other.practitioner, DAY, {("suffix", ""): "Jr."})),
        replace(new, new=[*new.new[:3], NewLocation(-2, other.payee)]),
        replace(new, new=[new.new[0], NewAffiliation(-4, -1, other.location), *new.new[2:]]),
        replace(new, new=[new.new[0], NewAffiliation(-4, other.practitioner, own.location), *new.new[2:]]),
    ]
    with world.session() as session:
        case = portal_case(session, own.organization, CHANGE.key, "received").id
    with world.session_of(own.organization) as session:
        for proposal in theirs:
            with pytest.raises(NotTheirs):
                propose(session, case, own.organization.id, proposal)
        with pytest.raises(NotTheirs):
            propose(session, case, other.organization.id, moves(own))
        propose(session, case, own.organization.id, moves(own))
        session.commit()
    with world.session_of(other.organization) as session:
        assert proposal_of(session, case) is None
    with as_owner(world.app) as engine, engine.begin() as connection:
        connection.execute(sa.text("UPDATE access_grant SET ended_at = granted_at"))
    with world.session() as session, pytest.raises(NotTheirs):
        apply_proposal(session, case, [0, 1, 2])


def test_a_proposal_that_contradicts_itself_is_refused(world: World) -> None:
    office = an_office(world)
    good, new = moves(office), adds(office)
    with world.session() as session:
        case = portal_case(session, office.organization, CHANGE.key, "received").id
        for bad, words in (
            (replace(good, kind="loaded"), "kind"),
            (replace(good, kind="nonsense"), "kind"),
            (replace(good, facts=[]), "nothing"),
            (replace(good, facts=[*good.facts, good.facts[0]]), "two values"),
            (replace(good, seen=[*good.seen, good.seen[0]]), "seen"),
            (replace(good, seen=[replace(good.seen[0], field="name")]), "seen"),
            (replace(good, facts=[replace(good.facts[0], withdrawn=True)]), "take a fact back"),
            (replace(new, new=new.new[1:]), "described"),
            (replace(new, new=[*new.new[:2], new.new[3]]), "described"),
            (replace(new, new=[*new.new, new.new[0]]), "its own"),
            (replace(new, seen=[replace(new.facts[0], value="x")]), "of what is new"),
        ):
            with pytest.raises(ValueError, match=words):
                propose(session, case, office.organization.id, bad)
        with pytest.raises(BadValue):
            propose(session, case, office.organization.id, replace(good, facts=[replace(good.facts[0], value="1")]))
        assert session.scalars(sa.select(ProposedChange)).all() == []


def test_who_and_what_is_new_comes_on_record_with_its_lines(world: World) -> None:
    office = an_office(world)
    with world.session() as session:
        case = a_case(session, office, adds(office, make_npi(704))).id
        kept = proposal_of(session, case)
        assert kept is not None
        assert kept.doubts == ["The form doubted it."]
        people = session.scalar(sa.select(sa.func.count()).select_from(Practitioner))
        with pytest.raises(CannotSettle, match="only together"):
            settle(session, case, Choice([5]))
        assert session.scalar(sa.select(sa.func.count()).select_from(Practitioner)) == people
        settle(session, case, Choice([0, 1, 2, 6]))
        ids = settling.made_by(session, case)
        assert set(ids) == {-1, -4}, "the new location is for a line that is still open"
        assert holds(session, "practitioner", ids[-1], "dea_number") == "AS1"
        apply_proposal(session, case, [3, 4, 5])
        ids = settling.made_by(session, case)
        row = session.get_one(Affiliation, ids[-3])
        assert (row.practitioner_id, row.location_id, row.since) == (ids[-1], ids[-2], DAY)
        assert len(session.scalars(sa.select(MadeSubject)).all()) == 4


def test_no_second_practitioner_with_an_npi_comes_to_be_unless_somebody_says_so(world: World) -> None:
    office, other = an_office(world), an_office(world, "Birch Clinic", make_npi(702))
    proposal = adds(office, make_npi(702))
    with world.session() as session:
        one, two = (a_case(session, office, proposal).id for _ in range(2))
        with pytest.raises(PossibleDuplicate) as refused:
            apply_proposal(session, one, range(7))
        assert refused.value.found == {-1: [other.practitioner]}
        with pytest.raises(PossibleDuplicate):
            apply_proposal(session, one, range(7), same={-1: office.practitioner})
        apply_proposal(session, one, range(7), same={-1: other.practitioner})
        assert settling.made_by(session, one)[-1] == other.practitioner
        assert holds(session, "practitioner", other.practitioner, "last_name") == "Sample"
        apply_proposal(session, two, range(7), same={-1: ANOTHER})
        assert settling.made_by(session, two)[-1] not in (other.practitioner, office.practitioner)


def test_what_the_record_has_changed_meanwhile_is_not_overwritten(world: World) -> None:
    """Of the lines that are applied; unless somebody has seen what it is now."""
    office = an_office(world)
    with world.session() as session:
        case = a_case(session, office, moves(office)).id
        say(session, Fact("location", office.location, "phone", "", "9525550300", DAY - dt.timedelta(days=5)))
        with pytest.raises(RecordMoved) as refused:
            apply_proposal(session, case, [0, 1, 2])
        assert [one.now for one in refused.value.moved] == ["9525550300"]
        assert outcomes_of(session, case) == {}
        settle(session, case, Choice([1]))
        assert holds(session, "location", office.location, "fax") == "9525550201"
        apply_proposal(session, case, [0], "Not accepted", agreed=[0])
        assert holds(session, "location", office.location, "phone") == "9525550200"


def test_fields_of_low_risk_are_applied_at_once(world: World) -> None:
    """By the office's own session; the rest waits for staff, and so does what the record has changed meanwhile."""
    office = an_office(world)
    low = {("location", "phone"), ("location", "fax"), ("affiliation", "accepting")}
    expected: tuple[tuple[Collection[tuple[str, str]], list[int], str], ...] = (
        (low, [0, 1, 2], "done"),
        ({("location", "fax")}, [1], "received"),
        ((), [], "received"),
    )
    for keys, lines, state in expected:
        with world.session() as session:
            number = portal_case(session, office.organization, CHANGE.key, "received").id
        day = DAY + dt.timedelta(days=len(lines))
        facts = [replace(fact, holds_from=day) for fact in moves(office).facts]
        with world.session_of(office.organization) as session, world.app.test_request_context():
            case = session.get_one(Case, number)
            proposal = Proposal("location-changed", day, facts)
            assert apply_at_once(session, case, proposal, keys) == lines
            session.commit()
        with world.session() as session:
            assert session.get_one(Case, number).state == state
            assert sorted(outcomes_of(session, number)) == lines
    with world.session() as session:
        number = portal_case(session, office.organization, CHANGE.key, "received").id
    with world.session_of(office.organization) as session, world.app.test_request_context():
        case, stale = session.get_one(Case, number), replace(moves(office), facts=moves(office).facts[:1])
        stale = replace(stale, seen=[replace(stale.facts[0], value="9525550999")])
        assert apply_at_once(session, case, stale, low) == []
        session.commit()
    with world.session() as session:
        assert session.get_one(Case, number).state == "received"
        assert outcomes_of(session, number) == {}


def in_parts(session: PortalSession, case: int, split: list[int]) -> None:
    """Settle the seven lines in up to four parts; a part that cannot be settled yet goes with the next one."""
    rest: list[int] = []
    for part in range(4):
        lines = rest + [line for line in range(7) if split[line] == part]
        try:
            settle(session, case, Choice(lines))
        except CannotSettle:
            rest = lines  # where somebody works comes after who they are
        else:
            rest = []
    assert rest == []


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.integers(0, 3), min_size=7, max_size=7))
def test_applied_in_any_split_the_record_is_the_same(world: World, split: list[int]) -> None:
    """As applied all at once: the same values on the day, and who and what is new brought together the same way."""
    if not _OFFICES.get(id(world)):
        _OFFICES[id(world)] = an_office(world)
    office, found = _OFFICES[id(world)], []
    proposal = adds(office, make_npi(705))
    with world.database.new_session(WholeScope("a test applies")) as session:
        for parts in ([0] * 7, split):
            case = a_case(session, office, proposal).id
            in_parts(session, case, parts)
            ids = settling.made_by(session, case)
            found.append([holds(session, one.subject, ids[one.subject_id], one.field) for one in proposal.facts])
            assert len(ids) == 4
            session.rollback()
    assert found[0] == found[1] == [fact.value for fact in proposal.facts]


_OFFICES: dict[int, Office] = {}
