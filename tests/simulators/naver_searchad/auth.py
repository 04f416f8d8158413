"""Checks the four headers of every call, in the vendor's order and with its bodies."""

import base64
import hashlib
import hmac
import time

from . import errors

HEADERS = ("X-Timestamp", "X-API-KEY", "X-Customer", "X-Signature")
TOLERANCE_MS = 60_000


def sign(secret, timestamp, method, path):
    """The signature of a call. The secret is used as it stands, never base64-decoded."""
    message = f"{timestamp}.{method.upper()}.{path}"
    digest = hmac.new(secret.encode("utf-8"), message.encode("utf-8"), hashlib.sha256).digest()
    return base64.b64encode(digest).decode("ascii")


class Authenticator:
    """One key: licence, secret and the customer id of its owner.

    The age of a call is measured on the machine's clock, because that is what a client signs
    with; `follow_virtual` measures it on the simulator's clock instead.
    """

    def __init__(self, licence, secret, clock, follow_virtual=False):
        self._licence = licence
        self._secret = secret
        self._clock = clock
        self.follow_virtual = follow_virtual

    def _now_ms(self):
        return (self._clock.timestamp() if self.follow_virtual else time.time()) * 1000

    def check(self, method, raw_path, headers):
        """Raises ApiError, or returns the X-Customer text."""
        for name in HEADERS:
            if not headers.get(name, "").strip():
                raise errors.missing_header(name)
        timestamp = headers["X-Timestamp"].strip()
        if not (timestamp.isascii() and timestamp.isdigit()):
            raise errors.expired(timestamp)
        if abs(self._now_ms() - int(timestamp)) > TOLERANCE_MS:
            raise errors.expired(timestamp)
        sent = headers["X-Signature"].strip()
        path = raw_path.split("?", 1)[0]
        expected = sign(self._secret, timestamp, method, path)
        right = hmac.compare_digest(sent.encode("utf-8"), expected.encode("utf-8"))
        if not right or headers["X-API-KEY"].strip() != self._licence:
            raise errors.bad_signature(sent)
        if method in ("POST", "PUT"):
            types = headers.getall("Content-Type", [])
            if len(types) != 1 or types[0].split(";")[0].strip().lower() != "application/json":
                raise errors.bad_mime_type()
        return headers["X-Customer"].strip()
