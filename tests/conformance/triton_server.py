"""tritonserver out of the wheel nvidia-pytriton, on 127.0.0.1, and model repositories for it."""
import os
import shutil
import socket
import subprocess
import time

import tritonclient.grpc
import tritonclient.http


def put(repository, name, source, config="", version=1):
    """Adds a SavedModel as a version of a model; config goes behind `backend: "tftrt"`."""
    at = os.path.join(repository, name)
    os.makedirs(os.path.join(at, str(version)), exist_ok=True)
    shutil.copytree(source, os.path.join(at, str(version), "model.savedmodel"))
    with open(os.path.join(at, "config.pbtxt"), "w") as f:
        f.write('backend: "tftrt"\n' + config)


def parameter(key, value):
    return f'parameters {{ key: "{key}" value {{ string_value: "{value}" }} }}\n'


def free_ports(n):
    sockets = [socket.socket() for _ in range(n)]
    for s in sockets:
        s.bind(("127.0.0.1", 0))
    ports = [s.getsockname()[1] for s in sockets]
    for s in sockets:
        s.close()
    return ports


class Server:
    """with Server(build, repository, log, arguments...) as server: its clients are server.client("http" or "grpc")."""

    def __init__(self, build, repository, log, *arguments, tmp=None):
        binary = os.path.join(build, "wheels/nvidia-pytriton/pytriton/tritonserver/bin/tritonserver")
        os.chmod(binary, 0o755)  # unpacked by Python's zipfile, it is no program yet
        http, grpc = free_ports(2)
        self.http, self.grpc, self.log = f"127.0.0.1:{http}", f"127.0.0.1:{grpc}", log
        self.clients = []
        self.environment = dict(os.environ, TFTRT_CACHE="off", **({"TMPDIR": tmp} if tmp else {}))
        self.command = [binary, "--model-repository", repository, "--backend-directory", os.path.join(build, "triton"),
                        "--http-address", "127.0.0.1", "--http-port", str(http), "--grpc-address", "127.0.0.1", "--grpc-port", str(grpc),
                        "--allow-metrics", "false", "--exit-on-error", "false", "--strict-readiness", "false", *arguments]

    def __enter__(self):
        self.process = subprocess.Popen(self.command, stdout=open(self.log, "w"), stderr=subprocess.STDOUT,
                                        env=self.environment)
        client = self.client("http")
        for _ in range(1200):
            if self.process.poll() is not None:
                break
            try:
                if client.is_server_ready():
                    return self
            except OSError:  # nobody listens yet
                pass
            time.sleep(0.1)
        self.__exit__()
        raise RuntimeError("tritonserver did not start: " + self.said()[-600:])

    def __exit__(self, *_):
        for client in self.clients:  # for which the server would wait
            client.close()
        if self.process.poll() is None:
            self.process.terminate()
        try:
            self.process.wait(60)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()

    def client(self, protocol):
        """A client of its own for each thread: those of HTTP belong to one."""
        made = (tritonclient.grpc.InferenceServerClient(self.grpc) if protocol == "grpc" else
                tritonclient.http.InferenceServerClient(self.http, network_timeout=600))
        self.clients.append(made)
        return made

    def said(self):
        with open(self.log) as f:
            return f.read()
