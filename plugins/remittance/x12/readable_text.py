"""Text as people read it."""

_CONTROL = dict.fromkeys([*range(32), 127], None)
_UNDEFINED_IN_CP1252 = (0x81, 0x8D, 0x8F, 0x90, 0x9D)
_CP1252 = {byte: None if byte in _UNDEFINED_IN_CP1252 else bytes([byte]).decode("cp1252") for byte in range(0x80, 0xA0)}


def display(text: str) -> str:
    """Text as people read it, from text that was decoded as Latin-1.

    X12 leaves the character set to the trading partners: UTF-8 where the bytes are valid UTF-8, else
    Windows-1252. Control characters are left out: no screen shows them and not every database keeps them.
    """
    if not text.isascii():
        try:
            text = text.encode("latin-1").decode("utf-8")
        except UnicodeDecodeError:
            text = text.translate(_CP1252)
    return text.translate(_CONTROL)
