"""The vault: what is sealed opens with its key and purpose alone; look-ups go by keyed hashes."""

from __future__ import annotations

import hmac

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from hypothesis import given
from hypothesis import strategies as st

from hp_portal.seals import Seat
from hp_portal.vault import Place, SealBroken, Vault, key_mark

OLD, NEW = b"an old data key of 32 bytes.....", b"a newer data key of 32 bytes...."
TIN = Seat("payee", "tin_sealed")(1)
# Of the first format: "00-0000001", sealed with OLD for the purpose "tin".
SECOND_FORMAT = bytes.fromhex(
    "02276937c9f93f612d000102030405060708090a0becda8047af315dbe8d1e0d6df09bfd1f7f3e9a37e2086c6ee48a"
)
FIRST_FORMAT = bytes.fromhex("276937c9000102030405060708090a0becda8047af315dbe8d1e0d5c4782e0afc530a7c7757b4c78f910")


@given(st.binary(max_size=300), st.text(max_size=20))
def test_what_is_sealed_opens(value: bytes, row: str) -> None:
    vault = Vault([OLD])
    place = Seat("sample", "sealed")(row)
    sealed = vault.seal(value, place)
    assert vault.open(sealed, place) == value
    assert vault.seal(value, place) != sealed


@given(st.data())
def test_no_altered_value_opens(data: st.DataObject) -> None:
    vault = Vault([OLD])
    sealed = bytearray(vault.seal(b"00-0000001", TIN))
    place = data.draw(st.integers(0, len(sealed) - 1))
    sealed[place] ^= data.draw(st.integers(1, 255))
    with pytest.raises(SealBroken):
        vault.open(bytes(sealed), TIN)


@pytest.mark.parametrize("length", range(47))
def test_no_part_of_a_value_opens(length: int) -> None:
    vault = Vault([OLD])
    words = "does not list" if length < 9 else "cut off" if length < 37 else "altered"
    with pytest.raises(SealBroken, match=words):
        vault.open(vault.seal(b"00-0000001", TIN)[:length], TIN)


def test_what_one_release_has_kept_the_next_one_opens_and_finds() -> None:
    """Another way to derive keys, or another text, would lose every value that is in a database already."""
    assert Vault([NEW, OLD]).open_text(FIRST_FORMAT, TIN, "tin") == "00-0000001"
    assert Vault([NEW, OLD]).open_text(SECOND_FORMAT, TIN) == "00-0000001"
    hashed = bytes.fromhex("6ad9933bf72eaa0b77eed282855c2d764a4ace1531d900cb1ff6d58ea4aad8d2")
    assert Vault([OLD]).digest("000000001", "tin") == hashed
    assert Vault([NEW, OLD]).digests("000000001", "tin")[1:] == [hashed]


def test_what_is_sealed_is_what_the_library_makes_of_it() -> None:
    """AES-256-GCM with the place authenticated, under a key of 32 bytes that HKDF-SHA-256 makes of the data key."""
    key = HKDF(algorithm=hashes.SHA256(), length=32, salt=None, info=b"hp_portal/seal").derive(OLD)
    sealed = Vault([OLD]).seal(b"00-0000001", TIN)
    assert AESGCM(key).decrypt(sealed[9:21], sealed[21:], TIN) == b"00-0000001"
    assert hmac.digest(
        HKDF(algorithm=hashes.SHA256(), length=32, salt=None, info=b"hp_portal/hash").derive(OLD),
        b"tin\x00000000001",
        "sha256",
    ) == Vault([OLD]).digest("000000001", "tin")


def test_an_empty_value_is_a_value() -> None:
    vault = Vault([OLD])
    assert len(vault.seal(b"", TIN)) == 1 + 8 + 12 + 16
    assert vault.open_text(vault.seal_text("", TIN), TIN) == ""


@pytest.mark.parametrize(
    "other",
    [
        Seat("organization", "tin_sealed")(1),
        Seat("payee", "other_sealed")(1),
        Seat("payee", "tin_sealed")(2),
        Seat("payee", "tin_sealed")("1"),
        Seat("payee", "tin_sealed")(b"1"),
        Seat("payee", "tin_sealed")(None),
        Seat("payee", "tin_sealed")(1, None),
        Seat("payee", "tin_sealed")(),
        Place(b"tin"),
    ],
)
def test_a_value_does_not_open_in_another_place(other: Place) -> None:
    vault = Vault([OLD])
    with pytest.raises(SealBroken, match="moved from another place"):
        vault.open(vault.seal_text("x", TIN), other, "tin")


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (("a", "bc"), ("ab", "c")),
        (("a;s1:b",), ("a", "b")),
        ((1, 23), (12, 3)),
        ((None,), ("",)),
        (("é",), ("é".encode(),)),
        ((-1,), (1,)),
    ],
)
def test_no_two_rows_have_one_place(one: tuple[str, ...], other: tuple[str, ...]) -> None:
    column = Seat("sample", "sealed")
    assert column(*one) != column(*other)
    assert Seat("a", "bc")() != Seat("ab", "c")()


def test_many_values_are_sealed_each_for_its_place() -> None:
    column, vault = Seat("sample", "sealed"), Vault([OLD])
    places = list(column.each("a", 7, last=[1, 20, -3]))
    assert places == [column("a", 7, number) for number in (1, 20, -3)]
    sealed = vault.seal_all([b"x", b"y", b"z"], places)
    assert [vault.open(one, place) for one, place in zip(sealed, places, strict=True)] == [b"x", b"y", b"z"]
    assert len({one[9:21] for one in sealed}) == 3, "a nonce of its own each"
    with pytest.raises(ValueError, match="zip"):
        vault.seal_all([b"x"], places)


def test_values_of_the_first_format_open_until_all_are_bound_to_their_places() -> None:
    vault = Vault([OLD])
    assert vault.open_text(FIRST_FORMAT, TIN, "tin") == "00-0000001"
    with pytest.raises(SealBroken, match="altered"):
        vault.open(FIRST_FORMAT, TIN, "835")
    with pytest.raises(SealBroken, match="without its place"):
        vault.open(FIRST_FORMAT, TIN)
    vault.follow((), bound=True)
    with pytest.raises(SealBroken, match="without its place"):
        vault.open(FIRST_FORMAT, TIN, "tin")
    assert vault.open_text(vault.seal_text("x", TIN), TIN, "tin") == "x"


def test_a_value_of_a_retired_key_is_refused_though_the_key_is_listed() -> None:
    sealed = Vault([OLD]).seal_text("x", TIN)
    vault = Vault([NEW, OLD])
    assert vault.open_text(sealed, TIN) == "x"
    vault.follow([key_mark(OLD).id], bound=True)
    with pytest.raises(SealBroken, match="was retired"):
        vault.open(sealed, TIN)


def test_rotation_opens_old_values_and_seals_with_the_new_key() -> None:
    sealed = Vault([OLD]).seal_text("x", TIN)
    rotated = Vault([NEW, OLD])
    assert rotated.open_text(sealed, TIN) == "x"
    assert Vault([NEW]).open_text(rotated.seal_text("x", TIN), TIN) == "x"
    with pytest.raises(SealBroken, match="does not list"):
        Vault([NEW]).open_text(sealed, TIN)


def test_look_ups_find_what_any_key_hashed() -> None:
    stored = Vault([OLD]).digest("000000001", "tin")
    assert stored in Vault([NEW, OLD]).digests("000000001", "tin")
    assert stored not in Vault([NEW]).digests("000000001", "tin")
    assert Vault([NEW, OLD]).digest("000000001", "tin") == Vault([NEW]).digest("000000001", "tin")
    assert stored != Vault([OLD]).digest("000000001", "account")
    assert len(stored) == 32


def test_a_hash_key_is_no_seal_key() -> None:
    """Neither the purpose nor the value can be shifted into the other."""
    vault = Vault([OLD])
    assert vault.digest("b", "a") != vault.digest("", "ab")


def test_a_vault_needs_a_key() -> None:
    with pytest.raises(ValueError, match="at least one key"):
        Vault([])
