"""Applies the manifest of a custom resource in an EKS cluster with kubectl, and deletes what it has applied.

CDK's own handler retries time-outs alone, so that an access entry that is not effective yet rolls the stack back;
it leaves cluster-wide objects behind that leave the manifest; and it deletes by name, also what a person has applied
since. Here an object is deleted only while it carries the label that CDK adds to what it applies.
"""
import json
import os
import subprocess
import time

os.environ["PATH"] = "/opt/kubectl:/opt/awscli:" + os.environ["PATH"]
FOLDER = os.environ.get("TEST_OUTDIR", "/tmp")
KUBECONFIG = os.path.join(FOLDER, "kubeconfig")
MANIFEST = os.path.join(FOLDER, "manifest.json")

# kubectl says so of a 401 and of a 403 for want of a permission; that of an admission webhook names no user
NOT_EFFECTIVE_YET = ("Unauthorized", "must be logged in", "provide credentials", "forbidden: User")
TIMED_OUT = "i/o timeout"
UNKNOWN_KIND = "the server doesn't have a resource type"
PAUSE_SECONDS = 10
LONGEST_WAIT_SECONDS = 300


def handler(event, context):
    """Takes an event of CDK's provider framework; raises an error with what kubectl printed."""
    request, properties = event["RequestType"], event["ResourceProperties"]
    wanted = json.loads(properties["Manifest"])
    try:
        run("aws", "eks", "update-kubeconfig", "--name", properties["ClusterName"], "--kubeconfig", KUBECONFIG)
    except RuntimeError as error:
        # nothing is left to delete in a cluster that is gone
        if request == "Delete" and "ResourceNotFoundException" in str(error):
            return
        raise
    os.chmod(KUBECONFIG, 0o600)
    # a resource of before this code has no label, and its objects are deleted by name alone
    label = properties.get("PruneLabel", "")
    if request == "Delete":
        delete(wanted, label)
        return
    with open(MANIFEST, "w") as file:
        json.dump({"apiVersion": "v1", "kind": "List", "items": wanted}, file)
    kubectl("apply", "-f", MANIFEST)
    before = json.loads(event.get("OldResourceProperties", properties)["Manifest"])
    kept = [identity(item) for item in wanted]
    delete([item for item in before if identity(item) not in kept], label)


def delete(items, label):
    # the last first: permissions go before the policies that bound them
    for item in reversed(items):
        kind, name, namespace = identity(item)
        where = ("--namespace", namespace) if namespace else ()
        try:
            kubectl("delete", kind, *where, "--selector", label, "--field-selector", f"metadata.name={name}")
        except RuntimeError as error:
            # an older server, which has none: its rollback must not fail
            if UNKNOWN_KIND not in str(error):
                raise


def identity(item):
    group, _, version = item["apiVersion"].rpartition("/")
    metadata = item["metadata"]
    return f"{item['kind']}.{version}.{group}", metadata["name"], metadata.get("namespace")


def kubectl(*arguments):
    last = time.monotonic() + LONGEST_WAIT_SECONDS
    while True:
        try:
            return run("kubectl", "--kubeconfig", KUBECONFIG, *arguments)
        except RuntimeError as error:
            retried = any(text in str(error) for text in (*NOT_EFFECTIVE_YET, TIMED_OUT))
            if not retried or time.monotonic() > last:
                raise
            time.sleep(PAUSE_SECONDS)


def run(*command):
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    print(*command[:3], done.stdout)
    if done.returncode != 0:
        raise RuntimeError(f"{' '.join(command[:3])}: {done.stdout}")
