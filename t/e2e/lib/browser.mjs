/*
 * Chromium for the tests, driven by playwright-core, which npm installs below
 * build/ the first time; and what all tests ask of a page.
 */

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const ROOT = join(dirname(fileURLToPath(import.meta.url)), '../../..');

const MODULES = join(ROOT, 'build/e2e');
const LOCK = 'package-lock.json';
const ARGUMENTS = ['--no-sandbox', '--disable-gpu', '--disable-quic',
                   '--no-first-run', '--disable-background-networking',
                   '--disable-component-update', '--disable-sync'];

/* Chromium says so of every refused connection and error answer. */
const NETWORK_ERROR = /^Failed to load resource: /;


function isInstalled() {
    const lock = join(MODULES, 'node_modules', '.installed', LOCK);

    return existsSync(lock) && readFileSync(lock, 'utf8')
        === readFileSync(join(ROOT, 't/e2e', LOCK), 'utf8');
}


function installModules() {
    mkdirSync(MODULES, { recursive: true });

    for (const file of ['package.json', LOCK]) {
        cpSync(join(ROOT, 't/e2e', file), join(MODULES, file));
    }

    execFileSync('npm', ['ci', '--ignore-scripts', '--no-audit', '--no-fund',
                         '--loglevel=error'],
                 { cwd: MODULES, stdio: ['ignore', 'ignore', 'inherit'] });
    cpSync(join(ROOT, 't/e2e', LOCK),
           join(MODULES, 'node_modules', '.installed', LOCK));
}


export async function startBrowser() {
    if (!isInstalled()) {
        installModules();
    }

    const require = createRequire(join(MODULES, 'package.json'));
    const { chromium } = require('playwright-core');

    return chromium.launch({ executablePath: '/usr/bin/chromium',
                             args: ARGUMENTS });
}


/*
 * A page of its own profile at `url`.  page.complaints gathers what it says
 * of itself: errors of scripts, of the console, and of its content security
 * policy; requests gathers the paths that it asks for.
 */
export async function openPage(browser, url, options = {}) {
    const context = await browser.newContext(
        { viewport: { width: 1280, height: 800 }, ...options });
    const page = await context.newPage();

    page.complaints = [];
    page.requests = [];

    page.on('pageerror', (e) => page.complaints.push(e.message));
    page.on('console', (message) => {
        const text = message.text();

        if (['error', 'warning'].includes(message.type())
            && !NETWORK_ERROR.test(text))
        {
            page.complaints.push(text);
        }
    });
    page.on('request', (request) => {
        const { pathname, search } = new URL(request.url());

        page.requests.push(pathname + search);
    });

    await page.goto(url);

    return page;
}


export async function closePage(page) {
    assert.deepEqual(page.complaints, []);
    await page.context().close();
}


/* Waits until the tile of this camera is of this kind. */
export async function waitForKind(page, camera, kind, timeout = 10000) {
    await page.waitForSelector(
        `.tile[data-camera="${camera}"][data-kind="${kind}"]`, { timeout });
}


export const focusedCamera = (page) => page.evaluate(
    () => document.activeElement.closest('.tile')?.dataset.camera ?? null);


/*
 * Looks at canvases for `ms`, every 20 ms, and tells of each how often its
 * picture changed and its longest standstill: a list of
 * {changes, standstillMs}.
 */
export function watchCanvases(page, selector, ms) {
    return page.evaluate(async ([selector, ms]) => {
        const small = new OffscreenCanvas(32, 18)
            .getContext('2d', { willReadFrequently: true });
        const seen = [...document.querySelectorAll(selector)].map(
            (canvas) => ({ canvas, now: '', at: performance.now(),
                           changes: 0, standstillMs: 0 }));
        const end = performance.now() + ms;

        while (performance.now() < end) {
            for (const one of seen) {
                small.drawImage(one.canvas, 0, 0, 32, 18);

                const picture = small.getImageData(0, 0, 32, 18).data.join();
                const time = performance.now();

                one.standstillMs = Math.max(one.standstillMs, time - one.at);

                if (picture !== one.now) {
                    one.now = picture;
                    one.at = time;
                    one.changes++;
                }
            }

            await new Promise((resolve) => setTimeout(resolve, 20));
        }

        return seen.map(({ changes, standstillMs }) =>
            ({ changes, standstillMs }));
    }, [selector, ms]);
}


/* True where what is really painted there changes within two seconds. */
export async function screenMoves(page, selector) {
    const element = page.locator(selector).first();
    const first = await element.screenshot();

    for (let i = 0; i < 8; i++) {
        await page.waitForTimeout(250);

        if (!first.equals(await element.screenshot())) {
            return true;
        }
    }

    return false;
}
