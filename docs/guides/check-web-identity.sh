#!/usr/bin/env bash
# Checks in a real AWS account what docs/guides/web-identity.md assumes: requests a web identity token with the
# credentials of the environment, and compares its claims with those that an API server is told to expect.
# Needs: aws (v2), python3; sts:GetWebIdentityToken, iam:GetOutboundWebIdentityFederationInfo. Changes nothing, costs nothing.
#   AWS_REGION=eu-west-1 ./check-web-identity.sh [AUDIENCE]
set -euo pipefail

region=${AWS_REGION:?set AWS_REGION}
audience=${1:-ecr-registry-helper/check}
account=$(aws sts get-caller-identity --query Account --output text)
caller=$(aws sts get-caller-identity --query Arn --output text)
issuer=$(aws iam get-outbound-web-identity-federation-info --query IssuerIdentifier --output text)

# the token goes from one process to the other, and nowhere else
aws sts get-web-identity-token --region "$region" --audience "$audience" --duration-seconds 900 --signing-algorithm ES384 --output json |
  ACCOUNT=$account CALLER=$caller ISSUER=$issuer AUDIENCE=$audience python3 -c '
import base64, json, os, re, sys

def part(text):
    return json.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))

header, claims = [part(one) for one in json.load(sys.stdin)["WebIdentityToken"].split(".")[:2]]
role = re.sub(r"^(arn:[\w-]+):sts:(:\d+):assumed-role/([^/]+)/.*$", r"\1:iam:\2:role/\3", os.environ["CALLER"])
audiences = claims.get("aud")
checks = {
    "alg": (header.get("alg"), "ES384"),
    "iss": (claims.get("iss"), os.environ["ISSUER"]),
    "aud": (audiences[0] if isinstance(audiences, list) else audiences, os.environ["AUDIENCE"]),
    "sub (a role with a path has it here too)": (claims.get("sub"), role),
    "aws_account": (claims.get("https://sts.amazonaws.com/", {}).get("aws_account"), os.environ["ACCOUNT"]),
    "lifetime": (claims["exp"] - claims["iat"], 900),
}
for name, (found, expected) in checks.items():
    print(f"{'"'"'ok    '"'"' if found == expected else '"'"'NOT OK'"'"'} {name}: {found}" + ("" if found == expected else f", expected {expected}"))
sys.exit(any(found != expected for found, expected in checks.values()))
'
