import { existsSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path/posix';
import type { MarkdownRenderer } from 'vitepress';

/** The anchor of a heading, as GitHub makes it: pages link to the same anchors there and on the site. */
export function slugOf(heading: string): string {
  return heading
    .toLowerCase()
    .replace(/[^\p{L}\p{N}\s_-]/gu, '')
    .trim()
    .replace(/\s/g, '-');
}

/** The place of a page on the site: `docs/` is its root, and a README the page of its folder. */
export function sitePath(file: string): string {
  return file.replace(/^docs\//, '').replace(/(^|\/)README\.md$/, '$1index.md');
}

/** The place of another file on the site. A browser shows it as text. */
export const publishedAs = (file: string) =>
  file.endsWith('.json') ? sitePath(file) : `${sitePath(file)}.txt`;

/**
 * Makes the links of pages, which are relative paths in the repository, paths of the site.
 * @param root folder of the repository
 * @param files takes each linked file that is no page, as the site has to publish it
 */
export function linkLikeTheRepository(md: MarkdownRenderer, root: string, files: Set<string>): void {
  md.core.ruler.push('repository-links', ({ tokens, env }) => {
    const page: string = normalize((env.realPath ?? env.path).slice(root.length + 1));
    for (const token of tokens.flatMap(({ children }) => children ?? [])) {
      const href = token.type === 'link_open' ? token.attrGet('href') : null;
      if (href === null || /^(?:#|[a-z]+:)/.test(href)) continue;
      const [path = '', anchor] = href.split('#');
      const file = join(dirname(page), path);
      const isPage = file.endsWith('.md');
      if (!isPage && existsSync(join(root, file))) files.add(file);
      token.attrSet('href', `/${isPage ? sitePath(file) : publishedAs(file)}${anchor ? `#${anchor}` : ''}`);
    }
  });
}
