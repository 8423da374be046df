"""A device that makes and uses passkeys, within the test: it signs as the portal asks it to, and lies when it is told to."""

from __future__ import annotations

import hashlib
import json
import secrets
from dataclasses import dataclass, field
from typing import Any

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from webauthn.helpers import base64url_to_bytes, bytes_to_base64url, encode_cbor

ORIGIN = "http://localhost"
PRESENT, VERIFIED, SYNCS, SYNCED, WITH_KEY = 0x01, 0x04, 0x08, 0x10, 0x40


@dataclass
class Device:
    """Holds one passkey. `verifies`: it looks who is there; `counts`: how often it was used, None for one that never tells."""

    verifies: bool = True
    counts: int | None = None
    origin: str = ORIGIN
    key: ec.EllipticCurvePrivateKey = field(default_factory=lambda: ec.generate_private_key(ec.SECP256R1()))
    credential_id: bytes = field(default_factory=lambda: secrets.token_bytes(16))
    user_handle: bytes = b""

    def make(self, options: dict[str, Any]) -> str:
        """The browser's answer to a request for a new passkey."""
        self.user_handle = base64url_to_bytes(options["user"]["id"])
        point = self.key.public_key().public_numbers()
        cose = encode_cbor({1: 2, 3: -7, -1: 1, -2: point.x.to_bytes(32, "big"), -3: point.y.to_bytes(32, "big")})
        attested = bytes(16) + len(self.credential_id).to_bytes(2, "big") + self.credential_id + cose
        told = self._told(options["rp"]["id"], WITH_KEY) + attested
        attestation = encode_cbor({"fmt": "none", "attStmt": {}, "authData": told})
        data = self._client_data("webauthn.create", options)
        return self._answer(clientDataJSON=data, attestationObject=attestation)

    def use(self, options: dict[str, Any]) -> str:
        """The browser's answer to a request for a passkey."""
        if self.counts is not None:
            self.counts += 1
        told = self._told(options["rpId"], 0)
        data = self._client_data("webauthn.get", options)
        signature = self.key.sign(told + hashlib.sha256(data).digest(), ec.ECDSA(hashes.SHA256()))
        return self._answer(
            clientDataJSON=data, authenticatorData=told, signature=signature, userHandle=self.user_handle
        )

    def _told(self, rp_id: str, more: int) -> bytes:
        synced = SYNCS | SYNCED if self.counts is None else 0
        flags = PRESENT | (VERIFIED if self.verifies else 0) | synced | more
        return hashlib.sha256(rp_id.encode()).digest() + bytes([flags]) + (self.counts or 0).to_bytes(4, "big")

    def _client_data(self, kind: str, options: dict[str, Any]) -> bytes:
        said = {"type": kind, "challenge": options["challenge"], "origin": self.origin, "crossOrigin": False}
        return json.dumps(said).encode()

    def _answer(self, **response: bytes) -> str:
        name = bytes_to_base64url(self.credential_id)
        coded = {key: bytes_to_base64url(value) for key, value in response.items()}
        answer = {"id": name, "rawId": name, "type": "public-key", "response": coded, "clientExtensionResults": {}}
        return json.dumps(answer)
