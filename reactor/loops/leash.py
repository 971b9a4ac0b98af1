"""Holds one process on a leash, so that nothing is left behind however its owner ends.

Run by path: `python -I leash.py [--grace SECONDS] -- command …`, with a pipe as standard input that
the owner keeps open. End of input, or another parent, means that the owner is gone: everything below
is killed at once. SIGTERM means a graceful stop. The command's pid is the one line on standard output;
the command itself writes to standard error. The exit code is the command's.
"""

from __future__ import annotations

import contextlib
import os
import select
import signal
import sys
import time

GRACE_S = 5.0
KILL_S = 5.0
"""How long killed processes may take to disappear; only a broken kernel needs longer."""
CHECK_PARENT_S = 5.0 if sys.platform == "linux" else 1.0
USAGE = 2
NOT_FOUND = 127
OWNER_DIED = signal.SIGUSR1
STOP = frozenset({signal.SIGTERM, signal.SIGINT, signal.SIGHUP})
PR_SET_PDEATHSIG = 1
PR_SET_CHILD_SUBREAPER = 36


def main(argv: list[str]) -> int:
    """Start the command and hold it until it ends or must end."""
    grace_s = GRACE_S
    if argv[:1] == ["--grace"]:
        grace_s, argv = float(argv[1]), argv[2:]
    if argv[:1] != ["--"] or len(argv) < 2:
        sys.stderr.write("usage: leash.py [--grace SECONDS] -- command …\n")
        return USAGE
    return Leash(argv[1:], grace_s).hold()


class Leash:
    """One command and everything that descends from it."""

    def __init__(self, command: list[str], grace_s: float) -> None:
        self.command = command
        self.grace_s = grace_s
        self.owner = os.getppid()
        self.child = 0
        self.exit_code: int | None = None
        self.kill_at: float | None = None

    def hold(self) -> int:
        """Wait for the command's end, or for a reason to bring it about; nothing survives."""
        signals = open_signals()
        prctl(PR_SET_CHILD_SUBREAPER, 1)
        # A catchable signal: it must leave time to kill what is below.
        prctl(PR_SET_PDEATHSIG, OWNER_DIED)
        self.child = start(self.command)
        with contextlib.suppress(BrokenPipeError):
            os.write(1, b"%d\n" % self.child)
        while self.exit_code is None and not self.must_kill(signals):
            self.reap()
        self.kill_everything()
        return NOT_FOUND if self.exit_code is None else self.exit_code

    def must_kill(self, signals: int) -> bool:
        """Sleep until something happens; whether it means the end at once."""
        patience = CHECK_PARENT_S
        if self.kill_at is not None:
            patience = min(patience, max(0.0, self.kill_at - time.monotonic()))
        ready, _, _ = select.select([0, signals], [], [], patience)
        if signals in ready and STOP & set(os.read(signals, 512)):
            self.stop()
        if 0 in ready and not os.read(0, 512):
            return True
        overdue = self.kill_at is not None and time.monotonic() >= self.kill_at
        return overdue or os.getppid() != self.owner

    def stop(self) -> None:
        """Ask the command to end; the clock starts with the first time."""
        if self.kill_at is None:
            self.kill_at = time.monotonic() + self.grace_s
        with contextlib.suppress(ProcessLookupError, PermissionError):
            try:
                os.killpg(self.child, signal.SIGTERM)
            except ProcessLookupError:  # not yet the leader of a group
                os.kill(self.child, signal.SIGTERM)

    def reap(self) -> bool:
        """Collect whoever has ended; False when there is nobody left at all."""
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return False
            if pid == 0:
                return True
            if pid == self.child:
                code = os.waitstatus_to_exitcode(status)
                self.exit_code = code if code >= 0 else 128 - code

    def kill_everything(self) -> None:
        """Kill all descendants, also those that left the group or were orphaned."""
        import psutil  # only now: the long wait before needs no memory for it

        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.child, signal.SIGKILL)
        deadline = time.monotonic() + KILL_S
        while self.reap():
            for process in psutil.Process().children(recursive=True):
                with contextlib.suppress(psutil.Error):
                    process.kill()
            # Asked last: whoever was held up for so long has killed at least once.
            if time.monotonic() >= deadline:
                return
            time.sleep(0.005)


def open_signals() -> int:
    """A descriptor that signals are readable from, as bytes."""
    receive, send = os.pipe()
    os.set_blocking(send, False)
    signal.set_wakeup_fd(send, warn_on_full_buffer=False)
    for number in (*STOP, OWNER_DIED, signal.SIGCHLD):
        signal.signal(number, lambda *_: None)
    return receive


def start(command: list[str]) -> int:
    """Start the command in a session of its own; its pid."""
    leash = os.getpid()
    # Until the child has its own session and no handlers of ours, a request to stop has to wait,
    # or it would be lost.
    signal.pthread_sigmask(signal.SIG_BLOCK, STOP)
    child = os.fork()
    if child:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, STOP)
        return child
    try:
        for number in STOP:
            signal.signal(number, signal.SIG_DFL)
        os.setsid()
        prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != leash:
            os._exit(NOT_FOUND)  # the leash died before the kernel knew
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        os.dup2(2, 1)
        # Python ignores these two, and ignoring is inherited.
        signal.signal(signal.SIGPIPE, signal.SIG_DFL)
        signal.signal(signal.SIGXFSZ, signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, STOP)
        os.execvp(command[0], command)  # noqa: S606 - the command is the owner's, and no shell is meant
    except OSError as wrong:
        os.write(2, f"cannot start {command[0]}: {wrong.strerror}\n".encode())
    finally:
        os._exit(NOT_FOUND)


def prctl(option: int, value: int) -> None:
    """Tell Linux how processes end; elsewhere the pipe and the group must do."""
    if sys.platform == "linux":
        import ctypes

        ctypes.CDLL(None).prctl(option, value, 0, 0, 0)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
