"""What a password costs to judge: little, whatever somebody crafts."""

from __future__ import annotations

import pytest
import zxcvbn

from hp_portal.core.identity.passwords import MAX_LENGTH, WeakPassword, check_acceptable

# Every character that may stand for a letter, over and over: what zxcvbn takes longest for.
CRAFTED = ("4@8({[<369!1|07$5+%2" * 10)[:MAX_LENGTH]


def judge(password: str) -> None:
    check_acceptable(password, min_length=12, about=("ann.clerk", "Aspen Clinic"))


def test_only_the_beginning_of_a_password_is_judged(monkeypatch: pytest.MonkeyPatch) -> None:
    judged: list[str] = []
    real = zxcvbn.zxcvbn

    def spy(password: str, **options: list[str]) -> dict[str, object]:
        judged.append(password)
        result: dict[str, object] = real(password, **options)
        return result

    monkeypatch.setattr(zxcvbn, "zxcvbn", spy)
    judge(CRAFTED)
    # Letters that become several when they are normalized do not make it longer.
    judge("\ufdfa" * MAX_LENGTH)
    assert [len(password) for password in judged] == [32, 32]


@pytest.mark.parametrize(
    "password", ["passwordpasswordpasswordpassword1234", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"]
)
def test_a_long_password_is_refused_when_its_beginning_is_easy_to_guess(password: str) -> None:
    with pytest.raises(WeakPassword):
        judge(password)
