//! `/admin/apps` and `/admin/reload`: what is served, and changes of it.

use std::sync::Arc;

use http::{Response, StatusCode};
use nano_config::{App as AppConfig, DescribeError, Described, Diagnostic, Edit, EditError, HostPattern};
use serde_json::{Value, json};

use super::Desk;
use super::answer::{Code, Refusal, json_answer};
use super::view;
use crate::apps::{App, Applied, Refused};
use crate::persist::{Persist, Written};
use crate::server::OutBody;

/// How often an edit is made anew because somebody else has written the file meanwhile.
const EDITS_MAX: usize = 5;

type Answer = Result<Response<OutBody>, Refusal>;

/// What is to be done to the file; made anew when the file has changed. `None`: nothing.
type Change = Arc<dyn Fn() -> Result<Option<Edit>, EditError> + Send + Sync>;

/// Whether a change outlasts the process.
enum Kept {
    Yes,
    /// Not, and why.
    No(String),
}

impl Desk {
    /// On a thread of its own: there may be ten thousand.
    pub(super) async fn list(&self) -> Answer {
        let registry = Arc::clone(&self.registry);
        blocking(move || {
            let routes = registry.routes();
            let apps: Vec<_> = routes.apps().iter().map(|app| view::app(&routes, app)).collect();
            json_answer(StatusCode::OK, &json!({ "apps": apps }))
        })
        .await
    }

    pub(super) fn one(&self, key: &str) -> Answer {
        Ok(json_answer(StatusCode::OK, &view::app(&self.registry.routes(), &*self.app(key)?)))
    }

    /// The app that a path asks for.
    pub(super) fn app(&self, key: &str) -> Result<Arc<App>, Refusal> {
        find(self.registry.routes().apps(), key).cloned().ok_or_else(|| unknown(key))
    }

    /// Adds an app, or replaces the one of the same name.
    pub(super) async fn put(&self, text: String) -> Answer {
        let config = self.registry.config().await;
        let (described, text) =
            blocking(move || (config.describe(&text, &host_env), Arc::<str>::from(text))).await?;
        let Described { app, named } = described.map_err(badly_described)?;
        let _one_at_a_time = self.changes.lock().await;
        self.check_name(&app, named)?;
        let name = app.name.clone();
        let change = self.persist.clone().map(|persist| -> Change {
            let app = app.clone();
            Arc::new(move || nano_config::put_app(persist.file(), &text, &app, &host_env).map(Some))
        });
        let edit = prepare(change.as_ref()).await?.map_err(not_persisted)?;
        let applied = self.registry.put(app).await.map_err(refusal_of)?;
        let kept = self.keep(&name, change, edit).await;
        let (status, result) = match &applied {
            applied if applied.added.contains(&name) => (StatusCode::CREATED, "added"),
            applied if applied.replaced.contains(&name) => (StatusCode::OK, "replaced"),
            _ => (StatusCode::OK, "unchanged"),
        };
        tracing::info!(app = name, result, persisted = matches!(kept, Kept::Yes), "changed by the admin API");
        let mut body = json!({ "result": result, "name": name });
        kept.tell(&mut body);
        let routes = self.registry.routes();
        if let Some(app) = routes.apps().iter().find(|app| app.config.name == name) {
            body["app"] = view::app(&routes, app);
        }
        Ok(json_answer(status, &body))
    }

    pub(super) async fn remove(&self, key: &str) -> Answer {
        let _one_at_a_time = self.changes.lock().await;
        let name = self.app(key)?.config.name.clone();
        let change = self.persist.clone().map(|persist| -> Change {
            let name = name.clone();
            Arc::new(move || nano_config::remove_app(persist.file(), &name, &host_env))
        });
        let (edit, by_folder) = match prepare(change.as_ref()).await? {
            Err(EditError::ByFolder) => (None, Some(Kept::No(EditError::ByFolder.to_string()))),
            edit => (edit.map_err(not_persisted)?, None),
        };
        let applied = self.registry.remove(&name).await.ok_or_else(|| unknown(key))?;
        if let Some(refused) = applied.refused.into_iter().next() {
            return Err(refusal_of(refused));
        }
        let kept = match by_folder {
            Some(kept) => kept,
            None => self.keep(&name, change, edit).await,
        };
        tracing::info!(
            app = name,
            result = "removed",
            persisted = matches!(kept, Kept::Yes),
            "changed by the admin API"
        );
        let mut body = json!({ "result": "removed", "name": name });
        kept.tell(&mut body);
        Ok(json_answer(StatusCode::OK, &body))
    }

    pub(super) async fn reload(&self) -> Answer {
        let _one_at_a_time = self.changes.lock().await;
        let applied = self.registry.reload().await;
        let body = told(&applied);
        match applied.refused.as_slice() {
            [] => Ok(json_answer(StatusCode::OK, &body)),
            refused => {
                let messages: Vec<_> = refused.iter().map(|refused| refused.message.as_str()).collect();
                Err(Refusal::new(Code::Refused, messages.join("\n")).beside(body))
            }
        }
    }

    /// An app whose description gives no name has that of its folder, which another app's folder may have, too.
    fn check_name(&self, app: &AppConfig, named: bool) -> Result<(), Refusal> {
        let routes = self.registry.routes();
        let other = routes.apps().iter().find(|other| other.config.name == app.name);
        match other {
            Some(other) if !named && other.config.root != app.root => {
                let message = format!(
                    "there is an app `{}` with another folder; give a \"name\" to add one beside it, or to replace it",
                    app.name
                );
                Err(Refusal::new(Code::Conflict, message))
            }
            _ => Ok(()),
        }
    }

    /// Writes the change to the file. It is in force already, so a failure is told and not undone.
    async fn keep(&self, name: &str, change: Option<Change>, edit: Option<Edit>) -> Kept {
        let Some((persist, change)) = self.persist.clone().zip(change) else {
            return Kept::No("nanod was not started with --persist".to_owned());
        };
        let written = blocking(move || write(&persist, &change, edit)).await;
        match written.unwrap_or_else(|_| Err("the file's writer failed".to_owned())) {
            Ok(()) => {
                self.registry.settle(name).await;
                Kept::Yes
            }
            Err(why) => {
                tracing::error!(app = name, why, "a change could not be written to the configuration file");
                Kept::No(why)
            }
        }
    }
}

fn write(persist: &Persist, change: &Change, mut edit: Option<Edit>) -> Result<(), String> {
    for _ in 0..EDITS_MAX {
        let Some(present) = &edit else { return Ok(()) };
        if persist.write(present)? == Written::Done {
            return Ok(());
        }
        edit = change().map_err(|error| error.to_string())?;
    }
    Err("somebody else keeps changing the file".to_owned())
}

impl Kept {
    fn tell(&self, body: &mut Value) {
        body["persisted"] = matches!(self, Self::Yes).into();
        if let Self::No(why) = self {
            body["note"] = format!("the change lasts until nanod restarts: {why}").into();
        }
    }
}

/// The app that has a host, written as in its configuration but in any case; else the one of that name.
fn find<'a>(apps: &'a [Arc<App>], key: &str) -> Option<&'a Arc<App>> {
    let host = key.to_ascii_lowercase();
    let has = |pattern: &HostPattern| match pattern {
        HostPattern::Exact(name) => *name == host,
        HostPattern::Suffix(suffix) => host.strip_prefix("*.") == Some(suffix),
    };
    let by_host = apps.iter().find(|app| app.config.hosts.iter().any(has));
    by_host.or_else(|| apps.iter().find(|app| app.config.name == key))
}

fn unknown(key: &str) -> Refusal {
    let shown: String = key.chars().filter(|c| !c.is_control()).take(KEY_CHARS_SHOWN).collect();
    Refusal::new(Code::UnknownApp, format!("no app has the host or the name `{shown}`"))
}

/// The most that a message repeats of what a client asked for.
const KEY_CHARS_SHOWN: usize = 100;

fn host_env(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

async fn prepare(change: Option<&Change>) -> Result<Result<Option<Edit>, EditError>, Refusal> {
    match change.cloned() {
        Some(change) => blocking(move || change()).await,
        None => Ok(Ok(None)),
    }
}

/// Runs what reads or writes files where it holds up no request.
async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T, Refusal> {
    let failed = |_| Refusal::new(Code::Internal, "bug: it ended in the middle");
    tokio::task::spawn_blocking(work).await.map_err(failed)
}

fn badly_described(error: DescribeError) -> Refusal {
    let code = match error {
        DescribeError::Syntax(_) => Code::BadJson,
        DescribeError::Invalid(_) => Code::InvalidApp,
    };
    let diagnostics = error.diagnostics().iter().map(diagnostic).collect();
    Refusal::new(code, error.to_string()).diagnostics(diagnostics)
}

fn diagnostic(diagnostic: &Diagnostic) -> Value {
    json!({
        "file": diagnostic.file.to_string_lossy(),
        "line": diagnostic.line,
        "column": diagnostic.column,
        "message": diagnostic.message,
        "help": diagnostic.help,
    })
}

fn not_persisted(error: EditError) -> Refusal {
    Refusal::new(Code::PersistFailed, format!("nothing was changed: {error}"))
}

fn refusal_of(refused: Refused) -> Refusal {
    let code = match refused.code {
        "startup" => Code::Startup,
        "conflict" => Code::Conflict,
        "folder" => Code::Folder,
        "port" => Code::Port,
        "draining" => Code::Draining,
        _ => Code::Refused,
    };
    Refusal::new(code, refused.message)
}

fn told(applied: &Applied) -> Value {
    serde_json::to_value(applied).unwrap_or_default()
}
