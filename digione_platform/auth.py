"""Signing in through the tenant's identity provider: OpenID Connect, authorization code with PKCE."""

import logging
import ssl
from collections.abc import Sequence
from typing import Any, Protocol
from urllib.parse import urlencode
from uuid import UUID

import httpx2
from authlib.common.errors import AuthlibBaseError
from authlib.integrations.base_client import OAuthError
from authlib.integrations.starlette_client import OAuth, StarletteOAuth2App
from fastapi import APIRouter, Request, Response
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import RedirectResponse
from joserfc.errors import JoseError
from sqlalchemy import select

from digione_platform import sessions
from digione_platform.core import audit
from digione_platform.core.audit import Act, By
from digione_platform.core.models import Account, Person, Status
from digione_platform.core.passwords import proof_needed_since
from digione_platform.security import origin_of
from digione_platform.settings import Oidc, Settings
from digione_platform.web.render import cookie_name, local_path, page, speak

_log = logging.getLogger(__name__)
# Where the provider sends people back to; it must know both addresses (roles/identity).
CALLBACK = "/auth/callback"
SIGNED_OUT = "/signed-out"
# What can go wrong between us and the provider, besides its being away.
_BROKEN = (AuthlibBaseError, JoseError, KeyError, ValueError, RuntimeError)


class SignInMethod(Protocol):
    """How people prove who they are; its pages begin at ``/sign-in``."""

    @property
    def form_targets(self) -> Sequence[str]:
        """Other origins that forms may lead to."""
        ...

    def router(self) -> APIRouter:
        """The pages of signing in."""
        ...

    async def sign_out_url(self, id_token: str | None, language: str) -> str:
        """Where the browser goes to be signed out everywhere."""
        ...


class OidcSignIn:
    """Sign-in at the tenant's identity provider; ``sub`` is the account's identifier."""

    def __init__(self, settings: Settings, oidc: Oidc) -> None:
        trusted = ssl.create_default_context()
        if settings.authority is not None:
            trusted.load_verify_locations(cafile=str(settings.authority))
        self._url = settings.url.rstrip("/")
        self._issuer = oidc.issuer
        self._client_id = oidc.client_id
        self._client: StarletteOAuth2App = OAuth().register(
            "identity",
            client_id=oidc.client_id,
            client_secret=oidc.client_secret.get_secret_value(),
            server_metadata_url=f"{oidc.issuer.rstrip('/')}/.well-known/openid-configuration",
            client_kwargs={
                "scope": "openid",
                "code_challenge_method": "S256",
                "verify": trusted,
                "timeout": 10,
            },
        )

    @property
    def form_targets(self) -> Sequence[str]:
        return [origin_of(self._issuer)]

    def router(self) -> APIRouter:
        router = APIRouter()
        router.add_api_route("/sign-in", self._begin, methods=["GET"])
        router.add_api_route(CALLBACK, self._finish, methods=["GET"])
        return router

    async def sign_out_url(self, id_token: str | None, language: str) -> str:
        here_only = f"{self._url}{SIGNED_OUT}"
        try:
            metadata = await self._metadata()
        except (httpx2.HTTPError, *_BROKEN):
            return here_only
        end = metadata.get("end_session_endpoint")
        if not end:
            return here_only
        asked = {
            "post_logout_redirect_uri": f"{self._url}{SIGNED_OUT}",
            "client_id": self._client_id,
            **_in_language(language),
        }
        return f"{end}?{urlencode(asked | ({'id_token_hint': id_token} if id_token else {}))}"

    async def _begin(self, request: Request, next: str = "") -> Response:  # noqa: A002 - the query's word
        # Who comes back from the provider's page, for another language, still wants to go there.
        request.session["next"] = local_path(next or request.session.get("next", "/"))
        try:
            await self._metadata()
            redirect: Response = await self._client.authorize_redirect(
                request, f"{self._url}{CALLBACK}", **_in_language(speak(request).language)
            )
        except httpx2.HTTPError as error:
            return _provider_away(request, error)
        except _BROKEN as error:
            return _failed(request, error)
        return redirect

    async def _finish(self, request: Request) -> Response:
        try:
            await self._metadata()
            token: dict[str, Any] = await self._client.authorize_access_token(  # type: ignore[no-untyped-call]
                request, claims_options={"iss": {"essential": True, "values": [self._issuer]}}
            )
            subject = UUID(token["userinfo"]["sub"])
        except httpx2.HTTPError as error:
            return _provider_away(request, error)
        except _BROKEN as error:
            return _failed(request, error)
        if await run_in_threadpool(_is_overtaken, request, subject, token["userinfo"].get("auth_time", 0)):
            # The provider's session has to end too, or it would go on signing in without any password.
            request.session["overtaken"] = True
            out = await self.sign_out_url(token.get("id_token"), speak(request).language)
            return RedirectResponse(out, 303)
        target = local_path(request.session.pop("next", "/"))
        return await run_in_threadpool(admit, request, subject, token.get("id_token"), target)

    async def _metadata(self) -> dict[str, Any]:
        metadata: dict[str, Any] = await self._client.load_server_metadata()
        if metadata.get("issuer") != self._issuer:
            self._client.server_metadata.clear()
            raise ValueError("the identity provider calls itself by another name than the settings do")
        # A provider lists all it can sign with, "none" included; ours signs with RS256.
        metadata["id_token_signing_alg_values_supported"] = ["RS256"]
        return metadata


def _in_language(language: str) -> dict[str, str]:
    """The parameter that asks the provider to speak a language."""
    return {"ui_locales": language}


def _is_overtaken(request: Request, account_id: UUID, proved: int) -> bool:
    """Whether the account's person has to prove anew who they are, though they did at a time (seconds)."""
    with request.app.state.open_session() as session:
        since = proof_needed_since(session, account_id)
    # Within one second it is not known which was first.
    return since is not None and proved <= int(since.timestamp())


def admit(request: Request, account_id: UUID, id_token: str | None, target: str) -> Response:
    """Start the session of a person who has proved to be the account's, and go to ``target``."""
    with request.app.state.open_session.begin() as session:
        account = session.scalar(
            select(Account)
            .join(Person, Person.id == Account.person_id)
            .where(Account.id == account_id, Account.enabled, Person.enabled, Person.status == Status.ACTIVE)
        )
        if account is None:
            by = By(request=request.state.request_id)
            audit.record(session, by, Act.SIGN_IN_REFUSED, account=str(account_id))
            # Kept for the way out, so that the provider's session does not bring the same answer again.
            request.session["id_token"] = id_token
            return page(request, "no_account.html", status=403)
        token = sessions.start(session, account, id_token)
        audit.record(session, By(account.person_id, request=request.state.request_id), Act.SIGN_IN)
    response = RedirectResponse(target, 303)
    secure = request.app.state.secure
    response.set_cookie(cookie_name(request), token, path="/", secure=secure, httponly=True, samesite="lax")
    return response


def _provider_away(request: Request, error: httpx2.HTTPError) -> Response:
    _log.error("identity provider does not answer: %s", type(error).__name__)
    return page(request, "provider_away.html", status=503, headers={"retry-after": "60"})


def _failed(request: Request, error: Exception) -> Response:
    # The provider's words go to the log only: anyone can put words into a callback's address.
    code = error.error if isinstance(error, OAuthError) else type(error).__name__
    _log.warning("sign-in failed: %s", str(code)[:80].encode("unicode_escape").decode())
    return page(request, "sign_in_failed.html", status=400)
