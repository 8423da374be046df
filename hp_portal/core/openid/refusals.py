"""Why a sign-in by the directory was refused: the status, and the words for whoever reads it."""

from __future__ import annotations

from dataclasses import dataclass

# By `why`. In the words, {name} is what the directory is called, {subject} what it calls the person.
WORDS: dict[str, tuple[int, str]] = {
    "gone": (
        400,
        "This sign-in was begun too long ago or in another window, or was answered already. Please begin again.",
    ),
    "code": (400, "This sign-in was answered already, or took too long. Please begin again."),
    "denied": (
        403,
        "{name} did not let you in, or you canceled. Begin again, or ask whoever looks after your account there.",
    ),
    "silent": (
        503,
        "{name} does not answer, so nobody can be signed in by it now. Try again in a few minutes; if it goes on, tell "
        "whoever runs the portal.",
    ),
    "settings": (
        502,
        "The portal and {name} are not set up to work together. Tell whoever runs the portal; its log says more.",
    ),
    "token": (
        502,
        "What {name} answered is not to be trusted, so you are not signed in. Begin again; if it goes on, tell whoever "
        "runs the portal.",
    ),
    "acr": (
        403,
        "{name} has not checked who you are as strongly as this portal asks for. Set up a second factor there, then "
        "begin again.",
    ),
    "group": (
        403,
        "{name} knows you, but none of your groups there may work in this portal. Ask whoever looks after the groups "
        "to add you to one.",
    ),
    "deactivated": (403, "Your account in this portal is deactivated. Ask whoever runs the portal."),
    "unlinked": (
        403,
        "An account of our staff here has your user name or e-mail address, and is not linked with {name} yet. Ask "
        "whoever runs the portal to link it. They need this: {subject}",
    ),
    "organization": (
        403,
        "Your e-mail address belongs to an account of a provider’s office here. One account cannot be both: ask "
        "whoever runs the portal.",
    ),
    "email": (
        403,
        "{name} tells no confirmed e-mail address of you, and an account here needs one. Ask whoever looks after your "
        "account there.",
    ),
    "somebody-else": (403, "{name} has signed in somebody else. Sign in there as the person you are here."),
    "not-again": (
        403,
        "{name} has not asked again who you are. Try again and enter your password there; if it does not ask, tell "
        "whoever runs the portal.",
    ),
}


@dataclass(eq=False)
class Refused(Exception):
    """The directory's sign-in opens nothing; `why` is a key of `WORDS`. The account and subject are what it has told."""

    why: str
    account: str = ""
    subject: str = ""

    @property
    def status(self) -> int:
        """What the page answers with."""
        return WORDS[self.why][0]

    def words(self, name: str) -> str:
        """What the person reads."""
        said = WORDS[self.why][1].replace("{name}", name).replace("{subject}", self.subject)
        return said[0].upper() + said[1:]
