//! Starting, signalling and reaping by the kernel's own calls: the home of what needs `unsafe`.
//!
//! The usual command shares the address space until its exec, as with vfork(2), and so costs the same however large the
//! server is. Only a command with another user, resource limits or a cgroup is forked: one that is somebody else already
//! must not share the server's memory.

#![allow(unsafe_code, reason = "clone, fork, wait4 and signals by number have no safe wrapper that suits")]

use std::ffi::{CStr, CString};
use std::io;
use std::mem::MaybeUninit;
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};
use std::ptr;
use std::sync::OnceLock;

use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

use super::launch::Prepared;
use super::signal::Signal;

/// The descriptors that become 0, 1, 2 and, when one is handed to it, 3 of the command. All others are closed at the
/// exec: every descriptor of the server is opened with CLOEXEC.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Stdio<'a> {
    /// Three of the server's descriptors.
    Pipes {
        /// `None` is `/dev/null`.
        stdin: Option<BorrowedFd<'a>>,
        stdout: BorrowedFd<'a>,
        stderr: BorrowedFd<'a>,
        /// Becomes 3.
        handed: Option<BorrowedFd<'a>>,
    },
    /// A terminal by its path, for all three. The new session, which has none, gets it as its controlling terminal by
    /// opening it (tty(4)).
    Terminal(&'a CStr),
}

/// Which step failed, with its errno.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Failure {
    pub(crate) step: Step,
    pub(crate) errno: i32,
}

/// What the new process did when it failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// Making the process, or its descriptors.
    Start,
    /// Joining the cgroup.
    Confine,
    /// Setting a resource limit.
    Limit,
    /// Becoming the user.
    User,
    /// Entering the working directory.
    Directory,
    /// Executing the program.
    Exec,
}

/// Resource limits (RLIMIT_*) with their value, open `cgroup.procs` files to join, and whom not to outlive.
#[derive(Debug, Default)]
pub(crate) struct Confinement {
    pub(crate) rlimits: Vec<(libc::__rlimit_resource_t, u64)>,
    pub(crate) cgroups: Vec<OwnedFd>,
    /// Killed when the thread ends that starts it (prctl(2), PR_SET_PDEATHSIG).
    pub(crate) dies_with_parent: bool,
    /// One more descriptor that the program gets, by the number that it has here.
    pub(crate) inherited: Option<OwnedFd>,
}

/// Starts the program in its own session and process group, with default signal actions and no signal blocked.
///
/// # Errors
/// The step that failed.
pub(crate) fn spawn(prepared: &Prepared, stdio: Stdio<'_>, confinement: &Confinement) -> Result<i32, Failure> {
    let (argv, env) = (pointers(&prepared.argv), pointers(&prepared.env));
    let program = Program { prepared, stdio, confinement, argv, env };
    if prepared.credentials.is_none() && confinement.rlimits.is_empty() && confinement.cgroups.is_empty() {
        share(&program)
    } else {
        fork(&program)
    }
}

/// All that a child needs to become the program, made before there is a child.
struct Program<'a> {
    prepared: &'a Prepared,
    stdio: Stdio<'a>,
    confinement: &'a Confinement,
    /// Both end with a null pointer, and point into `prepared`.
    argv: Vec<*mut libc::c_char>,
    env: Vec<*mut libc::c_char>,
}

fn pointers(strings: &[CString]) -> Vec<*mut libc::c_char> {
    strings.iter().map(|string| string.as_ptr().cast_mut()).chain([ptr::null_mut()]).collect()
}

/// What the child that shares the server's memory is given, and where it says what failed.
struct Request<'a> {
    program: &'a Program<'a>,
    failure: Option<Failure>,
}

/// Stack of the child until its exec, in 16 bytes each: what it calls needs a few pages of it.
const STACK: usize = (64 << 10) / 16;

/// Starts without a copy of the address space, as posix_spawn(3) and vfork(2) do: the server's thread stands still until
/// the child has executed the program or ended.
fn share(program: &Program<'_>) -> Result<i32, Failure> {
    extern "C" fn child(request: *mut libc::c_void) -> libc::c_int {
        // SAFETY: `share` passes a live `Request`, and does not touch it until this process is over with it.
        let request = unsafe { &mut *request.cast::<Request<'_>>() };
        request.failure = Some(become_program(request.program));
        // SAFETY: ends the child without running anything of the server.
        unsafe { libc::_exit(127) }
    }
    let mut request = Request { program, failure: None };
    let mut stack = vec![0_u128; STACK];
    let top = stack.as_mut_ptr_range().end;
    let flags = libc::CLONE_VM | libc::CLONE_VFORK | libc::SIGCHLD;
    // All signals are blocked, so that no handler of the server runs in the child.
    let blocked = BlockedSignals::new();
    // SAFETY: the child has a stack of its own, aligned as every ABI wants it, and calls nothing but what is
    // async-signal-safe (see `become_program`); with CLONE_VFORK, `stack` and `request` outlive its use of them. Without
    // CLONE_FILES, CLONE_FS and CLONE_SIGHAND, what it changes there is its own.
    let pid = unsafe { libc::clone(child, top.cast(), flags, (&raw mut request).cast()) };
    let errno = io::Error::last_os_error().raw_os_error().unwrap_or(0);
    drop(blocked);
    if pid < 0 {
        return Err(Failure { step: Step::Start, errno });
    }
    match request.failure {
        None => Ok(pid),
        Some(failure) => {
            reap_failed(pid);
            Err(failure)
        }
    }
}

/// Reaps a child that did not become the program: nobody else knows its pid yet.
fn reap_failed(pid: i32) {
    while matches!(wait(pid, true), Err(error) if error.kind() == io::ErrorKind::Interrupted) {}
}

/// Forks, sets everything up, executes. A failure comes back through a pipe that a successful exec closes.
fn fork(program: &Program<'_>) -> Result<i32, Failure> {
    let start = |error: rustix::io::Errno| Failure { step: Step::Start, errno: error.raw_os_error() };
    let (told, tell) = rustix::pipe::pipe_with(rustix::pipe::PipeFlags::CLOEXEC).map_err(start)?;
    // All signals are blocked over the fork, so that no handler of the server runs in the child.
    let blocked = BlockedSignals::new();
    // SAFETY: the child calls nothing but async-signal-safe functions (see `become_program`) and never returns.
    let pid = unsafe { libc::fork() };
    if pid == 0 {
        let failure = become_program(program);
        let mut report = [0_u8; 5];
        report[0] = failure.step as u8;
        report[1..].copy_from_slice(&failure.errno.to_ne_bytes());
        // SAFETY: writes from a live array; then the child ends without running anything of the server.
        unsafe {
            libc::write(tell.as_raw_fd(), report.as_ptr().cast(), report.len());
            libc::_exit(127);
        }
    }
    drop(blocked);
    if pid < 0 {
        return Err(Failure { step: Step::Start, errno: io::Error::last_os_error().raw_os_error().unwrap_or(0) });
    }
    drop(tell);
    let mut report = [0_u8; 5];
    let read = loop {
        match rustix::io::read(&told, &mut report) {
            Err(rustix::io::Errno::INTR) => {}
            other => break other,
        }
    };
    // Five bytes into an empty pipe are written in one piece (pipe(7), PIPE_BUF).
    if !matches!(read, Ok(5)) {
        return Ok(pid);
    }
    reap_failed(pid);
    let [step, errno @ ..] = report;
    let step = [Step::Start, Step::Confine, Step::Limit, Step::User, Step::Directory, Step::Exec]
        .into_iter()
        .find(|known| *known as u8 == step)
        .unwrap_or(Step::Start);
    Err(Failure { step, errno: i32::from_ne_bytes(errno) })
}

/// What the forked child does. Allocates nothing, takes no lock, and returns only on failure.
fn become_program(program: &Program<'_>) -> Failure {
    let Program { prepared, stdio, confinement, argv, env } = program;
    fn failure(step: Step) -> Failure {
        // SAFETY: reads this thread's errno.
        Failure { step, errno: unsafe { *libc::__errno_location() } }
    }
    // SAFETY: only async-signal-safe system calls on values that the parent made before the fork; `argv` and `env` end
    // with a null pointer. setgroups, setgid and setuid are called through syscall(2), because glibc's wrappers
    // would signal threads that do not exist in the child.
    unsafe {
        if libc::setsid() < 0 {
            return failure(Step::Start);
        }
        if confinement.dies_with_parent && libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL) != 0 {
            return failure(Step::Start);
        }
        for cgroup in &confinement.cgroups {
            if libc::write(cgroup.as_raw_fd(), b"0".as_ptr().cast(), 1) != 1 {
                return failure(Step::Confine);
            }
        }
        let (stdin, stdout, stderr, handed) = match *stdio {
            Stdio::Pipes { stdin, stdout, stderr, handed } => {
                let stdin = match stdin {
                    Some(stdin) => stdin.as_raw_fd(),
                    None => libc::open(c"/dev/null".as_ptr(), libc::O_RDONLY | libc::O_CLOEXEC),
                };
                (stdin, stdout.as_raw_fd(), stderr.as_raw_fd(), handed)
            }
            Stdio::Terminal(path) => {
                let terminal = libc::open(path.as_ptr(), libc::O_RDWR | libc::O_CLOEXEC);
                (terminal, terminal, terminal, None)
            }
        };
        if stdin < 0 || libc::dup2(stdin, 0) < 0 || libc::dup2(stdout, 1) < 0 || libc::dup2(stderr, 2) < 0 {
            return failure(Step::Start);
        }
        if let Some(handed) = handed {
            // One that is 3 already would keep its CLOEXEC.
            let handed = handed.as_raw_fd();
            let done = if handed == 3 { libc::fcntl(3, libc::F_SETFD, 0) } else { libc::dup2(handed, 3) };
            if done < 0 {
                return failure(Step::Start);
            }
        }
        if let Some(inherited) = &confinement.inherited
            && libc::fcntl(inherited.as_raw_fd(), libc::F_SETFD, 0) != 0
        {
            return failure(Step::Start);
        }
        // After the descriptors, which may be above the limit; before the user, who may not raise one.
        if let Some(descriptors) = DESCRIPTORS.get()
            && libc::setrlimit(libc::RLIMIT_NOFILE, descriptors) != 0
        {
            return failure(Step::Limit);
        }
        for (resource, value) in &confinement.rlimits {
            // A hard limit a second later lets the first signal be SIGXCPU, which says what happened (setrlimit(2)).
            let later = u64::from(*resource == libc::RLIMIT_CPU);
            let limit = libc::rlimit { rlim_cur: *value, rlim_max: value.saturating_add(later) };
            if libc::setrlimit(*resource, &limit) != 0 {
                return failure(Step::Limit);
            }
        }
        if let Some(user) = &prepared.credentials
            && (libc::syscall(libc::SYS_setgroups, user.groups.len(), user.groups.as_ptr()) != 0
                || libc::syscall(libc::SYS_setresgid, user.gid, user.gid, user.gid) != 0
                || libc::syscall(libc::SYS_setresuid, user.uid, user.uid, user.uid) != 0)
        {
            return failure(Step::User);
        }
        if libc::chdir(prepared.cwd.as_ptr()) != 0 {
            return failure(Step::Directory);
        }
        for number in 1..=libc::SIGRTMAX() {
            libc::signal(number, libc::SIG_DFL);
        }
        let mut none = MaybeUninit::uninit();
        libc::sigemptyset(none.as_mut_ptr());
        libc::sigprocmask(libc::SIG_SETMASK, none.as_ptr(), ptr::null_mut());
        libc::execve(prepared.program.as_ptr(), argv.as_ptr().cast(), env.as_ptr().cast());
    }
    failure(Step::Exec)
}

/// Becomes the program, with the environment of this process and the default action of SIGPIPE, which a Rust program
/// ignores. Returns only the errno of a failure.
pub(super) fn execute(program: &CStr, argv: &[CString]) -> i32 {
    let argv = pointers(argv);
    // SAFETY: both end with a null pointer and live until the call is over; nobody else changes the environment: this
    // process has one thread.
    unsafe {
        unsafe extern "C" {
            static environ: *const *const libc::c_char;
        }
        libc::signal(libc::SIGPIPE, libc::SIG_DFL);
        libc::execve(program.as_ptr(), argv.as_ptr().cast(), environ);
    }
    io::Error::last_os_error().raw_os_error().unwrap_or(0)
}

/// A pipe that this process was given by its number, and that no other gets.
pub(super) fn inherited(number: RawFd) -> Option<OwnedFd> {
    // SAFETY: only flags are changed; a number that is nobody's gives EBADF.
    if number <= libc::STDERR_FILENO || unsafe { libc::fcntl(number, libc::F_SETFD, libc::FD_CLOEXEC) } != 0 {
        return None;
    }
    // SAFETY: it is open, and nothing of this program, which has just begun, has opened it.
    Some(unsafe { OwnedFd::from_raw_fd(number) }).filter(|fd| super::enter::is_pipe(fd))
}

/// Blocks all signals of this thread until it is dropped.
struct BlockedSignals(libc::sigset_t);

impl BlockedSignals {
    fn new() -> BlockedSignals {
        let mut every = MaybeUninit::uninit();
        let mut before = MaybeUninit::uninit();
        // SAFETY: both sets are filled by the calls before they are read; the calls cannot fail with these arguments.
        unsafe {
            libc::sigfillset(every.as_mut_ptr());
            libc::sigemptyset(before.as_mut_ptr());
            libc::pthread_sigmask(libc::SIG_SETMASK, every.as_ptr(), before.as_mut_ptr());
            BlockedSignals(before.assume_init())
        }
    }
}

impl Drop for BlockedSignals {
    fn drop(&mut self) {
        // SAFETY: the set was filled by `new`.
        unsafe { libc::pthread_sigmask(libc::SIG_SETMASK, &self.0, ptr::null_mut()) };
    }
}

/// Keeps descriptors that the server itself inherited from reaching any command. Those that it opens are CLOEXEC anyway.
///
/// # Errors
/// When they cannot be listed.
pub(crate) fn seal_descriptors() -> io::Result<()> {
    // SAFETY: only flags are changed; no descriptor is closed before an exec.
    if unsafe { libc::syscall(libc::SYS_close_range, 3_u32, u32::MAX, libc::CLOSE_RANGE_CLOEXEC) } == 0 {
        return Ok(());
    }
    // Before Linux 5.11, one by one.
    for entry in std::fs::read_dir("/proc/self/fd")? {
        if let Some(fd) = entry?.file_name().to_str().and_then(|name| name.parse::<RawFd>().ok()).filter(|fd| *fd > 2) {
            // SAFETY: as above; a descriptor that was closed meanwhile gives EBADF.
            unsafe { libc::fcntl(fd, libc::F_SETFD, libc::FD_CLOEXEC) };
        }
    }
    Ok(())
}

/// The limit of descriptors that the server was started with, when it has raised its own.
static DESCRIPTORS: OnceLock<libc::rlimit> = OnceLock::new();

/// Lets the server itself open as many descriptors as the hard limit allows. Its commands get the limit that it was
/// started with: programs that use select(2) break above 1024.
///
/// # Errors
/// As setrlimit(2); the limit is as before then.
pub(crate) fn raise_descriptor_limit() -> io::Result<()> {
    let mut limit = MaybeUninit::uninit();
    // SAFETY: the value is read only when the call has filled it.
    let limit = unsafe {
        if libc::getrlimit(libc::RLIMIT_NOFILE, limit.as_mut_ptr()) != 0 {
            return Err(io::Error::last_os_error());
        }
        limit.assume_init()
    };
    if limit.rlim_cur >= limit.rlim_max {
        return Ok(());
    }
    // Before it is raised, so that no command starts with the raised one.
    DESCRIPTORS.get_or_init(|| limit);
    let raised = libc::rlimit { rlim_cur: limit.rlim_max, ..limit };
    // SAFETY: the pointer is to a live value.
    if unsafe { libc::setrlimit(libc::RLIMIT_NOFILE, &raised) } == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// Makes a descriptor awaitable.
///
/// # Errors
/// When the runtime cannot watch it.
pub(crate) fn watch(fd: OwnedFd, interest: Interest) -> io::Result<AsyncFd<OwnedFd>> {
    // SAFETY: an `OwnedFd` keeps the same descriptor open until it is dropped, and `AsyncFd` gives it up before.
    unsafe { AsyncFd::register_with_interest(fd, interest) }.map_err(io::Error::from)
}

/// What wait4(2) gave.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Waited {
    /// The status word.
    pub(crate) status: i32,
    pub(crate) user_us: u64,
    pub(crate) system_us: u64,
    /// Bytes, as far as they are known to be its own.
    pub(crate) max_rss: Option<u64>,
}

/// Reaps one child, or says `None` when it has not ended and `block` is false.
///
/// # Errors
/// As wait4(2); ECHILD when it was reaped already.
pub(crate) fn wait(pid: i32, block: bool) -> io::Result<Option<Waited>> {
    let mut status = 0;
    let mut usage = MaybeUninit::<libc::rusage>::zeroed();
    let options = if block { 0 } else { libc::WNOHANG };
    // SAFETY: both pointers are to live values.
    let result = unsafe { libc::wait4(pid, &mut status, options, usage.as_mut_ptr()) };
    if result < 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: all zeroes is a valid rusage, and the kernel only writes valid ones.
    let usage = unsafe { usage.assume_init() };
    let micros = |time: libc::timeval| {
        u64::try_from(time.tv_sec).unwrap_or(0) * 1_000_000 + u64::try_from(time.tv_usec).unwrap_or(0)
    };
    Ok((result == pid).then(|| Waited {
        status,
        user_us: micros(usage.ru_utime),
        system_us: micros(usage.ru_stime),
        // At its exec the child is charged with what the server had until then: less than that says nothing about it.
        max_rss: Some(bytes_of(&usage)).filter(|bytes| *bytes > own_peak() + COUNTED_LATE),
    }))
}

/// What the kernel may have counted, in bytes, and not added up yet.
const COUNTED_LATE: u64 = 1 << 20;

/// Largest resident set that the server itself ever had, in bytes.
fn own_peak() -> u64 {
    let mut usage = MaybeUninit::<libc::rusage>::zeroed();
    // SAFETY: the pointer is to a live value, and all zeroes is a valid rusage.
    let usage = unsafe {
        libc::getrusage(libc::RUSAGE_SELF, usage.as_mut_ptr());
        usage.assume_init()
    };
    bytes_of(&usage)
}

/// ru_maxrss is in KiB (getrusage(2)).
fn bytes_of(usage: &libc::rusage) -> u64 {
    u64::try_from(usage.ru_maxrss).unwrap_or(0) * 1024
}

/// A child that has ended and is not reaped yet; it stays as it is.
pub(crate) fn ended_child() -> Option<i32> {
    let mut info = MaybeUninit::<libc::siginfo_t>::zeroed();
    // SAFETY: the pointer is to a live value, and all zeroes is a valid siginfo_t.
    let (result, info) = unsafe {
        let options = libc::WEXITED | libc::WNOHANG | libc::WNOWAIT;
        (libc::waitid(libc::P_ALL, 0, info.as_mut_ptr(), options), info.assume_init())
    };
    // SAFETY: waitid fills the member, or leaves it zero when no child has ended.
    let pid = unsafe { info.si_pid() };
    (result == 0 && pid > 0).then_some(pid)
}

/// The session of a process, zombies included; 0 for the server itself. It is 0 when the session began outside of the
/// server's PID namespace, which is why no wrapper that promises a pid is used.
pub(crate) fn session_of(pid: i32) -> Option<i32> {
    // SAFETY: a plain system call.
    let session = unsafe { libc::getsid(pid) };
    (session >= 0).then_some(session)
}

/// Sends a signal to the process group of that leader.
///
/// # Errors
/// As kill(2).
pub(crate) fn signal_group(leader: i32, signal: Signal) -> io::Result<()> {
    // SAFETY: a plain system call.
    if unsafe { libc::kill(-leader, signal.number()) } == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// Sends a signal to a process. The caller knows that the pid is still the process that it means.
///
/// # Errors
/// As kill(2).
pub(crate) fn signal_process(pid: i32, signal: Signal) -> io::Result<()> {
    // SAFETY: a plain system call.
    if unsafe { libc::kill(pid, signal.number()) } == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// Sends a signal to the process that the descriptor stands for, whatever became of its pid.
///
/// # Errors
/// As pidfd_send_signal(2).
pub(crate) fn signal_pidfd(pidfd: BorrowedFd<'_>, signal: Signal) -> io::Result<()> {
    let none = ptr::null_mut::<libc::siginfo_t>();
    // SAFETY: a system call with a live descriptor and no siginfo.
    let result = unsafe { libc::syscall(libc::SYS_pidfd_send_signal, pidfd.as_raw_fd(), signal.number(), none, 0_u32) };
    if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}
