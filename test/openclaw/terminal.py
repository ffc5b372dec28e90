"""Runs a program in a pseudo-terminal and answers its questions.

usage: terminal.py '[["part of the question", "keys"], ...]' program [argument ...]
Prints what the program showed, without its escape sequences, and ends with its exit code; 124 when a question
does not come.
"""
import fcntl, json, os, pty, re, select, struct, sys, termios, time

PATIENCE_S = 120
QUIET_S = 0.8  # a prompt is complete when nothing more is drawn for so long

dialogue, command = json.loads(sys.argv[1]), sys.argv[2:]
pid, terminal = pty.fork()
if pid == 0:
    os.environ["TERM"] = "xterm"
    os.execvp(command[0], command)
# A new terminal has no size, and programs then break their lines after every letter.
fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 50, 200, 0, 0))


def plain(raw):
    text = re.sub(r"\x1b\[[0-9;?]*[ -/]*[@-~]|\x1b[=>()][0-9A-B]?", "", raw.decode("utf8", "replace"))
    return re.sub(r"\s+", " ", text)


shown, unanswered, deadline, ended = b"", b"", time.time() + PATIENCE_S, False
while not ended:
    readable, _, _ = select.select([terminal], [], [], QUIET_S)
    if readable:
        try:
            piece = os.read(terminal, 65536)
        except OSError:
            piece = b""
        ended = piece == b""
        shown += piece
        unanswered += piece
    elif dialogue and dialogue[0][0] in plain(unanswered):
        os.write(terminal, dialogue.pop(0)[1].encode())
        unanswered, deadline = b"", time.time() + PATIENCE_S
    if time.time() > deadline:
        os.kill(pid, 9)
        break
_, status = os.waitpid(pid, 0)
print(plain(shown))
if dialogue:
    print("not asked: " + dialogue[0][0], file=sys.stderr)
    sys.exit(124)
sys.exit(os.waitstatus_to_exitcode(status))
