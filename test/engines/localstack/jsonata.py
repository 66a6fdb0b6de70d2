"""Makes LocalStack's JSONata run from given jars, and strings in variables whatever characters they have."""
import os

import jpype
from localstack.services.stepfunctions.asl.jsonata import jsonata
from localstack.services.stepfunctions.asl.utils.encoding import to_json_str


def start_java(bridge):
    jpype.startJVM(classpath=[os.path.join(os.environ["ENGINES_JARS"], "*")], interrupt=False)
    bridge._java_OBJECT_MAPPER = jpype.JClass("com.fasterxml.jackson.databind.ObjectMapper")()
    bridge._java_JSONATA = jpype.JClass("com.dashjoin.jsonata.Jsonata").jsonata


def declare_variables(bindings):
    return "".join(f"{name}:={to_json_str(value)};" for name, value in bindings.items())


def install():
    jsonata._JSONataJVMBridge.__init__ = start_java
    jsonata.encode_jsonata_variable_declarations = declare_variables
