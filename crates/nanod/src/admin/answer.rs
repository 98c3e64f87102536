//! What the admin API says: JSON, and errors with a code.

use bytes::Bytes;
use http::header::{ALLOW, CACHE_CONTROL, CONNECTION, CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use http::{HeaderValue, Response, StatusCode};
use serde_json::{Value, json};

use crate::server::OutBody;

/// Why a request is not done. README.md lists them for clients.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Code {
    BadJson,
    BodyTooLarge,
    BodyTimeout,
    BrokenBody,
    Conflict,
    Draining,
    Folder,
    ForbiddenHost,
    ForbiddenOrigin,
    Internal,
    InvalidApp,
    MethodNotAllowed,
    NotFound,
    PersistFailed,
    Port,
    Refused,
    Startup,
    TooManyFollowers,
    Unauthorized,
    UnknownApp,
    UnknownParameter,
    UnsupportedMediaType,
}

impl Code {
    fn parts(self) -> (StatusCode, &'static str) {
        match self {
            Self::BadJson => (StatusCode::BAD_REQUEST, "bad_json"),
            Self::BodyTooLarge => (StatusCode::PAYLOAD_TOO_LARGE, "body_too_large"),
            Self::BodyTimeout => (StatusCode::REQUEST_TIMEOUT, "body_timeout"),
            Self::BrokenBody => (StatusCode::BAD_REQUEST, "broken_body"),
            Self::Conflict => (StatusCode::CONFLICT, "conflict"),
            Self::Draining => (StatusCode::SERVICE_UNAVAILABLE, "draining"),
            Self::Folder => (StatusCode::UNPROCESSABLE_ENTITY, "folder"),
            Self::ForbiddenHost => (StatusCode::FORBIDDEN, "forbidden_host"),
            Self::ForbiddenOrigin => (StatusCode::FORBIDDEN, "forbidden_origin"),
            Self::Internal => (StatusCode::INTERNAL_SERVER_ERROR, "internal"),
            Self::InvalidApp => (StatusCode::UNPROCESSABLE_ENTITY, "invalid_app"),
            Self::MethodNotAllowed => (StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed"),
            Self::NotFound => (StatusCode::NOT_FOUND, "not_found"),
            Self::PersistFailed => (StatusCode::INTERNAL_SERVER_ERROR, "persist_failed"),
            Self::Port => (StatusCode::UNPROCESSABLE_ENTITY, "port"),
            Self::Refused => (StatusCode::UNPROCESSABLE_ENTITY, "refused"),
            Self::Startup => (StatusCode::UNPROCESSABLE_ENTITY, "startup"),
            Self::TooManyFollowers => (StatusCode::SERVICE_UNAVAILABLE, "too_many_followers"),
            Self::Unauthorized => (StatusCode::UNAUTHORIZED, "unauthorized"),
            Self::UnknownApp => (StatusCode::NOT_FOUND, "unknown_app"),
            Self::UnknownParameter => (StatusCode::BAD_REQUEST, "unknown_parameter"),
            Self::UnsupportedMediaType => (StatusCode::UNSUPPORTED_MEDIA_TYPE, "unsupported_media_type"),
        }
    }
}

/// A request that is not done, and why.
#[derive(Debug)]
pub(super) struct Refusal {
    code: Code,
    message: String,
    /// What is wrong with a description, place by place.
    diagnostics: Option<Box<Value>>,
    /// What the whole answer says besides.
    beside: Option<Box<Value>>,
    allow: Option<&'static str>,
}

impl Refusal {
    pub(super) fn new(code: Code, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), diagnostics: None, beside: None, allow: None }
    }

    /// For a method that is not one of `allow`.
    pub(super) fn method(allow: &'static str) -> Self {
        let message = format!("only {allow} can be asked for here");
        Self { allow: Some(allow), ..Self::new(Code::MethodNotAllowed, message) }
    }

    pub(super) fn diagnostics(mut self, diagnostics: Vec<Value>) -> Self {
        self.diagnostics = Some(Box::new(diagnostics.into()));
        self
    }

    pub(super) fn beside(mut self, object: Value) -> Self {
        self.beside = Some(Box::new(object));
        self
    }

    pub(super) fn answer(self) -> Response<OutBody> {
        let (status, code) = self.code.parts();
        let mut body = json!({ "error": { "code": code, "message": self.message } });
        if let Some(diagnostics) = self.diagnostics {
            body["error"]["diagnostics"] = *diagnostics;
        }
        if let Some(Value::Object(beside)) = self.beside.map(|beside| *beside) {
            for (name, value) in beside {
                body[name] = value;
            }
        }
        let mut response = json_answer(status, &body);
        let headers = response.headers_mut();
        match self.code {
            Code::Unauthorized => {
                headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer realm=\"nanod\""));
            }
            Code::Draining => {
                headers.insert(RETRY_AFTER, HeaderValue::from_static("1"));
            }
            // What is left of the body would be taken for the next request.
            Code::BodyTooLarge | Code::BodyTimeout | Code::BrokenBody => {
                headers.insert(CONNECTION, HeaderValue::from_static("close"));
            }
            _ => {}
        }
        if let Some(allow) = self.allow {
            headers.insert(ALLOW, HeaderValue::from_static(allow));
        }
        response
    }
}

pub(super) fn json_answer(status: StatusCode, body: &Value) -> Response<OutBody> {
    plain(status, "application/json", format!("{body}\n"))
}

pub(super) fn plain(
    status: StatusCode,
    content_type: &'static str,
    body: impl Into<Bytes>,
) -> Response<OutBody> {
    let mut response = Response::new(OutBody::full(body));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}
