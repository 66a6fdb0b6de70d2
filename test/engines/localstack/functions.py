"""Runs Lambda functions as processes of aws-lambda-ric, AWS's own client of the runtime API, instead of in containers.

A process gets its events from a runtime API of its own, as in Lambda. Python functions (CDK's kubectl function) are not
run: their event goes to the address in ENGINES_KUBECTL.
"""
import json
import os
import queue
import subprocess
import threading
import time
import urllib.error
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from localstack.services.lambda_.invocation import execution_environment, version_manager
from localstack.services.lambda_.invocation.lambda_models import InvocationResult
from localstack.services.lambda_.invocation.runtime_executor import RuntimeExecutor

HOST = "127.0.0.1"
API = "/2018-06-01/runtime/"
# the function ignores endpoints of its environment, and these are the emulators
IGNORES_ENDPOINTS = "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS"
LOG_PAUSE_SECONDS = 0.1


class RuntimeApi(BaseHTTPRequestHandler):
    """One execution environment's runtime API: https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html"""

    protocol_version = "HTTP/1.1"

    def do_GET(self):
        event = self.server.events.get()
        if event is None:
            self.close_connection = True
            return
        body = event["payload"].encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Lambda-Runtime-Aws-Request-Id", event["invoke-id"])
        self.send_header("Lambda-Runtime-Deadline-Ms", str(int(time.time() * 1000) + self.server.timeout_seconds * 1000))
        self.send_header("Lambda-Runtime-Invoked-Function-Arn", event["invoked-function-arn"])
        self.send_header("Lambda-Runtime-Trace-Id", event["trace-id"])
        self.end_headers()
        self.wfile.write(body)

    def do_POST(self):
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        if self.headers.get("Transfer-Encoding", "").lower() == "chunked":
            body = self.read_chunks()
        self.send_response(202)
        self.send_header("Content-Length", "0")
        self.end_headers()
        self.server.results.put((self.path.endswith("/error"), body))

    def read_chunks(self):
        body = b""
        while size := int(self.rfile.readline().split(b";")[0], 16):
            body += self.rfile.read(size)
            self.rfile.readline()
        self.rfile.readline()
        return body

    def log_message(self, *_):
        pass


class ProcessExecutor(RuntimeExecutor):
    """An execution environment of a Node.js function."""

    def start(self, env_vars):
        config = self.function_version.config
        self.lines = []
        self.process = None
        if config.runtime.startswith("python"):
            return
        self.api = ThreadingHTTPServer((HOST, 0), RuntimeApi)
        self.api.daemon_threads = True
        self.api.events, self.api.results = queue.Queue(), queue.Queue()
        self.api.timeout_seconds = config.timeout
        threading.Thread(target=self.api.serve_forever, daemon=True).start()
        code = str(config.code.get_unzipped_code_location())
        env = {key: str(value) for key, value in env_vars.items()}
        env.pop(IGNORES_ENDPOINTS, None)
        # the modules that Lambda's runtime brings are this project's
        env |= {
            "PATH": os.environ["PATH"],
            "NODE_PATH": os.environ["ENGINES_MODULES"],
            "LAMBDA_TASK_ROOT": code,
            "AWS_LAMBDA_RUNTIME_API": f"{HOST}:{self.api.server_port}",
            "AWS_LAMBDA_LOG_FORMAT": "JSON",
        }
        if "SETTINGS" in env:
            env |= json.loads(os.environ["ENGINES_FUNCTION_ENV"])
        else:
            env |= {
                "NODE_OPTIONS": "--require=" + os.path.join(os.path.dirname(__file__), "responses.cjs"),
                "ENGINES_RESPONSE_PORT": os.environ["ENGINES_RESPONSE_PORT"],
            }
        self.process = subprocess.Popen(
            [os.environ["ENGINES_NODE"], os.environ["ENGINES_RIC"], config.handler],
            cwd=code,
            env=env,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        threading.Thread(target=self.collect, args=(self.process,), daemon=True).start()

    def collect(self, process):
        for line in process.stdout:
            # CloudWatch Logs takes no empty event
            if line.strip():
                self.lines.append(line)
        # ends an invocation that waits for the process
        self.api.results.put((True, error_body("Runtime.ExitError", f"exit code {process.wait()}")))

    def stop(self):
        if self.process:
            self.process.kill()
            self.api.events.put(None)
            self.api.shutdown()
            self.api.server_close()

    def invoke(self, payload):
        if not self.process:
            is_error, body = call_kubectl(payload["payload"])
            return self.result(payload, is_error, body, "START\nthe event went to the cluster's stand-in\nEND\n")
        before = len(self.lines)
        self.api.events.put(payload)
        seconds = self.function_version.config.timeout
        try:
            is_error, body = self.api.results.get(timeout=seconds)
        except queue.Empty:
            self.process.kill()
            is_error, body = True, error_body("Sandbox.Timedout", f"Task timed out after {seconds:.2f} seconds")
        # the process has written its lines before its answer; the thread that reads them may be later
        count = -1
        while count != len(self.lines):
            count = len(self.lines)
            time.sleep(LOG_PAUSE_SECONDS)
        return self.result(payload, is_error, body, "".join(self.lines[before:]))

    def result(self, payload, is_error, body, logs):
        version = self.function_version.id.qualifier
        return InvocationResult(payload["invoke-id"], body, is_error, logs, version)

    def get_address(self):
        return HOST

    def get_endpoint_from_executor(self):
        return HOST

    def get_runtime_endpoint(self):
        return HOST

    def get_logs(self):
        return "".join(self.lines)

    @classmethod
    def prepare_version(cls, function_version):
        function_version.config.code.prepare_for_execution()

    @classmethod
    def cleanup_version(cls, function_version):
        # a later version may share the code, which LocalStack deletes when none does
        pass


def error_body(kind, message):
    return json.dumps({"errorType": kind, "errorMessage": message}).encode()


def call_kubectl(event):
    try:
        with urllib.request.urlopen(urllib.request.Request(os.environ["ENGINES_KUBECTL"], event.encode())) as answer:
            return False, answer.read()
    except urllib.error.HTTPError as error:
        return True, error_body("RuntimeError", error.read().decode())


def log_group_name(environment):
    """That of the function's settings, which LocalStack keeps and does not use."""
    function_version = environment.function_version
    default = f"/aws/lambda/{function_version.id.function_name}"
    return (function_version.config.logging_config or {}).get("LogGroup") or default


def install():
    """Replaces the executor of containers, which modules have imported by name."""
    execution_environment.ExecutionEnvironment.get_log_group_name = log_group_name
    for module in (execution_environment, version_manager):
        module.get_runtime_executor = lambda: ProcessExecutor
