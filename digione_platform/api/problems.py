"""What a refused request is told: OneRoster's ``imsx_StatusInfo``, with the HTTP status that goes with it."""

from collections.abc import Mapping
from typing import Any, Literal, get_args

from fastapi.responses import JSONResponse

Minor = Literal[
    "forbidden",
    "internal_server_error",
    "invalid_filter_field",
    "invalid_selection_field",
    "invalid_sort_field",
    "invaliddata",
    "server_busy",
    "unauthorisedrequest",
    "unknownobject",
]


class Refused(Exception):
    """A request that is not carried out.

    ``field`` is the parameter or part of the body that is at fault, ``description`` says in words what is
    wrong and what would be right. Neither holds personal data beyond what the request itself said.
    """

    def __init__(
        self,
        status: int,
        minor: Minor,
        description: str,
        field: str = "TargetEndSystem",
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(description)
        self.status, self.minor, self.description, self.field = status, minor, description, field
        self.headers = headers

    def response(self) -> JSONResponse:
        return JSONResponse(
            {
                "imsx_codeMajor": "failure",
                "imsx_severity": "error",
                "imsx_description": self.description,
                "imsx_CodeMinor": {
                    "imsx_codeMinorField": [
                        {
                            "imsx_codeMinorFieldName": self.field,
                            "imsx_codeMinorFieldValue": self.minor,
                        }
                    ]
                },
            },
            self.status,
            self.headers,
        )


def no_such_address() -> JSONResponse:
    """The answer where nothing is."""
    return Refused(404, "unknownobject", "there is no such address").response()


STATUS_INFO: dict[str, Any] = {
    "type": "object",
    "required": ["imsx_codeMajor", "imsx_severity", "imsx_CodeMinor"],
    "properties": {
        "imsx_codeMajor": {"type": "string", "enum": ["failure"]},
        "imsx_severity": {"type": "string", "enum": ["error"]},
        "imsx_description": {"type": "string"},
        "imsx_CodeMinor": {
            "type": "object",
            "required": ["imsx_codeMinorField"],
            "properties": {
                "imsx_codeMinorField": {
                    "type": "array",
                    "items": {
                        "type": "object",
                        "required": ["imsx_codeMinorFieldName", "imsx_codeMinorFieldValue"],
                        "properties": {
                            "imsx_codeMinorFieldName": {"type": "string"},
                            "imsx_codeMinorFieldValue": {"type": "string", "enum": list(get_args(Minor))},
                        },
                    },
                }
            },
        },
    },
}
# Why each status is given, for the OpenAPI document.
REASONS = {
    400: "The query is not understood: filter, sort, fields, limit or offset.",
    401: "The access token is missing, unknown, expired or revoked.",
    403: "The token lacks the scope, or the identifier of a put is taken.",
    404: "There is no such object, or it is not this service's to know of.",
    413: "The body is larger than 1 MB.",
    415: "The body is called something else than JSON.",
    422: "The body is not valid.",
    429: "Too many requests.",
    503: "The database does not answer.",
}
