#!/usr/bin/env node
// imports nothing at first: an old Node should say what is wrong, and not stumble over the syntax of today
const NEEDED = [22, 19];
const [major, minor] = process.versions.node.split('.').map(Number);
if (major < NEEDED[0] || (major === NEEDED[0] && minor < NEEDED[1])) {
  console.error(
    `ecr-registry-helper needs Node ${NEEDED.join('.')} or later; this is ${process.versions.node}`,
  );
  process.exitCode = 1;
} else {
  void import('./main.mjs').then(({ main }) => main());
}
