import { copyFileSync, globSync, mkdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { type DefaultTheme, defineConfig } from 'vitepress';
import { linkLikeTheRepository, publishedAs, sitePath, slugOf } from './links.ts';

const ROOT = join(import.meta.dirname, '../..');
const { GITHUB_SERVER_URL: server, GITHUB_REPOSITORY: repository, DOCS_BASE } = process.env;
const source = server && repository ? `${server}/${repository}` : undefined;

const PAGES = globSync(['*.md', 'docs/**/*.md', 'examples/*.md', 'test/events/*.md'], { cwd: ROOT });
const linkedFiles = new Set<string>();

/** A page with its first heading. */
function item(file: string): DefaultTheme.SidebarItem {
  const [, title = file] = /^# (.+)$/m.exec(readFileSync(join(ROOT, file), 'utf8')) ?? [];
  const text = title.replace(/^Alarm: (.)/, (_, first: string) => first.toUpperCase()).replaceAll('`', '');
  return { text, link: `/${sitePath(file)}` };
}

/** Groups of the sidebar with their pages in order; a glob stands for those that no group names. */
const GROUPS: Readonly<Record<string, readonly string[]>> = {
  Start: [
    'README.md',
    'docs/quickstart.md',
    'docs/before-you-deploy.md',
    'docs/concepts.md',
    'docs/migrate.md',
    'docs/comparison.md',
    'docs/cost.md',
    'docs/faq.md',
  ],
  Guides: [
    'docs/guides/settings-file.md',
    'docs/guides/cli.md',
    'docs/guides/construct.md',
    'docs/guides/without-cdk.md',
    'docs/guides/*.md',
    'examples/README.md',
  ],
  Operate: [
    'docs/operate/README.md',
    'docs/operate/troubleshooting.md',
    'docs/operate/faults.md',
    'docs/operate/hanging-namespaces.md',
    'docs/operate/restore.md',
    'docs/metrics.md',
    'docs/upgrade.md',
    'docs/uninstall.md',
  ],
  Alarms: ['docs/operate/*.md'],
  Reference: ['docs/reference/settings.md', 'docs/reference/*.md', 'test/events/README.md'],
  Project: [
    'docs/what-is-tested.md',
    'docs/support.md',
    'docs/roadmap.md',
    'docs/threat-model.md',
    'docs/audit.md',
    'docs/*.md',
    'CONTRIBUTING.md',
    'SECURITY.md',
    '*.md',
  ],
  Decisions: ['docs/adr/README.md', 'docs/adr/*.md'],
};
const NAMED = Object.values(GROUPS).flat();

export const SIDEBAR = Object.entries(GROUPS).map(([text, files]) => ({
  text,
  collapsed: text === 'Decisions',
  items: files
    .flatMap((file) =>
      file.includes('*')
        ? globSync(file, { cwd: ROOT })
            .filter((one) => !NAMED.includes(one))
            .sort()
        : [file],
    )
    .map(item),
}));

const ICON =
  '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32"><rect width="32" height="32" rx="7" fill="#0969da"/><circle cx="12" cy="16" r="5" fill="none" stroke="#fff" stroke-width="3"/><path d="M17 16h10m-3 0v5" stroke="#fff" stroke-width="3" fill="none"/></svg>';

export default defineConfig({
  title: 'ecr-registry-helper',
  description: 'Keeps Amazon ECR image-pull secrets fresh in every namespace of your Kubernetes clusters',
  lang: 'en',
  head: [['link', { rel: 'icon', href: `data:image/svg+xml,${encodeURIComponent(ICON)}` }]],
  base: DOCS_BASE ?? '/',
  srcDir: '..',
  srcExclude: ['**/node_modules/**', 'dist/**', 'cdk.out/**'],
  cacheDir: '../.cache/site',
  rewrites: Object.fromEntries(PAGES.map((file) => [file, sitePath(file)])),
  // below it, esbuild cannot lower the syntax of the theme
  vite: { build: { target: 'es2022' } },
  markdown: {
    anchor: { slugify: slugOf },
    config: (md) => linkLikeTheRepository(md, ROOT, linkedFiles),
  },
  buildEnd({ outDir }) {
    for (const file of linkedFiles) {
      const published = join(outDir, publishedAs(file));
      mkdirSync(dirname(published), { recursive: true });
      copyFileSync(join(ROOT, file), published);
    }
  },
  themeConfig: {
    outline: [2, 3],
    search: {
      provider: 'local',
      // a search for 401 does not mean 403
      options: { miniSearch: { searchOptions: { fuzzy: (term) => (/\d/.test(term) ? false : 0.2) } } },
    },
    sidebar: SIDEBAR,
    nav: [
      { text: 'Quickstart', link: '/quickstart.md' },
      { text: 'If you were just paged', link: '/operate/index.md' },
      { text: 'Troubleshooting', link: '/operate/troubleshooting.md' },
      { text: 'Settings', link: '/reference/settings.md' },
    ],
    ...(source && {
      socialLinks: [{ icon: 'github', link: source }],
      editLink: { pattern: `${source}/edit/main/:path` },
    }),
  },
});
