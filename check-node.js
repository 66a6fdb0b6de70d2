import { readFileSync } from 'node:fs';

// JavaScript, as it runs on the Node of the machine where the npm package node brought none
const { engines } = JSON.parse(readFileSync(new URL('package.json', import.meta.url), 'utf8'));
const needed = engines.node.replace('>=', '');
const { node } = process.versions;
if (needed.localeCompare(node, 'en', { numeric: true }) > 0) {
  console.error(
    `Node ${node} cannot run the scripts of this repository, which need ${needed}: the npm package node brings Node 24 by its install script, which did not run. Run it: npm rebuild node --ignore-scripts=false`,
  );
  process.exitCode = 1;
}
