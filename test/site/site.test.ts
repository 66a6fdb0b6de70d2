import { existsSync, globSync } from 'node:fs';
import { type Browser, chromium, type Page } from 'playwright-core';
import { type PreviewServer, preview } from 'vite';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { SIDEBAR } from '../../docs/.vitepress/config.ts';

const SITE = 'docs/.vitepress/dist';
const BROWSERS = ['/usr/bin/chromium', '/usr/bin/google-chrome'];

const pages = globSync('**/*.html', { cwd: SITE })
  .filter((file) => file !== '404.html')
  .sort();

let server: PreviewServer;
let origin: string;
let browser: Browser;
let page: Page;
/** What a visitor would see in the console, and what was requested from elsewhere or is missing. */
let faults: string[];

beforeAll(async () => {
  const executablePath = [process.env.CHROMIUM, ...BROWSERS].find((path) => path && existsSync(path));
  if (!executablePath) {
    throw new Error(`no browser in ${BROWSERS.join(', ')}; set the environment variable CHROMIUM to one`);
  }
  server = await preview({
    configFile: false,
    appType: 'mpa',
    logLevel: 'silent',
    build: { outDir: SITE },
    preview: { host: '127.0.0.1', port: 0, strictPort: false },
  });
  origin = new URL(server.resolvedUrls?.local[0] ?? '').origin;
  browser = await chromium.launch({ executablePath });
  page = await browser.newPage();
  page.on('console', (message) => {
    if (message.type() === 'error' || message.type() === 'warning') faults.push(message.text());
  });
  page.on('pageerror', (error) => faults.push(error.message));
  page.on('request', (request) => {
    const { origin: from, protocol } = new URL(request.url());
    if (from !== origin && protocol !== 'data:') faults.push(`requested from elsewhere: ${request.url()}`);
  });
  page.on('response', (response) => {
    if (response.status() >= 400) faults.push(`${response.status()} for ${response.url()}`);
  });
});

afterAll(async () => {
  await browser?.close();
  await server?.close();
});

beforeEach(() => {
  faults = [];
});

/** Opens a page, and waits until it works. */
async function open(file: string): Promise<void> {
  await page.goto(`${origin}/${file}`);
  await page.waitForFunction(() => '__vue_app__' in (document.querySelector('#app') ?? {}));
}

describe('each page', () => {
  /** The ids of the elements of each page, by its path. */
  const anchors = new Map<string, Set<string>>();
  /** The links of each page, by its path. */
  const links = new Map<string, readonly string[]>();

  it.each(pages)('%s loads, with a title of its own and nothing in the console', async (file) => {
    await open(file);
    expect(await page.locator('main h1').innerText()).not.toBe('');
    expect(await page.title()).toMatch(/ecr-registry-helper/);
    const found = await page.evaluate(() => ({
      ids: [...document.querySelectorAll('[id]')].map(({ id }) => id),
      hrefs: [...document.querySelectorAll<HTMLAnchorElement>('a[href]')].map(({ href }) => href),
    }));
    anchors.set(`/${file}`, new Set(found.ids));
    links.set(`/${file}`, found.hrefs);
    expect(faults).toEqual([]);
  });

  it('links to no page, heading or file that is missing', async () => {
    expect(links.size).toBe(pages.length);
    const dead: string[] = [];
    const files = new Set<string>();
    for (const [from, hrefs] of links) {
      for (const href of hrefs) {
        const { origin: where, pathname, hash } = new URL(href);
        if (where !== origin) continue;
        const target = pathname.endsWith('/') ? `${pathname}index.html` : pathname;
        const ids = anchors.get(target);
        if (!ids) files.add(`${origin}${target}`);
        else if (hash && !ids.has(decodeURIComponent(hash.slice(1)))) dead.push(`${from}: ${target}${hash}`);
      }
    }
    expect(files.size).toBeGreaterThan(0);
    for (const file of files) if (!(await fetch(file)).ok) dead.push(file);
    expect(dead).toEqual([]);
  });

  it('is in the sidebar', () => {
    const listed = SIDEBAR.flatMap(({ items }) => items.map(({ link = '' }) => link));
    expect(listed.map((link) => link.slice(1).replace(/\.md$/, '.html')).sort()).toEqual(pages);
  });
});

it('the search finds an error by its number', async () => {
  await open('index.html');
  await page.keyboard.press('Control+k');
  await page.locator('#localsearch-input').fill('401');
  const results = page.locator('#localsearch-list a.result');
  await results.filter({ hasText: 'Sign in to a cluster (401)' }).first().waitFor();
  expect(await results.filter({ hasText: '(403)' }).count()).toBe(0);
  await results.filter({ hasText: 'Sign in to a cluster (401)' }).first().click();
  await page.waitForURL(/\/operate\/troubleshooting\.html/);
  await page.getByText("rejected the function's IAM role (401 Unauthorized)").waitFor();
  expect(faults).toEqual([]);
});

it('has a dark mode, also for the picture of the architecture', async () => {
  const brightness = async () => {
    const picture = page.locator('main img[src*="architecture"]');
    await picture.scrollIntoViewIfNeeded();
    const png = (await picture.screenshot()).toString('base64');
    return page.evaluate(async (data) => {
      const image = new Image();
      image.src = `data:image/png;base64,${data}`;
      await image.decode();
      const canvas = Object.assign(document.createElement('canvas'), { width: 1, height: 1 });
      const drawing = canvas.getContext('2d');
      drawing?.drawImage(image, 0, 0, 1, 1);
      return drawing?.getImageData(0, 0, 1, 1).data[0] ?? -1;
    }, png);
  };
  await open('concepts.html');
  const light = await brightness();
  await page.locator('.VPSwitchAppearance').first().click();
  await expect.poll(() => page.evaluate(() => document.documentElement.className)).toContain('dark');
  expect(await brightness()).toBeLessThan(light / 2);
});
