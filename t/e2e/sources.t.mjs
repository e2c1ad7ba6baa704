#!/usr/bin/env -S node --test-reporter=./t/lib/tap.mjs
/*
 * Every kind of source, from a real server to a picture that moves on the
 * page.  The screenshot that it takes is build/e2e/sources.png.
 */

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { join } from 'node:path';

import { closePage, openPage, ROOT, startBrowser, waitForKind, watchCanvases }
    from './lib/browser.mjs';
import { Cameras } from './lib/cameras.mjs';
import { Stack } from './lib/stack.mjs';

const PATIENCE_MS = 60000;

const cameras = new Cameras(16540);

let lines;
let stack;
let browser;


before(async () => {
    lines = await cameras.start();
    stack = await Stack.start(16560, lines, cameras);
    browser = await startBrowser();
});

after(async () => {
    await browser?.close();
    await stack?.stop();
    await cameras.stop();
});


test('a camera of every kind moves on the page', async () => {
    const page = await openPage(browser, stack.url,
                                { viewport: { width: 1600, height: 1200 } });
    const ids = lines.map((line) => line.split(' ')[0]);

    for (const id of ids) {
        await waitForKind(page, id, 'live', PATIENCE_MS);
    }

    const selector = ids.map((id) => `[data-camera="${id}"] canvas`).join();
    const seen = await watchCanvases(page, selector, 6000);

    await page.screenshot({ path: join(ROOT, 'build/e2e/sources.png') });
    assert.equal(seen.length, ids.length);

    for (const { changes } of seen) {
        assert.ok(changes >= 3, `${changes} pictures in 6 s`);
    }

    await closePage(page);
});
