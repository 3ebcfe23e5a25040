//! Code contexts on Jupyter kernels: [`Kernels`], [`Kernel`]; cells in them: [`Cell`], [`RunningCell`], [`CodeResult`].

mod rich;
mod run;

use std::time::Duration;

use sandwire_protocol::ByteString;
use sandwire_protocol::kind::kernel::{Create, Delete, Get, Interrupt, List, Restart, Run, Specs};
pub use sandwire_protocol::kind::kernel::{Failure, Info, Ran, Spec, State, Status};
use sandwire_protocol::kind::{
    KernelCreate, KernelDelete, KernelGet, KernelInterrupt, KernelList, KernelRestart, KernelSpecs,
};

pub use rich::{Chart, ChartKind, Part, RichResult};
pub use run::{Cell, CellControl, CellEvent, CodeResult, RunningCell};

use super::exec::millis;
use super::launch::context_methods;
use crate::client::Client;
use crate::error::Error;

impl Client {
    /// The code contexts.
    pub fn kernels(&self) -> Kernels {
        Kernels { client: self.clone() }
    }

    /// The code context of that name. The default one of a language has the language's name, and is made by the server
    /// with its first cell.
    pub fn kernel(&self, id: impl Into<String>) -> Kernel {
        Kernel { client: self.clone(), id: id.into() }
    }

    /// A cell for the default context of its language, which is Python unless [`Cell::language`] says otherwise.
    pub fn run_code(&self, code: impl Into<String>) -> Cell {
        Cell::new(self.clone(), Run { code: code.into(), ..Run::default() })
    }
}

/// The code contexts of a sandbox. Made by [`Client::kernels`].
///
/// ```
/// # #[tokio::main]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let server = sandwire_tests::python::with_kernels().start();
/// # let client = sandwire::Client::connect(server.url()).await?;
/// let notebook = client.kernels().create().id("notebook").cwd("/usr").open().await?;
/// notebook.run("import pandas as pd; frame = pd.DataFrame({'a': [1, 2]})").run().await?;
/// let result = notebook.run("frame").run().await?;
/// assert_eq!(result.results[0].formats(), ["text", "html"]);
/// println!("{}", result.results[0].html().unwrap_or_default());
///
/// // What fails is a result, too.
/// let result = notebook.run("1/0").run().await?;
/// assert_eq!(result.error.map(|error| error.name).as_deref(), Some("ZeroDivisionError"));
/// notebook.delete(None).await?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct Kernels {
    client: Client,
}

impl Kernels {
    /// The kernels that are installed in the sandbox, by name.
    ///
    /// # Errors
    /// Those of the connection and of the server.
    pub async fn specs(&self) -> Result<Vec<Spec>, Error> {
        Ok(self.client.call::<KernelSpecs>(&Specs {}).await?.specs)
    }

    /// A new context.
    pub fn create(&self) -> CreateKernel {
        CreateKernel { client: self.client.clone(), params: Create::default() }
    }

    /// All that there are, oldest first.
    ///
    /// # Errors
    /// Those of the connection and of the server.
    pub async fn list(&self) -> Result<Vec<Info>, Error> {
        Ok(self.client.call::<KernelList>(&List {}).await?.kernels)
    }
}

/// A code context that was not made yet. Made by [`Kernels::create`].
#[derive(Clone, Debug)]
#[must_use = "it does nothing until it is opened"]
pub struct CreateKernel {
    client: Client,
    params: Create,
}

impl CreateKernel {
    /// Its id: 1 to 128 characters of `A-Z a-z 0-9 . _ -`. Default: one is generated.
    pub fn id(mut self, id: impl Into<String>) -> Self {
        self.params.id = Some(id.into());
        self
    }

    /// Its kernel, by the name that [`Kernels::specs`] lists. Default: one of its language.
    pub fn spec(mut self, name: impl Into<String>) -> Self {
        self.params.spec = Some(name.into());
        self
    }

    /// Its language: `python`, `javascript`, `typescript`, or what a kernel says of itself. Default: that of the kernel,
    /// else Python.
    pub fn language(mut self, language: impl Into<String>) -> Self {
        self.params.language = Some(language.into());
        self
    }

    context_methods!(params, "Its working directory");

    /// Timeout of its cells that name none. Default: none.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.params.timeout_ms = Some(millis(timeout));
        self
    }

    /// When a context of that id is there already, takes it as it is instead of failing.
    pub const fn reuse(mut self) -> Self {
        self.params.reuse = true;
        self
    }

    /// Makes it, with its kernel.
    ///
    /// # Errors
    /// `KERNEL_EXISTS`, `KERNEL_SPEC_NOT_FOUND`, `LIMIT_EXCEEDED`, and why the kernel cannot be started.
    pub async fn open(self) -> Result<Kernel, Error> {
        Ok(self.open_info().await?.0)
    }

    /// Makes it, and tells what the server knows of it.
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub async fn open_info(self) -> Result<(Kernel, Info), Error> {
        let info = self.client.call::<KernelCreate>(&self.params).await?;
        Ok((Kernel { client: self.client, id: info.id.clone() }, info))
    }
}

/// A code context, by its name. Made by [`CreateKernel::open`] and [`Client::kernel`].
#[derive(Clone, Debug)]
pub struct Kernel {
    client: Client,
    id: String,
}

impl Kernel {
    /// Its id.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// A cell for it. Cells run one at a time, in the order in which they are begun.
    pub fn run(&self, code: impl Into<String>) -> Cell {
        let params = Run { id: Some(self.id.clone()), code: code.into(), ..Run::default() };
        Cell::new(self.client.clone(), params)
    }

    /// What is known of it.
    ///
    /// # Errors
    /// `KERNEL_NOT_FOUND`.
    pub async fn info(&self) -> Result<Info, Error> {
        self.client.call::<KernelGet>(&Get { id: self.id.clone() }).await
    }

    /// Gives it a fresh kernel. A cell that runs, and those that wait, end with `KERNEL_DIED`.
    ///
    /// # Errors
    /// `KERNEL_NOT_FOUND`, and why a kernel cannot be started.
    pub async fn restart(&self) -> Result<Info, Error> {
        self.client.call::<KernelRestart>(&Restart { id: self.id.clone() }).await
    }

    /// Interrupts the cell that runs in it, whoever began that.
    ///
    /// # Errors
    /// `KERNEL_NOT_FOUND`.
    pub async fn interrupt(&self) -> Result<(), Error> {
        self.client.call::<KernelInterrupt>(&Interrupt { id: self.id.clone() }).await.map(drop)
    }

    /// Ends it, its kernel, and what that started; KILL after `grace` (default: 2 s).
    ///
    /// # Errors
    /// `KERNEL_NOT_FOUND`.
    pub async fn delete(&self, grace: Option<Duration>) -> Result<(), Error> {
        let params = Delete { id: self.id.clone(), grace_ms: grace.map(millis) };
        self.client.call::<KernelDelete>(&params).await.map(drop)
    }
}
