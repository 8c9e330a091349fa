"""The operator's certificate: loaded, judged in words, and loaded again while connections go on."""

import ssl
from datetime import UTC, datetime
from pathlib import Path

import structlog

from minori.codec.validity import PEM_BEGIN, Validity, parse_validity
from minori.errors import InvalidParameter, SettingsInvalid

FILE_BYTES = 1 << 20
"""The largest file of a certificate chain or a key (our choice; the longest chains take a tenth of it)."""

PROTOCOLS = ["http/1.1"]
"""What is agreed on by ALPN (RFC 7301): there is no HTTP/2 here, and a client that asks for none of it goes on."""

_KEY_ENDS = "PRIVATE KEY-----"
_log = structlog.get_logger(__name__)


class Certificate:
    """A certificate chain and its key, as the files `cert` and `key` hold them.

    `context` is what new connections are secured by. Used on the loop, and `reload` too: it reads two small files.
    """

    def __init__(self, cert: str, key: str) -> None:
        """Load both. Raises `SettingsInvalid`, saying which setting and what to do, if they cannot be used."""
        self._cert = cert
        self._key = key
        self.context = self._load()

    def reload(self) -> None:
        """Load both anew for the connections to come; if they cannot be used, say so in the log and go on as before."""
        try:
            self.context = self._load()
        except SettingsInvalid as error:
            _log.error("the certificate was not replaced, the one before is still in use", reason=str(error))

    def _load(self) -> ssl.SSLContext:
        chain, key = _read("tls_cert", self._cert), _read("tls_key", self._key)
        if PEM_BEGIN not in chain:
            raise SettingsInvalid(f"tls_cert: {self._cert} holds no certificate in PEM; give the PEM file of the chain")
        if _KEY_ENDS not in key:
            raise SettingsInvalid(f"tls_key: {self._key} holds no private key in PEM; give the PEM file of the key")
        context = _context()
        self._take(context)
        try:
            self._judge(parse_validity(chain), datetime.now(UTC))
        except InvalidParameter as error:
            raise SettingsInvalid(f"tls_cert: the first certificate of {self._cert} cannot be read") from error
        return context

    def _take(self, context: ssl.SSLContext) -> None:
        is_locked = False

        def password() -> str:
            nonlocal is_locked
            is_locked = True
            return ""

        try:
            context.load_cert_chain(self._cert, self._key, password)
        except (OSError, ValueError) as error:
            if is_locked:
                reason = f"tls_key: {self._key} is locked with a password; store the key without one (openssl pkey)"
            elif isinstance(error, ssl.SSLError) and error.reason == "KEY_VALUES_MISMATCH":
                reason = f"tls_key: {self._key} is not the key of the first certificate in {self._cert}"
            else:
                told = (isinstance(error, ssl.SSLError) and error.reason) or "damaged, or of a kind not known"
                reason = f"tls_cert, tls_key: {self._cert} with {self._key} cannot be used ({told}); make them anew"
            raise SettingsInvalid(reason) from error

    def _judge(self, validity: Validity, now: datetime) -> None:
        """A clock may be wrong, and clients may not look: what is out of date is used, and said."""
        begins, ends = validity.begins.isoformat(), validity.ends.isoformat()
        if now > validity.ends:
            _log.warning("the certificate has expired, clients will refuse it", file=self._cert, ended=ends)
        elif now < validity.begins:
            _log.warning("the certificate is not valid yet, clients will refuse it", file=self._cert, begins=begins)
        else:
            _log.info("a certificate is in use", file=self._cert, ends=ends)


def _read(setting: str, path: str) -> str:
    try:
        with Path(path).open("rb") as file:
            content = file.read(FILE_BYTES + 1)
    except OSError as error:
        raise SettingsInvalid(
            f"{setting}: {path} cannot be read ({error.strerror}); check the path and its mode"
        ) from error
    if len(content) > FILE_BYTES:
        raise SettingsInvalid(f"{setting}: {path} is larger than {FILE_BYTES} bytes; is it another file?")
    return content.decode("latin-1")


def _context() -> ssl.SSLContext:
    """What connections are secured by; where nothing is said, the defaults of Python and OpenSSL hold.

    Those are: ciphers with authentication and forward secrecy first, no compression (CRIME), the server's
    order of ciphers, session tickets under a key of the context's own, no client certificates
    (https://docs.python.org/3/library/ssl.html#security-considerations).
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    # RFC 8996 forbids what is older; Python's default today, said so that no build and no policy lowers it.
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    # A client of TLS 1.2 could have us work for it again and again (CVE-2011-1473).
    context.options |= ssl.OP_NO_RENEGOTIATION
    context.set_alpn_protocols(PROTOCOLS)
    return context
