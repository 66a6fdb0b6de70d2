"""What the CloudFormation of LocalStack's core lacks: custom resources, which it takes without calling anybody, and
changes of rules of EventBridge, which it takes without making them.

The function of a custom resource is invoked and answers as
https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/crpg-ref.html documents.
"""
import dataclasses
import json
import os
import queue
import threading
import uuid
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from localstack.services.cloudformation.resource_provider import (
    OperationStatus,
    ProgressEvent,
    ResourceProvider,
    ResourceProviderExecutor,
)
from localstack.services.events.resource_providers.aws_events_rule import EventsRuleProvider

HOST = "127.0.0.1"
LONGEST_WAIT_SECONDS = 280
ID = "PhysicalResourceId"
# by the id of the request
answers = {}


class Responses(BaseHTTPRequestHandler):
    """Takes the answers, in place of a presigned URL of S3."""

    def do_PUT(self):
        answer = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        answers[answer["RequestId"]].put(answer)
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_):
        pass


class CustomResource(ResourceProvider):
    SCHEMA = {"primaryIdentifier": [f"/properties/{ID}"]}

    def create(self, request):
        return call(request, "Create", request.desired_state)

    def update(self, request):
        return call(request, "Update", request.desired_state, request.previous_state)

    def delete(self, request):
        return call(request, "Delete", request.previous_state, request.previous_state)


def call(request, kind, properties, previous=None):
    request_id = str(uuid.uuid4())
    event = {
        "RequestType": kind,
        "ResponseURL": f"https://{HOST}/{request_id}",
        "StackId": f"arn:aws:cloudformation:{request.region_name}:{request.account_id}:stack/{request.stack_name}/0",
        "RequestId": request_id,
        "LogicalResourceId": request.logical_resource_id,
        "ResourceType": request.resource_type,
        "ResourceProperties": without_id(properties),
    }
    if previous:
        event[ID] = previous[ID]
    if kind == "Update":
        event["OldResourceProperties"] = without_id(previous)
    answers[request_id] = queue.Queue()
    request.aws_client_factory.lambda_.invoke(
        FunctionName=properties["ServiceToken"], InvocationType="Event", Payload=json.dumps(event)
    )
    answer = answers[request_id].get(timeout=LONGEST_WAIT_SECONDS)
    if answer["Status"] != "SUCCESS":
        return ProgressEvent(OperationStatus.FAILED, resource_model={}, message=answer.get("Reason", ""))
    model = {**properties, **(answer.get("Data") or {}), ID: answer[ID]}
    return ProgressEvent(OperationStatus.SUCCESS, resource_model=model)


def without_id(properties):
    return {name: value for name, value in properties.items() if name != ID}


def update_rule(provider, request):
    """By the same name, with its targets."""
    provider.delete(dataclasses.replace(request, desired_state=request.previous_state))
    return provider.create(request)


def install():
    server = ThreadingHTTPServer((HOST, 0), Responses)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    os.environ["ENGINES_RESPONSE_PORT"] = str(server.server_port)
    load = ResourceProviderExecutor.try_load_resource_provider
    ResourceProviderExecutor.try_load_resource_provider = staticmethod(
        lambda kind: CustomResource() if kind.startswith("Custom::") else load(kind)
    )
    EventsRuleProvider.update = update_rule
