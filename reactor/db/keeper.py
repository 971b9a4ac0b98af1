"""Stops the embedded PostgreSQL when its last user is gone, however that user ended.

Every user holds a shared lock on one file, which the kernel drops when the process dies; the keeper
waits for the exclusive lock. Run by file path with `python -I -S`: standard library only, few MB.

    keeper.py launch LOG UID GID PROGRAM ARGUMENT…   start the server, nobody's child; print its pid
    keeper.py keep USERS LOCK PGDATA LOG GRACE_S     watch from the background, stop it at the end
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import signal
import sys
import time

POLL_S = 0.02
LOG_CHECK_S = 3600
LOG_LIMIT_BYTES = 8 * 1024 * 1024
# Fast shutdown, then immediate, then what nobody can refuse.
WAYS_TO_STOP = ((signal.SIGINT, 60.0), (signal.SIGQUIT, 10.0), (signal.SIGKILL, 5.0))


def main(arguments: list[str]) -> None:
    """Do what the first argument says."""
    command, *rest = arguments
    if command == "launch":
        log, uid, gid, *server = rest
        launch(log, int(uid), int(gid), server)
    else:
        users, lock, pgdata, log, grace_s = rest
        keep(users, lock, pgdata, log=log, grace_s=float(grace_s))


def launch(log: str, uid: int, gid: int, server: list[str]) -> None:
    """Start the server as that user; as this process ends, init inherits it."""
    output = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW, 0o600)
    nothing = os.open(os.devnull, os.O_RDONLY)
    if pid := os.fork():
        sys.stdout.write(f"{pid}\n")
        return
    for handle, standard in ((nothing, 0), (output, 1), (output, 2)):
        os.dup2(handle, standard)
    try:
        os.setsid()
        os.umask(0o077)
        if os.geteuid() == 0:
            os.setgroups([])
            os.setgid(gid)
            os.setuid(uid)
        os.execv(server[0], server)  # noqa: S606 - a list, never a shell
    except OSError as problem:
        os.write(2, f"FATAL:  {server[0]}: {problem.strerror}\n".encode())
        os._exit(1)


def keep(users_path: str, lock_path: str, pgdata: str, *, log: str, grace_s: float) -> None:
    """Wait in the background until nobody uses the server, then stop it; one keeper at a time."""
    lock = os.open(lock_path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return
    users = os.open(users_path, os.O_RDWR)
    if os.fork():
        os._exit(0)  # the lock belongs to the open file, so the child has it
    nothing = os.open(os.devnull, os.O_RDWR)
    for standard in (0, 1, 2):
        os.dup2(nothing, standard)
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    signal.signal(signal.SIGALRM, lambda *_: bound(log))
    signal.setitimer(signal.ITIMER_REAL, LOG_CHECK_S, LOG_CHECK_S)
    wait_for_the_last(users, grace_s)
    if same_file(users, users_path):
        stop(pgdata)
    else:
        stop_without_data(pgdata)
    # In this order: who gets the users' lock next must find no keeper.
    os.close(lock)
    os.close(users)


def wait_for_the_last(users: int, grace_s: float) -> None:
    """Hold the exclusive lock once nobody has come for `grace_s`."""
    while True:
        fcntl.flock(users, fcntl.LOCK_EX)
        fcntl.flock(users, fcntl.LOCK_UN)
        time.sleep(grace_s)
        with contextlib.suppress(BlockingIOError):
            fcntl.flock(users, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return


def same_file(opened: int, path: str) -> bool:
    """Whether the data directory is still the one we watch; a new one has its own keeper."""
    try:
        return os.path.samestat(os.fstat(opened), os.stat(path))  # noqa: PTH116
    except OSError:
        return False


def stop(pgdata: str) -> None:
    """Ask the server to stop, more firmly each time."""
    for number, patience_s in WAYS_TO_STOP:
        pid = postmaster(pgdata)
        if pid is None:
            return
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, number)
        deadline = time.monotonic() + patience_s
        while postmaster(pgdata) == pid and time.monotonic() < deadline:
            time.sleep(POLL_S)


def stop_without_data(pgdata: str) -> None:
    """Stop a server whose data were deleted; by itself it would notice within a minute.

    Its pid file is gone with them, so it is known by where it works; elsewhere than on Linux it is not.
    """
    processes = os.listdir("/proc") if os.path.exists("/proc/self/cwd") else []  # noqa: PTH110, PTH208
    for pid in filter(str.isdecimal, processes):
        with contextlib.suppress(OSError):
            if os.readlink(f"/proc/{pid}/cwd") == f"{pgdata} (deleted)" and is_postgres(pid):  # noqa: PTH115
                os.kill(int(pid), signal.SIGQUIT)


def is_postgres(pid: str) -> bool:
    """Whether that is a process of a PostgreSQL server."""
    with open(f"/proc/{pid}/comm", encoding="utf-8") as name:  # noqa: PTH123
        return name.read() == "postgres\n"


def postmaster(pgdata: str) -> int | None:
    """The pid of the server that runs on this data directory; its pid file alone proves nothing."""
    try:
        with open(f"{pgdata}/postmaster.pid", encoding="ascii") as file:  # noqa: PTH123
            pid = int(file.readline())
    except (OSError, ValueError):
        return None
    return pid if pid > 1 and serves(pid, pgdata) else None


def serves(pid: int, pgdata: str) -> bool:
    """Whether that process is a server working in this data directory."""
    if os.path.exists("/proc/self/cwd"):  # noqa: PTH110
        try:
            return is_postgres(str(pid)) and os.path.samefile(f"/proc/{pid}/cwd", pgdata)  # noqa: PTH121
        except OSError:
            return False
    import subprocess  # costs memory that Linux need not spend

    command = ["/bin/ps", "-ww", "-o", "command=", "-p", str(pid)]
    shown = subprocess.run(command, stdout=subprocess.PIPE, check=False, text=True, timeout=10)
    return "postgres" in shown.stdout and pgdata in shown.stdout


def bound(log: str) -> None:
    """Empty the server's log when it has grown too long; the server appends to it."""
    with contextlib.suppress(OSError):
        if os.stat(log).st_size > LOG_LIMIT_BYTES:  # noqa: PTH116
            os.truncate(log, 0)


if __name__ == "__main__":
    main(sys.argv[1:])
