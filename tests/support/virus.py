"""A virus scanner that runs, and knows one virus: the test file of EICAR, which harms nobody."""

from __future__ import annotations

import shutil
from pathlib import Path

from hp_portal.attachment_settings import Scanner
from hp_portal.core.attachments.scanning import ScannerAway, find_virus

from .processes import Started, wait_for

# Put together here, so that no scanner takes this file for it.
EICAR = rb"X5O!P%@AP[4\PZX54(P^)7CC)7}$" + rb"EICAR-STANDARD-ANTIVIRUS-TEST-FILE!$H+H*"
NAME = "Eicar-Test-Signature"


def clamd() -> str:
    """Where the scanner is installed; empty: it is not."""
    return shutil.which("clamd", path="/usr/sbin:/usr/bin:/usr/local/sbin") or ""


def start_scanner(start: Started, folder: Path, program: str) -> None:
    """Run clamd with a signature of our own, listening on `folder`/clamd.ctl."""
    signatures = folder / "signatures"
    signatures.mkdir(exist_ok=True)
    (signatures / "sample.ndb").write_text(f"{NAME}:0:0:{EICAR.hex()}\n")
    settings = folder / "clamd.conf"
    settings.write_text(
        f"LocalSocket {folder}/clamd.ctl\nDatabaseDirectory {signatures}\nForeground yes\nStreamMaxLength 1M\n"
    )
    running = start([program, "-c", str(settings)], environment={})
    wait_for(lambda: _answers(Scanner(path=f"{folder}/clamd.ctl")), running, "an answer of the virus scanner")


def _answers(scanner: Scanner) -> bool:
    try:
        return find_virus(scanner, b"") == ""
    except ScannerAway:
        return False
