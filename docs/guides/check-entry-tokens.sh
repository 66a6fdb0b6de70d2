#!/usr/bin/env bash
# Checks in a real AWS account what docs/guides/tokens-per-team.md assumes: makes two empty repositories, a role that
# stands for the function's and two pull roles, asks ECR with their tokens, and removes all of it again.
# Needs: aws (v2), curl; rights to make repositories and roles and to assume them. Costs nothing.
#   AWS_REGION=eu-west-1 ./check-entry-tokens.sh [--wait]
# --wait asks once more after 65 minutes, when the role session that fetched the token has ended.
set -euo pipefail

region=${AWS_REGION:?set AWS_REGION}
account=$(aws sts get-caller-identity --query Account --output text)
partition=$(aws sts get-caller-identity --query Arn --output text | cut -d: -f2)
name="check-entry-tokens-$$"
host="$account.dkr.ecr.$region.amazonaws.com"
[ "$partition" = aws-cn ] && host="$host.cn"
bad=0

cleanup() {
  for team in a b; do
    aws ecr delete-repository --region "$region" --repository-name "$name/$team" --force >/dev/null || true
    aws iam delete-role-policy --role-name "$name-$team" --policy-name pull || true
    aws iam delete-role --role-name "$name-$team" 2>/dev/null || true
  done
  aws iam delete-role-policy --role-name "$name-function" --policy-name assume || true
  aws iam delete-role --role-name "$name-function" || true
}
trap cleanup EXIT

arn() { echo "arn:$partition:ecr:$region:$account:repository/$1"; }
role() { echo "arn:$partition:iam::$account:role/$name-$1"; }

# trusts the account, and of it only who the condition names
trust() {
  echo '{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"sts:AssumeRole",' \
    "\"Principal\":{\"AWS\":\"arn:$partition:iam::$account:root\"}${1:-}}]}"
}

# the policy of a pull role, as the stack writes it
policy() {
  local pull='"ecr:BatchGetImage","ecr:GetDownloadUrlForLayer","ecr:BatchCheckLayerAvailability","ecr:ListImages"'
  local token='"ecr:GetAuthorizationToken"'
  echo '{"Version":"2012-10-17","Statement":[' \
    "{\"Effect\":\"Allow\",\"Action\":[$token],\"Resource\":\"*\"}," \
    "{\"Effect\":\"Allow\",\"Action\":[$pull],\"Resource\":\"$1\"}," \
    "{\"Effect\":\"Deny\",\"Action\":[$pull],\"NotResource\":\"$1\"}," \
    "{\"Effect\":\"Deny\",\"NotAction\":[$token,$pull],\"Resource\":\"*\"}]}"
}

# as ROLE COMMAND…: runs it in a session of the role, which is assumed by whoever runs this; new roles need a while
as() {
  local arn=$1 keys=''
  shift
  for _ in 1 2 3 4 5 6 7 8; do
    if keys=$(aws sts assume-role --role-arn "$arn" --role-session-name check --output text \
      --query 'Credentials.[AccessKeyId,SecretAccessKey,SessionToken]' 2>/dev/null); then break; fi
    sleep 5
  done
  [ -n "$keys" ] || { echo "could not assume $arn" >&2; return 1; }
  local id secret session
  IFS=$'\t' read -r id secret session <<<"$keys"
  AWS_ACCESS_KEY_ID=$id AWS_SECRET_ACCESS_KEY=$secret AWS_SESSION_TOKEN=$session "$@"
}

# the token of a pull role, assumed by the function's role as the function does it, and when it ends
token() {
  as "$(role function)" as "$(role "$1")" aws ecr get-authorization-token --region "$region" --output text \
    --query 'authorizationData[0].[authorizationToken,expiresAt]'
}

# what ECR says of a tag that nobody has: 404 is "may pull, there is no such tag", 403 is "may not"; or of PATH
request() {
  printf 'header = "Authorization: Basic %s"\n' "$1" |
    curl -sS -K - -o /dev/null -w '%{http_code}' "https://$host/v2/$name/$2/${3:-manifests/none}"
}

# WHAT TOKEN TEAM WANTED [PATH]: requests it a few times, as IAM takes a while to know what was changed
check() {
  local code=''
  for _ in 1 2 3 4 5 6; do
    code=$(request "$2" "$3" "${5:-}")
    [ "$code" = "$4" ] && break
    sleep 10
  done
  if [ "$code" = "$4" ]; then echo "ok     $1 ($code)"; else
    echo "WRONG  $1: $code instead of $4"
    bad=1
  fi
}

for team in a b; do
  aws ecr create-repository --region "$region" --repository-name "$name/$team" >/dev/null
done
aws iam create-role --role-name "$name-function" --assume-role-policy-document "$(trust)" >/dev/null
aws iam put-role-policy --role-name "$name-function" --policy-name assume --policy-document \
  "{\"Version\":\"2012-10-17\",\"Statement\":[{\"Effect\":\"Allow\",\"Action\":\"sts:AssumeRole\",\"Resource\":[\"$(role a)\",\"$(role b)\"]}]}"
only=",\"Condition\":{\"ArnEquals\":{\"aws:PrincipalArn\":\"$(role function)\"}}"
for team in a b; do
  aws iam create-role --role-name "$name-$team" --assume-role-policy-document "$(trust "$only")" >/dev/null
  aws iam put-role-policy --role-name "$name-$team" --policy-name pull --policy-document "$(policy "$(arn "$name/$team")")"
done
# the repository of b lets the role of a do everything
sleep 15
aws ecr set-repository-policy --region "$region" --repository-name "$name/b" --policy-text \
  "{\"Version\":\"2012-10-17\",\"Statement\":[{\"Effect\":\"Allow\",\"Principal\":{\"AWS\":\"$(role a)\"},\"Action\":\"ecr:*\"}]}" >/dev/null

if aws sts assume-role --role-arn "$(role a)" --role-session-name check >/dev/null 2>&1; then
  echo "WRONG  somebody else than the function's role may assume a pull role"
  bad=1
else echo "ok     nobody but the function's role may assume a pull role"; fi

IFS=$'\t' read -r a ends <<<"$(token a)"
IFS=$'\t' read -r b _ <<<"$(token b)"
echo "       the token of the session of a role that a role assumed ends at $ends; now it is $(date -u +%FT%TZ)"
check "the token of a pulls from a" "$a" a 404
check "the token of b pulls from b" "$b" b 404
check "the token of a lists the tags of a" "$a" a 200 tags/list
check "the token of a does not list those of b, though the repository allows it" "$a" b 403 tags/list
check "the token of b does not pull from a" "$b" a 403
check "the token of a does not pull from b, though the repository allows it" "$a" b 403

if [ "${1:-}" = --wait ]; then
  echo "       waiting 65 minutes, until the role sessions have ended"
  sleep 3900
  check "the token of a still pulls from a after its session has ended" "$a" a 404
fi

aws iam put-role-policy --role-name "$name-a" --policy-name pull --policy-document "$(policy "$(arn "$name/other")")"
check "the same token pulls no more from a once the role may not" "$a" a 403
exit "$bad"
