"""Starts a CGI script on descriptors that Node cannot make: launch.py MODE INPUT COMMAND [ARGUMENT ...]

The script's response goes to standard output, the script's log to standard error, its exit status is ours.
INPUT is a file with what the server sends. MODE is a function below.
"""
import fcntl, os, pty, signal, socket, struct, subprocess, sys, threading, time

mode, path, *command = sys.argv[1:]
data = open(path, 'rb').read()
out = sys.stdout.buffer


def finish(child, *descriptors):
    for descriptor in descriptors:
        os.close(descriptor)
    status = child.wait()
    out.flush()
    os._exit(status if status >= 0 else 128 - status)


def drain(read):
    while True:
        try:
            block = read(65536)
        except OSError:
            break
        if not block:
            break
        out.write(block)
        out.flush()


def connection():
    listener = socket.create_server(('127.0.0.1', 0))
    ours = socket.create_connection(listener.getsockname())
    return ours, listener.accept()[0]


def one_socket(pair=socket.socketpair, stderr=False):
    """Apache's mod_cgid, Python's http.server: one socket is descriptor 0 and 1. All of the body is sent before anything is read."""
    ours, theirs = pair()
    child = subprocess.Popen(command, stdin=theirs, stdout=theirs, stderr=theirs if stderr else None)
    theirs.close()
    ours.sendall(data)
    drain(ours.recv)
    finish(child)


def nonblocking_socket():
    """Apache's mod_cgid when a sibling has touched process.stdin: the socket has become non-blocking, and is read slowly."""
    ours, theirs = socket.socketpair()
    theirs.setblocking(False)
    child = subprocess.Popen(command, stdin=theirs, stdout=theirs)
    theirs.close()
    ours.sendall(data)

    def read_slowly(count):
        time.sleep(0.002)
        return ours.recv(count)

    drain(read_slowly)
    finish(child)


def reset():
    """A client that breaks its connection off in the middle of an upload, under Python's http.server."""
    ours, theirs = connection()
    child = subprocess.Popen(command, stdin=theirs, stdout=subprocess.PIPE)
    theirs.close()
    ours.sendall(data)
    time.sleep(0.2)
    ours.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack('ii', 1, 0))
    ours.close()
    drain(child.stdout.read1)
    finish(child)


def deserted_socket():
    """A client that leaves before the response comes."""
    ours, theirs = socket.socketpair()
    child = subprocess.Popen(command, stdin=theirs, stdout=theirs)
    theirs.close()
    ours.close()
    finish(child)


def foreign_pipes():
    """suexec: the pipes belong to the server's user, and the script is another's."""
    out_read, out_write = os.pipe()
    err_read, err_write = os.pipe()
    in_read, in_write = os.pipe()
    child = subprocess.Popen(command, stdin=in_read, stdout=out_write, stderr=err_write, user=65534)
    os.close(in_read)
    send = threading.Thread(target=lambda: (os.write(in_write, data), os.close(in_write)))
    send.start()
    os.close(out_write)
    os.close(err_write)
    drain(lambda count: os.read(out_read, count))
    drain(lambda count: os.read(err_read, count))
    finish(child)


def tcp_socket():
    one_socket(connection)


def three_sockets():
    """inetd: the connection is descriptor 0, 1 and 2."""
    one_socket(stderr=True)


def three_tcp_sockets():
    one_socket(connection, stderr=True)


def listening_socket():
    """A FastCGI process manager that was given a CGI script: descriptor 0 is a socket that listens."""
    listener = socket.create_server(('127.0.0.1', 0))
    child = subprocess.Popen(command, stdin=listener, stdout=subprocess.PIPE)
    drain(child.stdout.read1)
    finish(child)


def tcp_log():
    """busybox under inetd: descriptor 2 is the client's connection."""
    ours, theirs = connection()
    child = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=theirs)
    theirs.close()
    drain(child.stdout.read1)
    drain(ours.recv)
    finish(child)


def unix_log():
    """A service of systemd: descriptor 2 is a socket, and a log."""
    ours, theirs = socket.socketpair()
    child = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=theirs)
    theirs.close()
    drain(child.stdout.read1)
    drain(ours.recv)
    finish(child)


def fifo(name='fifo'):
    """A pipe that has a name."""
    name = f'{path}.{name}'
    os.mkfifo(name)
    read = os.open(name, os.O_RDONLY | os.O_NONBLOCK)
    write = os.open(name, os.O_WRONLY)
    os.set_blocking(read, True)
    return read, write


def pipes(stderr=None, writes_first=False, size=None, nonblocking=False, named=False):
    stdin = fifo('in') if named else os.pipe()
    stdout = fifo('out') if named else os.pipe()
    if size:
        for end in (stdin[1], stdout[1]):
            fcntl.fcntl(end, 1031, size)  # F_SETPIPE_SZ
    if nonblocking:
        for end in (stdin[0], stdout[1]):
            os.set_blocking(end, False)
    # The script may run, and ask for a signal, before Popen() returns here.
    early = []
    for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT):
        signal.signal(number, lambda number, frame: early.append(number))
    child = subprocess.Popen(command, stdin=stdin[0], stdout=stdout[1], stderr=stdout[1] if stderr == 'same' else stderr)
    os.close(stdin[0])
    os.close(stdout[1])
    for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT):
        signal.signal(number, lambda number, frame: child.send_signal(number))
    for number in early:
        child.send_signal(number)

    def send():
        try:
            for at in range(0, len(data), 4000 if nonblocking else 65536):
                if nonblocking:
                    time.sleep(0.03)
                os.write(stdin[1], data[at : at + (4000 if nonblocking else 65536)])
        except BrokenPipeError:
            pass
        os.close(stdin[1])

    if writes_first:
        send()
    else:
        threading.Thread(target=send).start()
    if nonblocking:
        time.sleep(0.3)
    drain(lambda count: os.read(stdout[0], count))
    finish(child)


def same_pipe():
    """mini_httpd, merecat: descriptor 2 is the response."""
    pipes(stderr='same')


def fifos():
    """What a shell, or a supervisor, makes by mkfifo."""
    pipes(named=True)


def same_fifo():
    """The same with the response for a log."""
    pipes(stderr='same', named=True)


def fifos_written_first():
    """The same when the whole body is handed over before anything is read."""
    pipes(writes_first=True, named=True)


def writes_first():
    """Apache's mod_cgi, fcgiwrap, uwsgi: the whole body is handed over before anything is read."""
    pipes(writes_first=True)


def small_pipes():
    """A user who has used up the pipe memory gets pipes of one page."""
    pipes(writes_first=True, size=4096)


def nonblocking():
    """A parent that shares its non-blocking pipes, and is slow at both ends."""
    pipes(nonblocking=True)


def undrained_fifo():
    """A log that has a name, and no reader who reads."""
    undrained_log(fifo)


def undrained_log(pipe=os.pipe):
    """civetweb: nobody ever reads descriptor 2."""
    log = pipe()
    child = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=log[1])
    drain(child.stdout.read1)
    finish(child)


def foreign_log():
    """A log whose other end is gone."""
    log = os.pipe()
    os.close(log[0])
    child = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=log[1])
    drain(child.stdout.read1)
    finish(child)


def no_reader(default=True):
    """A client that has left before the script begins."""
    stdout = os.pipe()
    os.close(stdout[0])
    finish(subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=stdout[1], restore_signals=default), stdout[1])


def no_reader_no_signal():
    """The same under a server that ignores SIGPIPE, as Python does, which the script inherits."""
    no_reader(default=False)


def early_leaver():
    """A client that leaves in the middle of the response."""
    child = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE)
    out.write(os.read(child.stdout.fileno(), 10))
    child.stdout.close()
    finish(child)


def closed():
    """inetd and cgi-fcgi: descriptors that are not there at all. The environment says which."""
    which = [int(number) for number in os.environ['CLOSED'].split()]
    child = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, preexec_fn=lambda: [os.close(number) for number in which])
    drain(child.stdout.read1)
    finish(child)


def terminal():
    """A person at a terminal."""
    master, slave = pty.openpty()
    child = subprocess.Popen(command, stdin=slave, stdout=slave, stderr=slave)
    os.close(slave)
    os.write(master, data)
    drain(lambda count: os.read(master, count))
    finish(child)


def deleted_file():
    """lighttpd: a body of more than 64 KiB is a deleted file, open for reading and writing."""
    body = os.open(path, os.O_RDWR)
    os.unlink(path)
    child = subprocess.Popen(command, stdin=body, stdout=subprocess.PIPE)
    drain(child.stdout.read1)
    finish(child)


def open_pipe():
    """uwsgi, python: what follows the body never comes, and the pipe stays open."""
    child = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    child.stdin.write(data)
    child.stdin.flush()
    drain(child.stdout.read1)
    finish(child)


def in_step():
    """A byte of the body is sent only when a block of the response has come: whoever holds one back stands still."""
    child = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    for byte in data:
        out.write(os.read(child.stdout.fileno(), 65536))
        os.write(child.stdin.fileno(), bytes([byte]))
    drain(child.stdout.read1)
    finish(child)


def body_after_log():
    """A body that comes when the script has logged something already."""
    child = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    sys.stderr.buffer.write(os.read(child.stderr.fileno(), 65536))
    sys.stderr.flush()
    child.stdin.write(data)
    child.stdin.flush()
    drain(child.stdout.read1)
    drain(lambda count: os.read(child.stderr.fileno(), count))
    finish(child)


def slow_upload():
    """A body in three parts, over a quarter of a second."""
    child = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    third = len(data) // 3
    for part in (data[:third], data[third : 2 * third], data[2 * third :]):
        time.sleep(0.08)
        try:
            child.stdin.write(part)
            child.stdin.flush()
        except BrokenPipeError:
            break  # it has answered, and waits for no more
    drain(child.stdout.read1)
    finish(child)


def one_write():
    """Each write of the script as a line of its own: what one read() of a server can see."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    child = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=theirs)
    theirs.close()
    while True:
        packet = ours.recv(1 << 20)
        if not packet:
            break
        out.write(repr(packet).encode() + b'\n')
    finish(child)


def file():
    """A shell that redirects response and log into one file."""
    with open(path + '.out', 'w+b') as log:
        child = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        child.wait()
        log.seek(0)
        out.write(log.read())
    finish(child)


def full_disk():
    """Standard output redirected to a disk that is full."""
    finish(subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=open('/dev/full', 'wb')))


def raw_environment():
    """Two variables of one name, and bytes that are not UTF-8; INPUT is the environment, NUL between the variables."""
    import ctypes

    entries = [entry for entry in data.split(b'\0') if entry] + [b'CASE=' + os.environb[b'CASE'], b'PATH=' + os.environb[b'PATH']]
    for name in (b'NODE_V8_COVERAGE', b'OPTIONS', b'BEFORE'):
        if name in os.environb:
            entries.append(name + b'=' + os.environb[name])
    argv = (ctypes.c_char_p * (len(command) + 1))(*[word.encode() for word in command], None)
    envp = (ctypes.c_char_p * (len(entries) + 1))(*entries, None)
    ctypes.CDLL(None).execve(command[0].encode(), argv, envp)


globals()[mode]()
