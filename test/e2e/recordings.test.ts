import { spawnSync } from 'node:child_process';
import { expect, test } from 'vitest';

// three processes of the command line and the sandbox, one after the other
const patience = { timeout: 240_000 };

test('the recordings in docs/images show what the programs print', patience, () => {
  const { status, stdout, stderr } = spawnSync(process.execPath, ['generate-docs/recordings.ts', '--check'], {
    encoding: 'utf8',
  });
  expect(stdout + stderr).toBe('');
  expect(status).toBe(0);
});
