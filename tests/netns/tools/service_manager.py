#!/usr/bin/env python3
"""A stand-in for the service manager, as far as scenarios need one.

    service_manager.py listen SOCKET            the datagrams of sd_notify, a line each, until it
                                                is ended
    service_manager.py listen SOCKET STORE      the same, with a store of file descriptors behind
                                                the socket STORE
    service_manager.py exec STORE COMMAND...    a command that gets those stored, as systemd
                                                passes them (sd_listen_fds)
    service_manager.py count STORE              how many are stored
    service_manager.py drop STORE               closes them, as systemd does with a stopped service's
"""

import argparse
import os
import select
import socket

MOST_FDS = 64  # at once; SCM_RIGHTS allows 253
FIRST_FD = 3   # SD_LISTEN_FDS_START


class Store:
    """The stored file descriptors, by name."""

    def __init__(self):
        self.fds = []

    def notified(self, text, fds):
        settings = dict(line.split("=", 1) for line in text.splitlines() if "=" in line)
        name = settings.get("FDNAME")
        if settings.get("FDSTORE") == "1":
            self.fds += [(name, fd) for fd in fds]
            return
        for fd in fds:
            os.close(fd)
        if settings.get("FDSTOREREMOVE") == "1":
            self.close(lambda stored: stored == name)

    def close(self, chosen):
        for name, fd in self.fds:
            if chosen(name):
                os.close(fd)
        self.fds = [(name, fd) for name, fd in self.fds if not chosen(name)]

    def serve(self, client):
        request = client.recv(64)
        if request == b"drop":
            self.close(lambda name: True)
            client.send(b"done")
        elif request == b"count":
            client.send(str(len(self.fds)).encode())
        elif request == b"take":
            names = ":".join(name for name, _ in self.fds)
            socket.send_fds(client, [b"names " + names.encode()], [fd for _, fd in self.fds])
        client.close()


def receive(source):
    """The data, and the file descriptors that came with them: ours, and no child's."""
    data, fds, _, _ = socket.recv_fds(source, 65536, MOST_FDS)
    for fd in fds:
        os.set_inheritable(fd, False)  # Python 3.11 ignores MSG_CMSG_CLOEXEC there
    return data, fds


def listen(arguments):
    notify = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    notify.bind(arguments.socket)
    waiting = [notify]
    store = Store()
    if arguments.store:
        requests = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        requests.bind(arguments.store)
        requests.listen()
        waiting.append(requests)
    print("listening", flush=True)
    while True:
        # In this order: what was told before the request counts for it.
        ready, _, _ = select.select(waiting, [], [])
        while select.select([notify], [], [], 0)[0]:
            data, fds = receive(notify)
            text = data.decode()
            for line in text.splitlines():
                print(line, flush=True)
            if arguments.store:
                store.notified(text, fds)
            else:
                for fd in fds:
                    os.close(fd)
        if arguments.store and requests in ready:
            store.serve(requests.accept()[0])


def ask(store, request):
    client = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    client.connect(store)
    client.send(request)
    return receive(client)


def execute(arguments):
    names, fds = ask(arguments.store, b"take")
    # Out of the way first: one of them may have the number that another is to get.
    high = [os.dup(fd) for fd in fds]
    while any(fd < FIRST_FD + len(fds) for fd in high):
        high = [os.dup(fd) for fd in high]
    for number, fd in enumerate(high, FIRST_FD):
        os.dup2(fd, number)  # inheritable
    # Nothing else: the test's own files would come and go under the daemon's.
    os.closerange(FIRST_FD + len(fds), os.sysconf("SC_OPEN_MAX"))
    if fds:
        os.environ["LISTEN_PID"] = str(os.getpid())
        os.environ["LISTEN_FDS"] = str(len(fds))
        os.environ["LISTEN_FDNAMES"] = names.decode().removeprefix("names ")
    os.execvp(arguments.command[0], arguments.command)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    commands = parser.add_subparsers(required=True)
    command = commands.add_parser("listen")
    command.add_argument("socket")
    command.add_argument("store", nargs="?")
    command.set_defaults(run=listen)
    command = commands.add_parser("exec")
    command.add_argument("store")
    command.add_argument("command", nargs=argparse.REMAINDER)
    command.set_defaults(run=execute)
    for request in "count", "drop":
        command = commands.add_parser(request)
        command.add_argument("store")
        command.set_defaults(run=lambda arguments, request=request: print(
            ask(arguments.store, request.encode())[0].decode()))
    arguments = parser.parse_args()
    try:
        arguments.run(arguments)
    except KeyboardInterrupt:
        pass


if __name__ == "__main__":
    main()
