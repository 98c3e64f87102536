//! The system calls that the process has no use for, refused by seccomp.
//!
//! It is a list of what is refused. A list of what is allowed would be shorter to attack, and would break with each
//! version of glibc, V8 and tokio; the calls that lead out of the process are known, and new ones are refused by
//! their number.

use std::collections::BTreeMap;

use seccompiler::{
    BackendError, BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter,
    SeccompRule, TargetArch, sock_filter,
};

/// The newest call that this list has judged. Those above it do not exist for the process (`ENOSYS`), nor do those of
/// x86-64's 32-bit numbering, which all come after it: libraries fall back to older ones, as on older kernels.
const NEWEST: libc::c_long = libc::SYS_mseal;

// The C library's table stops short of these; new calls have one number on all architectures.
const SYS_FCHMODAT2: libc::c_long = 452;
const SYS_STATMOUNT: libc::c_long = 457;
const SYS_LISTMOUNT: libc::c_long = 458;
const SYS_LSM_SET_SELF_ATTR: libc::c_long = 460;

/// Refused with whatever arguments.
const REFUSED: &[&[libc::c_long]] = &[
    // Other programs take the place of this one.
    &[libc::SYS_execve, libc::SYS_execveat],
    // Other processes: their memory, their open files, signals that name no process (`SAME_PROCESS` has the others).
    &[
        libc::SYS_ptrace,
        libc::SYS_process_vm_readv,
        libc::SYS_process_vm_writev,
        libc::SYS_process_madvise,
        libc::SYS_process_mrelease,
        libc::SYS_kcmp,
        libc::SYS_pidfd_open,
        libc::SYS_pidfd_getfd,
        libc::SYS_pidfd_send_signal,
        libc::SYS_tkill,
        libc::SYS_migrate_pages,
        libc::SYS_move_pages,
        libc::SYS_shmget,
        libc::SYS_shmat,
        libc::SYS_shmctl,
        libc::SYS_msgget,
        libc::SYS_msgsnd,
        libc::SYS_msgrcv,
        libc::SYS_msgctl,
        libc::SYS_semget,
        libc::SYS_semop,
        libc::SYS_semtimedop,
        libc::SYS_semctl,
        libc::SYS_mq_open,
        libc::SYS_mq_unlink,
    ],
    // The tree of files, and namespaces.
    &[
        libc::SYS_mount,
        libc::SYS_umount2,
        libc::SYS_mount_setattr,
        libc::SYS_move_mount,
        libc::SYS_open_tree,
        libc::SYS_fsopen,
        libc::SYS_fsconfig,
        libc::SYS_fsmount,
        libc::SYS_fspick,
        SYS_STATMOUNT,
        SYS_LISTMOUNT,
        libc::SYS_pivot_root,
        libc::SYS_chroot,
        libc::SYS_setns,
        libc::SYS_unshare,
    ],
    // Files by a handle instead of a path, which passes permissions of folders by; changes to any file. What opens
    // a file to write to it is in `refused_by_argument`; `openat2` hides its flags behind a pointer.
    &[
        libc::SYS_name_to_handle_at,
        libc::SYS_open_by_handle_at,
        libc::SYS_fanotify_init,
        libc::SYS_fanotify_mark,
        libc::SYS_openat2,
        libc::SYS_truncate,
        libc::SYS_mkdirat,
        libc::SYS_unlinkat,
        libc::SYS_renameat2,
        libc::SYS_linkat,
        libc::SYS_symlinkat,
        libc::SYS_mknodat,
        libc::SYS_fchmod,
        libc::SYS_fchmodat,
        SYS_FCHMODAT2,
        libc::SYS_fchown,
        libc::SYS_fchownat,
        libc::SYS_utimensat,
        libc::SYS_setxattr,
        libc::SYS_lsetxattr,
        libc::SYS_fsetxattr,
        libc::SYS_removexattr,
        libc::SYS_lremovexattr,
        libc::SYS_fremovexattr,
    ],
    // The kernel itself: its code, and the interfaces in which most of its holes were found.
    &[
        libc::SYS_kexec_load,
        libc::SYS_kexec_file_load,
        libc::SYS_init_module,
        libc::SYS_finit_module,
        libc::SYS_delete_module,
        libc::SYS_bpf,
        libc::SYS_perf_event_open,
        libc::SYS_userfaultfd,
        libc::SYS_io_uring_setup,
        libc::SYS_io_uring_enter,
        libc::SYS_io_uring_register,
        libc::SYS_add_key,
        libc::SYS_request_key,
        libc::SYS_keyctl,
        libc::SYS_vmsplice,
        libc::SYS_remap_file_pages,
        libc::SYS_personality,
        libc::SYS_syslog,
        libc::SYS_lookup_dcookie,
        SYS_LSM_SET_SELF_ATTR,
    ],
    // The machine: its power, clock, names, swap, accounts.
    &[
        libc::SYS_reboot,
        libc::SYS_settimeofday,
        libc::SYS_clock_settime,
        libc::SYS_clock_adjtime,
        libc::SYS_adjtimex,
        libc::SYS_sethostname,
        libc::SYS_setdomainname,
        libc::SYS_vhangup,
        libc::SYS_swapon,
        libc::SYS_swapoff,
        libc::SYS_acct,
        libc::SYS_quotactl,
        libc::SYS_quotactl_fd,
    ],
    // Who the process is.
    &[
        libc::SYS_setuid,
        libc::SYS_setgid,
        libc::SYS_setreuid,
        libc::SYS_setregid,
        libc::SYS_setresuid,
        libc::SYS_setresgid,
        libc::SYS_setfsuid,
        libc::SYS_setfsgid,
        libc::SYS_setgroups,
        libc::SYS_capset,
    ],
];

/// Refused calls that x86-64 has and newer architectures mostly do not.
#[cfg(target_arch = "x86_64")]
const REFUSED_HERE: &[libc::c_long] = &[
    libc::SYS_fork,
    libc::SYS_vfork,
    libc::SYS_creat,
    libc::SYS_mkdir,
    libc::SYS_rmdir,
    libc::SYS_rename,
    libc::SYS_renameat,
    libc::SYS_link,
    libc::SYS_unlink,
    libc::SYS_symlink,
    libc::SYS_mknod,
    libc::SYS_chmod,
    libc::SYS_chown,
    libc::SYS_lchown,
    libc::SYS_utime,
    libc::SYS_utimes,
    libc::SYS_futimesat,
    libc::SYS_iopl,
    libc::SYS_ioperm,
    libc::SYS_modify_ldt,
    libc::SYS_uselib,
    libc::SYS_ustat,
    libc::SYS_sysfs,
    libc::SYS__sysctl,
];
/// `renameat`, which the C library's table leaves out.
#[cfg(target_arch = "aarch64")]
const REFUSED_HERE: &[libc::c_long] = &[38];
#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
const REFUSED_HERE: &[libc::c_long] = &[];

/// Refused unless the first argument is this process.
const SAME_PROCESS: [libc::c_long; 4] =
    [libc::SYS_kill, libc::SYS_tgkill, libc::SYS_rt_sigqueueinfo, libc::SYS_rt_tgsigqueueinfo];

/// Keeps the calling thread, and all that it will start, from these calls; the process gets no new privileges.
pub(super) fn restrict() -> Result<(), String> {
    let program = program(std::process::id()).map_err(|error| error.to_string())?;
    // Kernels before 5.16 also turn mitigations against Spectre on for a process with a filter. Apps share an address
    // space, so it is left at that.
    seccompiler::apply_filter(&program).map_err(|error| error.to_string())
}

/// The filter. Newer kernels (5.11) run it once for each call that it allows whatever the arguments, and remember the
/// answer, so neither its length nor its order costs the calls on a request's path anything.
fn program(own_process: u32) -> Result<BpfProgram, BackendError> {
    let arch = TargetArch::try_from(std::env::consts::ARCH)?;
    let mut rules = refused_by_argument(own_process)?;
    for call in REFUSED.iter().copied().flatten().chain(REFUSED_HERE) {
        rules.insert(*call, Vec::new());
    }
    let refused = SeccompAction::Errno(libc::EPERM.cast_unsigned());
    let filter = SeccompFilter::new(rules, SeccompAction::Allow, refused, arch)?;
    let mut program: BpfProgram = unknown_calls();
    program.extend(BpfProgram::try_from(filter)?);
    Ok(program)
}

/// What the filter begins with, because it answers otherwise: as if the kernel did not have these calls.
fn unknown_calls() -> Vec<sock_filter> {
    const LOAD_NUMBER: u16 = 0x20;
    const JUMP_IF_GREATER: u16 = 0x25;
    const JUMP_IF_EQUAL: u16 = 0x15;
    const RETURN: u16 = 0x06;
    let step = |code, k, jt, jf| sock_filter { code, jt, jf, k };
    let no_such_call = u32::from(SeccompAction::Errno(libc::ENOSYS.cast_unsigned()));
    // The numbers are below a thousand.
    let number = |call: libc::c_long| u32::try_from(call).unwrap_or(u32::MAX);
    vec![
        step(LOAD_NUMBER, 0, 0, 0),
        step(JUMP_IF_GREATER, number(NEWEST), 1, 0),
        // `clone3` has its flags behind a pointer; glibc then takes `clone`.
        step(JUMP_IF_EQUAL, number(libc::SYS_clone3), 0, 1),
        step(RETURN, no_such_call, 0, 0),
    ]
}

/// Calls that the process needs, and what it does not need them for. Each rule refuses when all its conditions hold.
fn refused_by_argument(own_process: u32) -> Result<BTreeMap<i64, Vec<SeccompRule>>, BackendError> {
    use SeccompCmpOp::{Eq, MaskedEq, Ne};
    let int = |arg, op, value: i32| {
        SeccompCondition::new(arg, SeccompCmpArgLen::Dword, op, u64::from(value.cast_unsigned()))
    };
    let flag = |arg, flag: i32| int(arg, MaskedEq(u64::from(flag.cast_unsigned())), flag);
    let own = own_process.cast_signed();
    let all = |conditions: Vec<Result<SeccompCondition, BackendError>>| {
        SeccompRule::new(conditions.into_iter().collect::<Result<_, _>>()?)
    };
    let mut rules = BTreeMap::new();

    // A new thread is all right, a new process is not.
    let thread = libc::CLONE_THREAD;
    let no_thread = int(0, MaskedEq(u64::from(thread.cast_unsigned())), 0);
    rules.insert(libc::SYS_clone, vec![all(vec![no_thread])?]);

    // Files are read, never written or made.
    let writes = |flags| {
        [libc::O_WRONLY, libc::O_RDWR, libc::O_CREAT, libc::O_TRUNC]
            .into_iter()
            .map(|write| all(vec![flag(flags, write)]))
            .collect::<Result<Vec<_>, _>>()
    };
    rules.insert(libc::SYS_openat, writes(2)?);
    #[cfg(target_arch = "x86_64")]
    rules.insert(libc::SYS_open, writes(1)?);

    // TCP and UDP, and netlink's routes for name resolution. Above all no Unix sockets: behind them are the system's
    // managers, those of containers among them.
    let plain = |protocol| int(2, Ne, protocol);
    let ip_only = vec![
        all(vec![int(0, Ne, libc::AF_INET), int(0, Ne, libc::AF_INET6), int(0, Ne, libc::AF_NETLINK)])?,
        all(vec![int(0, Eq, libc::AF_NETLINK), plain(libc::NETLINK_ROUTE)])?,
        all(vec![
            int(0, Ne, libc::AF_NETLINK),
            plain(libc::IPPROTO_IP),
            plain(libc::IPPROTO_TCP),
            plain(libc::IPPROTO_UDP),
        ])?,
        all(vec![int(0, Ne, libc::AF_NETLINK), int(1, MaskedEq(SOCKET_KIND), libc::SOCK_RAW)])?,
        // An old way to packets of any protocol.
        all(vec![int(0, Ne, libc::AF_NETLINK), int(1, MaskedEq(SOCKET_KIND), SOCK_PACKET)])?,
    ];
    rules.insert(libc::SYS_socket, ip_only);
    // tokio hands signals over by such a pair.
    rules.insert(libc::SYS_socketpair, vec![all(vec![int(0, Ne, libc::AF_UNIX)])?]);

    // Typing into the terminal that nanod was started from.
    let typing = [libc::TIOCSTI, TIOCLINUX].map(|command| {
        let command = SeccompCondition::new(1, SeccompCmpArgLen::Dword, Eq, command);
        SeccompRule::new(vec![command?])
    });
    rules.insert(libc::SYS_ioctl, typing.into_iter().collect::<Result<_, _>>()?);

    for call in SAME_PROCESS {
        rules.insert(call, vec![all(vec![int(0, Ne, own)])?]);
    }
    rules.insert(libc::SYS_prlimit64, vec![all(vec![int(0, Ne, 0), int(0, Ne, own)])?]);
    Ok(rules)
}

/// The bits of a socket's type that are no flags.
const SOCKET_KIND: u64 = 0xf;
const SOCK_PACKET: i32 = 10;
const TIOCLINUX: u64 = 0x541C;

#[cfg(test)]
mod tests {
    use super::*;

    const OWN: u32 = 4242;
    const EPERM: Result<(), i32> = Err(libc::EPERM);
    const ENOSYS: Result<(), i32> = Err(libc::ENOSYS);
    const ALLOWED: Result<(), i32> = Ok(());

    /// What the kernel would do, by running the filter as it does.
    fn outcome(program: &BpfProgram, arch: u32, call: u32, args: [u64; 6]) -> u32 {
        let mut data = vec![call, arch, 0, 0];
        data.extend(args.iter().flat_map(|arg| [*arg as u32, (*arg >> 32) as u32]));
        let (mut accumulator, mut at) = (0u32, 0);
        loop {
            let sock_filter { code, jt, jf, k } = program[at];
            at += 1;
            let jump = |holds: bool| usize::from(if holds { jt } else { jf });
            match code {
                0x20 => accumulator = data[k as usize / 4],
                0x54 => accumulator &= k,
                0x05 => at += k as usize,
                0x15 => at += jump(accumulator == k),
                0x25 => at += jump(accumulator > k),
                0x35 => at += jump(accumulator >= k),
                0x06 => return k,
                other => panic!("{other:#x} is no instruction that a filter has"),
            }
        }
    }

    fn own_arch() -> u32 {
        match std::env::consts::ARCH {
            "x86_64" => 0xC000_003E,
            "aarch64" => 0xC000_00B7,
            other => panic!("no number for {other}"),
        }
    }

    #[track_caller]
    fn assert_call(call: libc::c_long, args: &[u64], expected: Result<(), i32>) {
        let mut all = [0; 6];
        all[..args.len()].copy_from_slice(args);
        let program = program(OWN).unwrap();
        let outcome = outcome(&program, own_arch(), u32::try_from(call).unwrap(), all);
        let outcome = match outcome & 0xffff_0000 {
            0x7fff_0000 => Ok(()),
            0x0005_0000 => Err((outcome & 0xffff).cast_signed()),
            _ => panic!("{call} {args:?}: {outcome:#x}"),
        };
        assert_eq!(outcome, expected, "{call} {args:?}");
    }

    #[test]
    fn what_leads_out_of_the_process_is_refused() {
        for call in REFUSED.iter().copied().flatten().chain(REFUSED_HERE) {
            assert_call(*call, &[], EPERM);
            assert_call(*call, &[u64::MAX; 6], EPERM);
        }
        // A call that is listed for its argument would lose that rule.
        let by_argument = refused_by_argument(OWN).unwrap();
        for call in REFUSED.iter().copied().flatten().chain(REFUSED_HERE) {
            assert!(!by_argument.contains_key(call), "{call}");
        }
    }

    #[test]
    fn what_serving_takes_is_allowed() {
        for call in [
            libc::SYS_read,
            libc::SYS_write,
            libc::SYS_writev,
            libc::SYS_sendto,
            libc::SYS_recvfrom,
            libc::SYS_epoll_wait,
            libc::SYS_epoll_ctl,
            libc::SYS_eventfd2,
            libc::SYS_accept4,
            libc::SYS_bind,
            libc::SYS_listen,
            libc::SYS_connect,
            libc::SYS_setsockopt,
            libc::SYS_futex,
            libc::SYS_mmap,
            libc::SYS_munmap,
            libc::SYS_mprotect,
            libc::SYS_pkey_mprotect,
            libc::SYS_pkey_alloc,
            libc::SYS_madvise,
            libc::SYS_clock_gettime,
            libc::SYS_clock_nanosleep,
            libc::SYS_getrandom,
            libc::SYS_sched_getaffinity,
            libc::SYS_rt_sigaction,
            libc::SYS_membarrier,
            libc::SYS_exit_group,
        ] {
            assert_call(call, &[], ALLOWED);
            assert_call(call, &[u64::MAX; 6], ALLOWED);
        }
    }

    #[test]
    fn threads_start_and_processes_do_not() {
        // What glibc passes for a thread, for `fork` and for `posix_spawn`.
        assert_call(libc::SYS_clone, &[0x003d_0f00], ALLOWED);
        assert_call(libc::SYS_clone, &[0x0120_0011], EPERM);
        assert_call(libc::SYS_clone, &[0x0000_4111], EPERM);
        assert_call(libc::SYS_clone, &[0], EPERM);
        assert_call(libc::SYS_clone3, &[], ENOSYS);
    }

    #[test]
    fn files_are_only_read() {
        let flags = |flags: i32| u64::from(flags.cast_unsigned());
        for (open, expected) in [
            (libc::O_RDONLY | libc::O_CLOEXEC, ALLOWED),
            (libc::O_RDONLY | libc::O_DIRECTORY | libc::O_NONBLOCK, ALLOWED),
            (libc::O_PATH, ALLOWED),
            (libc::O_WRONLY, EPERM),
            (libc::O_RDWR, EPERM),
            (libc::O_RDONLY | libc::O_CREAT, EPERM),
            (libc::O_RDONLY | libc::O_TRUNC, EPERM),
            (libc::O_WRONLY | libc::O_APPEND, EPERM),
            (libc::O_TMPFILE | libc::O_RDWR, EPERM),
            (libc::O_ACCMODE, EPERM),
        ] {
            assert_call(libc::SYS_openat, &[0, 0, flags(open)], expected);
            // The kernel looks at 32 bits of it.
            assert_call(libc::SYS_openat, &[0, 0, flags(open) | 1 << 40], expected);
            #[cfg(target_arch = "x86_64")]
            assert_call(libc::SYS_open, &[0, flags(open)], expected);
        }
    }

    #[test]
    fn sockets_are_for_tcp_udp_and_routes() {
        let stream = libc::SOCK_STREAM | libc::SOCK_CLOEXEC | libc::SOCK_NONBLOCK;
        let datagram = libc::SOCK_DGRAM | libc::SOCK_CLOEXEC;
        let raw = libc::SOCK_RAW | libc::SOCK_CLOEXEC;
        for (domain, kind, protocol, expected) in [
            (libc::AF_INET, stream, libc::IPPROTO_IP, ALLOWED),
            (libc::AF_INET6, stream, libc::IPPROTO_TCP, ALLOWED),
            (libc::AF_INET, datagram, libc::IPPROTO_IP, ALLOWED),
            (libc::AF_INET6, datagram, libc::IPPROTO_UDP, ALLOWED),
            (libc::AF_NETLINK, raw, libc::NETLINK_ROUTE, ALLOWED),
            (libc::AF_NETLINK, raw, libc::NETLINK_NETFILTER, EPERM),
            (libc::AF_INET, raw, libc::IPPROTO_IP, EPERM),
            (libc::AF_INET, raw, libc::IPPROTO_TCP, EPERM),
            (libc::AF_INET, datagram, libc::IPPROTO_ICMP, EPERM),
            (libc::AF_INET, stream, libc::IPPROTO_SCTP, EPERM),
            (libc::AF_INET, SOCK_PACKET, 0, EPERM),
            (libc::AF_UNIX, stream, 0, EPERM),
            (libc::AF_PACKET, raw, 0, EPERM),
            (libc::AF_VSOCK, stream, 0, EPERM),
            (libc::AF_ALG, libc::SOCK_SEQPACKET, 0, EPERM),
            (-1, stream, 0, EPERM),
        ] {
            let args = [domain, kind, protocol].map(|arg| u64::from(arg.cast_unsigned()));
            assert_call(libc::SYS_socket, &args, expected);
        }
        let unix = u64::from(libc::AF_UNIX.cast_unsigned());
        assert_call(libc::SYS_socketpair, &[unix], ALLOWED);
        assert_call(libc::SYS_socketpair, &[unix + 1], EPERM);
    }

    #[test]
    fn signals_and_limits_are_for_the_process_itself() {
        let own = u64::from(OWN);
        for call in SAME_PROCESS {
            assert_call(call, &[own, 6], ALLOWED);
            // All processes, those of a group, and others.
            for process in [0, 1, u64::from(u32::MAX), u64::from(OWN.wrapping_neg()), own + 1] {
                assert_call(call, &[process, 9], EPERM);
            }
        }
        for (process, expected) in [(0, ALLOWED), (own, ALLOWED), (1, EPERM)] {
            assert_call(libc::SYS_prlimit64, &[process], expected);
        }
    }

    #[test]
    fn terminals_are_not_typed_into() {
        for (command, expected) in
            [(libc::TIOCSTI, EPERM), (TIOCLINUX, EPERM), (libc::FIONBIO, ALLOWED), (libc::TCGETS, ALLOWED)]
        {
            assert_call(libc::SYS_ioctl, &[0, command], expected);
        }
    }

    #[test]
    fn calls_of_newer_kernels_do_not_exist() {
        assert_call(NEWEST, &[], ALLOWED);
        assert_call(NEWEST + 1, &[], ENOSYS);
        // The 32-bit numbering of x86-64: `execve` has another number there.
        for call in [0, 59, 520] {
            assert_call(0x4000_0000 | call, &[], ENOSYS);
        }
    }

    #[test]
    fn calls_of_another_architecture_end_the_process() {
        let i386 = 0x4000_0003;
        assert_eq!(outcome(&program(OWN).unwrap(), i386, 11, [0; 6]), libc::SECCOMP_RET_KILL_PROCESS);
    }
}
