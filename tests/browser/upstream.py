"""Providers in front of a tenant's own, as MPASSid is: OpenID Connect and SAML 2.0, over TLS.

Without asking they sign in whoever the test says, or what it says is forged.
"""

import base64
import secrets
import time
import zlib
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from html import escape
from typing import Annotated, Any, Literal
from urllib.parse import urlencode

from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from fastapi import FastAPI, Form, HTTPException, Request
from fastapi.responses import HTMLResponse, RedirectResponse
from joserfc import jwt
from joserfc.jwk import RSAKey
from lxml import etree
from signxml.signer import XMLSigner

LEARNER_NUMBER = "urn:oid:1.3.6.1.4.1.16161.1.1.27"
SECONDS = 60
SAML = "urn:oasis:names:tc:SAML:2.0"
REDIRECT = f"{SAML}:bindings:HTTP-Redirect"
# What is wrong with what the provider says of a person: nothing, changed by another, or nobody's signature.
Forgery = Literal["none", "altered", "unsigned"]
# Where the signature comes: SAML wants it after the issuer.
PLACE = '<ds:Signature xmlns:ds="http://www.w3.org/2000/09/xmldsig#" Id="placeholder"/>'


@dataclass
class OidcProvider:
    """An OpenID Connect provider at ``url`` that tells people's learner numbers.

    ``person`` is the number of who is signed in next, None of someone who has none.
    """

    url: str
    client: tuple[str, str]
    person: str | None = None
    forgery: Forgery = "none"
    cancel: bool = False
    away: bool = False
    signed_out: int = 0
    key: RSAKey = field(default_factory=lambda: RSAKey.generate_key(2048, {"kid": "one", "use": "sig"}))
    _codes: dict[str, dict[str, str]] = field(default_factory=dict)

    def app(self) -> FastAPI:
        app = FastAPI()

        @app.get("/.well-known/openid-configuration")
        def description() -> dict[str, Any]:
            if self.away:
                raise HTTPException(503)
            return {
                "issuer": self.url,
                "authorization_endpoint": f"{self.url}/authorize",
                "token_endpoint": f"{self.url}/token",
                "jwks_uri": f"{self.url}/jwks",
                "end_session_endpoint": f"{self.url}/sign-out",
            }

        @app.get("/jwks")
        def jwks() -> dict[str, Any]:
            return {"keys": [self.key.as_dict(private=False)]}

        @app.get("/authorize")
        def authorize(request: Request) -> RedirectResponse:
            asked = dict(request.query_params)
            if self.cancel:
                answer = {"error": "access_denied"}
            else:
                answer = {"code": secrets.token_urlsafe(16)}
                self._codes[answer["code"]] = asked
            answer["state"] = asked["state"]
            joint = "&" if "?" in asked["redirect_uri"] else "?"
            return RedirectResponse(f"{asked['redirect_uri']}{joint}{urlencode(answer)}", 302)

        @app.post("/token")
        def token(
            code: Annotated[str, Form()],
            redirect_uri: Annotated[str, Form()],
            client_id: Annotated[str, Form()],
            client_secret: Annotated[str, Form()],
        ) -> dict[str, Any]:
            asked = self._codes.pop(code, {})
            if (client_id, client_secret) != self.client or redirect_uri != asked.get("redirect_uri"):
                raise HTTPException(400, "invalid_grant")
            now = int(time.time())
            claims = {
                "iss": self.url,
                "aud": self.client[0],
                "iat": now,
                "exp": now + SECONDS,
                "nonce": asked["nonce"],
                "sub": "someone",
            } | ({LEARNER_NUMBER: self.person} if self.person else {})
            token = self._signed(claims)
            return {"access_token": "unused", "token_type": "Bearer", "expires_in": 60, "id_token": token}

        @app.get("/sign-out")
        def sign_out(request: Request) -> RedirectResponse:
            assert request.query_params["id_token_hint"]
            self.signed_out += 1
            return RedirectResponse(request.query_params["post_logout_redirect_uri"], 302)

        return app

    def _signed(self, claims: dict[str, Any]) -> str:
        header = {"alg": "none" if self.forgery == "unsigned" else "RS256", "kid": "one"}
        other = RSAKey.generate_key(2048, {"kid": "one"})
        key = other if self.forgery == "altered" else self.key
        return jwt.encode(header, claims, key, algorithms=[header["alg"]])


@dataclass
class SamlProvider:
    """A SAML 2.0 provider at ``url`` that knows people by their accounts.

    ``person`` is the name identifier of who is signed in next; ``key`` and ``certificate`` (PEM) sign.
    """

    url: str
    key: str
    certificate: str
    person: str | None = None
    forgery: Forgery = "none"
    cancel: bool = False
    signed_out: int = 0

    @property
    def metadata(self) -> str:
        """What the provider says of itself, as XML."""
        body = "".join(self.certificate.splitlines()[1:-1])
        return f"""<EntityDescriptor xmlns="{SAML}:metadata" entityID="{self.url}">
  <IDPSSODescriptor WantAuthnRequestsSigned="true" protocolSupportEnumeration="{SAML}:protocol">
    <KeyDescriptor use="signing"><KeyInfo xmlns="http://www.w3.org/2000/09/xmldsig#">
      <X509Data><X509Certificate>{body}</X509Certificate></X509Data></KeyInfo></KeyDescriptor>
    <SingleLogoutService Binding="{REDIRECT}" Location="{self.url}/sign-out"/>
    <SingleSignOnService Binding="{REDIRECT}" Location="{self.url}/sign-in"/>
  </IDPSSODescriptor>
</EntityDescriptor>
"""

    def app(self) -> FastAPI:
        app = FastAPI()

        @app.get("/sign-in")
        def sign_in(request: Request) -> HTMLResponse:
            asked = _message(request)
            fields = {"SAMLResponse": base64.b64encode(self._response(asked).encode()).decode()}
            if "RelayState" in request.query_params:
                fields["RelayState"] = request.query_params["RelayState"]
            inputs = "".join(f'<input name="{n}" value="{escape(v)}">' for n, v in fields.items())
            target = f"{_service(asked)}/proxySingleSignOnPost"
            script = "<script>document.forms[0].submit()</script>"
            return HTMLResponse(f'<form method="post" action="{target}">{inputs}</form>{script}')

        @app.get("/sign-out")
        def sign_out(request: Request) -> RedirectResponse:
            self.signed_out += 1
            return RedirectResponse(self._signed_out(_message(request), request), 302)

        return app

    def _response(self, asked: "etree._Element") -> str:
        now = datetime.now(UTC)
        acs = f"{_service(asked)}/proxySingleSignOnPost"
        outcome = f"{SAML}:status:{'AuthnFailed' if self.cancel else 'Success'}"
        code = f'<p:StatusCode Value="{outcome}"/>'
        if self.cancel:
            code = f'<p:StatusCode Value="{SAML}:status:Responder">{code}</p:StatusCode>'
        assertion = "" if self.cancel else self._assertion(asked, now)
        return f"""<p:Response xmlns:p="{SAML}:protocol" xmlns:a="{SAML}:assertion" ID="{_id()}" Version="2.0"
  IssueInstant="{_time(now)}" Destination="{acs}" InResponseTo="{asked.get("ID")}"
  ><a:Issuer>{self.url}</a:Issuer><p:Status>{code}</p:Status>{assertion}</p:Response>"""

    def _assertion(self, asked: "etree._Element", now: datetime) -> str:
        identity, until = _id(), _time(now + timedelta(seconds=SECONDS))
        person = "someone-else" if self.forgery == "altered" else self.person or "someone"
        place = "" if self.forgery == "unsigned" else PLACE
        text = f"""<a:Assertion xmlns:a="{SAML}:assertion" ID="{identity}" Version="2.0"
  IssueInstant="{_time(now)}"><a:Issuer>{self.url}</a:Issuer>{place}<a:Subject
  ><a:NameID Format="urn:oasis:names:tc:SAML:1.1:nameid-format:unspecified">{escape(person)}</a:NameID
  ><a:SubjectConfirmation Method="{SAML}:cm:bearer"
  ><a:SubjectConfirmationData InResponseTo="{asked.get("ID")}"
   Recipient="{_service(asked)}/proxySingleSignOnPost" NotOnOrAfter="{until}"
  /></a:SubjectConfirmation></a:Subject
  ><a:Conditions NotBefore="{_time(now)}" NotOnOrAfter="{until}"
  ><a:AudienceRestriction><a:Audience>{_service(asked)}/metadata</a:Audience></a:AudienceRestriction></a:Conditions
  ><a:AuthnStatement AuthnInstant="{_time(now)}" SessionIndex="{identity}"><a:AuthnContext
  ><a:AuthnContextClassRef>{SAML}:ac:classes:unspecified</a:AuthnContextClassRef
  ></a:AuthnContext></a:AuthnStatement></a:Assertion>"""
        if self.forgery != "unsigned":
            signer = XMLSigner(c14n_algorithm="http://www.w3.org/2001/10/xml-exc-c14n#")
            signed = signer.sign(
                etree.fromstring(text), key=self.key, cert=self.certificate, reference_uri=identity
            )
            text = etree.tostring(signed, encoding="unicode")
        return text.replace(person, self.person or "someone")

    def _signed_out(self, asked: "etree._Element", request: Request) -> str:
        back = f"{_service(asked)}/proxySingleLogoutReturn"
        answer = f"""<p:LogoutResponse xmlns:p="{SAML}:protocol" xmlns:a="{SAML}:assertion" ID="{_id()}"
  Version="2.0" IssueInstant="{_time(datetime.now(UTC))}"
  Destination="{back}" InResponseTo="{asked.get("ID")}"
  ><a:Issuer>{self.url}</a:Issuer><p:Status><p:StatusCode Value="{SAML}:status:Success"/></p:Status
  ></p:LogoutResponse>"""
        packed = zlib.compressobj(wbits=-15)
        query = {"SAMLResponse": base64.b64encode(packed.compress(answer.encode()) + packed.flush()).decode()}
        if "RelayState" in request.query_params:
            query["RelayState"] = request.query_params["RelayState"]
        query["SigAlg"] = "http://www.w3.org/2001/04/xmldsig-more#rsa-sha256"
        key = load_pem_private_key(self.key.encode(), None)
        assert isinstance(key, rsa.RSAPrivateKey)
        signature = key.sign(urlencode(query).encode(), PKCS1v15(), SHA256())
        return f"{back}?{urlencode(query | {'Signature': base64.b64encode(signature).decode()})}"


def _message(request: Request) -> "etree._Element":
    packed = base64.b64decode(request.query_params["SAMLRequest"])
    return etree.fromstring(zlib.decompress(packed, wbits=-15))


def _service(asked: "etree._Element") -> str:
    """Return the address of the asking service's SAML pages, as LemonLDAP::NG names itself by it."""
    return (asked.findtext(f"{{{SAML}:assertion}}Issuer") or "").removesuffix("/metadata")


def _id() -> str:
    return "_" + secrets.token_hex(16)


def _time(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")
