import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { CLUSTER_METRICS } from '../../lambda/refresh/report.ts';

const pages = [
  ...['.', 'test/events'].flatMap((folder) => markdownIn(readdirSync(folder), folder)),
  ...markdownIn(readdirSync('docs', { recursive: true, encoding: 'utf8' }), 'docs'),
];

describe('a page', () => {
  it.each(pages)('%s links only to files and headings that are there', (page) => {
    const links = [...prose(page).matchAll(/\]\(([^)\s]+)\)/g)].map(([, link]) => link ?? '');
    const broken = links.filter((link) => {
      if (/^(https?|mailto):/.test(link)) return false;
      const [path = '', anchor] = link.split('#');
      const file = path ? join(dirname(page), path) : page;
      return !existsSync(file) || (anchor !== undefined && !anchorsOf(file).includes(anchor));
    });
    expect(broken).toEqual([]);
  });
});

describe('docs/operations.md', () => {
  const alarms = anchorsOf('docs/operations.md').filter((anchor) => /^alarm-/.test(anchor));

  it('says of each alarm what it means and what to do, and whether it is urgent', () => {
    const sections = readFileSync('docs/operations.md', 'utf8')
      .split(/^### Alarm: /m)
      .slice(1);
    expect(sections).toHaveLength(alarms.length);
    for (const section of sections) {
      for (const part of ['**Means:**', '**Urgent:**', '**Do:**']) expect(section).toContain(part);
    }
  });

  it('has the heading that each alarm of the stack names, and no other', () => {
    const sources = readdirSync('infra', { recursive: true, encoding: 'utf8' }).filter((name) =>
      name.endsWith('.ts'),
    );
    const named = sources.flatMap((name) =>
      [...readFileSync(`infra/${name}`, 'utf8').matchAll(/#(alarm-[a-z]+(?:-[a-z]+)*)/g)].map(
        ([, anchor]) => anchor,
      ),
    );
    expect([...new Set(named)].sort()).toEqual([...alarms].sort());
  });
});

describe('docs/cost.md', () => {
  it('counts the metrics that a cluster has', () => {
    expect(readFileSync('docs/cost.md', 'utf8')).toContain(
      `${Object.keys(CLUSTER_METRICS).length} metrics × clusters`,
    );
  });
});

describe('docs/architecture.svg', () => {
  const svg = readFileSync('docs/architecture.svg', 'utf8');

  it('loads and runs nothing', () => {
    expect(svg).not.toMatch(/<script|<foreignObject|<image|href=|@import|url\(\s*['"]?http|\son\w+=/i);
  });

  it('has a title and a description for who cannot see it', () => {
    expect(svg).toMatch(/<title[^>]*>[^<]+<\/title>/);
    expect(svg).toMatch(/<desc[^>]*>[^<]+<\/desc>/);
  });
});

function markdownIn(names: readonly string[], folder: string): string[] {
  return names.filter((name) => name.endsWith('.md')).map((name) => join(folder, name));
}

/** A page without its code. */
function prose(page: string): string {
  return readFileSync(page, 'utf8')
    .replace(/^ *```[\s\S]*?^ *```/gm, '')
    .replace(/`[^`\n]+`/g, '');
}

/** The anchors that GitHub makes of the headings of a page. */
function anchorsOf(page: string): string[] {
  const headings = readFileSync(page, 'utf8')
    .replace(/^ *```[\s\S]*?^ *```/gm, '')
    .matchAll(/^#{1,6} (.+)$/gm);
  return [...headings].map(([, heading = '']) =>
    heading
      .toLowerCase()
      .replace(/[^\p{L}\p{N}\s_-]/gu, '')
      .trim()
      .replace(/\s/g, '-'),
  );
}
