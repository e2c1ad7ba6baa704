#!/usr/bin/env -S node --test-reporter=./t/lib/tap.mjs
/*
 * The open page while things happen behind it: nginx reloads, nginx goes and
 * comes back, Redis hangs, a camera is added and withdrawn, ingest is gone.
 */

import assert from 'node:assert/strict';
import { after, before, beforeEach, afterEach, test } from 'node:test';

import { closePage, openPage, startBrowser, waitForKind, watchCanvases }
    from './lib/browser.mjs';
import { Stack } from './lib/stack.mjs';

const CAMERAS = ['clock test: name=Clock', 'second test:?fps=10'];

let stack;
let browser;
let page;


before(async () => {
    stack = await Stack.start(16518, CAMERAS);
    browser = await startBrowser();
});

after(async () => {
    await browser?.close();
    await stack?.stop();
});

beforeEach(async () => {
    page = await openPage(browser, stack.url);
    await waitForKind(page, 'clock', 'live');
    await waitForKind(page, 'second', 'live');
});

afterEach(async () => {
    await closePage(page);
});


const wallRequests = () =>
    page.requests.filter((r) => r.startsWith('/live/wall.mjpg')).length;


test('nginx reloads: pictures go on', async () => {
    const watching = watchCanvases(page, '.tile canvas', 40000);

    stack.reload();

    const canvases = await watching;

    assert.ok(wallRequests() >= 2, 'the old nginx worker closed the stream');

    for (const { changes, standstillMs } of canvases) {
        console.log(`# ${changes} pictures, longest standstill `
                    + `${Math.round(standstillMs)} ms`);
        assert.ok(standstillMs < 2000, `stood still for ${standstillMs} ms`);
    }

    assert.equal(await page.isVisible('#banner'), false);
});


test('the server is gone: a banner, grey pictures; then all is back',
     async () => {
    await stack.stopNginx();
    await page.waitForSelector('#banner:not([hidden])', { timeout: 5000 });
    assert.match(await page.textContent('#banner'), /cannot be reached/);
    await waitForKind(page, 'clock', 'late');

    const filter = await page.evaluate(
        () => getComputedStyle(document.querySelector('.tile canvas')).filter);

    assert.match(filter, /grayscale/);
    assert.match(await page.textContent('[data-camera="clock"]'),
                 /Last picture [0-9.]+ s ago/);

    await stack.startNginx();
    await waitForKind(page, 'clock', 'live', 5000);
    await page.waitForSelector('#banner', { state: 'hidden', timeout: 4000 });
});


test('Redis hangs: the last pictures stay, with a word; then all is back',
     async () => {
    stack.hangRedis();

    try {
        await waitForKind(page, 'clock', 'late');
        await page.waitForFunction(() => document.querySelector('#summary')
            .textContent === '2 cameras, 2 waiting');
    } finally {
        stack.wakeRedis();
    }

    await waitForKind(page, 'clock', 'live', 5000);
    await page.waitForFunction(() => document.querySelector('#summary')
        .textContent === '2 cameras, all well');
});


test('a camera is added and withdrawn', async () => {
    await stack.setCameras([...CAMERAS, 'third test:?fps=5 name=Third']);
    await waitForKind(page, 'third', 'live', 15000);

    await stack.setCameras(CAMERAS);
    await page.waitForSelector('[data-camera="third"]',
                               { state: 'detached', timeout: 15000 });
    await waitForKind(page, 'clock', 'live');
});


test('no ingest runs: told in words, and to screen readers', async () => {
    await stack.stopIngest();
    await waitForKind(page, 'clock', 'away', 15000);
    assert.match(
        await page.textContent('[data-camera="clock"] [data-part="sentence"]'),
        /No ingest is running/);
    await page.waitForFunction(
        () => /are away|is away/.test(
            document.querySelector('#announcer').textContent),
        null, { timeout: 6000 });

    await stack.startIngest();
    await waitForKind(page, 'clock', 'live', 15000);
    await page.waitForFunction(
        () => /live again/.test(
            document.querySelector('#announcer').textContent),
        null, { timeout: 8000 });
});


test('a page that is long open does not grow', async () => {
    const session = await page.context().newCDPSession(page);
    const heapMb = async () => {
        await session.send('HeapProfiler.collectGarbage');
        const { usedSize } = await session.send('Runtime.getHeapUsage');

        return usedSize / 1e6;
    };

    await page.waitForTimeout(2000);

    const first = await heapMb();

    await page.waitForTimeout(12000);

    const second = await heapMb();

    console.log(`# ${first.toFixed(1)} MB, then ${second.toFixed(1)} MB`);
    assert.ok(second < first + 2, `${first} MB, then ${second} MB`);
});
