"""The description of the operations of files."""

from nightshift.gateway.documented import IDEMPOTENCY_KEY, JSON, TRACEPARENT, Answer, Body, Documented, Parameter
from services.gateway.files.announcement import UNKNOWN_TYPE
from services.gateway.files.direct_bodies import AnnounceUpload, PartBody, StoredParts, UploadState
from services.gateway.files.representation import Accepted, FileBody

AREA = "files"
_READ, _WRITE = "files:read", "files:write"
_FILE = Parameter("id", "path", "The file's id.", {"type": "string", "minLength": 1})
_UPLOAD = Parameter("id", "path", "The upload's id.", {"type": "string", "minLength": 1})
_PART = Parameter("n", "path", "The part's number, from 1.", {"type": "integer", "minimum": 1, "maximum": 10_000})
_USER = Parameter("userId", "query", "Whose file it is, where the key is not bound to a user.", example="user-17")
_NAME = Parameter("filename", "query", "What the file is called.", example="photo.jpg")
_DISPOSITION = Parameter(
    "Content-Disposition", "header", "The same (RFC 6266).", example="attachment; filename*=UTF-8''K%C3%A4se.jpg"
)
_DIGEST = Parameter(
    "Content-Digest",
    "header",
    "The SHA-256 of the body (RFC 9530): other bytes are not stored.",
    {"type": "string", "pattern": "^sha-256=:[A-Za-z0-9+/]{42}[AEIMQUYcgkosw048]=:$"},
    "sha-256=:X48E9qOokqqrvdts8nOJRJN3OWDUoyWxBf7kbu9DBPE=:",
)
_PREFER = Parameter(
    "Prefer", "header", "`wait=30`: answer when the file is processed, or after so many seconds.", example="wait=30"
)
_TAG = Parameter("If-None-Match", "header", "The `ETag` of an earlier answer: 304 if it is still the same.")
_LAST_EVENT = Parameter("Last-Event-ID", "header", "The id of the last event that was received.")
_LOCATION = {"Location": "Where its state is."}
_OF_FILE = {"id": "$response.body#/file/id"}
_FILE_LINKS = {
    "get": {"operationId": "getFile", "parameters": _OF_FILE},
    "delete": {"operationId": "deleteFile", "parameters": _OF_FILE},
}
_OF_UPLOAD = {"id": "$response.body#/upload/id"}
_UPLOAD_LINKS = {
    "get": {"operationId": "getUpload", "parameters": _OF_UPLOAD},
    "complete": {"operationId": "completeUpload", "parameters": _OF_UPLOAD},
    "abort": {"operationId": "abortUpload", "parameters": _OF_UPLOAD},
}
_BYTES = {"type": "string", "format": "binary"}
_FORM = {
    "type": "object",
    "properties": {"userId": {"type": "string", "description": _USER.description}, "file": _BYTES},
    "required": ["file"],
}
_POST = (
    "The body is the file, or a form with one field `file` (a field `userId` before it). 202: its bytes are in the "
    "object store, and its processing is on the broker's disk or in the database; a crash of anything after that loses "
    "nothing. With an `Idempotency-Key` a repeated upload is answered with the first one's file, for 24 hours."
)
_DIRECT = (
    "The client sends the parts to the addresses in the answer, and then completes the upload. Addresses are good for "
    "an hour and dead after completion; an upload is good for a day. After a break, ask which parts are missing. Bytes "
    "that do not have the announced `sha256` make the file `failed` when it is processed. With an `Idempotency-Key` a "
    "repeated request is answered with the first one's upload, for 24 hours."
)
_EVENTS = (
    "Server-sent events `pending`, `uploaded`, `processed`, `failed`, each with the file as its data; the stream ends "
    "after the last. 204: the last event was received before."
)

DOCUMENTED: tuple[Documented, ...] = (
    Documented(
        "POST",
        "/v1/files",
        "uploadFile",
        AREA,
        "Upload a file.",
        _WRITE,
        {202: Answer("The file is stored, and will be processed.", {JSON: Accepted}, _LOCATION, _FILE_LINKS)},
        (
            "invalid-id",
            "in-progress",
            "gone-meanwhile",
            "too-large",
            "unsupported-media-type",
            "unknown-user",
            "digest-mismatch",
            "key-reused",
            "quota-exceeded",
        ),
        _POST,
        (_USER, _NAME, _DISPOSITION, _DIGEST, IDEMPOTENCY_KEY, TRACEPARENT),
        Body({UNKNOWN_TYPE: _BYTES, "multipart/form-data": _FORM}),
    ),
    Documented(
        "GET",
        "/v1/files/{id}",
        "getFile",
        AREA,
        "What became of a file, with links to it.",
        _READ,
        {
            200: Answer("The file; links are good for five minutes.", {JSON: FileBody}, {"ETag": "Its version."}),
            304: Answer("Nothing has changed."),
        },
        ("not-found",),
        "",
        (_FILE, _PREFER, _TAG),
    ),
    Documented(
        "DELETE",
        "/v1/files/{id}",
        "deleteFile",
        AREA,
        "Delete a file.",
        _WRITE,
        {202: Answer("It is gone; its bytes are deleted by the next cleanup.")},
        ("not-found",),
        "",
        (_FILE,),
    ),
    Documented(
        "GET",
        "/v1/files/{id}/events",
        "followFile",
        AREA,
        "Follow what becomes of a file.",
        _READ,
        {
            200: Answer("A stream of events.", {"text/event-stream": {"type": "string"}}),
            204: Answer("There is nothing more to come."),
        },
        ("not-found",),
        _EVENTS,
        (_FILE, _LAST_EVENT),
    ),
    Documented(
        "POST",
        "/v1/uploads",
        "announceUpload",
        AREA,
        "Begin a direct upload to the object store.",
        _WRITE,
        {201: Answer("Where the parts go.", {JSON: UploadState}, _LOCATION, _UPLOAD_LINKS)},
        (
            "invalid-json",
            "invalid-body",
            "invalid-id",
            "too-large",
            "unsupported-media-type",
            "unknown-user",
            "key-reused",
            "quota-exceeded",
        ),
        _DIRECT,
        (IDEMPOTENCY_KEY,),
        Body({JSON: AnnounceUpload}),
    ),
    Documented(
        "GET",
        "/v1/uploads/{id}",
        "getUpload",
        AREA,
        "Which parts of a direct upload are missing, and where they go.",
        _WRITE,
        {200: Answer("The upload.", {JSON: UploadState})},
        ("not-found",),
        "",
        (_UPLOAD,),
    ),
    Documented(
        "DELETE",
        "/v1/uploads/{id}",
        "abortUpload",
        AREA,
        "Abort a direct upload.",
        _WRITE,
        {204: Answer("Its parts are deleted; there is no file.")},
        ("not-found", "done"),
        "",
        (_UPLOAD,),
    ),
    Documented(
        "GET",
        "/v1/uploads/{id}/parts",
        "getUploadParts",
        AREA,
        "Which parts of a direct upload the object store has.",
        _WRITE,
        {200: Answer("The parts.", {JSON: StoredParts})},
        ("not-found",),
        "",
        (_UPLOAD,),
    ),
    Documented(
        "POST",
        "/v1/uploads/{id}/parts/{n}",
        "signUploadPart",
        AREA,
        "Where a part of a direct upload goes.",
        _WRITE,
        {200: Answer("Its address, good for an hour.", {JSON: PartBody})},
        ("not-found", "done"),
        "",
        (_UPLOAD, _PART),
    ),
    Documented(
        "POST",
        "/v1/uploads/{id}/complete",
        "completeUpload",
        AREA,
        "Complete a direct upload.",
        _WRITE,
        {202: Answer("The file is stored, and will be processed.", {JSON: Accepted}, _LOCATION, _FILE_LINKS)},
        ("not-found", "incomplete", "gone-meanwhile"),
        "The parts become one file. Completing again is answered with the same file.",
        (_UPLOAD, TRACEPARENT),
    ),
)
