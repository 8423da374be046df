"""A sealed value opens in its own row alone: who can write to the database cannot show one row's value in another."""

from __future__ import annotations

import pytest
import sqlalchemy as sa

from hp_portal.core.files.storing import open_stored, receive_file
from hp_portal.core.organizations.models import Organization
from hp_portal.core.payees.models import Payee
from hp_portal.session import Who
from hp_portal.vault import SealBroken
from tests.support.databases import as_owner
from tests.support.identifiers import make_npi, make_tin
from tests.support.world import World


def copy(world: World, model: type, row: int, source: int, *columns: str) -> None:
    """What an attacker with the database does: columns of one row over those of another."""
    table = model.__table__  # type: ignore[attr-defined]
    with as_owner(world.app) as engine, engine.begin() as connection:
        values = connection.execute(sa.select(*(table.c[name] for name in columns)).where(table.c.id == source)).one()
        connection.execute(sa.update(table).where(table.c.id == row).values(dict(values._mapping)))


@pytest.mark.parametrize("columns", [("tin_sealed",), ("tin_sealed", "tin_hash")])
def test_a_payee_s_tax_id_cannot_be_moved_to_another_payee(world: World, columns: tuple[str, ...]) -> None:
    one, other = world.payee(make_tin(1), make_npi(1)), world.payee(make_tin(2), make_npi(2))
    copy(world, Payee, one.id, other.id, *columns)
    with world.session() as session:
        assert session.get_one(Payee, other.id).whole_tin(session) == make_tin(2)
        moved = session.get_one(Payee, one.id)
        for read in (moved.whole_tin, moved.masked_tin):
            with pytest.raises(SealBroken, match="moved from another place"):
                read(session)


def test_an_organization_s_tax_id_cannot_be_moved(world: World) -> None:
    one, other = world.organization(), world.organization()
    with world.session() as session:
        session.get_one(Organization, other.id).set_tin(session, make_tin(2))
    copy(world, Organization, one.id, other.id, "tin_sealed", "tin_hash")
    with world.session() as session, pytest.raises(SealBroken, match="moved from another place"):
        session.get_one(Organization, one.id).whole_tin(session)


def test_a_value_of_another_table_does_not_open(world: World) -> None:
    payee, organization = world.payee(make_tin(1)), world.organization()
    with world.session() as session:
        row = session.get_one(Organization, organization.id)
        row.tin_sealed, row.tin_hash = payee.tin_sealed, payee.tin_hash
        with pytest.raises(SealBroken):
            row.masked_tin(session)


def test_a_tax_id_is_sealed_for_an_id_that_is_there(world: World) -> None:
    with world.session() as session:
        fresh = Organization(name="Sample", audience="physician", created_at=world.organization().created_at)
        with pytest.raises(ValueError, match="flush the Organization first"):
            fresh.set_tin(session, make_tin(1))
        session.add(fresh)
        session.flush()
        fresh.set_tin(session, make_tin(1))
        assert fresh.whole_tin(session) == make_tin(1)


def test_what_the_row_is_told_by_must_be_said(world: World) -> None:
    with world.session() as session, pytest.raises(KeyError, match="npi"):
        Payee.tin_values(session, make_tin(1))


def test_stored_files_of_the_first_format_open(world: World) -> None:
    """Until keys are rotated: what was stored before is read on."""
    import io
    import zlib

    from hp_portal.core.files.models import StoredPiece, place_of_piece

    with world.session() as session:
        stored = receive_file(session, io.BytesIO(b"a letter"), "letter.txt", owner=Who(), kind="sample letter")
        piece = session.scalars(sa.select(StoredPiece)).one()
        _, was = place_of_piece(stored, 0)
        piece.sealed = old_seal(session.vault.marks[0].id, zlib.compress(b"a letter"), was)
        session.flush()
        with pytest.raises(SealBroken, match="without its place"):
            open_stored(session, stored).read()
        session.vault.follow((), bound=False)
        assert open_stored(session, stored).read() == b"a letter"


def old_seal(key_id: str, value: bytes, purpose: str) -> bytes:
    """A value as the portal sealed it before seals were bound to their places."""
    import base64

    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    from hp_portal import vault
    from tests.support.databases import DATA_KEY

    cipher = AESGCM(vault._derive(base64.b64decode(DATA_KEY), b"seal"))
    return vault.short_id(key_id) + bytes(12) + cipher.encrypt(bytes(12), value, purpose.encode())
