"""A SMART Backend Services client for tests: keys and signatures by the openssl program, everything else
by hand, so that a test can get any detail wrong on purpose."""
import base64
import json
import os
import subprocess
import time
import urllib.parse
import uuid

import harness

JWT_BEARER = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
FORM = {"Content-Type": "application/x-www-form-urlencoded", "Accept": "application/json"}


def encode(data):
    """base64url without padding, of bytes or of a JSON value."""
    if not isinstance(data, bytes):
        data = json.dumps(data).encode()
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def openssl(*arguments, stdin=None):
    return subprocess.run(["openssl", *arguments], input=stdin, capture_output=True, check=True).stdout


class Key:
    """A key pair in a file of `folder`."""

    def __init__(self, folder, algorithm="ES384", kid=None):
        self.algorithm = algorithm
        self.kid = kid or f"{algorithm}-{uuid.uuid4().hex[:8]}"
        self.path = os.path.join(folder, self.kid + ".pem")
        self.size = {"ES256": 32, "ES384": 48}.get(algorithm)
        options = (["-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048"] if not self.size else
                   ["-algorithm", "EC", "-pkeyopt",
                    f"ec_paramgen_curve:{'P-384' if self.size == 48 else 'P-256'}"])
        openssl("genpkey", *options, "-out", self.path)

    def jwk(self):
        """The public key."""
        common = {"kid": self.kid, "alg": self.algorithm, "use": "sig"}
        if self.size:
            point = openssl("pkey", "-in", self.path, "-pubout", "-outform", "DER")[-2 * self.size:]
            return {"kty": "EC", "crv": f"P-{self.size * 8}", "x": encode(point[:self.size]),
                    "y": encode(point[self.size:]), **common}
        modulus = openssl("rsa", "-in", self.path, "-noout", "-modulus").decode().strip().split("=")[1]
        return {"kty": "RSA", "n": encode(bytes.fromhex(modulus)), "e": "AQAB", **common}

    def sign(self, text):
        """The raw signature of JWS, base64url."""
        digest = "-sha" + self.algorithm[2:]
        signature = openssl("dgst", digest, "-sign", self.path, stdin=text.encode())
        if self.size:
            signature = raw_from_der(signature, self.size)
        return encode(signature)


def raw_from_der(der, size):
    """r and s of an ECDSA signature side by side (RFC 7518 section 3.4)."""
    at = 2 + (der[1] & 0x7f if der[1] & 0x80 else 0)
    numbers = []
    for _ in range(2):
        length = der[at + 1]
        numbers.append(int.from_bytes(der[at + 2:at + 2 + length], "big").to_bytes(size, "big"))
        at += 2 + length
    return b"".join(numbers)


def jwt(key, header, claims):
    """A compact JWT; `header` and `claims` are JSON values or ready base64url."""
    parts = [part if isinstance(part, str) else encode(part) for part in (header, claims)]
    text = ".".join(parts)
    return text + "." + key.sign(text)


def claims_of(client_id, audience, **changes):
    now = int(time.time())
    claims = {"iss": client_id, "sub": client_id, "aud": audience, "exp": now + 200, "iat": now,
              "jti": uuid.uuid4().hex, **changes}
    return {name: value for name, value in claims.items() if value is not ...}


def header_of(key, **changes):
    header = {"alg": key.algorithm, "kid": key.kid, "typ": "JWT", **changes}
    return {name: value for name, value in header.items() if value is not ...}


def form_of(assertion, **changes):
    form = {"grant_type": "client_credentials", "client_assertion_type": JWT_BEARER,
            "client_assertion": assertion, "scope": "system/*.rs", **changes}
    return {name: value for name, value in form.items() if value is not ...}


def post_form(url, form, headers=None):
    body = form if isinstance(form, str) else urllib.parse.urlencode(form)
    return harness.request("POST", url, {**FORM, **(headers or {})}, body.encode())


class Client:
    """A client that the server knows."""

    def __init__(self, folder, data, id, algorithm="ES384", scope="system/*.rs", options=()):
        self.id, self.key, self.scope = id, Key(folder, algorithm), scope
        jwks = os.path.join(folder, id + ".jwks")
        with open(jwks, "w", encoding="utf-8") as file:
            json.dump({"keys": [self.key.jwk()]}, file)
        harness.sluice("client", "add", "--data", data, "--id", id, "--jwks", jwks, "--scope", scope,
                       *options)

    def assertion(self, server, header=None, claims=None):
        return jwt(self.key, header_of(self.key, **(header or {})),
                   claims_of(self.id, token_url(server), **(claims or {})))

    def token_answer(self, server, scope=None):
        return post_form(token_url(server), form_of(self.assertion(server), scope=scope or self.scope))

    def token(self, server, scope=None):
        answer = self.token_answer(server, scope)
        assert answer.status == 200, answer
        return answer.json()["access_token"]

    def headers(self, server, scope=None):
        return {"Authorization": "Bearer " + self.token(server, scope)}


def token_url(server):
    return server.base + "/auth/token"


def export(server, path, parameters, headers, kick_off_headers=None):
    """Runs an export with a token: the status URL and the manifest."""
    answer = server.get(path, parameters, {**headers, "Prefer": "respond-async",
                                           **(kick_off_headers or {})})
    assert answer.status == 202, answer
    status_url = answer.headers["Content-Location"]
    return status_url, harness.wait(status_url, headers=headers).manifest
