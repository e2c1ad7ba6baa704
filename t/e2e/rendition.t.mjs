#!/usr/bin/env -S node --test-reporter=./t/lib/tap.mjs
/*
 * A camera with a substream on the page: small on the wall, beside cameras
 * that have none, and in full where it is looked at alone.
 */

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';

import { closePage, openPage, startBrowser, waitForKind }
    from './lib/browser.mjs';
import { Stack } from './lib/stack.mjs';

const CAMERAS = [
    'twin test:?size=640x360&fps=10 name=Twin '
        + 'substream=test:?size=160x90&fps=10',
    'lone test:?size=320x180&fps=10 name=Lone',
];

let stack;
let browser;


before(async () => {
    stack = await Stack.start(16610, CAMERAS);
    browser = await startBrowser();
});

after(async () => {
    await browser?.close();
    await stack?.stop();
});


const waitForWidth = (page, selector, width) => page.waitForFunction(
    ([s, w]) => document.querySelector(s)?.width === w, [selector, width],
    { timeout: 15000 });


test('small on the wall, in full alone', async () => {
    const page = await openPage(browser, stack.url);

    await waitForKind(page, 'twin', 'live');
    await waitForKind(page, 'lone', 'live');
    await waitForWidth(page, '[data-camera="twin"] canvas', 160);
    await waitForWidth(page, '[data-camera="lone"] canvas', 320);

    assert.deepEqual(page.requests.filter((r) => r.startsWith('/live/')),
        ['/live/wall.mjpg?cameras=lone,twin&fps=10&rendition=small']);

    await page.click('[data-camera="twin"] a');
    await waitForWidth(page, 'main[id="camera"] canvas', 640);

    assert.ok(page.requests.includes('/live/twin/stream.mjpg'));
    assert.equal(await page.textContent('[data-part="substream"]'), 'Live');
    assert.match(await page.getAttribute('[data-part="snapshot"]', 'href'),
        /rendition=main$/);
    await closePage(page);
});
