"""A small OpenID Connect provider on loopback: it signs in whoever the test says, without asking."""

import base64
import hashlib
import secrets
import socket
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import urlencode

import uvicorn
from fastapi import FastAPI, Form, HTTPException, Request
from fastapi.responses import RedirectResponse
from joserfc import jwt
from joserfc.jwk import RSAKey

CLIENT = ("platform", "client-secret")
KEY = RSAKey.generate_key(2048, {"kid": "one", "use": "sig"})


@dataclass
class Provider:
    """Its address, and what a test sets: who is signed in next, and how it misbehaves."""

    issuer: str
    subject: str = ""
    claims: dict[str, Any] = field(default_factory=dict)
    algorithm: str = "RS256"
    signing_key: RSAKey = field(default_factory=lambda: KEY)
    published_key: RSAKey | None = None
    signed_out: list[dict[str, str]] = field(default_factory=list)
    asked: list[dict[str, str]] = field(default_factory=list)
    _codes: dict[str, dict[str, str]] = field(default_factory=dict)

    def app(self) -> FastAPI:
        app = FastAPI()

        @app.get("/.well-known/openid-configuration")
        def discovery() -> dict[str, Any]:
            return {
                "issuer": self.issuer,
                "authorization_endpoint": f"{self.issuer}authorize",
                "token_endpoint": f"{self.issuer}token",
                "jwks_uri": f"{self.issuer}jwks",
                "end_session_endpoint": f"{self.issuer}sign-out",
                "id_token_signing_alg_values_supported": ["none", "HS256", "RS256"],
                "token_endpoint_auth_methods_supported": ["client_secret_basic"],
            }

        @app.get("/jwks")
        def jwks() -> dict[str, Any]:
            return {"keys": [(self.published_key or self.signing_key).as_dict(private=False)]}

        @app.get("/authorize")
        def authorize(request: Request) -> RedirectResponse:
            asked = dict(request.query_params)
            self.asked.append(asked)
            assert asked["response_type"] == "code"
            assert asked["code_challenge_method"] == "S256"
            code = secrets.token_urlsafe(16)
            self._codes[code] = asked
            return RedirectResponse(
                f"{asked['redirect_uri']}?{urlencode({'code': code, 'state': asked['state']})}", 302
            )

        @app.post("/token")
        def token(
            request: Request,
            code: Annotated[str, Form()],
            code_verifier: Annotated[str, Form()],
            redirect_uri: Annotated[str, Form()],
        ) -> dict[str, Any]:
            basic = base64.b64encode(":".join(CLIENT).encode()).decode()
            asked = self._codes.pop(code, None)
            digest = hashlib.sha256(code_verifier.encode()).digest()
            challenge = base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
            if (
                asked is None
                or request.headers.get("authorization") != f"Basic {basic}"
                or challenge != asked["code_challenge"]
                or redirect_uri != asked["redirect_uri"]
            ):
                raise HTTPException(400, "invalid_grant")
            now = int(time.time())
            claims = {
                "iss": self.issuer,
                "sub": self.subject,
                "aud": CLIENT[0],
                "iat": now,
                "auth_time": now,
                "exp": now + 60,
                "nonce": asked["nonce"],
            } | self.claims
            header = {"alg": self.algorithm} | ({"kid": "one"} if self.algorithm == "RS256" else {})
            signed = jwt.encode(header, claims, self.signing_key, algorithms=[self.algorithm])
            return {"access_token": "unused", "token_type": "Bearer", "expires_in": 60, "id_token": signed}

        @app.get("/sign-out")
        def sign_out(request: Request) -> RedirectResponse:
            self.signed_out.append(dict(request.query_params))
            return RedirectResponse(request.query_params["post_logout_redirect_uri"], 302)

        return app


class Served:
    """An application on a free port, until it is stopped; over TLS with a certificate (files)."""

    def __init__(self, address: str = "127.0.0.1", certificate: Path | None = None, key: Path | None = None):
        self._tls = (certificate, key)
        self.socket = socket.create_server((address, 0))
        self.url = f"http{'s' if certificate else ''}://{address}:{self.socket.getsockname()[1]}"

    def serve(self, app: Any) -> None:
        certificate, key = self._tls
        config = uvicorn.Config(
            app,
            log_config=None,
            access_log=False,
            timeout_graceful_shutdown=1,
            ssl_certfile=certificate,
            ssl_keyfile=key,
        )
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(target=self._server.run, args=([self.socket],), daemon=True)
        self._thread.start()
        while not self._server.started:
            time.sleep(0.01)

    def stop(self) -> None:
        self._server.should_exit = True
        self._thread.join(10)
