"""The vault: what is sealed opens with its key and purpose alone; look-ups go by keyed hashes."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hp_portal.vault import SealBroken, Vault

OLD, NEW = b"an old data key of 32 bytes.....", b"a newer data key of 32 bytes...."


@given(st.binary(max_size=300), st.text(max_size=20))
def test_what_is_sealed_opens(value: bytes, purpose: str) -> None:
    vault = Vault([OLD])
    sealed = vault.seal(value, purpose)
    assert vault.open(sealed, purpose) == value
    assert vault.seal(value, purpose) != sealed


@given(st.data())
def test_no_altered_value_opens(data: st.DataObject) -> None:
    vault = Vault([OLD])
    sealed = bytearray(vault.seal(b"00-0000001", "tin"))
    place = data.draw(st.integers(0, len(sealed) - 1))
    sealed[place] ^= data.draw(st.integers(1, 255))
    with pytest.raises(SealBroken):
        vault.open(bytes(sealed), "tin")


@pytest.mark.parametrize("length", range(42))
def test_no_part_of_a_value_opens(length: int) -> None:
    vault = Vault([OLD])
    words = "does not list" if length < 4 else "cut off" if length < 32 else "altered"
    with pytest.raises(SealBroken, match=words):
        vault.open(vault.seal(b"00-0000001", "tin")[:length], "tin")


def test_what_one_release_has_kept_the_next_one_opens_and_finds() -> None:
    """Another way to derive keys, or another text, would lose every value that is in a database already."""
    sealed = bytes.fromhex("276937c9000102030405060708090a0becda8047af315dbe8d1e0d5c4782e0afc530a7c7757b4c78f910")
    assert Vault([NEW, OLD]).open_text(sealed, "tin") == "00-0000001"
    hashed = bytes.fromhex("6ad9933bf72eaa0b77eed282855c2d764a4ace1531d900cb1ff6d58ea4aad8d2")
    assert Vault([OLD]).digest("000000001", "tin") == hashed
    assert Vault([NEW, OLD]).digests("000000001", "tin")[1:] == [hashed]


def test_an_empty_value_is_a_value() -> None:
    vault = Vault([OLD])
    assert len(vault.seal(b"", "tin")) == 4 + 12 + 16
    assert vault.open_text(vault.seal_text("", "tin"), "tin") == ""


def test_a_value_does_not_open_for_another_purpose() -> None:
    vault = Vault([OLD])
    with pytest.raises(SealBroken):
        vault.open(vault.seal_text("x", "tin"), "835")


def test_rotation_opens_old_values_and_seals_with_the_new_key() -> None:
    sealed = Vault([OLD]).seal_text("x", "tin")
    rotated = Vault([NEW, OLD])
    assert rotated.open_text(sealed, "tin") == "x"
    assert Vault([NEW]).open_text(rotated.seal_text("x", "tin"), "tin") == "x"
    with pytest.raises(SealBroken, match="does not list"):
        Vault([NEW]).open_text(sealed, "tin")


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
