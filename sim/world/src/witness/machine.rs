//! A trap for system calls by which a world's thread would leave the world.
//!
//! A seccomp filter, for this thread alone and for as long as it lives, has the kernel send a signal
//! instead of answering. The handler notes whose stack it finds itself on, asks the kernel in the
//! thread's place and hands over the answer: nobody notices but by the clock. Calls that the filter
//! shall let through bear a mark in an argument that they do not have.
//!
//! A process that is started under the filter inherits it without the handler, and dies of its first
//! forbidden call.

use std::ffi::{CStr, c_char, c_int, c_long, c_void};
use std::{io, mem, ptr};

use libc::{BPF_ABS, BPF_JEQ, BPF_JMP, BPF_JSET, BPF_K, BPF_LD, BPF_RET, BPF_W, sock_filter};

use super::{Way, escape};

/// The calls, none of which has more than four arguments.
const CALLS: &[(c_long, Way)] = &[
    (libc::SYS_getrandom, Way::Entropy),
    (libc::SYS_clock_gettime, Way::Clock),
    (libc::SYS_gettimeofday, Way::Clock),
    (libc::SYS_nanosleep, Way::Sleep),
    (libc::SYS_clock_nanosleep, Way::Sleep),
    (libc::SYS_openat, Way::File),
    (libc::SYS_openat2, Way::File),
    (libc::SYS_socket, Way::Socket),
    (libc::SYS_socketpair, Way::Socket),
    (libc::SYS_epoll_create1, Way::Socket),
    (libc::SYS_getpid, Way::ProcessId),
    #[cfg(target_arch = "x86_64")]
    (libc::SYS_time, Way::Clock),
    #[cfg(target_arch = "x86_64")]
    (libc::SYS_open, Way::File),
];

/// Whoever makes a thread or a process maps memory for its stack, with this flag, which has no other
/// effect. (The call that makes the thread itself comes with all signals blocked.)
const STACK: c_long = libc::MAP_STACK as c_long;

/// The fifth argument of calls that are let through.
const MARK: c_long = 0x5dc7_1f30;

#[cfg(target_arch = "x86_64")]
const ARCHITECTURE: u32 = 0xc000_003e;
#[cfg(target_arch = "aarch64")]
const ARCHITECTURE: u32 = 0xc000_00b7;

/// The signal's reason, if it comes from the filter.
const BY_FILTER: c_int = 1;

/// Sets the trap for this thread.
///
/// # Errors
/// If the kernel, or what this process runs in, does not let it.
pub fn set_trap() -> Result<(), String> {
    let refused = |what| {
        let error = io::Error::last_os_error();
        Err(format!("system calls cannot be watched here: {what}: {error}"))
    };
    let handler: extern "C" fn(c_int, *mut libc::siginfo_t, *mut c_void) = trapped;
    // SAFETY: all zeros are a well-formed action without a handler.
    let mut action: libc::sigaction = unsafe { mem::zeroed() };
    action.sa_sigaction = handler as *const () as usize;
    // Looking may ask the machine itself, and is let through by the handler.
    action.sa_flags = libc::SA_SIGINFO | libc::SA_NODEFER;
    // SAFETY: the action is well formed, and its handler takes what SA_SIGINFO says.
    if unsafe { libc::sigaction(libc::SIGSYS, &action, ptr::null_mut()) } != 0 {
        return refused("no handler");
    }
    let mut filter = filter();
    let length = u16::try_from(filter.len()).expect("a few dozen steps");
    let program = libc::sock_fprog { len: length, filter: filter.as_mut_ptr() };
    // SAFETY: these options take numbers, and the program, which the kernel copies.
    unsafe {
        if libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 {
            return refused("no new privileges");
        }
        if libc::prctl(libc::PR_SET_SECCOMP, libc::SECCOMP_MODE_FILTER, &raw const program) != 0 {
            return refused("no filter");
        }
    }
    Ok(())
}

/// The filter: what the kernel does before each call of this thread.
fn filter() -> Vec<sock_filter> {
    // Where the kernel shows it what: `struct seccomp_data`, little-endian.
    const NUMBER: u32 = 0;
    const MACHINE: u32 = 4;
    const FOURTH: u32 = 16 + 3 * 8;
    const FIFTH: u32 = 16 + 4 * 8;
    let step = |code: u32, yes: u8, no: u8, k: u32| {
        let code = u16::try_from(code).expect("codes are small");
        sock_filter { code, jt: yes, jf: no, k }
    };
    let load = |from| step(BPF_LD | BPF_W | BPF_ABS, 0, 0, from);
    let equals = |what, yes, no| step(BPF_JMP | BPF_JEQ | BPF_K, yes, no, what);
    let end = |how| step(BPF_RET | BPF_K, 0, 0, how);
    let low = |number: c_long| u32::try_from(number).expect("it is a small positive number");

    let calls = u8::try_from(CALLS.len()).expect("a few");
    let mut filter = vec![
        load(MACHINE),
        equals(ARCHITECTURE, 0, calls + 2),
        load(NUMBER),
        // Over the other calls and the end after them, to the flags.
        equals(low(libc::SYS_mmap), calls + 1, 0),
    ];
    for (place, (number, _)) in (0..).zip(CALLS) {
        // Over the rest of them, the end and the steps for the flags, to the mark.
        filter.push(equals(low(*number), calls - place + 2, 0));
    }
    filter.extend([
        end(libc::SECCOMP_RET_ALLOW),
        load(FOURTH),
        step(BPF_JMP | BPF_JSET | BPF_K, 3, 2, low(STACK)),
        load(FIFTH),
        equals(low(MARK), 0, 1),
        end(libc::SECCOMP_RET_ALLOW),
        end(libc::SECCOMP_RET_TRAP),
    ]);
    filter
}

/// A call, as the registers of a thread hold it.
struct Registers {
    number: c_long,
    arguments: [c_long; 6],
}

extern "C" fn trapped(_: c_int, why: *mut libc::siginfo_t, context: *mut c_void) {
    // SAFETY: SA_SIGINFO gives the handler both, and nobody else has them meanwhile.
    let (why, context) = unsafe { (&*why, &mut *context.cast::<libc::ucontext_t>()) };
    if why.si_code != BY_FILTER {
        return;
    }
    // SAFETY: every thread has its own.
    let errno = unsafe { libc::__errno_location() };
    // SAFETY: as before; what was interrupted may still want to read it.
    let before = unsafe { *errno };
    let registers = Registers::of(context);
    if let Some(way) = registers.way() {
        escape(way, registers.path());
    }
    let answer = match registers.ask() {
        // SAFETY: as before. The kernel answers with the error's negative.
        -1 => -c_long::from(unsafe { *errno }),
        answer => answer,
    };
    Registers::answer(context, answer);
    // SAFETY: as before.
    unsafe { *errno = before };
}

impl Registers {
    fn way(&self) -> Option<Way> {
        if self.number == libc::SYS_mmap {
            return Some(Way::Thread);
        }
        CALLS.iter().find(|(number, _)| *number == self.number).map(|(_, way)| *way)
    }

    /// The path of the file that is to be opened, if one is.
    fn path(&self) -> Option<&CStr> {
        let path = match self.number {
            libc::SYS_openat | libc::SYS_openat2 => self.arguments[1],
            #[cfg(target_arch = "x86_64")]
            libc::SYS_open => self.arguments[0],
            _ => return None,
        } as *const c_char;
        if path.is_null() {
            return None;
        }
        // SAFETY: who opens a file points at its path, which ends with a zero.
        Some(unsafe { CStr::from_ptr(path) })
    }

    /// Asks the kernel, past the filter.
    fn ask(&self) -> c_long {
        let [a, b, c, d, e, f] = self.arguments;
        let (d, e) = match self.number {
            libc::SYS_mmap => (d & !STACK, e),
            _ => (d, MARK),
        };
        // SAFETY: the very call that the thread made, but for a flag without effect, or for a fifth
        // argument where there are four at most.
        unsafe { libc::syscall(self.number, a, b, c, d, e, f) }
    }
}

#[cfg(target_arch = "x86_64")]
impl Registers {
    fn of(context: &libc::ucontext_t) -> Registers {
        use libc::{REG_R8, REG_R9, REG_R10, REG_RAX, REG_RDI, REG_RDX, REG_RSI};
        let register = |place: c_int| context.uc_mcontext.gregs[place as usize];
        let arguments = [REG_RDI, REG_RSI, REG_RDX, REG_R10, REG_R8, REG_R9].map(register);
        Registers { number: register(REG_RAX), arguments }
    }

    fn answer(context: &mut libc::ucontext_t, answer: c_long) {
        context.uc_mcontext.gregs[libc::REG_RAX as usize] = answer;
    }
}

#[cfg(target_arch = "aarch64")]
impl Registers {
    fn of(context: &libc::ucontext_t) -> Registers {
        let register = |place: usize| context.uc_mcontext.regs[place] as c_long;
        Registers { number: register(8), arguments: [0, 1, 2, 3, 4, 5].map(register) }
    }

    fn answer(context: &mut libc::ucontext_t, answer: c_long) {
        context.uc_mcontext.regs[0] = answer as u64;
    }
}
