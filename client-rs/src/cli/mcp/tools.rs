//! [`Tools`]: the table of tools, and one call of one of them.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rmcp::handler::server::common::schema_for_type;
use rmcp::model::{
    CallToolRequestParams, CallToolResponse, Implementation, JsonObject, ListToolsResult, PaginatedRequestParams,
    ServerCapabilities, ServerConfig, Tool, ToolAnnotations,
};
use rmcp::schemars::JsonSchema;
use rmcp::service::RequestContext;
use rmcp::{ErrorData, RoleServer, ServerHandler};
use sandwire::Client;
use sandwire::kinds::process::Attachment;
use serde::de::DeserializeOwned;
use tokio::sync::{Mutex as AsyncMutex, Semaphore};
use tokio_util::sync::CancellationToken;

use super::answer::{Failed, Said, result, wrong};
use super::{code, exec, file, process, schema, search};

/// Calls at once. One more is refused.
pub(super) const MAX_CALLS: usize = 32;

/// Longest time that a call waits, in milliseconds.
pub(super) const LONGEST_WAIT: u64 = 600_000;

/// Time that commands have to end when the server does.
const ENDING: Duration = Duration::from_secs(2);

const INSTRUCTIONS: &str = "These tools work in a sandbox: a Linux machine of its own. Relative paths begin in its workspace. \
    Use exec for commands that end, start_process for servers and watchers. Answers are cut to a size: they say how many bytes \
    are left out, and how to get them.";

/// The sandbox's tools. A clone is the same.
#[derive(Clone)]
pub(super) struct Tools {
    pub(super) client: Client,
    /// Bytes of output in an answer.
    pub(super) limit: usize,
    calls: Arc<Semaphore>,
    /// Commands of `exec` that a call waits for: they end with us.
    commands: Arc<Mutex<BTreeSet<String>>>,
    /// Inputs that are kept open, by process.
    inputs: Arc<Mutex<BTreeMap<String, Input>>>,
}

/// What stays attached to a process between two calls; nothing before the first, and after one that failed.
type Input = Arc<AsyncMutex<Option<Attachment>>>;

impl Tools {
    /// Tools whose answers have so many bytes of output.
    pub(super) fn new(client: Client, limit: usize) -> Self {
        let (commands, inputs) = Default::default();
        Self { client, limit, calls: Arc::new(Semaphore::new(MAX_CALLS)), commands, inputs }
    }

    /// The commands that a call waits for now.
    pub(super) fn commands(&self) -> MutexGuard<'_, BTreeSet<String>> {
        self.commands.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The inputs that are kept open.
    pub(super) fn inputs(&self) -> MutexGuard<'_, BTreeMap<String, Input>> {
        self.inputs.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Ends the commands that calls still waited for. Processes go on.
    pub(super) async fn end(&self) {
        let commands: Vec<String> = self.commands().iter().cloned().collect();
        let ends = commands.into_iter().map(|id| async move {
            // Whoever could be told has gone.
            self.client.processes().process(id).remove(true).await.unwrap_or_default();
        });
        tokio::time::timeout(ENDING, futures_util::future::join_all(ends)).await.map(drop).unwrap_or_default();
    }

    async fn call(
        &self,
        name: &str,
        arguments: JsonObject,
        cancelled: &CancellationToken,
    ) -> Option<Result<Said, Failed>> {
        let Ok(_place) = self.calls.try_acquire() else {
            return Some(Err(wrong(format!(
                "{MAX_CALLS} calls are under way, the most that there may be; wait for one"
            ))));
        };
        /// Reads the arguments, and does the work until it is cancelled.
        macro_rules! call {
            ($tool:path) => {
                match read(arguments) {
                    Ok(arguments) => tokio::select! {
                        biased;
                        answer = $tool(self, arguments) => answer.map(Said::from),
                        () = cancelled.cancelled() => Err(wrong("the call was cancelled")),
                    },
                    Err(failed) => Err(failed),
                }
            };
        }
        Some(match name {
            // Cancelled, it has to end the command first.
            "exec" => match read(arguments) {
                Ok(arguments) => exec::exec(self, arguments, cancelled).await.map(Said::from),
                Err(failed) => Err(failed),
            },
            "start_process" => call!(process::start),
            "list_processes" => call!(process::list),
            "process_logs" => call!(process::logs),
            "stop_process" => call!(process::stop),
            "send_input" => call!(process::send),
            "wait_for_port" => call!(process::wait_for_port),
            "read_file" => call!(file::read),
            "write_file" => call!(file::write),
            "edit_file" => call!(file::edit),
            "list_files" => call!(file::list),
            "search_files" => call!(search::search),
            "run_code" => call!(code::run),
            _ => return None,
        })
    }
}

impl ServerHandler for Tools {
    fn get_info(&self) -> ServerConfig {
        let mut info = ServerConfig::new(ServerCapabilities::builder().enable_tools().build());
        info.server_info = Implementation::new("sandwire", env!("CARGO_PKG_VERSION"));
        info.instructions = Some(INSTRUCTIONS.to_owned());
        info
    }

    async fn list_tools(
        &self,
        _: Option<PaginatedRequestParams>,
        _: RequestContext<RoleServer>,
    ) -> Result<ListToolsResult, ErrorData> {
        Ok(ListToolsResult::with_all_items(table()))
    }

    async fn call_tool(
        &self,
        request: CallToolRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<CallToolResponse, ErrorData> {
        let arguments = request.arguments.unwrap_or_default();
        match self.call(&request.name, arguments, &context.ct).await {
            Some(answer) => Ok(result(answer).into()),
            None => Err(ErrorData::invalid_params(format!("there is no tool {:?}", request.name), None)),
        }
    }
}

/// The arguments, as the tool's schema has them. What is wrong with them is for the model to read.
fn read<T: DeserializeOwned>(arguments: JsonObject) -> Result<T, Failed> {
    serde_json::from_value(serde_json::Value::Object(arguments))
        .map_err(|error| wrong(format!("the arguments cannot be read: {error}")))
}

/// What a tool does to the sandbox, for clients that ask before they call one.
enum Does {
    /// It only looks.
    Look,
    /// It may change or end what is there, and reach out of the sandbox.
    Anything,
    /// It may change what is there, in the sandbox.
    Change,
}

fn table() -> Vec<Tool> {
    vec![
        tool::<schema::Exec>(
            "exec",
            "Run a command",
            Does::Anything,
            "Run a shell command and return its exit code and output (standard output and error as they came, the beginning and \
             the end when it is long). Its standard input is empty. A command that is not done within wait_ms goes on as a \
             process, and the answer says its id. Cancelling the call ends the command.",
        ),
        tool::<schema::StartProcess>(
            "start_process",
            "Start a process",
            Does::Anything,
            "Start a shell command in the background, such as a server, and return its id at once. It goes on until it ends or \
             stop_process ends it.",
        ),
        tool::<schema::ListProcesses>(
            "list_processes",
            "List processes",
            Does::Look,
            "List background processes with their state, exit code and command; ended ones are kept for a time.",
        ),
        tool::<schema::ProcessLogs>(
            "process_logs",
            "Read a process's output",
            Does::Look,
            "Read the output of a background process: the last of it, its last lines, or page by page from an offset. The answer \
             begins with its state, and ends with the offset to go on from.",
        ),
        tool::<schema::StopProcess>(
            "stop_process",
            "Stop a process",
            Does::Change,
            "End a background process and everything that it started, and return how it ended; or send it a signal.",
        ),
        tool::<schema::SendInput>(
            "send_input",
            "Write to a process",
            Does::Anything,
            "Write text to the standard input of a background process that was started with stdin.",
        ),
        tool::<schema::WaitForPort>(
            "wait_for_port",
            "Wait for a port",
            Does::Look,
            "Wait until something listens on a TCP port in the sandbox, or answers HTTP there.",
        ),
        tool::<schema::ReadFile>(
            "read_file",
            "Read a file",
            Does::Look,
            "Read a text file, or a range of its lines. Each line comes with its number and a tab before it, which are not in the \
             file. A line that is longer than the limit is cut, and that is said.",
        ),
        tool::<schema::WriteFile>(
            "write_file",
            "Write a file",
            Does::Change,
            "Write a file, in one step: it has the old content or the new one, never a part. What was there is replaced.",
        ),
        tool::<schema::EditFile>(
            "edit_file",
            "Edit a file",
            Does::Change,
            "Replace a piece of text in a file by another. The text has to be there exactly once, unless all is said: give as many \
             lines around it as make it so.",
        ),
        tool::<schema::ListFiles>(
            "list_files",
            "List files",
            Does::Look,
            "List a directory, with types and sizes; a directory ends with a slash.",
        ),
        tool::<schema::SearchFiles>(
            "search_files",
            "Search files",
            Does::Look,
            "Find lines by a regular expression, or files by name. Lines come as path:line:text.",
        ),
        tool::<schema::RunCode>(
            "run_code",
            "Run code",
            Does::Anything,
            "Run a cell in a code context (a Jupyter kernel), which keeps its variables and imports from one call to the next. The \
             answer has what was printed, the value of the last expression, pictures that were drawn, and the traceback of an error.",
        ),
    ]
}

fn tool<T: JsonSchema + 'static>(name: &'static str, title: &str, does: Does, description: &'static str) -> Tool {
    let (looks, destroys, open) = match does {
        Does::Look => (true, false, false),
        Does::Anything => (false, true, true),
        Does::Change => (false, true, false),
    };
    let annotations = ToolAnnotations::from_raw(Some(title.to_owned()), Some(looks), Some(destroys), None, Some(open));
    Tool::new(name, description, schema_for_type::<T>()).with_title(title).with_annotations(annotations)
}
