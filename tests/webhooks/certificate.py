"""The certificate of hooks.example and its key: made for these tests, worth nothing anywhere else."""

from __future__ import annotations

import ssl
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

CERTIFICATE = """\
-----BEGIN CERTIFICATE-----
MIIBsDCCAVegAwIBAgIUUxJ7KXJmhfVwM0AVBWg1IrdAWG0wCgYIKoZIzj0EAwIw
GDEWMBQGA1UEAwwNaG9va3MuZXhhbXBsZTAgFw0yNjExMjExMTAxMTVaGA8yMTI2
MTAyODExMDExNVowGDEWMBQGA1UEAwwNaG9va3MuZXhhbXBsZTBZMBMGByqGSM49
AgEGCCqGSM49AwEHA0IABI4A1orj4wmFjKrTgWh/SkuVdBwNFBIyvmJAAp3FenCm
L26wcjEPHwtCsN1c0VS+SbEYibzEVniLTymytbSr/9SjfTB7MB0GA1UdDgQWBBTm
yTWXi8N3U7h0GP1N/TAaX3mbBDAfBgNVHSMEGDAWgBTmyTWXi8N3U7h0GP1N/TAa
X3mbBDAYBgNVHREEETAPgg1ob29rcy5leGFtcGxlMA4GA1UdDwEB/wQEAwIChDAP
BgNVHRMBAf8EBTADAQH/MAoGCCqGSM49BAMCA0cAMEQCICUEwuDGKjxfN7ntaMmy
3GVC1RFlgUjasP4uQJ/VNPOPAiAIzMa0pS9BKMlNPGyPNkgiKKZSvVFdpMHnznE+
PTnQ1A==
-----END CERTIFICATE-----
"""
KEY = """\
-----BEGIN PRIVATE KEY-----
MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgBk4LAGFugBnjIH/m
BJU4+jOBRLS2trUs3i/W9+uSdOKhRANCAASOANaK4+MJhYyq04Fof0pLlXQcDRQS
Mr5iQAKdxXpwpi9usHIxDx8LQrDdXNFUvkmxGIm8xFZ4i08psrW0q//U
-----END PRIVATE KEY-----
"""


def server_side(directory: Path) -> ssl.SSLContext:
    """What the server shows."""
    both = directory / "hooks.example.pem"
    both.write_text(CERTIFICATE + KEY)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(both)
    return context


def client_side() -> ssl.SSLContext:
    """A client that trusts it, as it trusts the world's authorities."""
    return ssl.create_default_context(cadata=CERTIFICATE)
