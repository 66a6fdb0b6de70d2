/** A role's ARN as aws-auth takes it: https://docs.aws.amazon.com/eks/latest/userguide/auth-configmap.html */
export function withoutPath(roleArn: string): string {
  return roleArn.replace(/:role\/.*\//, ':role/');
}
