#!/usr/bin/env -S node --test-reporter=./t/lib/tap.mjs
/*
 * One camera large, in Chromium: its picture, its address and history, keys,
 * full screen, snapshot and copying; and cameras that are away or unknown.
 */

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';

import { closePage, focusedCamera, openPage, screenMoves, startBrowser,
         waitForKind, watchCanvases } from './lib/browser.mjs';
import { Stack } from './lib/stack.mjs';

const CAMERAS = [
    'clock test: name=Clock',
    'slow test:?fps=2 name=Slow',
    'gate http://127.0.0.1:1/gate.mjpg name=Gate',
];

let stack;
let browser;


before(async () => {
    stack = await Stack.start(16512, CAMERAS);
    browser = await startBrowser();
});

after(async () => {
    await browser?.close();
    await stack?.stop();
});


const open = (path = '', options = {}) =>
    openPage(browser, stack.url + path, options);

const waitForLarge = (page, id, kind) => page.waitForFunction(
    ([id, kind]) => document.querySelector('#camera').dataset.kind === kind
        && document.querySelector('[data-part="id"]').textContent === id,
    [id, kind], { timeout: 10000 });


test('a click opens a camera large, and its picture moves', async () => {
    const page = await open();

    await waitForKind(page, 'clock', 'live');
    await page.click('[data-camera="clock"] a');
    await waitForLarge(page, 'clock', 'live');
    assert.equal(await page.title(), 'Clock – vstream');

    const [large] = await watchCanvases(page, '#camera canvas', 3000);

    assert.ok(large.changes > 40, `${large.changes} pictures`);
    assert.ok(await screenMoves(page, '#camera canvas'));

    const facts = await page.textContent('.facts');

    assert.match(facts, /Size\s*\d+ × \d+/);
    assert.match(facts, /Rate\s*\d+/);
    await closePage(page);
});


test('while it is large, the wall pauses', async () => {
    const page = await open();

    await waitForKind(page, 'clock', 'live');

    const ended = page.waitForEvent('requestfailed', {
        predicate: (r) => r.url().includes('wall.mjpg'), timeout: 3000 });

    await page.click('[data-camera="clock"] a');
    await ended;
    await waitForLarge(page, 'clock', 'live');
    assert.equal(page.requests.filter((r) => r.includes('wall.mjpg'))
        .length, 1);
    assert.equal(page.requests.filter((r) => r.includes('stream.mjpg'))
        .length, 1);
    await closePage(page);
});


test('a link opens it, arrows change it, Escape leaves it', async () => {
    const page = await open('#/camera/clock');

    await waitForLarge(page, 'clock', 'live');
    await page.keyboard.press('ArrowLeft');
    await page.waitForURL(`${stack.url}#/camera/slow`);
    await waitForLarge(page, 'slow', 'live');
    await page.keyboard.press('ArrowRight');
    await page.keyboard.press('ArrowRight');
    await page.waitForURL(`${stack.url}#/camera/gate`);
    await page.keyboard.press('Escape');
    await page.waitForSelector('#wall:not([hidden])');
    assert.equal(await focusedCamera(page), 'gate');
    assert.equal(await page.title(), 'vstream');
    await waitForKind(page, 'clock', 'live');
    await closePage(page);
});


test('the back button goes back to the wall in one step', async () => {
    const page = await open();

    await waitForKind(page, 'clock', 'live');
    await page.click('[data-camera="clock"] a');
    await waitForLarge(page, 'clock', 'live');
    await page.keyboard.press('ArrowLeft');
    await waitForLarge(page, 'slow', 'live');
    await page.goBack();
    await page.waitForSelector('#wall:not([hidden])');
    assert.equal(await focusedCamera(page), 'slow');

    await page.goForward();
    await waitForLarge(page, 'slow', 'live');
    await page.click('[data-go="back"]');
    await page.waitForSelector('#wall:not([hidden])');
    await closePage(page);
});


test('full screen by key and button', async () => {
    const page = await open('#/camera/clock');
    const isFull = (full) => page.waitForFunction(
        (value) => Boolean(document.fullscreenElement) === value, full);

    await waitForLarge(page, 'clock', 'live');
    await page.keyboard.press('f');
    await isFull(true);
    await page.keyboard.press('f');
    await isFull(false);
    await page.click('[data-part="full"]');
    await isFull(true);
    await page.keyboard.press('ArrowLeft');
    await waitForLarge(page, 'slow', 'live');
    await isFull(true);
    await closePage(page);
});


test('a snapshot is a JPEG with the camera in its name', async () => {
    const page = await open('#/camera/clock');

    await waitForLarge(page, 'clock', 'live');

    const downloading = page.waitForEvent('download');

    await page.click('[data-part="snapshot"]');

    const download = await downloading;
    const chunks = [];

    for await (const chunk of await download.createReadStream()) {
        chunks.push(chunk);
    }

    const jpeg = Buffer.concat(chunks);

    assert.match(download.suggestedFilename(),
                 /^clock-\d{4}-\d\d-\d\d-\d{6}\.jpg$/);
    assert.equal(jpeg.subarray(0, 2).toString('hex'), 'ffd8');
    assert.equal(jpeg.subarray(-2).toString('hex'), 'ffd9');
    await closePage(page);
});


test('the address of the stream is there to copy', async () => {
    const page = await open('#/camera/slow', {
        permissions: ['clipboard-read', 'clipboard-write'] });

    await waitForLarge(page, 'slow', 'live');
    await page.click('[data-part="copy"]');
    await page.waitForFunction(
        () => document.querySelector('[data-part="copy"]').textContent
            === 'Copied');
    assert.equal(await page.evaluate(() => navigator.clipboard.readText()),
                 `${stack.url}live/slow/stream.mjpg`);
    await closePage(page);
});


test('a camera that is away says so large, and what to do', async () => {
    const page = await open('#/camera/gate');

    await waitForLarge(page, 'gate', 'away');

    const message = page.locator('#camera [data-part="message"]');

    assert.ok(await message.isVisible());
    assert.match(await message.textContent(),
                 /Away\s*Nothing answers at the camera’s address/);

    const { cameras } = await (await fetch(`${stack.url}api/v1/cameras`))
        .json();
    const { detail } = cameras.find((c) => c.id === 'gate');

    assert.ok(detail.length > 10);
    assert.ok((await message.textContent()).includes(detail), detail);
    await closePage(page);
});


test('a camera that does not exist is told as such', async () => {
    const page = await open('#/camera/nobody');

    await waitForLarge(page, 'nobody', 'away');
    assert.match(await page.textContent('#camera [data-part="message"]'),
                 /There is no camera of this name/);
    await page.keyboard.press('Escape');
    await page.waitForSelector('#wall:not([hidden])');
    await closePage(page);
});


test('rubbish in the address shows the wall', async () => {
    const page = await open('#/camera/%3Cscript%3E');

    await page.waitForSelector('#wall:not([hidden])');
    await waitForKind(page, 'clock', 'live');
    await closePage(page);
});
