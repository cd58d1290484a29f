"""Runs a command with a PostgreSQL of its own: `postgres.py -- COMMAND…`, which finds it in HEADGATE_TEST_POSTGRES.

The server commits to disk as one in service does (fsync is on), listens on a free port of the loopback alone, and ends with
the command. It refuses to run as root, so root hands it to the user `postgres`.
"""

import glob
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time

PATIENCE_S = 60


def program(name):
    found = sorted(glob.glob(f"/usr/lib/postgresql/*/bin/{name}"))
    if not found:
        sys.exit("headgate: PostgreSQL is missing: apt-get install postgresql")
    return found[-1]


def as_its_user(command):
    if os.getuid() != 0:
        return command
    return ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups", *command]


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def make(folder):
    if os.getuid() == 0:
        shutil.chown(folder, "postgres")
    data = os.path.join(folder, "data")
    made = [program("initdb"), "--no-sync", "--auth=trust", "--username=headgate", "--pgdata", data]
    subprocess.run(as_its_user(made), cwd=folder, check=True, stdout=subprocess.DEVNULL)
    return data


def start(data, folder, port):
    settings = {"listen_addresses": "127.0.0.1", "port": port, "unix_socket_directories": "", "max_connections": 300}
    # Each test has its own database, so a checkpoint writes out some ten thousand files. Commits wait for the log alone.
    settings |= {"checkpoint_timeout": "1h", "max_wal_size": "4GB"}
    flags = [flag for name, value in settings.items() for flag in ("-c", f"{name}={value}")]
    log = open(os.path.join(folder, "log"), "wb")
    server = subprocess.Popen(
        as_its_user([program("postgres"), "-D", data, *flags]), cwd=folder, stdout=log, stderr=log, start_new_session=True
    )
    for _ in range(PATIENCE_S * 20):
        ready = subprocess.run([program("pg_isready"), "-q", "-h", "127.0.0.1", "-p", str(port)], check=False)
        if ready.returncode == 0:
            return server
        time.sleep(0.05)
    server.kill()
    sys.exit("headgate: PostgreSQL did not start")


def main():
    command = sys.argv[2:] if sys.argv[1:2] == ["--"] else sys.argv[1:]
    folder = tempfile.mkdtemp(prefix="headgate-postgres-")
    port = free_port()
    server = start(make(folder), folder, port)
    try:
        url = f"postgres://headgate@127.0.0.1:{port}"
        environment = {**os.environ, "HEADGATE_TEST_POSTGRES": url}
        return subprocess.run(command, env=environment, check=False).returncode
    finally:
        # At once: writing everything out first would take a busy disk minutes, and the folder goes anyway.
        server.send_signal(signal.SIGQUIT)
        server.wait(PATIENCE_S)
        shutil.rmtree(folder, ignore_errors=True)


sys.exit(main())
