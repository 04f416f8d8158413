"""The vendor's error bodies. There is no single shape: each one is copied as users met it."""

import json

from aiohttp import web

NOT_READY = (20007, "해당 일자 지표 준비중입니다.")
NO_FIGURES = (10004, "선택하신 조건에 지표가 확인되지 않습니다. 조회 기간을 확인해 주세요.")
BAD_PARAMETER = (11001, "잘못된 파라미터 형식입니다.")
MIXED_TYPES = (11003, "서로 다른 캠페인 유형은 함께 조회할 수 없습니다.")
NO_REPORT = (20011, "보고서를 찾을 수 없습니다.")


class ApiError(Exception):
    """Ends a request with this status and JSON body."""

    def __init__(self, status, body):
        super().__init__(f"{status} {body}")
        self.status = status
        self.body = body

    def response(self):
        return json_response(self.body, self.status)


def json_response(body, status=200):
    return web.Response(
        text=json.dumps(body, ensure_ascii=False, separators=(",", ":")),
        status=status,
        content_type="application/json",
        charset="utf-8",
    )


def coded(code_and_message, status=400):
    code, message = code_and_message
    return ApiError(status, {"code": code, "message": message})


def entity_missing(code, what, status=404):
    return ApiError(
        status,
        {"code": code, "status": status, "title": "Not Found", "detail": f"{what} does not exist."},
    )


def missing_header(name):
    return ApiError(
        403,
        {
            "header": name,
            "detail": f"HTTP header required: {name}",
            "status": 403,
            "title": "Missing Header",
            "type": "urn:naver:api:problem:missing-header",
        },
    )


def expired(timestamp):
    return ApiError(
        403,
        {
            "timestamp": timestamp,
            "status": 403,
            "type": "urn:naver:api:problem:invalid-timestamp",
            "title": "Invalid Timestamp",
            "detail": "Request has expired.",
        },
    )


def bad_signature(sent):
    return ApiError(
        403,
        {
            "signature": sent,
            "status": 403,
            "detail": f"Signature '{sent}' is invalid.",
            "title": "Invalid Signature",
            "type": "urn:naver:api:problem:invalid-signature",
        },
    )


def no_permission():
    return ApiError(
        403,
        {
            "status": 403,
            "title": "You don't have permission to access on this server (resource).",
        },
    )


def access_lost():
    return ApiError(
        403, {"code": 1018, "status": 403, "title": "No permission", "detail": "권한이 없습니다."}
    )


def bad_mime_type():
    return ApiError(400, {"status": 400, "title": "Bad Request", "detail": "Invalid mime type"})


def not_found(path):
    return ApiError(
        404, {"code": 1001, "status": 404, "title": "Not Found", "detail": f"No resource {path}"}
    )


def too_many(by_gateway):
    if by_gateway:
        return ApiError(
            429,
            {
                "status": "429 TOO_MANY_REQUESTS",
                "title": "APIGateway Server Error",
                "detail": "<html><head><title>429 Too Many Requests</title></head></html>",
                "transactionId": "",
            },
        )
    return ApiError(
        429,
        {
            "code": 429,
            "status": 429,
            "title": "Cannot handle the request. Too many requests already exist.",
        },
    )
